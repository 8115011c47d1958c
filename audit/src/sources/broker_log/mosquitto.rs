//! The log of Mosquitto 2.0 and 2.1 (`src/loop.c`, `src/handle_connect.c`, `src/logging.c`): lines for people, in
//! which client ids, user names and topics stand as their owners chose them, spaces, quotes and brackets included.
//!
//! So each line is read from the two ends that the broker wrote: a fixed beginning and a fixed end, and what lies
//! between is the name, whatever it says. Mosquitto refuses names with control characters, so that no name makes a
//! line of its own; lines with one are not read. Where two readings are left (a name and a user name that each look
//! like the end of the line) nothing of the two is said. Lines are cut at 1,000 bytes; of a cut line only what stands
//! before the name is believed. What cannot be told: whether a client is really called `<unknown>` or like an address,
//! which the broker writes for those that never said a name.

use super::prefix::{self, Prefix};
use super::{ClientEvent, What};
use std::collections::VecDeque;
use std::net::IpAddr;
use watchkeeper_core::broker::clients::{Cause, Change, Denied};
use watchkeeper_core::time::Wall;

mod leaving;

/// `log_line[1000]`, with its NUL.
const CUT_BYTES: usize = 999;
/// So many lines that begin otherwise are no chance.
const STRANGERS_MAX: u8 = 16;
/// Connections whose client has not said who it is.
const WAITING_MAX: usize = 64;

/// Reads the lines of one log, in order.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    prefix: Option<Prefix>,
    /// Lines in a row that do not begin as the others.
    strangers: u8,
    trust: Trust,
    /// 2.1 writes addresses into lines about leaving; none: not known yet.
    addressed: Option<bool>,
    /// Accepted by TCP, and not yet by MQTT.
    waiting: VecDeque<(Box<str>, u16)>,
    /// Who sent the SUBSCRIBE whose filters follow.
    subscriber: Option<Box<str>>,
    gone: leaving::Gone,
}

/// Whether a line without a date in front is the broker's. In a file it may be the line about a subscription, which
/// then begins with a name that somebody chose to look like any other line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trust {
    /// Who subscribes is told elsewhere.
    #[default]
    Any,
    /// Only lines with a date.
    Dated,
    /// There are lines without, so that the dates of others mean nothing.
    Nothing,
}

impl Reader {
    /// For a file, where lines of all kinds stand together.
    pub fn of_file() -> Self {
        Self { trust: Trust::Dated, ..Self::default() }
    }

    /// The file has lines without a date, and cannot be read for that.
    pub fn is_undated(&self) -> bool {
        self.trust == Trust::Nothing
    }

    /// Learns how lines begin, from the head of a file.
    pub fn learn(&mut self, line: &[u8]) {
        let Some(line) = text(line) else { return };
        if self.trust == Trust::Dated && prefix::is_bare(line) {
            self.trust = Trust::Nothing;
        }
        if self.prefix.is_none() && self.trust != Trust::Nothing {
            self.prefix = Prefix::of(line);
        }
    }

    /// What a line says of a client, if it says anything.
    pub fn read(&mut self, line: &[u8]) -> Option<ClientEvent> {
        let cut = ended(line).len() >= CUT_BYTES;
        let line = text(line)?;
        self.learn(line.as_bytes());
        if self.is_undated() {
            return None;
        }
        let Some((at, text)) = self.prefix.as_ref()?.strip(line) else {
            // Every line of one log begins alike; many that do not are another log.
            self.strangers += 1;
            if self.strangers >= STRANGERS_MAX {
                (self.prefix, self.strangers) = (None, 0);
            }
            return None;
        };
        self.strangers = 0;
        let subscriber = self.subscriber.take();
        if let Some(filter) = text.strip_prefix('\t') {
            return self.filter(filter, subscriber, at, cut);
        }
        let (word, rest) = text.split_once(' ')?;
        match word {
            "New" => self.arrived(rest, at, cut),
            "Client" if cut => Some(ClientEvent {
                details: Some("the broker's log line was cut".into()),
                ..ClientEvent::new(What::Changed(Change::Disconnected, Cause::Other), at)
            }),
            "Client" => self.client(rest, at),
            "Bad" => {
                let rest = rest.strip_prefix("socket read/write on client ")?;
                let (client, why) = rest.rsplit_once(": ")?;
                Some(self.left(client, (Change::Disconnected, Cause::Network), Some(why), at))
            }
            "Received" if !cut => {
                self.subscriber = rest.strip_prefix("SUBSCRIBE from ").map(Into::into);
                None
            }
            "Denied" if !cut => denied_publish(rest, at),
            "Outgoing" if !cut => {
                named(rest.strip_prefix("messages are being dropped for client ")?, ".", What::Dropping, at)
            }
            "Expiring" if !cut => named(rest.strip_prefix("client ")?, " due to timeout.", What::Expired, at),
            "mosquitto" => {
                self.version(rest);
                None
            }
            _ => None,
        }
    }

