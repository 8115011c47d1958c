//! `ESPHome`: `NODE/status`, which is only taken with its two words, `NODE/COMPONENT/OBJECT/state`, where some components have
//! parts with a state each. Values come when they change or as the node is told, so that none is due. Nothing here may take
//! `NODE/status` of anybody else.

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

/// Those of them that have parts with a state each, such as `position` and `tilt`.
const WITH_PARTS: &[&str] = &["climate", "cover", "fan", "valve"];

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
    for component in WITH_PARTS {
        let filter = |what: &str| format!("{{device}}/{component}/{{object}}/{{part}}/{what}");
        let values = format!("esphome_{component}_part");
        let values = stream(Kind::Telemetry, &values, &filter("state"), "{device}");
        streams.push(named_by("{object}/{part}", values));
        let command = format!("esphome_{component}_part_command");
        streams.push(stream(Kind::Info, &command, &filter("command"), "{device}"));
    }
    streams
}
