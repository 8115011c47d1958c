//! The families of queues, from the newest snapshots. A client's series vanish when no source tells of it any more; the
//! broker as a whole is no client and has none.

use super::{Family, Watched, Write};
use crate::queues::{Queue, ShownSource};
use crate::sample::{Desc, Writer};
use crate::time::Wall;

/// Families, once a broker.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::gauge(
            "mqtt_queue_depth_messages",
            "Messages that wait for a client, those in flight apart.",
        ),
        write: Write::Broker(|desc, one, _, out| each(desc, one, out, |queue| number(queue.depth))),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_queue_inflight_messages",
            "Messages that were sent to a client and not acknowledged.",
        ),
        write: Write::Broker(|desc, one, _, out| each(desc, one, out, |queue| number(queue.inflight))),
    },
    Family {
        desc: Desc::gauge("mqtt_queue_bytes", "Bytes of the messages that wait for a client."),
        write: Write::Broker(|desc, one, _, out| each(desc, one, out, |queue| number(queue.bytes))),
    },
    Family {
        desc: Desc::gauge("mqtt_queue_limit_messages", "So many messages may wait for a client."),
        write: Write::Broker(|desc, one, _, out| each(desc, one, out, |queue| number(queue.limit_messages))),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_queue_oldest_message_timestamp_seconds",
            "When the oldest message that waits for a client came.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            each(desc, one, out, |queue| queue.oldest.map(Wall::seconds));
        }),
    },
    Family {
        desc: Desc::counter(
            "mqtt_queue_dropped_total",
            "Messages of a client's queue that were never delivered: dropped by the broker since the session began, \
             expired as far as we saw.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            for shown in one.queues.queues.iter().filter(|shown| shown.has_series) {
                let dropped = shown.queue.dropped.map(|count| ("dropped", count));
                let expired = (shown.expired > 0).then_some(("expired", shown.expired));
                for (reason, count) in dropped.into_iter().chain(expired) {
                    let client = shown.queue.client_id.as_str();
                    let labels = [("broker", one.name()), ("client", client), ("reason", reason)];
                    out.sample(desc.name, "", &labels, count as f64);
                }
            }
        }),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_queue_snapshot_timestamp_seconds",
            "The moment of the newest snapshot of a source.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            sources(desc, one, out, |source| source.taken_at.map(Wall::seconds));
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_queue_source_up", "Whether a source told the queues when it was last asked."),
        write: Write::Broker(|desc, one, _, out| {
            sources(desc, one, out, |source| source.is_up.map(|is_up| f64::from(u8::from(is_up))));
        }),
    },
    Family {
        desc: Desc::gauge(
            "watchkeeper_queue_series_suppressed",
            "Clients whose queue has no series of its own.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            if !one.queues.sources.is_empty() {
                let count = one.queues.suppressed as f64;
                out.sample(desc.name, "", &[("broker", one.name())], count);
            }
        }),
    },
];

fn number(value: Option<u64>) -> Option<f64> {
    value.map(|value| value as f64)
}

fn each(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(&Queue) -> Option<f64>) {
    for shown in one.queues.queues.iter().filter(|shown| shown.has_series) {
        if let Some(value) = value(&shown.queue) {
            out.sample(desc.name, "", &[("broker", one.name()), ("client", &shown.queue.client_id)], value);
        }
    }
}

fn sources(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(&ShownSource) -> Option<f64>) {
    for source in &one.queues.sources {
        if let Some(value) = value(source) {
            out.sample(desc.name, "", &[("broker", one.name()), ("source", &source.name)], value);
        }
    }
}
