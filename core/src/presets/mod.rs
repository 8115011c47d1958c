//! The built-in streams: the temperature-controller fleet (`plant`), the conventions that devices of the shops and of the
//! shop floor speak, a file each, and the generic stream that takes whatever else arrives. Nothing here may be reachable
//! only through a preset: each line could be written in a config file.

use crate::names::Pattern;
use crate::path::Path;
use crate::rules::{
    DeviceFrom, Expect, Format, Kind, Name, Statement, StatusRules, StreamRules, StuckAfter, point_name,
    words,
};
use crate::time::Micros;
use crate::trackers::presence::Departure;

mod esphome;
mod homeassistant;
mod homie;
mod plant;
mod shelly;
mod sparkplug;
mod tasmota;
#[cfg(test)]
mod tests;
mod thingsboard;
mod zigbee2mqtt;

/// The names of all presets, in the order in which their streams stand.
pub const ALL: &[&str] = &[
    "plant",
    "esphome",
    "homeassistant",
    "homie",
    "shelly",
    "sparkplug",
    "tasmota",
    "tasmota_swapped",
    "thingsboard",
    "zigbee2mqtt",
];

/// Those that are on where nothing is configured. One that takes topics of others by a level that many use must be named.
pub fn usual() -> Vec<&'static str> {
    ALL.iter().copied().filter(|preset| *preset != "tasmota_swapped").collect()
}

/// Name of the stream that takes what no other takes.
pub const GENERIC: &str = "generic";

/// The streams of a preset, or none if there is no such preset.
pub fn streams(preset: &str) -> Option<Vec<StreamRules>> {
    Some(match preset {
        "esphome" => esphome::streams(),
        "homeassistant" => homeassistant::streams(),
        "homie" => homie::streams(),
        "plant" => plant::streams(),
        "shelly" => shelly::streams(),
        "sparkplug" => sparkplug::streams(),
        "tasmota" => tasmota::streams(),
        "tasmota_swapped" => tasmota::swapped(),
        "thingsboard" => thingsboard::streams(),
        "zigbee2mqtt" => zigbee2mqtt::streams(),
        _ => return None,
    })
}

/// What takes everything that no other stream takes, where no stream is configured.
pub fn generic() -> StreamRules {
    StreamRules::new(GENERIC, pattern("#"))
}

/// A stream of a convention: its devices speak when there is something to say, and a value that stands still is no
/// fault of theirs, since nobody promised that it moves. `device` as in a config file.
fn stream(kind: Kind, name: &str, filter: &str, device: &str) -> StreamRules {
    let pattern = pattern(filter);
    StreamRules {
        kind,
        device: DeviceFrom::parse(device, &pattern).expect("the built-in devices are valid, as a test shows"),
        expect: Expect::Never,
        stuck_after: StuckAfter::For(Micros::MAX),
        ..StreamRules::new(name, pattern)
    }
}

/// What a status topic says, in the words of its convention.
#[expect(clippy::unnecessary_wraps, reason = "every stream may also say nothing of presence")]
fn status(at: Option<&str>, online: &[&str], offline: &[&str]) -> Option<Box<StatusRules>> {
    let online = online.iter().map(|word| (*word, Statement::Online));
    let offline = offline.iter().map(|word| (*word, Statement::Gone(Departure::Will)));
    let list: Vec<_> = online.chain(offline).collect();
    Some(Box::new(StatusRules { at: at.and_then(path), words: words(&list), ..StatusRules::default() }))
}

/// The same where others have topics of this form: their messages are left to other streams.
fn only_status(online: &[&str], offline: &[&str]) -> Option<Box<StatusRules>> {
    status(None, online, offline).map(|status| Box::new(StatusRules { only_known: true, ..*status }))
}

/// Every message says the same.
fn means(what: Statement) -> StatusRules {
    StatusRules { means: Some(what), ..StatusRules::default() }
}

/// A stream whose devices speak through another.
fn through(parent: &str, mut stream: StreamRules) -> StreamRules {
    let parent =
        Name::parse(parent, &stream.pattern).expect("the built-in parents are valid, as a test shows");
    stream.kin.parent = Some(parent);
    stream
}

/// A stream whose points are named by captures where the payload does not.
fn named_by(name: &str, mut stream: StreamRules) -> StreamRules {
    let name = point_name(name, &stream.pattern).expect("the built-in names are valid, as a test shows");
    stream.kin.point_name = Some(name);
    stream
}

/// The same, and what the payload names has that name before its own.
fn prefixed(name: &str, stream: StreamRules) -> StreamRules {
    let mut stream = named_by(name, stream);
    stream.kin.point_prefix = true;
    stream
}

/// Streams whose topics have names that people give, with spaces as they please.
fn with_spaces(streams: Vec<StreamRules>) -> Vec<StreamRules> {
    streams.into_iter().map(|stream| StreamRules { spaces: true, ..stream }).collect()
}

/// A list of words as rules keep them.
fn list(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| (*word).into()).collect()
}

/// A stream of documents.
fn json(stream: StreamRules) -> StreamRules {
    StreamRules { format: Format::Json, ..stream }
}

/// A stream of lines, whatever they look like.
fn text(stream: StreamRules) -> StreamRules {
    StreamRules { format: Format::Text, ..stream }
}

/// A stream whose devices speak at intervals of their own.
fn learned(stream: StreamRules) -> StreamRules {
    StreamRules { expect: Expect::Learn, ..stream }
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the built-in patterns are valid, as a test shows")
}

#[expect(clippy::unnecessary_wraps, reason = "every setting that takes a path may also be without one")]
fn path(text: &str) -> Option<Path> {
    Some(Path::parse(text).expect("the built-in paths are valid, as a test shows"))
}
