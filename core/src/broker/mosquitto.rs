//! The `$SYS` of Mosquitto 2.0 and 2.1 (`src/sys_tree.c`): text payloads, `uptime` with its unit. Published
//! only on change, so that silence of a topic means nothing; the uptime comes at every interval.

use super::{Fact, Value};

/// What a topic says; none for what is not kept, such as the averages that Prometheus computes better.
pub fn read(topic: &str, payload: &str) -> Option<Fact> {
    let topic = topic.strip_prefix("$SYS/broker/")?;
    let value = match topic {
        "version" => {
            let version = payload.strip_prefix("mosquitto version ")?;
            return Some(Fact::Version(version.trim().chars().take(64).collect()));
        }
        "uptime" => Value::Uptime,
        "clients/connected" => Value::ClientsConnected,
        "clients/disconnected" => Value::ClientsDisconnected,
        "clients/total" => Value::ClientsTotal,
        "clients/expired" => Value::ClientsExpired,
        "messages/received" => Value::MessagesReceived,
        "messages/sent" => Value::MessagesSent,
        "publish/messages/received" => Value::PublishReceived,
        "publish/messages/sent" => Value::PublishSent,
        "publish/messages/dropped" => Value::PublishDropped,
        "bytes/received" => Value::BytesReceived,
        "bytes/sent" => Value::BytesSent,
        "subscriptions/count" => Value::Subscriptions,
        "retained messages/count" => Value::Retained,
        "store/messages/count" | "messages/stored" => Value::Stored,
        "messages/inflight" => Value::Inflight,
        "heap/current" => Value::Heap,
        _ => return None,
    };
    number(payload).map(|number| Fact::Number(value, number))
}

/// A number with or without its unit: `123 seconds`.
fn number(payload: &str) -> Option<f64> {
    let first = payload.split_ascii_whitespace().next()?;
    first.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mosquitto_says_becomes_canonical() {
        for (topic, payload, value, number) in [
            ("uptime", "123 seconds", Value::Uptime, 123.0),
            ("retained messages/count", "40", Value::Retained, 40.0),
            ("publish/messages/dropped", "0", Value::PublishDropped, 0.0),
            ("heap/current", "35384", Value::Heap, 35384.0),
        ] {
            assert_eq!(
                read(&format!("$SYS/broker/{topic}"), payload),
                Some(Fact::Number(value, number)),
                "{topic}"
            );
        }
        assert_eq!(
            read("$SYS/broker/version", "mosquitto version 2.0.11"),
            Some(Fact::Version("2.0.11".into()))
        );
    }

    #[test]
    fn what_it_does_not_say_is_absent() {
        for (topic, payload) in [
            ("$SYS/broker/uptime", "soon"),
            ("$SYS/broker/uptime", ""),
            ("$SYS/broker/heap/current", "-1"),
            ("$SYS/broker/load/bytes/sent/1min", "1.5"),
            ("$SYS/other/uptime", "1"),
            ("plant/uptime", "1"),
        ] {
            assert_eq!(read(topic, payload), None, "{topic} {payload}");
        }
    }
}
