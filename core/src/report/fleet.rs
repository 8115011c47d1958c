//! The families of the whole fleet and of the broker. They count all devices, whether or not these have series
//! of their own. What is not known is not written.

use super::{Family, Watched, Write};
use crate::broker::Value;
use crate::fleet::States;
use crate::reason::Reason;
use crate::rules::{Origin, StreamRules};
use crate::sample::{Desc, Histogram, Writer};
use crate::stats::StreamStats;
use crate::time::Now;

/// Families, once a broker.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::gauge("mqtt_devices", "Devices by state."),
        write: Write::Totals(|desc, one, totals, out| by_state(desc, one, totals.states, out)),
    },
    Family {
        desc: Desc::counter("mqtt_messages_received_total", "Messages received, retained ones included."),
        write: Write::Broker(|desc, one, _, out| per_stream(desc, one, out, |counts| counts.messages as f64)),
    },
    Family {
        desc: Desc::counter("mqtt_message_bytes_total", "Bytes of the payloads received."),
        write: Write::Broker(|desc, one, _, out| per_stream(desc, one, out, |counts| counts.bytes as f64)),
    },
    Family {
        desc: Desc::counter("mqtt_errors_total", "Messages with an error, once a message and reason."),
        write: Write::Broker(errors),
    },
    Family {
        desc: Desc::histogram("mqtt_publish_interval_seconds", "Time between two messages of one device."),
        write: Write::Broker(|desc, one, _, out| histograms(desc, one, out, |counts| &counts.intervals)),
    },
    Family {
        desc: Desc::histogram(
            "mqtt_message_age_seconds",
            "Age of messages on arrival, by their own timestamp.",
        ),
        write: Write::Broker(|desc, one, _, out| histograms(desc, one, out, |counts| &counts.ages)),
    },
    Family {
        desc: Desc::gauge("mqtt_points_stuck", "Points whose value stands still."),
        write: Write::Totals(|desc, one, totals, out| lone(desc, one, out, totals.stuck as f64)),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_devices_muted",
            "Devices that are muted, by state; they are in mqtt_devices as well.",
        ),
        write: Write::Broker(muted_states),
    },
    Family {
        desc: Desc::gauge("mqtt_device_muted", "1 as long as an operator has muted the device."),
        write: Write::Broker(|desc, one, now, out| {
            for device in one.fleet.muted(now.wall) {
                out.sample(desc.name, "", &[("broker", one.name()), ("device", device)], 1.0);
            }
        }),
    },
    Family {
        desc: Desc::counter("mqtt_retained_ignored_total", "Retained messages, which are no sign of life."),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.retained_ignored as f64);
        }),
    },
    Family {
        desc: Desc::counter("mqtt_topics_unmatched_total", "Messages on topics that no stream takes."),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.stats.unmatched as f64)),
    },
    Family {
        desc: Desc::counter("mqtt_topics_invalid_total", "Messages on topics that are not UTF-8."),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.stats.bad_topics as f64)),
    },
    Family { desc: Desc::gauge("mqtt_broker_up", "Whether the broker is there."), write: Write::Broker(up) },
    Family {
        desc: Desc::gauge("mqtt_broker_info", "Make and version of the broker."),
        write: Write::Broker(info),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_broker_sys_last_update_timestamp_seconds",
            "When the broker last said something of itself.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            if let Some(at) = one.broker.last_update() {
                lone(desc, one, out, at.seconds());
            }
        }),
    },
    value("mqtt_broker_uptime_seconds", "Time since the broker started."),
    Family {
        desc: Desc::gauge("mqtt_broker_clients", "Clients of the broker, by state."),
        write: Write::Broker(clients),
    },
    total("mqtt_broker_messages_received_total", "Packets of all types that the broker received."),
    total("mqtt_broker_messages_sent_total", "Packets of all types that the broker sent."),
    total("mqtt_broker_publish_received_total", "PUBLISH packets that the broker received."),
    total("mqtt_broker_publish_sent_total", "PUBLISH packets that the broker sent."),
    total("mqtt_broker_publish_dropped_total", "PUBLISH messages that the broker dropped for its limits."),
    total("mqtt_broker_received_bytes_total", "Bytes that the broker received."),
    total("mqtt_broker_sent_bytes_total", "Bytes that the broker sent."),
    value("mqtt_broker_subscriptions", "Subscriptions of all clients."),
    value("mqtt_broker_retained_messages", "Retained messages."),
    value("mqtt_broker_stored_messages", "Messages in the broker's store."),
    value("mqtt_broker_inflight_messages", "Messages in flight."),
    value("mqtt_broker_heap_bytes", "Heap that the broker uses."),
    Family {
        desc: Desc::counter(
            "mqtt_broker_client_events_total",
            "Clients that connected, disconnected or were refused, as the broker or its log tells.",
        ),
        write: Write::Broker(client_events),
    },
    Family {
        desc: Desc::counter(
            "mqtt_broker_auth_failures_total",
            "Clients that were not who they said, or did what they may not, as the broker or its log tells.",
        ),
        write: Write::Broker(auth_failures),
    },
    Family {
        desc: Desc::gauge("watchkeeper_devices_tracked", "Devices that are tracked."),
        write: Write::Totals(|desc, one, totals, out| lone(desc, one, out, totals.devices() as f64)),
    },
    Family {
        desc: Desc::gauge("watchkeeper_points_tracked", "Points that are tracked."),
        write: Write::Totals(|desc, one, totals, out| lone(desc, one, out, totals.points as f64)),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_devices_refused_total",
            "Devices beyond devices_max, which are not tracked; since the start, and up to 65,536 of them.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.devices_refused as f64);
        }),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_device_messages_refused_total",
            "Messages of devices beyond devices_max.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.messages_refused as f64);
        }),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_shard_skipped_total",
            "Messages of devices that other shards keep, which are not looked at.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            if !one.fleet.rules().shard.is_whole() {
                lone(desc, one, out, one.fleet.stats.skipped as f64);
            }
        }),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_points_refused_total",
            "Readings of points beyond points_per_device_max.",
        ),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.stats.points_refused as f64)),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_aliases_unknown_total",
            "Sparkplug metrics that came with an alias alone, which no birth had explained.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.aliases_unknown as f64);
        }),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_stale_departures_total",
            "Wills and deaths of another session than the one that began last; they count for nothing.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.stale_departures as f64);
        }),
    },
    Family {
        desc: Desc::counter(
            "watchkeeper_announcements_refused_total",
            "Topics announced by discovery for which there was no room.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            lone(desc, one, out, one.fleet.stats.announcements_refused as f64);
        }),
    },
    Family {
        desc: Desc::gauge("watchkeeper_series_suppressed", "Devices without series of their own."),
        write: Write::Totals(|desc, one, totals, out| lone(desc, one, out, totals.suppressed as f64)),
    },
];

