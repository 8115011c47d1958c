//! aedes with `aedes-stats`: text payloads below a broker's id, which is a new one after each start unless it is set; the id
//! of each client that comes or goes. Held to recorded messages of 1.2.0 and 4.0.0.
//!
//! What was retained may be that of a broker long gone, and is not read. `clients/total` are those that are connected;
//! `messages/publish/sent` counts what clients published and what their wills did, which is neither what the broker
//! received nor what it sent, and so is absent. Not told: why a client left, refusals, bytes, packets, version.

use super::{Dialect, Said, Tells, Told};
use crate::broker::Value;
use crate::broker::clients::{Cause, Change};
use crate::broker::event::{ClientEvent, What};
use crate::broker::order::Mark;

pub(super) static DIALECT: Dialect = Dialect {
    word: "aedes",
    filters: &["$SYS/#"],
    tells: Tells { connected: true, left: &[Cause::Other], refused: &[], denied: &[] },
    renames: true,
    sign,
    read,
};

/// Ids of other makes right below `$SYS`: names of rooms, and of nodes.
fn below<'a>(said: &Said<'a>) -> Option<(&'a str, &'a str)> {
    said.below("$SYS/")
        .filter(|(id, _)| !matches!(*id, "broker" | "brokers" | "sessions" | "syslogs") && !id.contains('@'))
}

fn sign(said: &Said) -> bool {
    below(said).is_some_and(|(id, rest)| match rest {
        "heartbeat" => said.payload == id.as_bytes(),
        "memory/heap/current" | "new/clients" | "new/subscribes" | "disconnect/clients" => true,
        _ => false,
    })
}

fn read(said: &Said, told: &mut Told) {
    let Some((id, rest)) = below(said) else { return };
    if said.retain {
        return;
    }
    id.clone_into(&mut told.node);
    let value = match rest {
        "uptime" => Value::Uptime,
        "clients/total" => Value::ClientsConnected,
        "memory/heap/current" => Value::Heap,
        "new/clients" => return event(said, told, Change::Connected, Cause::Accepted),
        "disconnect/clients" => return event(said, told, Change::Disconnected, Cause::Other),
        _ => return,
    };
    told.number(value, said.text());
}

fn event(said: &Said, told: &mut Told, change: Change, cause: Cause) {
    let client = said.text().filter(|id| !id.is_empty() && id.len() <= 65_535);
    let event = client.map(|client| ClientEvent {
        client: Some(client.into()),
        ..ClientEvent::new(What::Changed(change, cause), None)
    });
    told.event(event, Mark::default());
}
