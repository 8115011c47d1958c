//! The way of audited messages as families, made at each scrape from what the intake counts. Only brokers with audited
//! streams are in here.

use crate::audit::intake::counts::{Count, Counts};
use crate::audit::receiving::AuditLink;
use watchkeeper_core::sample::{Desc, Writer};

type Read = fn(&Counts) -> &Count;

static CONNECTED: Desc = Desc::gauge(
    "watchkeeper_audit_connected",
    "Whether the connection for audited messages is up and every subscription granted.",
);
static COUNTERS: [(Desc, Read); 7] = [
    (
        Desc::counter("watchkeeper_audit_messages_total", "Audited messages that a broker delivered."),
        |counts| &counts.messages,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_messages_duplicated_total",
            "Those of them that it had delivered before; their records are marked.",
        ),
        |counts| &counts.duplicates,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_messages_unprotected_total",
            "Those of them at quality of service 0, which nobody delivers again if they are lost on the way.",
        ),
        |counts| &counts.unprotected,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_messages_lost_total",
            "Messages at quality of service 0 that came while the log had no room.",
        ),
        |counts| &counts.lost,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_messages_skipped_total",
            "Audited messages of devices that other shards keep: acknowledged without a record.",
        ),
        |counts| &counts.skipped,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_backlogs_total",
            "Connections that were left because the broker does not wait for acknowledgements.",
        ),
        |counts| &counts.backlogs,
    ),
    (
        Desc::counter(
            "watchkeeper_audit_sessions_lost_total",
            "Sessions that the broker should have kept and did not.",
        ),
        |counts| &counts.sessions_lost,
    ),
];

/// Every family, with its labels, in the order of the reference.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static Desc, &'static [&'static str])> {
    let counters = COUNTERS.iter().map(|(desc, _)| desc);
    std::iter::once(&CONNECTED).chain(counters).map(|desc| (desc, &["broker"][..]))
}

/// Writes what was counted.
pub(super) fn write(links: &[(&str, &AuditLink)], writer: &mut Writer) {
    if links.is_empty() {
        return;
    }
    writer.family(&CONNECTED);
    for (broker, link) in links {
        let connected = f64::from(u8::from(link.status.get().connected));
        writer.sample(CONNECTED.name, "", &[("broker", broker)], connected);
    }
    for (desc, read) in &COUNTERS {
        writer.family(desc);
        for (broker, link) in links {
            writer.sample(desc.name, "", &[("broker", broker)], read(&link.counts).get() as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::sample::Exposition;

    #[test]
    fn each_broker_with_audited_streams_has_its_series_and_without_one_there_are_no_families() {
        let link = AuditLink::default();
        link.counts.messages.add();
        link.counts.unprotected.add();
        let text = |links: &[(&str, &AuditLink)]| {
            let mut writer = Writer::new(Exposition::Text, 128);
            write(links, &mut writer);
            String::from_utf8(writer.buffer).unwrap()
        };
        let found = text(&[("main", &link)]);
        assert!(found.contains("watchkeeper_audit_messages_total{broker=\"main\"} 1\n"), "{found}");
        assert!(found.contains("watchkeeper_audit_messages_unprotected_total{broker=\"main\"} 1\n"));
        assert!(found.contains("watchkeeper_audit_connected{broker=\"main\"} 0\n"));
        assert_eq!(text(&[]), "");
    }
}
