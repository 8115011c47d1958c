//! `RabbitMQ` with its MQTT plugin: no `$SYS`; a subscription to it is granted, and silent for ever. Where the operator binds
//! `amq.rabbitmq.event` to `amq.topic`, events come on ordinary topics with empty payloads. Held to recorded messages of
//! 3.10.8.
//!
//! Those topics are anybody's to publish on, so that they are asked for only where the configuration says `rabbitmq`, and
//! only an empty message counts. The events are those of all protocols, and name nobody; why a connection was closed is
//! not told.

use super::{Dialect, Said, Tells, Told};
use crate::broker::clients::{Cause, Change};
use crate::broker::event::{ClientEvent, What};
use crate::broker::order::Mark;

pub(super) static DIALECT: Dialect = Dialect {
    word: "rabbitmq",
    filters: &["connection/created", "connection/closed", "user/authentication/failure"],
    // Whether the exchange is bound is not known before an event.
    tells: Tells::NOTHING,
    renames: false,
    sign: |_| false,
    read,
};

fn read(said: &Said, told: &mut Told) {
    let (change, cause) = match said.topic {
        "connection/created" => (Change::Connected, Cause::Accepted),
        "connection/closed" => (Change::Disconnected, Cause::Other),
        "user/authentication/failure" => (Change::Refused, Cause::NotAuthorized),
        _ => return,
    };
    let event = said.payload.is_empty().then(|| ClientEvent::new(What::Changed(change, cause), None));
    told.event(event, Mark::default());
}
