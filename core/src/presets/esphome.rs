//! `ESPHome`: `NODE/status`, which is only taken with its two words, and `NODE/COMPONENT/OBJECT/state`. Values come when they
//! change or as the node is told, so that none is due. Nothing here may take `NODE/status` of anybody else.

use super::{named_by, only_status, stream};
use crate::rules::{Kind, StreamRules};

/// The components that have a state.
const COMPONENTS: &[&str] = &[
    "alarm_control_panel",
    "binary_sensor",
    "climate",
    "cover",
    "date",
    "datetime",
    "event",
    "fan",
    "light",
    "lock",
    "number",
    "select",
    "sensor",
    "switch",
    "text",
    "text_sensor",
    "time",
    "update",
    "valve",
];

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut state = stream(Kind::Presence, "esphome_status", "{device}/status", "{device}");
    state.status = only_status(&["online"], &["offline"]);
    let mut streams = vec![state];
    for component in COMPONENTS {
        let filter = |what: &str| format!("{{device}}/{component}/{{object}}/{what}");
        let values = stream(Kind::Telemetry, &format!("esphome_{component}"), &filter("state"), "{device}");
        streams.push(named_by("{object}", values));
        let command = format!("esphome_{component}_command");
        streams.push(stream(Kind::Info, &command, &filter("command"), "{device}"));
    }
    streams
}
