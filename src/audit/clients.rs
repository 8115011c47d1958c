//! What the broker's log says of its clients, on its way to the counts of the engine: from the file where it is
//! followed, else from `$SYS`, and never from both. Nothing here may wait.

use super::journal::Feed;
use crate::ingest::Inbound;
use std::sync::Arc;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::broker_log;
use watchkeeper_audit::sources::broker_log::mosquitto::Reader;
use watchkeeper_core::broker::Broker;
use watchkeeper_core::time::Now;

/// The log of one broker.
#[derive(Debug, Default)]
pub(crate) struct ClientLog {
    /// Somebody else reads it from its file, writes the records and leaves the counts here.
    feed: Option<Arc<Feed>>,
    reader: Reader,
}

impl ClientLog {
    /// From the file that somebody follows; none: from `$SYS`.
    pub(crate) fn new(feed: Option<Arc<Feed>>) -> Self {
        Self { feed, reader: Reader::default() }
    }

    /// A message of the broker's; what comes back is a record.
    pub(crate) fn sys(
        &mut self,
        name: &str,
        message: &Inbound,
        broker: &mut Broker,
        now: Now,
    ) -> Option<Draft> {
        let topic = std::str::from_utf8(&message.topic).ok()?;
        // Who subscribes is told on topics of their own, in lines that begin with a name of the client's choice.
        let level = topic.strip_prefix("$SYS/broker/log/")?;
        if self.feed.is_some() || !matches!(level, "E" | "W" | "N" | "I") || message.retain {
            return None;
        }
        broker.clients.heard();
        let event = self.reader.read(&message.payload)?;
        event.count(&mut broker.clients);
        Some(broker_log::draft(name, &event, now.wall))
    }

    /// Time passed: what was counted elsewhere is taken over.
    pub(crate) fn tick(&self, broker: &mut Broker) {
        if let Some(feed) = &self.feed {
            broker.clients.add(&feed.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use watchkeeper_core::time::Mono;

    fn said(log: &mut ClientLog, broker: &mut Broker, topic: &str, line: &str) -> Option<String> {
        let message = Inbound {
            topic: Bytes::copy_from_slice(topic.as_bytes()),
            payload: Bytes::copy_from_slice(line.as_bytes()),
            qos: 0,
            retain: false,
            dup: false,
            pkid: 0,
            response_topic: None,
            correlation: None,
            at: Mono(0),
        };
        log.sys("main", &message, broker, Now::default()).map(|draft| draft.event.to_string())
    }

    #[test]
    fn the_log_is_heard_over_sys_unless_its_file_is_followed() {
        let (mut log, mut broker) = (ClientLog::new(None), Broker::default());
        let line = "1795244568: Client d disconnected.";
        let event = said(&mut log, &mut broker, "$SYS/broker/log/N", line);
        assert_eq!(event.as_deref(), Some("client_disconnected"));
        for topic in ["$SYS/broker/log/M/subscribe", "$SYS/broker/version", "$SYS/broker/log/D"] {
            assert_eq!(said(&mut log, &mut broker, topic, line), None, "{topic}");
        }
        assert_eq!(broker.clients.events().map(|event| event.2).sum::<u64>(), 1);
        let (mut log, mut broker) = (ClientLog::new(Some(Arc::default())), Broker::default());
        assert_eq!(said(&mut log, &mut broker, "$SYS/broker/log/N", line), None);
        log.tick(&mut broker);
        assert!(broker.clients.is_empty());
    }
}