const fn total(name: &'static str, help: &'static str) -> Family {
    Family { desc: Desc::counter(name, help), write: Write::Broker(told) }
}

const fn value(name: &'static str, help: &'static str) -> Family {
    Family { desc: Desc::gauge(name, help), write: Write::Broker(told) }
}

/// Which value of the broker a family shows.
fn told(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    let value = match desc.name {
        "mqtt_broker_uptime_seconds" => Value::Uptime,
        "mqtt_broker_messages_received_total" => Value::MessagesReceived,
        "mqtt_broker_messages_sent_total" => Value::MessagesSent,
        "mqtt_broker_publish_received_total" => Value::PublishReceived,
        "mqtt_broker_publish_sent_total" => Value::PublishSent,
        "mqtt_broker_publish_dropped_total" => Value::PublishDropped,
        "mqtt_broker_received_bytes_total" => Value::BytesReceived,
        "mqtt_broker_sent_bytes_total" => Value::BytesSent,
        "mqtt_broker_subscriptions" => Value::Subscriptions,
        "mqtt_broker_retained_messages" => Value::Retained,
        "mqtt_broker_stored_messages" => Value::Stored,
        "mqtt_broker_inflight_messages" => Value::Inflight,
        "mqtt_broker_heap_bytes" => Value::Heap,
        _ => return,
    };
    if let Some(number) = one.broker.value(value) {
        lone(desc, one, out, number);
    }
}