    /// `mosquitto version 2.0.11 starting`: from 2.1.1 on, lines have addresses.
    fn version(&mut self, rest: &str) {
        let Some(version) = rest.strip_prefix("version ").and_then(|rest| rest.split(' ').next()) else {
            return;
        };
        let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
        let version = [numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)];
        self.addressed = Some(version >= [2, 1, 1]);
    }

    /// `New connection from ADDRESS:PORT on port 1883.`, `New client connected from ADDRESS:PORT as …`.
    fn arrived(&mut self, rest: &str, at: Option<Wall>, cut: bool) -> Option<ClientEvent> {
        if let Some(rest) = rest.strip_prefix("connection from ") {
            let (ip, port) = address(rest.split_once(' ')?.0)?;
            if self.waiting.len() == WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back((ip.into(), port));
            return None;
        }
        let rest = rest
            .strip_prefix("client connected from ")
            .or_else(|| rest.strip_prefix("bridge connected from "))?;
        let (place, rest) = rest.split_once(" as ")?;
        let (ip, port) = address(place)?;
        self.waiting.retain(|waiting| *waiting != (Box::from(ip), port));
        let mut event = ClientEvent::new(What::Changed(Change::Connected, Cause::Accepted), at);
        (event.ip, event.port) = (Some(ip.into()), Some(port));
        if cut {
            event.details = Some("the broker's log line was cut".into());
            return Some(event);
        }
        match &*endings(rest) {
            [] => return None,
            [ending] => {
                self.gone.is_back(ending.client, ip, port);
                event.client = Some(ending.client.into());
                event.user = ending.user.map(Into::into);
                event.protocol = self.protocol(ending.protocol);
            }
            _ => event.details = Some(format!("client id and user name cannot be told apart: {rest}").into()),
        }
        Some(event)
    }

    /// 2.0 numbers the versions otherwise than 2.1, and so gives itself away.
    fn protocol(&mut self, number: u32) -> Option<&'static str> {
        match number {
            1 | 2 => self.addressed = Some(false),
            // 2.1.0 has these numbers, too, but no addresses.
            3 | 4 if self.addressed.is_none() => self.addressed = Some(true),
            _ => {}
        }
        match number {
            1 | 3 => Some("3.1"),
            2 | 4 => Some("3.1.1"),
            5 => Some("5"),
            _ => None,
        }
    }

    /// `\tFILTER (denied)`, after `Received SUBSCRIBE from CLIENT`.
    fn filter(
        &mut self,
        filter: &str,
        subscriber: Option<Box<str>>,
        at: Option<Wall>,
        cut: bool,
    ) -> Option<ClientEvent> {
        // The lines of one SUBSCRIBE follow each other.
        self.subscriber.clone_from(&subscriber);
        let topic = filter.strip_suffix(" (denied)").filter(|_| !cut)?;
        let mut event = ClientEvent::new(What::Denied(Denied::Subscribe), at);
        (event.client, event.topic) = (Some(subscriber?), Some(topic.into()));
        Some(event)
    }
}

/// A line without what ends it.
fn ended(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A line as text, without what ends it; none where a control character says that the broker did not write it so.
fn text(line: &[u8]) -> Option<&str> {
    let line = ended(line);
    let line = match std::str::from_utf8(line) {
        Ok(line) => line,
        // Cut in the middle of a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&line[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let odd = |c: char| c.is_control() && c != '\t';
    (!line.contains(odd)).then_some(line)
}

/// `10.0.0.1:50000`, `::1:50000`, or the path of a socket and 0.
fn address(place: &str) -> Option<(&str, u16)> {
    let (ip, port) = place.rsplit_once(':')?;
    Some((ip, port.parse().ok()?))
}

fn named(rest: &str, end: &str, what: What, at: Option<Wall>) -> Option<ClientEvent> {
    let client = rest.strip_suffix(end)?;
    Some(ClientEvent { client: Some(client.into()), ..ClientEvent::new(what, at) })
}

/// `PUBLISH from CLIENT (d0, q1, r0, m3, 'TOPIC', ... (1 bytes))`.
fn denied_publish(rest: &str, at: Option<Wall>) -> Option<ClientEvent> {
    let rest = rest.strip_prefix("PUBLISH from ")?.strip_suffix(" bytes))")?;
    let (rest, bytes) = rest.rsplit_once("', ... (")?;
    bytes.parse::<u64>().ok()?;
    let mut event = ClientEvent::new(What::Denied(Denied::Publish), at);
    let mut readings = rest.match_indices(" (d").filter_map(|(at, _)| {
        let (flags, topic) = rest[at + 2..].split_once(", '")?;
        let mut flags = flags.split(", ");
        let all = ["d", "q", "r", "m"].iter().all(|flag| number(flags.next(), flag).is_some());
        (all && flags.next().is_none()).then_some((&rest[..at], topic))
    });
    match (readings.next(), readings.next()) {
        (Some((client, topic)), None) => {
            (event.client, event.topic) = (Some(client.into()), Some(topic.into()));
        }
        (Some(_), Some(_)) => {
            event.details = Some(format!("client id and topic cannot be told apart: {rest}").into());
        }
        (None, _) => return None,
    }
    Some(event)
}

/// A way to read the end of a line about a client that came.
struct Ending<'a> {
    client: &'a str,
    protocol: u32,
    user: Option<&'a str>,
}

/// `CLIENT (p2, c1, k60, u'USER').`: all the ways to read it.
fn endings(rest: &str) -> Vec<Ending<'_>> {
    let Some(rest) = rest.strip_suffix(").") else { return Vec::new() };
    let reading = |(at, _): (usize, &str)| {
        let mut parts = rest[at + 2..].splitn(4, ", ");
        let protocol = number(parts.next(), "p")?;
        number(parts.next(), "c")?;
        number(parts.next(), "k")?;
        let user = match parts.next() {
            Some(user) => Some(user.strip_prefix("u'")?.strip_suffix('\'')?),
            None => None,
        };
        Some(Ending { client: &rest[..at], protocol, user })
    };
    rest.match_indices(" (p").filter_map(reading).collect()
}

fn number(part: Option<&str>, flag: &str) -> Option<u32> {
    let digits = part?.strip_prefix(flag)?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The broker's way of saying that it has no name.
fn is_nobody(client: &str) -> bool {
    client == "<unknown>" || client.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests;
