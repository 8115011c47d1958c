//! `presets` and all of `[[stream]]` together: order, unique names, unique filters. Nothing here may judge one
//! stream by itself.

use super::stream::{Placed, one};
use crate::config::problem::{Ledger, fault};
use crate::config::raw::Table;
use crate::config::tree::Place;
use crate::config::words;
use watchkeeper_core::names::{Level, Pattern};
use watchkeeper_core::presets;
use watchkeeper_core::rules::{Origin, StreamRules};

/// The streams of the file, then those of the presets, then the generic one where no stream is configured.
pub(super) fn all(root: &mut Table<'_>) -> Vec<StreamRules> {
    let ledger = root.ledger;
    let tables = root.sections("stream");
    let is_configured = !tables.is_empty();
    let mut streams: Vec<Placed> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        if let Some(stream) = one(table) {
            refuse_twins(&stream, &streams, &format!("stream[{at}]"), ledger);
            streams.push(stream);
        }
    }
    for preset in chosen_presets(root, is_configured) {
        let built_in = presets::streams(preset).unwrap_or_default();
        refuse_shadows(&built_in, &streams, preset, ledger);
        let place = Place::Nowhere;
        streams.extend(built_in.into_iter().map(|rules| Placed {
            rules: StreamRules { origin: Origin::Preset, ..rules },
            name: place.clone(),
            filter: place.clone(),
            named_streams: Vec::new(),
        }));
    }
    refuse_unknown_names(&streams, ledger);
    let mut streams: Vec<StreamRules> = streams.into_iter().map(|stream| stream.rules).collect();
    if !is_configured {
        streams.push(presets::generic());
    }
    streams
}

fn chosen_presets(root: &mut Table<'_>, is_configured: bool) -> Vec<&'static str> {
    let known: Vec<(&str, &'static str)> = presets::ALL.iter().map(|name| (*name, *name)).collect();
    let chosen = root.values("presets", words::choice(&known));
    let mut chosen = chosen.unwrap_or_else(|| if is_configured { Vec::new() } else { presets::usual() });
    chosen.sort_by_key(|name| presets::ALL.iter().position(|known| known == name));
    chosen.dedup();
    chosen
}

fn refuse_twins(stream: &Placed, others: &[Placed], path: &str, ledger: &Ledger<'_>) {
    if others.iter().any(|other| other.rules.name == stream.rules.name) {
        let cause = format!("two streams are called «{}»", stream.rules.name);
        ledger.refuse(
            &stream.name,
            &format!("{path}.name"),
            fault(cause, "give each [[stream]] a name of its own"),
        );
    }
    let shape = shape(&stream.rules.pattern);
    if let Some(twin) = others.iter().find(|other| self::shape(&other.rules.pattern) == shape) {
        let cause = format!("the filter takes the same topics as that of stream «{}»", twin.rules.name);
        ledger.refuse(
            &stream.filter,
            &format!("{path}.filter"),
            fault(cause, "make them one stream, or narrow one of the filters"),
        );
    }
}

/// A stream may belong together with others, by their names.
fn refuse_unknown_names(streams: &[Placed], ledger: &Ledger<'_>) {
    for named in streams.iter().flat_map(|stream| &stream.named_streams) {
        if !streams.iter().any(|stream| *stream.rules.name == *named.value) {
            let cause = format!("there is no stream «{}»", named.value);
            named.refuse(ledger, cause, "write the name of a [[stream]], or of one of a preset that is on");
        }
    }
}

fn refuse_shadows(built_in: &[StreamRules], configured: &[Placed], preset: &str, ledger: &Ledger<'_>) {
    for (at, stream) in configured.iter().enumerate() {
        let cure = format!("rename the stream, or remove \"{preset}\" from presets");
        if built_in.iter().any(|rules| rules.name == stream.rules.name) {
            let cause = format!("preset «{preset}» has a stream «{}» too", stream.rules.name);
            ledger.refuse(&stream.name, &format!("stream[{at}].name"), fault(cause, cure));
        }
        let shape = shape(&stream.rules.pattern);
        if let Some(twin) = built_in.iter().find(|rules| self::shape(&rules.pattern) == shape) {
            let cause =
                format!("the filter takes the same topics as stream «{}» of preset «{preset}»", twin.name);
            let cure = format!("narrow the filter, or remove \"{preset}\" from presets");
            ledger.refuse(&stream.filter, &format!("stream[{at}].filter"), fault(cause, cure));
        }
    }
}

/// A pattern without the names of its captures.
fn shape(pattern: &Pattern) -> String {
    let level = |level: &Level| match level {
        Level::Literal(text) => text.to_string(),
        Level::One(_) => "+".to_owned(),
        Level::Many(_) => "{...}".to_owned(),
        Level::Rest => "#".to_owned(),
    };
    pattern.levels().iter().map(level).collect::<Vec<_>>().join("/")
}
