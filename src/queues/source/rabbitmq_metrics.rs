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
    for queue in queues.into_values() {
        gather.add(queue);
    }
}

/// The last part of the family, the queue, the value.
fn sample(line: &[u8]) -> Option<(&[u8], String, u64)> {
    let rest = line.strip_prefix(b"rabbitmq_detailed_queue_")?;
    let brace = rest.iter().position(|byte| *byte == b'{')?;
    let (family, rest) = rest.split_at(brace);
    // The queue is the last label: what it holds ends with the last quote, whatever it holds.
    let end = rest.windows(2).rposition(|two| two == b"\"}")?;
    let (labels, value) = (&rest[1..end], &rest[end + 2..]);
    let value = std::str::from_utf8(value).ok()?.split_ascii_whitespace().next()?;
    let value = value.parse().ok().or_else(|| super::json::whole(value.parse().ok()?))?;
    let queue = match labels.strip_prefix(b"queue=\"") {
        Some(queue) => queue,
        None => labels.windows(8).position(|eight| eight == b",queue=\"").map(|at| &labels[at + 8..])?,
    };
    Some((family, client_id(&unescaped(queue)), value))
}

/// A name without its escapes. RabbitMQ 3.10 makes none: a bare quote shows that the name stands as it is.
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return name.to_vec(),
            b'\\' => match bytes.next() {
                Some(b'n') => text.push(b'\n'),
                Some(b'"') => text.push(b'"'),
                Some(b'\\') => text.push(b'\\'),
                _ => return name.to_vec(),
            },
            byte => text.push(*byte),
        }
    }
    text
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
        rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"mqtt-subscription-bare \"1\"qos1\"} 2\n\
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
        assert_eq!(
            told,
            [("dev-persist", Some(9), Some(2), Some(false)), odd, ("bare \"1\"", Some(2), None, None)]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            take(&[b"rabbitmq_detailed_queue_messages_ready{", tail.as_slice()].concat(), &mut Gather::new(1));
        }
    }
}
