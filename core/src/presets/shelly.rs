//! Shelly: the first generation below `shellies/ID/`, the later ones below a prefix of their own, of which only what is
//! certain is taken. Nothing here may take `PREFIX/online` with other words than `true` and `false`, nor
//! `PREFIX/status/…` that is no object.

use super::{json, learned, list, only_status, path, prefixed, status, stream, text};
use crate::rules::{Kind, StreamRules};

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
    "last_update_ts",
    "last_updated_ts",
    "started_at",
    "move_started_at",
    "timer_started",
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
    "pos",
    "tilt",
    "set",
    "status_update",
    "dim_up",
    "dim_down",
];

/// How a later one begins to say who it is.
const ANNOUNCED: &[&str] = &["{\"id\":\"shelly"];

/// How what is asked of it and answered begins.
const FRAMES: &[&str] = &["{\"id\":", "{\"src\":", "{\"method\":", "{\"jsonrpc\":"];

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut streams = first();
    streams.extend(later());
    // Many give later ones the prefix of the first.
    streams.extend(components("shelly2_below", "shellies/{device}"));
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

/// What only later ones have, below a prefix of one level.
fn later() -> Vec<StreamRules> {
    let of = |kind, name: &str, rest: &str| stream(kind, name, &format!("{{device}}/{rest}"), "{device}");
    let mut online = of(Kind::Presence, "shelly2_online", "online");
    online.status = only_status(&["true"], &["false"]);
    let all = of(Kind::Info, "shelly2_command_all", "command");
    let mut streams = vec![
        online,
        beginning(ANNOUNCED, of(Kind::Event, "shelly2_announce", "announce")),
        said(&["announce", "status_update"], all),
    ];
    streams.extend(components("shelly2", "{device}"));
    streams
}

/// What its components say and are told below a prefix. Of the points of notifications and of statuses a component has each
/// under one name, whichever way it speaks.
fn components(preset: &str, prefix: &str) -> Vec<StreamRules> {
    let of = |kind, name: &str, rest: &str| {
        let mut stream = stream(kind, &format!("{preset}{name}"), &format!("{prefix}/{rest}"), "{device}");
        stream.no_points = list(NO_POINTS);
        stream
    };
    let mut notes = object(of(Kind::Telemetry, "_events", "events/rpc"));
    notes.timestamp = path("$.params.ts");
    notes.points_below = path("$.params");
    notes.kin.joins = Some(preset.into());
    vec![
        notes,
        prefixed("{component}", object(of(Kind::Telemetry, "", "status/{component}"))),
        object(of(Kind::System, "_system", "status/sys")),
        // What is asked and answered goes to whoever asked, by a name of his own.
        beginning(FRAMES, of(Kind::Info, "_rpc", "rpc")),
        said(ORDERS, of(Kind::Info, "_command", "command/{component}")),
        // The log of a device is no measurement; it makes nobody known.
        text(of(Kind::Info, "_log", "debug/log")),
    ]
}

/// Payloads that are no object are somebody else's.
fn object(stream: StreamRules) -> StreamRules {
    let mut stream = json(stream);
    stream.only.objects = true;
    stream
}

/// The same of payloads that are none of these words.
fn said(words: &[&str], mut stream: StreamRules) -> StreamRules {
    stream.only.words = list(words);
    stream
}

/// The same of objects that begin otherwise.
fn beginning(with: &[&str], stream: StreamRules) -> StreamRules {
    let mut stream = json(stream);
    stream.only.beginning = list(with);
    stream
}
