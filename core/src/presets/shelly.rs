//! Shelly: the first generation below `shellies/ID/`, the later ones below a prefix of their own, of which only what is
//! certain is taken. Nothing here may take `PREFIX/online` with other words than `true` and `false`, nor
//! `PREFIX/status/…` that is no object.

use super::{json, learned, list, only_status, path, prefixed, status, stream, text};
use crate::rules::{Kind, StreamRules};

/// As whose the points of notifications count: a component has them under one name, whichever way it speaks.
const LATER: &str = "shelly2";

/// Numbers, moments and revisions that stand beside what is measured, and members that are no measurement at all: `sys`
/// is the health of the device, and `events` what happened.
const NO_POINTS: &[&str] = &[
    "id",
    "ts",
    "sys",
    "events",
    "unixtime",
    "minute_ts",
    "reset_ts",
    "last_sync_ts",
    "last_updated_ts",
    "started_at",
    "move_started_at",
    "timer_started_at",
    "timer_duration",
    "cfg_rev",
    "kvs_rev",
    "schedule_rev",
    "webhook_rev",
    "btrelay_rev",
    "bthc_rev",
];

/// What a component of a later one is told in a plain word, its numbers behind a comma.
const ORDERS: &[&str] = &[
    "on",
    "off",
    "toggle",
    "open",
    "close",
    "stop",
    "pos,",
    "tilt,",
    "set,",
    "status_update",
    "dim_up",
    "dim_down",
];

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut streams = first();
    streams.extend(later());
    streams
}

fn first() -> Vec<StreamRules> {
    let mut online = stream(Kind::Presence, "shelly_online", "shellies/{device}/online", "{device}");
    online.status = status(None, &["true"], &["false"]);
    let values = stream(Kind::Telemetry, "shelly", "shellies/{device}/{what...}", "{device}");
    let mut values = learned(prefixed("{what}", values));
    values.no_points = list(NO_POINTS);
    vec![
        online,
        json(stream(Kind::Event, "shelly_announce", "shellies/announce", "$.id")),
        json(stream(Kind::Event, "shelly_announced", "shellies/{device}/announce", "{device}")),
        json(stream(Kind::System, "shelly_info", "shellies/{device}/info", "{device}")),
        stream(Kind::Info, "shelly_command_all", "shellies/command", "shellies"),
        stream(Kind::Info, "shelly_command_one", "shellies/{device}/command", "{device}"),
        stream(Kind::Info, "shelly_command", "shellies/{device}/{what...}/command", "{device}"),
        stream(Kind::Info, "shelly_set", "shellies/{device}/{what...}/set", "{device}"),
        values,
    ]
}

fn later() -> Vec<StreamRules> {
    let of = |kind, name: &str, rest: &str| {
        let mut stream = stream(kind, name, &format!("{{device}}/{rest}"), "{device}");
        stream.no_points = list(NO_POINTS);
        stream
    };
    let object = |stream| {
        let mut stream = json(stream);
        stream.only.objects = true;
        stream
    };
    let said = |words: &[&str], mut stream: StreamRules| {
        stream.only.beginning = list(words);
        stream
    };
    let mut online = of(Kind::Presence, "shelly2_online", "online");
    online.status = only_status(&["true"], &["false"]);
    let mut notes = object(of(Kind::Telemetry, "shelly2_events", "events/rpc"));
    notes.timestamp = path("$.params.ts");
    notes.points_below = path("$.params");
    let values = prefixed("{component}", object(of(Kind::Telemetry, LATER, "status/{component}")));
    notes.kin.joins = Some(LATER.into());
    vec![
        online,
        notes,
        values,
        object(of(Kind::System, "shelly2_system", "status/sys")),
        object(of(Kind::Event, "shelly2_announce", "announce")),
        // What is asked and answered goes to whoever asked, by a name of his own.
        object(of(Kind::Info, "shelly2_rpc", "rpc")),
        said(&["announce", "status_update"], of(Kind::Info, "shelly2_command_all", "command")),
        said(ORDERS, of(Kind::Info, "shelly2_command", "command/{component}")),
        // The log of a device is no measurement; it makes nobody known.
        text(of(Kind::Info, "shelly2_log", "debug/log")),
    ]
}
