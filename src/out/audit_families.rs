//! `watchkeeper_audit_*`: the log's own word about itself as families, made at each scrape. What is not known, such as
//! the last write of a log without records, is left out; it must never be 0.

use std::iter::once;
use watchkeeper_audit::log::{APPEND_BOUNDS, AppendTimes, State, Status};
use watchkeeper_audit::record::Kind;
use watchkeeper_core::sample::{Desc, Exposition, Writer};
use watchkeeper_core::time::{SECOND, Wall, seconds};

static RECORDS: Desc = Desc::counter(
    "watchkeeper_audit_records_total",
    "Records of this process that are on disk, by type; the log goes on with its numbers over restarts.",
);
static FAILURES: Desc = Desc::counter(
    "watchkeeper_audit_write_failures_total",
    "Attempts to write, flush or sign that failed; each is repeated.",
);
static LAST_WRITE: Desc = Desc::gauge(
    "watchkeeper_audit_last_write_timestamp_seconds",
    "When records were last brought to the disk.",
);
static BYTES: Desc = Desc::gauge("watchkeeper_audit_bytes", "Bytes of all segments on disk.");
static SEGMENTS: Desc =
    Desc::gauge("watchkeeper_audit_segments", "Segments on disk, with the one that is being written.");
static APPEND: Desc = Desc::histogram(
    "watchkeeper_audit_append_seconds",
    "Time from the moment a record is made until it is on disk.",
);
static BLOCKED: Desc = Desc::gauge(
    "watchkeeper_audit_blocked",
    "Whether the log cannot write; nothing is acknowledged to the broker meanwhile.",
);
static DROPPED: Desc = Desc::counter(
    "watchkeeper_audit_dropped_total",
    "Records dropped because on_full says so and the disk took nothing.",
);
static FREE: Desc = Desc::gauge("watchkeeper_audit_free_bytes", "Free bytes on the disk of the log.");
static TREE_SIZE: Desc = Desc::gauge("watchkeeper_audit_tree_size", "Records that the evidence covers.");
static CHECKPOINT: Desc = Desc::gauge(
    "watchkeeper_audit_checkpoint_timestamp_seconds",
    "When the log was last signed; every 60 s also when nothing happens.",
);
static HORIZON: Desc = Desc::gauge(
    "watchkeeper_audit_retention_horizon_seconds",
    "Age of the oldest record that is still there.",
);
static VERIFIED: Desc = Desc::gauge(
    "watchkeeper_audit_verify_last_ok_timestamp_seconds",
    "When the log was last proved to be what was written; at the start and daily.",
);

/// Every family, with its labels, in the order of the reference.
#[cfg(test)]
pub(super) static ALL: [(&Desc, &[&str]); 13] = [
    (&RECORDS, &["type"]),
    (&FAILURES, &[]),
    (&LAST_WRITE, &[]),
    (&BYTES, &[]),
    (&SEGMENTS, &[]),
    (&APPEND, &[]),
    (&BLOCKED, &[]),
    (&DROPPED, &[]),
    (&FREE, &[]),
    (&TREE_SIZE, &[]),
    (&CHECKPOINT, &[]),
    (&HORIZON, &[]),
    (&VERIFIED, &[]),
];

/// Writes what is known; `verified` is when that was last done with success.
pub(super) fn write(status: &Status, verified: Option<Wall>, now: Wall, writer: &mut Writer) {
    writer.family(&RECORDS);
    for (kind, count) in Kind::ALL.iter().zip(status.records) {
        writer.sample(RECORDS.name, "", &[("type", kind.word())], count as f64);
    }
    let blocked = u8::from(matches!(status.state, State::Blocked { .. }));
    let age = |oldest: Wall| seconds(u64::try_from(now.0.saturating_sub(oldest.0)).unwrap_or_default());
    let single = [
        (&FAILURES, Some(status.write_failures as f64)),
        (&LAST_WRITE, status.last_write.map(Wall::seconds)),
        (&BYTES, Some(status.bytes as f64)),
        (&SEGMENTS, Some(status.segments as f64)),
        (&BLOCKED, Some(f64::from(blocked))),
        (&DROPPED, Some(status.dropped as f64)),
        (&FREE, status.free.map(|free| free as f64)),
        (&TREE_SIZE, Some(status.tree_size as f64)),
        (&CHECKPOINT, status.checkpoint.as_ref().map(|checkpoint| checkpoint.at.seconds())),
        (&HORIZON, status.oldest.map(age)),
        (&VERIFIED, verified.map(Wall::seconds)),
    ];
    for (desc, value) in single {
        if let Some(value) = value {
            writer.family(desc);
            writer.sample(desc.name, "", &[], value);
        }
    }
    append(&status.append, writer);
}

