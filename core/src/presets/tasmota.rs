//! Tasmota: `tele/TOPIC/LWT`, and below `tele`, `stat` and `cmnd` what it measures, answers and is told; a topic may have
//! several levels. Its readings come every `TelePeriod`, which is learned. Subjects are in capital letters, and nothing
//! here may take others.

use super::{json, learned, only_status, stream};
use crate::rules::{Kind, StreamRules};

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let tele =
        |kind, name: &str, what: &str| stream(kind, name, &format!("tele/{{device...}}/{what}"), "{device}");
    let mut lwt = tele(Kind::Presence, "tasmota_lwt", "LWT");
    lwt.status = only_status(&["Online"], &["Offline"]);
    vec![
        lwt,
        learned(json(tele(Kind::System, "tasmota_state", "STATE"))),
        learned(json(tele(Kind::Telemetry, "tasmota_sensor", "SENSOR"))),
        json(tele(Kind::Telemetry, "tasmota_energy", "ENERGY")),
        // It comes at a start, and has the number of starts and the reason of this one.
        json(tele(Kind::System, "tasmota_start", "INFO3")),
        in_capitals(tele(Kind::Event, "tasmota_tele", "{what}")),
        in_capitals(stream(Kind::Event, "tasmota_stat", "stat/{device...}/{what}", "{device}")),
        stream(Kind::Info, "tasmota_command", "cmnd/{device...}/{what}", "{device}"),
        stream(Kind::Info, "tasmota_discovery", "tasmota/discovery/{mac}/{what}", "{mac}"),
    ]
}

fn in_capitals(mut stream: StreamRules) -> StreamRules {
    stream.only.capitals = true;
    stream
}
