//! What the broker says of itself, in canonical terms: the same name means the same thing whatever the make.
//! What a broker does not tell is absent and never zero. One file per dialect; a dialect must never guess.

pub mod clients;
pub mod mosquitto;

use crate::time::{Mono, Now, Wall};

/// A canonical value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Value {
    /// Seconds since the broker started.
    Uptime,
    /// Clients with a connection.
    ClientsConnected,
    /// Sessions without a connection.
    ClientsDisconnected,
    /// Both.
    ClientsTotal,
    /// Sessions that expired.
    ClientsExpired,
    /// Packets of all types that the broker received.
    MessagesReceived,
    /// Packets of all types that the broker sent.
    MessagesSent,
    /// PUBLISH packets that the broker received.
    PublishReceived,
    /// PUBLISH packets that the broker sent.
    PublishSent,
    /// PUBLISH messages that the broker dropped because of its queue or inflight limits.
    PublishDropped,
    /// Bytes that the broker received.
    BytesReceived,
    /// Bytes that the broker sent.
    BytesSent,
    /// Subscriptions of all clients.
    Subscriptions,
    /// Retained messages.
    Retained,
    /// Messages in the store.
    Stored,
    /// Messages in flight.
    Inflight,
    /// Bytes of the heap in use.
    Heap,
}

const VALUES: usize = Value::Heap as usize + 1;

/// What one topic of `$SYS` says.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A number.
    Number(Value, f64),
    /// The version text.
    Version(String),
}

/// What is known of one broker.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    values: [Option<Known>; VALUES],
    version: Option<String>,
    /// When `$SYS` last said anything.
    last_update: Option<Wall>,
    /// When the broker last told its uptime, and what it was.
    uptime: Option<(Mono, f64)>,
    /// Counts our connections, so that values from before a restart of the broker can be told.
    connection: u32,
    /// Who came and went.
    pub clients: clients::Clients,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    number: f64,
    connection: u32,
}

impl Broker {
    /// Takes a message of `$SYS`; false when it says nothing that is kept.
    pub fn sys(&mut self, topic: &str, payload: &[u8], now: Now) -> bool {
        let Some(fact) = std::str::from_utf8(payload).ok().and_then(|text| mosquitto::read(topic, text))
        else {
            return false;
        };
        self.last_update = Some(now.wall);
        match fact {
            Fact::Version(version) => self.version = Some(version),
            Fact::Number(value, number) => {
                if value == Value::Uptime {
                    self.judge_uptime(number, now.mono);
                }
                self.values[value as usize] = Some(Known { number, connection: self.connection });
            }
        }
        true
    }

    /// A connection for `$SYS` begins. The broker may be another one by now, which its uptime will tell.
    pub fn connected(&mut self) {
        self.connection += 1;
    }

    /// An uptime that fell behind the clock means a restart: what was said before it is void, unless it has
    /// been said again since. Some brokers let retained values expire, so nothing else makes a value void.
    fn judge_uptime(&mut self, uptime: f64, now: Mono) {
        const SLACK: f64 = 2.0;
        if let Some((at, before)) = self.uptime {
            let should_be = before + crate::time::seconds(now.since(at));
            if uptime + SLACK < should_be {
                for known in &mut self.values {
                    *known = known.filter(|known| known.connection == self.connection);
                }
            }
        }
        self.uptime = Some((now, uptime));
    }

    /// A value, if the broker told it.
    pub fn value(&self, value: Value) -> Option<f64> {
        self.values[value as usize].map(|known| known.number)
    }

    /// The version text, without the name of the make.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// When `$SYS` last said anything.
    pub fn last_update(&self) -> Option<Wall> {
        self.last_update
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    fn at(seconds: u64) -> Now {
        Now { mono: Mono(seconds * SECOND), wall: Wall(0) }
    }

    #[test]
    fn a_restarted_broker_voids_what_it_said_before() {
        let mut broker = Broker::default();
        broker.connected();
        assert!(broker.sys("$SYS/broker/uptime", b"100 seconds", at(0)));
        assert!(broker.sys("$SYS/broker/bytes/sent", b"5000", at(0)));
        assert!(broker.sys("$SYS/broker/clients/connected", b"7", at(0)));
        broker.connected();
        assert!(broker.sys("$SYS/broker/bytes/sent", b"12", at(20)));
        assert!(broker.sys("$SYS/broker/uptime", b"3 seconds", at(20)));
        assert_eq!(broker.value(Value::BytesSent), Some(12.0));
        assert_eq!(broker.value(Value::ClientsConnected), None);
    }

    #[test]
    fn our_own_reconnection_voids_nothing() {
        let mut broker = Broker::default();
        broker.connected();
        broker.sys("$SYS/broker/uptime", b"100 seconds", at(0));
        broker.sys("$SYS/broker/clients/connected", b"7", at(0));
        broker.connected();
        broker.sys("$SYS/broker/uptime", b"130 seconds", at(30));
        assert_eq!(broker.value(Value::ClientsConnected), Some(7.0));
        assert_eq!(broker.value(Value::Heap), None);
    }
}
