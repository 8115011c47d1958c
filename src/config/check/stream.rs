//! One `[[stream]]`: its topics, its device, its times. Nothing here may leave a check half configured: one that
//! lacks its other half is refused.

use super::{only, points, presence};
use crate::config::problem::{Fault, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::{Node, Place};
use crate::config::words;
use watchkeeper_core::presets;
use watchkeeper_core::rules::{DeviceFrom, Expect, Format, Kind, StreamRules};
use watchkeeper_core::time::{Micros, micros};

const KINDS: &[(&str, Kind)] = &[
    ("telemetry", Kind::Telemetry),
    ("command", Kind::Command),
    ("response", Kind::Response),
    ("alarm", Kind::Alarm),
    ("event", Kind::Event),
    ("presence", Kind::Presence),
    ("config", Kind::Config),
    ("system", Kind::System),
    ("info", Kind::Info),
    ("discovery", Kind::Discovery),
];

const FORMATS: &[(&str, Format)] = &[
    ("auto", Format::Auto),
    ("json", Format::Json),
    ("number", Format::Number),
    ("text", Format::Text),
    ("sparkplug", Format::Sparkplug),
];

/// A stream with the places of what must be unique.
pub(super) struct Placed {
    /// What is judged.
    pub(super) rules: StreamRules,
    /// Of its name.
    pub(super) name: Place,
    /// Of its filter.
    pub(super) filter: Place,
    /// Other streams that it names.
    pub(super) named_streams: Vec<At<String>>,
}

/// Reads one stream; none where there is no filter.
pub(super) fn one(mut table: Table<'_>) -> Option<Placed> {
    let is_filter_written = table.has("filter");
    let filter = table.get("filter", words::pattern);
    if !is_filter_written {
        table.refuse(fault("the stream has no filter", "add filter = \"plant/{device}/telemetry\""));
    }
    // The checks go on without a filter, so that the other mistakes of this stream are told as well.
    let pattern = filter.as_ref().map_or_else(|| presets::generic().pattern, |filter| filter.value.clone());
    let named = table.get("name", words::name);
    let name = named.as_ref().map_or_else(|| pattern.as_str().to_owned(), |named| named.value.clone());
    let mut rules = StreamRules::new(&name, pattern);
    rules.kind = table.or("kind", rules.kind, words::choice(KINDS));
    rules.format = table.or("format", rules.format, words::choice(FORMATS));
    device(&mut table, &mut rules, filter.is_some());
    stamps(&mut table, &mut rules);
    times(&mut table, &mut rules);
    points::read(&mut table, &mut rules);
    points::stuck(&mut table, &mut rules);
    audited(&mut table, &mut rules);
    only::read(&mut table, &mut rules);
    let named_streams = presence::read(&mut table, &mut rules, filter.is_some());
    let begin = table.place.clone();
    table.finish();
    let filter = filter?;
    let name = named.map_or(begin, |named| named.place);
    Some(Placed { rules, name, filter: filter.place, named_streams })
}

/// Whether messages are records, and whether their payloads are part of them.
fn audited(table: &mut Table<'_>, rules: &mut StreamRules) {
    rules.audit = table.or("audit", rules.audit, words::boolean);
    let payload = table.get("audit_payload", words::boolean);
    rules.audit_payload = payload.as_ref().map_or(rules.audit_payload, |at| at.value);
    if let Some(alone) = payload.filter(|at| at.value && !rules.is_audited()) {
        alone.refuse(table.ledger, "there is no record to put the payload into", "add audit = true");
    }
}

fn device(table: &mut Table<'_>, rules: &mut StreamRules, has_filter: bool) {
    let given = table.get("device", |node| {
        let text = words::text(node)?;
        let parsed = DeviceFrom::parse(&text, &rules.pattern);
        match parsed {
            Ok(device) => Ok(Some(device)),
            // Without a filter its captures are not known, and the filter is what is wrong.
            Err(_) if !has_filter => Ok(None),
            Err(why) => Err(fault(
                format!("«{text}» names no device: {why}"),
                "write captures of the filter such as {area}/{device}, or a path such as $.device_id",
            )),
        }
    });
    if let Some(device) = given.and_then(|given| given.value) {
        rules.device = device;
    }
}

fn stamps(table: &mut Table<'_>, rules: &mut StreamRules) {
    rules.timestamp = table.get("timestamp", words::path).map(|at| at.value);
    let max_age = table.get("max_age", words::duration);
    if let Some(alone) = max_age.as_ref().filter(|_| rules.timestamp.is_none()) {
        alone.refuse(table.ledger, "max_age has no timestamp to judge", "add timestamp = \"$.timestamp\"");
    }
    rules.max_age = max_age.map(|at| micros(at.value));
    let has_sequence = table.has("sequence");
    rules.sequence = table.get("sequence", words::path).map(|at| at.value);
    let modulus = table.get("sequence_modulus", |node| {
        let modulus = words::integer(0..=i64::MAX as u64)(node)?;
        if modulus == 1 {
            return Err(fault(
                "with a modulus of 1 every number is 0",
                "write 0 for none, or the number that becomes 0, such as 65536",
            ));
        }
        Ok(modulus)
    });
    let reorder = table.get("reorder_window", span_or_zero);
    let lonely =
        [modulus.as_ref().map(|at| (&at.place, &at.key)), reorder.as_ref().map(|at| (&at.place, &at.key))];
    for (place, key) in lonely.into_iter().flatten().filter(|_| !has_sequence) {
        table.ledger.refuse(
            place,
            key,
            fault("there is no sequence number to judge", "add sequence = \"$.sequence\""),
        );
    }
    rules.sequence_modulus = modulus.map_or(rules.sequence_modulus, |at| at.value);
    rules.reorder_window = reorder.map_or(rules.reorder_window, |at| at.value);
}

fn times(table: &mut Table<'_>, rules: &mut StreamRules) {
    rules.expect = table.or("expect_every", rules.expect, |node| {
        if words::text(node).is_ok_and(|text| text == "learn") {
            return Ok(Expect::Learn);
        }
        if words::text(node).is_ok_and(|text| text == "never") {
            return Ok(Expect::Never);
        }
        words::duration(node)
            .map(|span| Expect::Every(micros(span)))
            .map_err(|wrong| fault(wrong.cause, "write a duration such as \"60s\", \"learn\" or \"never\""))
    });
    rules.tolerance = table.or("tolerance", rules.tolerance, |node| {
        let ratio = words::ratio(node)?;
        if ratio > 0.0 && ratio < 1.0 {
            Ok(ratio)
        } else {
            Err(fault(
                format!("the tolerance {ratio} is not between 0 and 1"),
                "write a share such as \"10%\"",
            ))
        }
    });
    rules.offline_after = table.get("offline_after", words::duration).map(|at| micros(at.value));
    let with = table.get("offline_with", words::text);
    if let Some(alone) = with.as_ref().filter(|_| rules.offline_after.is_none()) {
        alone.refuse(table.ledger, "no silence is named that could count", "add offline_after = \"25h\"");
    }
    rules.offline_with = with.map(|at| at.value.into_boxed_str());
    rules.hold_off = table.or("hold_off", rules.hold_off, span_or_zero);
}

fn span_or_zero(node: &Node) -> Result<Micros, Fault> {
    words::duration_or_zero(node).map(micros)
}