fn lone(desc: &Desc, one: &Watched, out: &mut Writer, value: f64) {
    out.sample(desc.name, "", &[("broker", one.name())], value);
}

fn muted_states(desc: &Desc, one: &Watched, now: Now, out: &mut Writer) {
    if !one.fleet.mutes.is_empty() {
        by_state(desc, one, one.fleet.count_muted(now.wall), out);
    }
}

fn by_state(desc: &Desc, one: &Watched, states: States, out: &mut Writer) {
    for (state, count) in [
        ("online", states.online),
        ("offline", states.offline),
        ("unknown", states.unknown),
        ("never_seen", states.never_seen),
    ] {
        out.sample(desc.name, "", &[("broker", one.name()), ("state", state)], count as f64);
    }
}

/// The streams that are shown: those of a preset that nobody of this fleet speaks would be thousands of zeros.
fn shown(one: &Watched) -> impl Iterator<Item = (&StreamRules, &StreamStats)> {
    let streams = one.fleet.rules().streams.iter().zip(&one.fleet.stats.streams);
    streams.filter(|(rules, counts)| rules.origin != Origin::Preset || counts.messages > 0)
}

fn per_stream(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(&StreamStats) -> f64) {
    for (rules, counts) in shown(one) {
        out.sample(desc.name, "", &[("broker", one.name()), ("stream", &rules.name)], value(counts));
    }
}

fn histograms(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(&StreamStats) -> &Histogram) {
    for (rules, counts) in shown(one) {
        let histogram = value(counts);
        if histogram.count() > 0 {
            out.histogram(desc.name, &[("broker", one.name()), ("stream", &rules.name)], histogram);
        }
    }
}

fn errors(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    for (rules, counts) in shown(one) {
        for reason in Reason::ALL {
            let labels = [("broker", one.name()), ("stream", &*rules.name), ("reason", reason.as_str())];
            out.sample(desc.name, "", &labels, counts.errors[reason as usize] as f64);
        }
    }
}

fn up(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    lone(desc, one, out, f64::from(u8::from(one.fleet.link().is_up())));
}

fn info(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    if let Some(dialect) = one.broker.dialect() {
        // A make that does not say its version is known all the same.
        let version = one.broker.version().unwrap_or_default();
        let labels = [("broker", one.name()), ("kind", dialect.word), ("version", version)];
        out.sample(desc.name, "", &labels, 1.0);
    }
}

fn clients(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    for (state, value) in [
        ("connected", Value::ClientsConnected),
        ("disconnected", Value::ClientsDisconnected),
        ("total", Value::ClientsTotal),
        ("expired", Value::ClientsExpired),
    ] {
        if let Some(count) = one.broker.value(value) {
            out.sample(desc.name, "", &[("broker", one.name()), ("state", state)], count);
        }
    }
}

fn client_events(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    for (change, cause, count) in one.broker.clients.events() {
        let labels = [("broker", one.name()), ("event", change.word()), ("reason", cause.word())];
        out.sample(desc.name, "", &labels, count as f64);
    }
}

fn auth_failures(desc: &Desc, one: &Watched, _: Now, out: &mut Writer) {
    for (reason, count) in one.broker.clients.auth_failures() {
        out.sample(desc.name, "", &[("broker", one.name()), ("reason", reason)], count as f64);
    }
}
