//! `ESPHome`: `NODE/status`, which is only taken with its two words, `NODE/COMPONENT/OBJECT/state`, where some components have
//! parts with a state each. Values come when they change or as the node is told, so that none is due. Its log is no telemetry.
//! Nothing here may take `NODE/status` or `NODE/debug` of anybody else.

use super::{list, only_status, prefixed, stream, text};
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

/// How a line of its log begins: with the colour of its level, or, where colours are off, with the level.
const LINES: &[&str] = &["\u{1b}[", "[E][", "[W][", "[I][", "[C][", "[D][", "[V][", "[VV]["];

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut state = stream(Kind::Presence, "esphome_status", "{device}/status", "{device}");
    state.status = only_status(&["online"], &["offline"]);
    let mut streams = vec![state];
    streams.extend(told());
    for component in COMPONENTS {
        let filter = |what: &str| format!("{{device}}/{component}/{{object}}/{what}");
        let values = stream(Kind::Telemetry, &format!("esphome_{component}"), &filter("state"), "{device}");
        streams.push(prefixed("{object}", values));
        let command = format!("esphome_{component}_command");
        streams.push(stream(Kind::Info, &command, &filter("command"), "{device}"));
    }
    for component in WITH_PARTS {
        let filter = |what: &str| format!("{{device}}/{component}/{{object}}/{{part}}/{what}");
        let values = format!("esphome_{component}_part");
        let values = stream(Kind::Telemetry, &values, &filter("state"), "{device}");
        streams.push(prefixed("{object}/{part}", values));
        let command = format!("esphome_{component}_part_command");
        streams.push(stream(Kind::Info, &command, &filter("command"), "{device}"));
    }
    streams
}

/// The log of a node, and what nodes are asked and tell of their addresses when somebody looks for them.
fn told() -> Vec<StreamRules> {
    let log = |name: &str, filter: &str| {
        let mut stream = text(stream(Kind::Info, name, filter, "{device}"));
        stream.only.beginning = list(LINES);
        stream
    };
    vec![
        log("esphome_log", "{device}/debug"),
        log("esphome_log_below", "esphome/{device}/debug"),
        stream(Kind::Info, "esphome_discover_all", "esphome/discover", "esphome"),
        stream(Kind::Info, "esphome_discover", "esphome/discover/{device}", "{device}"),
        stream(Kind::Info, "esphome_ping_all", "esphome/ping", "esphome"),
        stream(Kind::Info, "esphome_ping", "esphome/ping/{device}", "{device}"),
    ]
}
