//! Tasmota: `tele/TOPIC/LWT`, and below `tele`, `stat` and `cmnd` what it measures, answers and is told; a topic may have
//! several levels. Where the full topic of a device begins with its own, as `TOPIC/tele/LWT`, that is a preset by itself: in
//! it everything must be listened to. Readings come every `TelePeriod`, which is learned. Subjects are in capital letters,
//! and nothing here may take others.

use super::{json, learned, only_status, stream};
use crate::rules::{Kind, StreamRules};

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut streams = of("tasmota", |prefix| format!("{prefix}/{{device...}}"));
    streams.push(stream(Kind::Info, "tasmota_discovery", "tasmota/discovery/{mac}/{what}", "{mac}"));
    streams
}

/// Those of devices whose full topic is `%topic%/%prefix%/`.
pub(super) fn swapped() -> Vec<StreamRules> {
    of("tasmota_swapped", |prefix| format!("{{device...}}/{prefix}"))
}

fn of(preset: &str, full_topic: impl Fn(&str) -> String) -> Vec<StreamRules> {
    let of = |prefix: &str, kind, name: &str, what: &str| {
        stream(kind, &format!("{preset}_{name}"), &format!("{}/{what}", full_topic(prefix)), "{device}")
    };
    let tele = |kind, name: &str, what: &str| of("tele", kind, name, what);
    let mut lwt = tele(Kind::Presence, "lwt", "LWT");
    lwt.status = only_status(&["Online"], &["Offline"]);
    vec![
        lwt,
        learned(json(tele(Kind::System, "state", "STATE"))),
        learned(json(tele(Kind::Telemetry, "sensor", "SENSOR"))),
        json(tele(Kind::Telemetry, "energy", "ENERGY")),
        // It comes at a start, and has the number of starts and the reason of this one.
        json(tele(Kind::System, "start", "INFO3")),
        in_capitals(tele(Kind::Event, "tele", "{what}")),
        in_capitals(of("stat", Kind::Event, "stat", "{what}")),
        of("cmnd", Kind::Info, "command", "{what}"),
    ]
}

fn in_capitals(mut stream: StreamRules) -> StreamRules {
    stream.only.capitals = true;
    stream
}
