//! `NanoMQ`: no statistics over MQTT, and JSON for each client that comes or goes. From 0.24.1 on below
//! `$SYS/brokers/client_status`, before on two topics. From lines of a recording of 0.25.3; the recording is not at hand.
//!
//! Names stand in the JSON as their owners chose them, quotes included: where a name could have written a member, the
//! whole message is left unread. A NUL stands in front for subscribers of MQTT 3.1.1. A client that was refused is said to
//! be online, with its code, and then offline. A client with a session never goes offline.

use super::{Dialect, Said, Tells, Told, codes, json};
use crate::broker::clients::{Cause, Change};
use crate::broker::event::{ClientEvent, What};
use crate::broker::order::Mark;
use crate::decode::Document;

pub(super) static DIALECT: Dialect = Dialect {
    word: "nanomq",
    filters: &["$SYS/brokers/client_status/#", "$SYS/brokers/connected", "$SYS/brokers/disconnected"],
    tells: Tells {
        connected: true,
        left: &[
            Cause::ByClient,
            Cause::Closed,
            Cause::KeepAlive,
            Cause::TakenOver,
            Cause::ProtocolError,
            Cause::Other,
        ],
        refused: &[Cause::NotAuthorized, Cause::BadCredentials, Cause::BadClientId, Cause::ProtocolError],
        denied: &[],
    },
    renames: false,
    sign,
    read,
};

/// The members that say what happened and to whom.
const MEMBERS: [&str; 6] =
    ["\"status\"", "\"client_id\"", "\"username\"", "\"ts\"", "\"return_code\"", "\"reason_code\""];

/// What a topic alone says of what happened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Came,
    Went,
    /// The document says it.
    Either,
}

impl Topic {
    fn of(topic: &str) -> Option<Self> {
        match topic {
            "$SYS/brokers/connected" => Some(Topic::Came),
            "$SYS/brokers/disconnected" => Some(Topic::Went),
            _ => topic.starts_with("$SYS/brokers/client_status/").then_some(Topic::Either),
        }
    }
}

fn sign(said: &Said) -> bool {
    let has = |name| json::look(said.payload, |document| document.member(name).map(|_| ())).is_some();
    Topic::of(said.topic).is_some() && has("client_id")
}

fn read(said: &Said, told: &mut Told) {
    let (Some(topic), Some(text)) = (Topic::of(said.topic), said.text()) else { return };
    if MEMBERS.iter().any(|member| text.matches(member).count() > 1) {
        return;
    }
    let event = json::look(said.payload, |document| {
        let online = match (json::text(document, "status"), topic) {
            (Some("online"), Topic::Came | Topic::Either) | (None, Topic::Came) => true,
            (Some("offline"), Topic::Went | Topic::Either) | (None, Topic::Went) => false,
            _ => return None,
        };
        let mut event = if online { came(document) } else { went(document) }?;
        json::place(&mut event, json::text(document, "IPv4"));
        // The topic ends in the id as it was before anybody quoted it.
        let named = said.topic.strip_prefix("$SYS/brokers/client_status/");
        named.is_none_or(|named| event.client.as_deref() == Some(named)).then_some(event)
    });
    let stamp = event.as_ref().and_then(|event| event.at).map(|at| at.0);
    told.event(event, Mark { stamp, unordered: false });
}

/// Codes are text, and hexadecimal.
fn code(document: Document<'_>, name: &str) -> Option<u32> {
    u32::from_str_radix(json::text(document, name)?, 16).ok()
}

fn came(document: Document<'_>) -> Option<ClientEvent> {
    let what = match code(document, "return_code")? {
        0 => What::Changed(Change::Connected, Cause::Accepted),
        code => What::Changed(Change::Refused, codes::refusal(code)),
    };
    json::event(document, what, "client_id", "ts")
}

fn went(document: Document<'_>) -> Option<ClientEvent> {
    let code = code(document, "reason_code")?;
    let cause = match code {
        // The code of a server that shuts down is said of clients that hang up.
        0x8b => Cause::Closed,
        code => codes::farewell(code),
    };
    let mut event = json::event(document, What::Changed(Change::Disconnected, cause), "client_id", "ts")?;
    event.details = (code != 0).then(|| format!("reason code {code:#04x}").into());
    Some(event)
}
