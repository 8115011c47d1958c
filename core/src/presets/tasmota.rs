//! Tasmota: `tele/TOPIC/LWT`, and below `tele`, `stat` and `cmnd` what it measures, answers and is told. Its readings come
//! every `TelePeriod`, which is learned. Nothing here may take more of these prefixes than Tasmota uses.

use super::{json, learned, only_status, stream};
use crate::rules::{Kind, StreamRules};

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut lwt = stream(Kind::Presence, "tasmota_lwt", "tele/{device}/LWT", "{device}");
    lwt.status = only_status(&["Online"], &["Offline"]);
    let tele = |kind, name: &str, what: &str| {
        json(stream(kind, name, &format!("tele/{{device}}/{what}"), "{device}"))
    };
    let mut streams = vec![
        lwt,
        learned(tele(Kind::System, "tasmota_state", "STATE")),
        learned(tele(Kind::Telemetry, "tasmota_sensor", "SENSOR")),
        tele(Kind::Telemetry, "tasmota_energy", "ENERGY"),
        stream(Kind::Event, "tasmota_stat", "stat/{device}/{what}", "{device}"),
        stream(Kind::Info, "tasmota_command", "cmnd/{device}/{what}", "{device}"),
        stream(Kind::Info, "tasmota_discovery", "tasmota/discovery/{mac}/{what}", "{mac}"),
    ];
    for what in ["INFO1", "INFO2", "INFO3", "RESULT"] {
        streams.push(tele(Kind::Event, &format!("tasmota_{}", what.to_lowercase()), what));
    }
    streams
}
