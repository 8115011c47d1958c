//! `AWS IoT Core`: no statistics, and life-cycle events below `$aws/events/presence`, which only somebody who knows that it is
//! AWS asks for. From its documentation; no recording.
//!
//! Events come twice and in any order, with moments that are off by up to two minutes. A farewell may come before its
//! welcome, so that each event is told by itself, and once.

use super::{Dialect, Said, Tells, Told, json};
use crate::broker::clients::{Cause, Change};
use crate::broker::event::What;
use crate::broker::order::Mark;
use std::hash::{BuildHasher, Hasher};

pub(super) static DIALECT: Dialect = Dialect {
    word: "aws",
    // It hangs up on a filter with `#` that its policies do not name.
    filters: &[
        "$aws/events/presence/connected/+",
        "$aws/events/presence/disconnected/+",
        "$aws/events/presence/connect_failed/+",
    ],
    tells: Tells {
        connected: true,
        left: &[
            Cause::ByClient,
            Cause::ProtocolError,
            Cause::Network,
            Cause::TakenOver,
            Cause::KeepAlive,
            Cause::NotAuthorized,
            Cause::Quota,
            Cause::Unavailable,
            Cause::Administrative,
            Cause::Other,
        ],
        refused: &[
            Cause::NotAuthorized,
            Cause::ProtocolError,
            Cause::Quota,
            Cause::Unavailable,
            Cause::Other,
        ],
        denied: &[],
    },
    renames: false,
    sign: |said| said.topic.starts_with("$aws/events/presence/"),
    read,
};

fn read(said: &Said, told: &mut Told) {
    let Some((kind, _)) = said.below("$aws/events/presence/") else { return };
    let mut stamp = None;
    let event = json::look(said.payload, |document| {
        let says = json::text(document, "eventType")?;
        let (change, reason) = match kind {
            "connected" => (Change::Connected, None),
            "disconnected" => (Change::Disconnected, json::text(document, "disconnectReason")),
            "connect_failed" => (Change::Refused, json::text(document, "connectFailureReason")),
            _ => return None,
        };
        if says != kind {
            return None;
        }
        let cause = match change {
            Change::Connected => Cause::Accepted,
            _ => reason.map_or(Cause::Other, cause),
        };
        let mut event = json::event(document, What::Changed(change, cause), "clientId", "timestamp")?;
        event.user = json::text(document, "principalIdentifier").map(Into::into);
        event.details = reason.map(json::short);
        json::place(&mut event, json::text(document, "ipAddress"));
        let session = json::text(document, "sessionIdentifier").unwrap_or_default();
        let version = json::whole(document, "versionNumber").unwrap_or(-1);
        stamp = Some(mark(session, version, event.at.map_or(0, |at| at.0)));
        Some(event)
    });
    told.event(event, Mark { stamp, unordered: true });
}

/// A session has one welcome and one farewell, whatever moment each delivery claims; without a session the moment counts.
fn mark(session: &str, version: i64, at: i64) -> i64 {
    let mut hasher = foldhash::fast::FixedState::default().build_hasher();
    hasher.write(session.as_bytes());
    hasher.write_i64(version);
    if session.is_empty() {
        hasher.write_i64(at);
    }
    hasher.finish().cast_signed()
}

fn cause(reason: &str) -> Cause {
    match reason {
        "CLIENT_INITIATED_DISCONNECT" => Cause::ByClient,
        "CLIENT_ERROR" => Cause::ProtocolError,
        "CONNECTION_LOST" => Cause::Network,
        "DUPLICATE_CLIENTID" => Cause::TakenOver,
        "MQTT_KEEP_ALIVE_TIMEOUT" => Cause::KeepAlive,
        "AUTH_ERROR" | "FORBIDDEN_ACCESS" | "AUTHORIZATION_FAILED" => Cause::NotAuthorized,
        "THROTTLED" => Cause::Quota,
        "SERVER_ERROR" | "SERVER_INITIATED_DISCONNECT" => Cause::Unavailable,
        "API_INITIATED_DISCONNECT" => Cause::Administrative,
        _ => Cause::Other,
    }
}
