//! Documents that brokers send about themselves and about clients, read by the reader that reads the devices'. A payload
//! that is none says nothing. Nothing here may guess what a member means.

use crate::broker::event::{ClientEvent, What};
use crate::decode::{Bounds, Decoded, Document, Is, Plan};
use crate::time::Wall;
use core::net::{IpAddr, SocketAddr};

/// Longer texts are no names, reasons or addresses.
const TEXT_MAX: usize = 1024;

/// Looks into a document; some makes put a NUL in front of it.
pub(super) fn look<T>(payload: &[u8], take: impl FnOnce(Document<'_>) -> Option<T>) -> Option<T> {
    let payload = payload.strip_prefix(b"\0").unwrap_or(payload);
    let mut decoded = Decoded::nothing();
    let text = decoded.read(payload, &Plan::whole(), Bounds { depth_max: 8, points_max: 0 }).ok()?;
    take(decoded.document(text))
}

/// A text; `undefined` is what some makes say for nothing.
pub(super) fn text<'a>(document: Document<'a>, name: &str) -> Option<&'a str> {
    let leaf = document.member(name)?;
    let text = matches!(leaf.is(), Is::Text).then(|| leaf.raw())?;
    (!text.is_empty() && text != "undefined" && text.len() <= TEXT_MAX).then_some(text)
}

/// A whole number.
pub(super) fn whole(document: Document<'_>, name: &str) -> Option<i64> {
    let number = document.member(name)?;
    number.number().and_then(|_| number.raw().parse().ok())
}

/// A level or a counter.
pub(super) fn level(document: Document<'_>, name: &str) -> Option<f64> {
    document.member(name)?.number().filter(|number| *number >= 0.0)
}

/// Milliseconds since 1970.
pub(super) fn millis(document: Document<'_>, name: &str) -> Option<Wall> {
    let millis = whole(document, name).filter(|millis| *millis > 0)?;
    Some(Wall(millis.checked_mul(1000)?))
}

/// Where a client is: an address, or one with a port.
pub(super) fn place(event: &mut ClientEvent, place: Option<&str>) {
    let Some(place) = place else { return };
    if let Ok(both) = place.parse::<SocketAddr>() {
        (event.ip, event.port) = (Some(both.ip().to_string().into()), Some(both.port()));
    } else if let Ok(ip) = place.parse::<IpAddr>() {
        event.ip = Some(ip.to_string().into());
    }
}

/// `3.1`, `3.1.1` or `5`, as MQTT numbers them.
pub(super) fn protocol(document: Document<'_>, name: &str) -> Option<&'static str> {
    match whole(document, name)? {
        3 => Some("3.1"),
        4 => Some("3.1.1"),
        5 => Some("5"),
        _ => None,
    }
}

/// An event with its client, user and protocol; none without a client.
pub(super) fn event(document: Document<'_>, what: What, client: &str, at: &str) -> Option<ClientEvent> {
    let mut event = ClientEvent::new(what, millis(document, at));
    event.client = Some(text(document, client)?.into());
    event.user = text(document, "username").map(Into::into);
    event.protocol = protocol(document, "proto_ver");
    Some(event)
}

/// The first words of what a broker says of a cause.
pub(super) fn short(text: &str) -> Box<str> {
    text.chars().filter(|c| !c.is_control()).take(200).collect::<String>().into()
}