fn append(times: &AppendTimes, writer: &mut Writer) {
    writer.family(&APPEND);
    let bounds = APPEND_BOUNDS.iter().map(|bound| bound_text(*bound, writer.exposition()));
    let bounds: Vec<String> = bounds.chain(once("+Inf".to_owned())).collect();
    let mut seen = 0;
    for (bound, count) in bounds.iter().zip(times.buckets) {
        seen += count;
        writer.sample(APPEND.name, "_bucket", &[("le", bound)], seen as f64);
    }
    writer.sample(APPEND.name, "_sum", &[], seconds(times.sum));
    writer.sample(APPEND.name, "_count", &[], seen as f64);
}

/// The bound in seconds, as each format spells it: `1` and `1.0`.
fn bound_text(micros: u64, exposition: Exposition) -> String {
    match exposition {
        Exposition::Text if micros.is_multiple_of(SECOND) => format!("{}", micros / SECOND),
        _ => format!("{:?}", seconds(micros)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(status: &Status, exposition: Exposition) -> String {
        let mut writer = Writer::new(exposition, 128);
        write(status, None, Wall(10_000_000), &mut writer);
        String::from_utf8(writer.buffer).unwrap()
    }

    #[test]
    fn what_is_known_is_there_and_what_is_not_is_absent() {
        let mut status = Status::default();
        let bare = written(&status, Exposition::Text);
        for absent in ["last_write", "checkpoint", "horizon", "free_bytes", "verify"] {
            assert!(!bare.contains(absent), "{absent}: {bare}");
        }
        assert!(bare.contains("watchkeeper_audit_blocked 0\n"), "{bare}");
        (status.oldest, status.last_write) = (Some(Wall(4_000_000)), Some(Wall(9_500_000)));
        status.records[Kind::Device as usize] = 7;
        (status.append.buckets[1], status.append.buckets[13], status.append.sum) = (2, 1, 6_000_000);
        let text = written(&status, Exposition::Text);
        for line in [
            "watchkeeper_audit_records_total{type=\"DEVICE\"} 7",
            "watchkeeper_audit_records_total{type=\"SYSTEM\"} 0",
            "watchkeeper_audit_retention_horizon_seconds 6",
            "watchkeeper_audit_last_write_timestamp_seconds 9.5",
            "watchkeeper_audit_append_seconds_bucket{le=\"0.00025\"} 0",
            "watchkeeper_audit_append_seconds_bucket{le=\"0.0005\"} 2",
            "watchkeeper_audit_append_seconds_bucket{le=\"1\"} 2",
            "watchkeeper_audit_append_seconds_bucket{le=\"+Inf\"} 3",
            "watchkeeper_audit_append_seconds_sum 6",
            "watchkeeper_audit_append_seconds_count 3",
        ] {
            assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
        }
        assert!(written(&status, Exposition::OpenMetrics).contains("_bucket{le=\"1.0\"} 2.0\n"));
    }

    #[test]
    fn every_family_that_is_written_is_in_the_reference() {
        let mut status = Status::default();
        (status.oldest, status.last_write, status.free) = (Some(Wall(0)), Some(Wall(0)), Some(1));
        let mut writer = Writer::new(Exposition::Text, 128);
        write(&status, Some(Wall(0)), Wall(0), &mut writer);
        let text = String::from_utf8(writer.buffer).unwrap();
        let mut there: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
        there.push(CHECKPOINT.name);
        there.sort_unstable();
        let mut all: Vec<&str> = ALL.iter().map(|(desc, _)| desc.name).collect();
        all.sort_unstable();
        assert_eq!(there, all);
    }
}
