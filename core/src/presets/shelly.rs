//! Shelly: the first generation below `shellies/ID/`, the later ones below a prefix of their own, of which only what is
//! certain is taken. Nothing here may take `PREFIX/online` with other words than `true` and `false`, nor
//! `PREFIX/status/…` that is no object.

use super::{json, learned, named_by, only_status, path, status, stream};
use crate::rules::{Kind, StreamRules};

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut online = stream(Kind::Presence, "shelly_online", "shellies/{device}/online", "{device}");
    online.status = status(None, &["true"], &["false"]);
    let mut later = stream(Kind::Presence, "shelly2_online", "{device}/online", "{device}");
    later.status = only_status(&["true"], &["false"]);
    let mut notes = json(stream(Kind::Telemetry, "shelly2_events", "{device}/events/rpc", "{device}"));
    notes.timestamp = path("$.params.ts");
    notes.only_objects = true;
    let mut later_status = named_by(
        "{component}",
        json(stream(Kind::Telemetry, "shelly2", "{device}/status/{component}", "{device}")),
    );
    later_status.only_objects = true;
    // The log of a device is no measurement; it makes nobody known.
    let log = stream(Kind::Info, "shelly2_log", "{device}/debug/log", "{device}");
    vec![
        online,
        json(stream(Kind::Event, "shelly_announce", "shellies/announce", "$.id")),
        json(stream(Kind::Event, "shelly_announced", "shellies/{device}/announce", "{device}")),
        json(stream(Kind::System, "shelly_info", "shellies/{device}/info", "{device}")),
        stream(Kind::Info, "shelly_command_all", "shellies/command", "shellies"),
        stream(Kind::Info, "shelly_command", "shellies/{device}/{what...}/command", "{device}"),
        stream(Kind::Info, "shelly_set", "shellies/{device}/{what...}/set", "{device}"),
        learned(named_by(
            "{what}",
            stream(Kind::Telemetry, "shelly", "shellies/{device}/{what...}", "{device}"),
        )),
        later,
        notes,
        later_status,
        log,
    ]
}
