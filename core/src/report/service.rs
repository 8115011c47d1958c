//! The families of promises and of operations that fail, over the whole fleet.

use super::{Family, Watched, Write};
use crate::operations::{Counts, Operation};
use crate::sample::{Desc, Writer};
use crate::time::seconds;

/// Families, once a broker.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::counter("mqtt_operations_total", "Operations, by type."),
        write: Write::Broker(|desc, one, _, out| operations(desc, one, out, |counts| counts.all)),
    },
    Family {
        desc: Desc::counter("mqtt_operation_failures_total", "Operations that failed, by type."),
        write: Write::Broker(|desc, one, _, out| operations(desc, one, out, |counts| counts.failed)),
    },
    Family {
        desc: Desc::gauge("mqtt_operation_failure_ratio", "Share of failures in the window, by type."),
        write: Write::Broker(|desc, one, _, out| {
            for operation in Operation::ALL {
                if let Some(ratio) = one.fleet.judge.operations(operation).ratio(operation) {
                    out.sample(desc.name, "", &labels(one, operation), ratio);
                }
            }
        }),
    },
    Family {
        desc: Desc::counter(
            "mqtt_sla_violations_total",
            "Times a promise about answers, or about our own messages, was broken.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            for kept in one.fleet.judge.standings() {
                let labels = [("broker", one.name()), ("sla", &*kept.sla)];
                out.sample(desc.name, "", &labels, kept.standing.violations as f64);
            }
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_sla_broken", "1 as long as such a promise is broken."),
        write: Write::Broker(|desc, one, _, out| {
            for kept in one.fleet.judge.standings() {
                let value = f64::from(u8::from(kept.standing.broken_since.is_some()));
                out.sample(desc.name, "", &[("broker", one.name()), ("sla", &kept.sla)], value);
            }
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_sla_seconds", "The percentile that a promise is about, over the window."),
        write: Write::Broker(|desc, one, _, out| {
            for kept in one.fleet.judge.standings() {
                if let Some(value) = kept.value {
                    out.sample(desc.name, "", &[("broker", one.name()), ("sla", &kept.sla)], seconds(value));
                }
            }
        }),
    },
];

fn labels(one: &Watched, operation: Operation) -> [(&str, &str); 2] {
    [("broker", one.name()), ("operation", operation.as_str())]
}

/// Connections are counted outside, and validations where streams are.
fn operations(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(Counts) -> u64) {
    let streams = &one.fleet.stats.streams;
    let messages: u64 = streams.iter().map(|counts| counts.messages).sum();
    for operation in Operation::ALL {
        let counts = match operation {
            Operation::Connection => Counts { all: one.connections.0, failed: one.connections.1 },
            Operation::Validation => Counts {
                all: messages - one.fleet.stats.retained_ignored.min(messages),
                failed: streams.iter().map(|counts| counts.bad).sum(),
            },
            other => one.fleet.judge.operations(other).totals(other),
        };
        out.sample(desc.name, "", &labels(one, operation), value(counts) as f64);
    }
}
