//! What the broker tells of its clients, on its way to the counts of the engine: from the file of its log where that is
//! followed, else from what it says over MQTT, and never from both. Nothing here may wait.

use super::journal::Feed;
use crate::ingest::Inbound;
use std::sync::Arc;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::broker_log::mosquitto::Reader;
use watchkeeper_audit::sources::broker_log::{self, ClientEvent, Teller};
use watchkeeper_core::broker::Broker;
use watchkeeper_core::broker::dialects::Said;
use watchkeeper_core::time::Now;

/// The log of one broker.
#[derive(Debug, Default)]
pub(crate) struct ClientLog {
    /// Somebody else reads it from its file, writes the records and leaves the counts here.
    feed: Option<Arc<Feed>>,
    reader: Reader,
    /// Of several shards one records what every one of them hears.
    records: bool,
    /// What happened to clients, for those who judge the presence of devices by it.
    happened: Vec<ClientEvent>,
}

impl ClientLog {
    /// From the file that somebody follows; none: from `$SYS`. Without `records` it is counted only.
    pub(crate) fn new(feed: Option<Arc<Feed>>, records: bool) -> Self {
        Self { feed, records, ..Self::default() }
    }

    /// A message of the broker's about itself; what comes back are records.
    pub(crate) fn sys(&mut self, name: &str, message: &Inbound, broker: &mut Broker, now: Now) -> Vec<Draft> {
        let Ok(topic) = std::str::from_utf8(&message.topic) else { return Vec::new() };
        let said = Said { topic, payload: &message.payload, retain: message.retain };
        let events = broker.take(&said, now);
        if self.feed.is_some() {
            return Vec::new();
        }
        let line = self.line(&said, broker).map(|event| (Teller::Log, event));
        let told: Vec<_> = events.into_iter().map(|event| (Teller::Events, event)).chain(line).collect();
        let mut drafts = Vec::new();
        for (teller, event) in told {
            event.count(&mut broker.clients);
            if self.records {
                drafts.push(broker_log::draft(name, teller, &event, now.wall));
            }
            self.happened.push(event);
        }
        drafts
    }

    /// What happened to clients since the last time.
    pub(crate) fn take_happened(&mut self) -> Vec<ClientEvent> {
        std::mem::take(&mut self.happened)
    }

    /// A line of Mosquitto's log, which it may hand out over `$SYS`.
    fn line(&mut self, said: &Said, broker: &mut Broker) -> Option<ClientEvent> {
        // Who subscribes is told on topics of their own, in lines that begin with a name of the client's choice.
        let level = said.topic.strip_prefix("$SYS/broker/log/")?;
        let other = broker.dialect().is_some_and(|dialect| dialect.word != "mosquitto");
        if other || !matches!(level, "E" | "W" | "N" | "I") || said.retain {
            return None;
        }
        broker.clients.heard();
        self.reader.read(said.payload)
    }

    /// Time passed: what was counted elsewhere is taken over.
    pub(crate) fn tick(&mut self, broker: &mut Broker) {
        if let Some(feed) = &self.feed {
            broker.clients.add(&feed.take());
            self.happened.extend(feed.take_happened());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use watchkeeper_audit::record::{Key, Kind, Value};
    use watchkeeper_core::time::Mono;

    fn said(log: &mut ClientLog, broker: &mut Broker, topic: &str, line: &str) -> Vec<Draft> {
        let message = Inbound {
            topic: Bytes::copy_from_slice(topic.as_bytes()),
            payload: Bytes::copy_from_slice(line.as_bytes()),
            qos: 0,
            retain: false,
            dup: false,
            pkid: 0,
            response_topic: None,
            correlation: None,
            user_properties: Vec::new(),
            at: Mono(0),
        };
        log.sys("main", &message, broker, Now::default())
    }

    fn of(drafts: &[Draft]) -> Vec<&str> {
        drafts.iter().map(|draft| &*draft.event).collect()
    }

    #[test]
    fn the_log_is_heard_over_sys_unless_its_file_is_followed() {
        let (mut log, mut broker) = (ClientLog::new(None, true), Broker::default());
        let line = "1795244568: Client d disconnected.";
        assert_eq!(of(&said(&mut log, &mut broker, "$SYS/broker/log/N", line)), ["client_disconnected"]);
        for topic in ["$SYS/broker/log/M/subscribe", "$SYS/broker/version", "$SYS/broker/log/D"] {
            assert_eq!(said(&mut log, &mut broker, topic, line), [], "{topic}");
        }
        assert_eq!(broker.clients.events().map(|event| event.2).sum::<u64>(), 1);
        let (mut log, mut broker) = (ClientLog::new(Some(Arc::default()), true), Broker::default());
        assert_eq!(said(&mut log, &mut broker, "$SYS/broker/log/N", line), []);
        log.tick(&mut broker);
        assert!(broker.clients.is_empty());
    }

    #[test]
    fn of_several_shards_the_first_records_and_all_of_them_hear() {
        let (mut log, mut broker) = (ClientLog::new(None, false), Broker::default());
        let line = "1795244568: Client d disconnected.";
        assert_eq!(said(&mut log, &mut broker, "$SYS/broker/log/N", line), []);
        assert_eq!((log.take_happened().len(), broker.clients.is_empty()), (1, false));
    }

    #[test]
    fn what_other_makes_tell_of_clients_is_counted_and_recorded_alike() {
        let (mut log, mut broker) = (ClientLog::new(None, true), Broker::default());
        let topic = "$SYS/brokers/client_status/d";
        let online = |code: &str| {
            format!(
                r#"{{"status":"online","username":"u","return_code":"{code}","client_id":"d","IPv4":"10.0.0.9"}}"#
            )
        };
        let offline = r#"{"status":"offline","username":"u","reason_code":"0","client_id":"d"}"#;
        let drafts: Vec<Draft> = [&*online("0"), offline, &*online("5"), offline]
            .iter()
            .flat_map(|payload| said(&mut log, &mut broker, topic, payload))
            .collect();
        // Who was refused is said to go offline, which it never was on.
        assert_eq!(of(&drafts), ["client_connected", "client_disconnected", "client_refused"]);
        assert_eq!((drafts[0].kind, drafts[2].kind), (Kind::Connection, Kind::Security));
        let text = |key| drafts[2].get(key).cloned();
        assert_eq!(text(Key::ClientId), Some(Value::Text("d".into())));
        assert_eq!(text(Key::Source), Some(Value::Text("broker_events".into())));
        assert_eq!(text(Key::Reason), Some(Value::Text("not_authorized".into())));
        assert_eq!(broker.clients.events().map(|event| event.2).sum::<u64>(), 3);
        assert_eq!(broker.clients.auth_failures().find(|(_, count)| *count > 0), Some(("not_authorized", 1)));
        // What looks like Mosquitto's log is nothing here.
        let line = "1795244568: Client d disconnected.";
        assert_eq!(said(&mut log, &mut broker, "$SYS/broker/log/N", line), []);
    }
}
