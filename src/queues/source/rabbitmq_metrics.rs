//! RabbitMQ's `/metrics/detailed`: the lines of the text format that tell the depth of queues. What is no such line is
//! passed over. Nothing here may fail on a line: the names of queues hold client ids, and those hold any bytes.

use super::rabbitmq::client_of;
use std::collections::HashMap;
use watchkeeper_core::queues::gather::{CLIENTS_MAX, Gather};
use watchkeeper_core::queues::{Queue, client_id};

/// Reads the whole text.
pub(super) fn take(text: &[u8], gather: &mut Gather) {
    let mut queues: HashMap<String, Queue> = HashMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some((family, queue, value)) = sample(line) else { continue };
        let Some(client) = client_of(&queue).map(str::to_owned) else { continue };
        if queues.len() >= 2 * CLIENTS_MAX && !queues.contains_key(&queue) {
            continue;
        }
        let known = queues.entry(queue).or_default();
        known.client_id = client;
        match family {
            b"messages_ready" => known.depth = Some(value),
            b"messages_unacked" => known.inflight = Some(value),
            b"consumers" => known.connected = Some(value > 0),
            _ => {}
        }
    }
    queues.into_values().for_each(|queue| gather.add(queue));
}

/// The last part of the family, the queue, the value.
fn sample(line: &[u8]) -> Option<(&[u8], String, u64)> {
    let rest = line.strip_prefix(b"rabbitmq_detailed_queue_")?;
    let brace = rest.iter().position(|byte| *byte == b'{')?;
    let (family, labels) = rest.split_at(brace);
    let (queue, rest) = labelled(&labels[1..])?;
    let value = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().next()?;
    let value = value.parse().ok().or_else(|| super::json::whole(value.parse().ok()?))?;
    Some((family, queue?, value))
}

/// The label `queue`, and what follows the braces.
fn labelled(mut rest: &[u8]) -> Option<(Option<String>, &[u8])> {
    let mut queue = None;
    loop {
        if let Some(after) = rest.strip_prefix(b"}") {
            return Some((queue, after));
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = &rest[..equals];
        let (value, after) = quoted(rest[equals + 1..].strip_prefix(b"\"")?)?;
        if name == b"queue" {
            queue = Some(client_id(&value));
        }
        rest = after.strip_prefix(b",").unwrap_or(after);
    }
}

/// What stands up to the closing quote, without its escapes.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'"' => return Some((text, &bytes[at + 1..])),
            b'\\' => {
                at += 1;
                text.push(if *bytes.get(at)? == b'n' { b'\n' } else { bytes[at] });
            }
            byte => text.push(byte),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"# TYPE rabbitmq_detailed_queue_messages_ready gauge\n\
        # HELP rabbitmq_detailed_queue_messages_ready Messages ready to be delivered to consumers\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos1\"} 8\n\
        rabbitmq_detailed_queue_messages_unacked{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos1\"} 2\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos0\"} 1\n\
        rabbitmq_detailed_queue_messages_unacked{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos0\"} 0\n\
        rabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos1\"} 0\n\
        rabbitmq_detailed_queue_consumers{vhost=\"/\",queue=\"mqtt-subscription-dev-persistqos0\"} 0\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"orders\"} 99\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-a\\\"}\\\\\\nb \xFFqos1\"} 3.0\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-brokenqos1\n\
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-nanqos1\"} NaN\n";

    #[test]
    fn lines_about_queues_of_clients_are_read_and_all_others_passed_over() {
        let mut gather = Gather::new(10);
        take(TEXT, &mut gather);
        let queues = gather.finish(None).queues;
        let told: Vec<_> =
            queues.iter().map(|q| (q.client_id.as_str(), q.depth, q.inflight, q.connected)).collect();
        let odd = ("a\"}\\\nb \\xFF", Some(3), None, None);
        assert_eq!(told, [("dev-persist", Some(9), Some(2), Some(false)), odd]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            take(&[b"rabbitmq_detailed_queue_messages_ready{", tail.as_slice()].concat(), &mut Gather::new(1));
        }
    }
}
