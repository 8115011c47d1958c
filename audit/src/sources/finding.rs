//! Findings of the trackers as records. Every finding becomes one; a new kind of finding does not compile until it is
//! told here what it is.

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::time::{Micros, Wall, seconds};

/// A smaller difference is the time that looking takes, and not worth a field.
const SEEN_AT_ONCE: u64 = 1_000;

/// A finding, dated when it became true.
pub fn draft(broker: &str, finding: &Finding, seen: Wall) -> Draft {
    let (kind, level) = class(&finding.what);
    let draft = Draft::new(finding.wall, level, kind, finding.what.event())
        .text(Key::Broker, broker)
        .text(Key::Device, &finding.device)
        .text(Key::Details, &finding.what.details());
    let draft = fields(draft, &finding.what);
    let draft = if finding.muted { draft.flag(Key::Muted, true) } else { draft };
    if finding.wall.0.abs_diff(seen.0) < SEEN_AT_ONCE { draft } else { draft.time(Key::ObservedAt, seen) }
}

/// The type and the level of a finding.
pub fn class(what: &What) -> (Kind, Level) {
    match what {
        What::FirstSeen
        | What::Online { .. }
        | What::Unstuck { .. }
        | What::Forgotten
        | What::MuteEnded { .. } => (Kind::Device, Level::Info),
        What::Reset { .. } => (Kind::Device, Level::Warn),
        What::Gap { .. } | What::Missed { .. } | What::NoSequence { .. } => (Kind::Delivery, Level::Warn),
        What::Duplicate { .. } | What::Reordered { .. } => (Kind::Delivery, Level::Info),
        What::Offline { .. } | What::Flap { .. } | What::Late { .. } | What::Stuck { .. } => {
            (Kind::Device, Level::Warn)
        }
        What::ErrorRatioHigh { .. } => (Kind::Payload, Level::Warn),
        What::ErrorRatioNormal { .. } => (Kind::Payload, Level::Info),
    }
}

fn fields(draft: Draft, what: &What) -> Draft {
    let lasting = |draft: Draft, span: Micros| draft.float(Key::Seconds, seconds(span));
    match what {
        What::FirstSeen | What::Online { after: None } | What::Forgotten => draft,
        What::Online { after: Some(silent) } | What::Offline { silent } | What::Flap { silent } => {
            lasting(draft, *silent)
        }
        What::Late { stream, expected } => lasting(draft.text(Key::Stream, stream), *expected),
        What::Stuck { stream, point, value, lasted } => lasting(
            draft.text(Key::Stream, stream).text(Key::Point, point).float(Key::Value, *value),
            *lasted,
        ),
        What::Unstuck { stream, point } => draft.text(Key::Stream, stream).text(Key::Point, point),
        What::MuteEnded { reason } => draft.text(Key::Reason, reason),
        What::Gap { stream, first, last, lost: count }
        | What::Missed { stream, first, last, missed: count }
        | What::Duplicate { stream, first, last, count }
        | What::Reordered { stream, first, last, count } => draft
            .text(Key::Stream, stream)
            .int(Key::First, *first)
            .int(Key::Last, *last)
            .int(Key::Count, *count),
        What::Reset { stream, from, to } => {
            draft.text(Key::Stream, stream).text(Key::Old, &from.to_string()).text(Key::New, &to.to_string())
        }
        What::NoSequence { stream } => draft.text(Key::Stream, stream),
        What::ErrorRatioHigh { ratio } | What::ErrorRatioNormal { ratio } => draft.float(Key::Ratio, *ratio),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Format, encode};
    use crate::sources::audited;
    use watchkeeper_core::time::Mono;

    fn finding(what: What) -> Finding {
        let wall = Wall(1_795_242_660_123_456);
        Finding { at: Mono(5), wall, device: "a/1/d7".into(), what, muted: false }
    }

    fn line(finding: &Finding, seen: i64) -> String {
        let seen = Wall(finding.wall.0 + seen);
        encode(&draft("main", finding, seen), Format::Pipe).line(7)
    }

    /// One of each. What is added to `What` is added here: the match does not compile without it.
    fn all() -> Vec<What> {
        let stuck = What::Stuck { stream: "s".into(), point: "3".into(), value: 21.5, lasted: 60_000_000 };
        let next = |what: &What| match what {
            What::FirstSeen => Some(What::Online { after: Some(1) }),
            What::Online { after: Some(_) } => Some(What::Online { after: None }),
            What::Online { after: None } => Some(What::Offline { silent: 1 }),
            What::Offline { .. } => Some(What::Flap { silent: 1 }),
            What::Flap { .. } => Some(What::Late { stream: "s".into(), expected: 1 }),
            What::Late { .. } => Some(stuck.clone()),
            What::Stuck { .. } => Some(What::Unstuck { stream: "s".into(), point: "3".into() }),
            What::Unstuck { .. } => Some(What::ErrorRatioHigh { ratio: 0.5 }),
            What::ErrorRatioHigh { .. } => Some(What::ErrorRatioNormal { ratio: 0.0 }),
            What::ErrorRatioNormal { .. } => Some(What::MuteEnded { reason: "works".into() }),
            What::MuteEnded { .. } => Some(What::Gap { stream: "s".into(), first: 101, last: 114, lost: 14 }),
            What::Gap { .. } => Some(What::Missed { stream: "s".into(), first: 1, last: 2, missed: 2 }),
            What::Missed { .. } => Some(What::Duplicate { stream: "s".into(), first: 1, last: 1, count: 1 }),
            What::Duplicate { .. } => {
                Some(What::Reordered { stream: "s".into(), first: 1, last: 1, count: 1 })
            }
            What::Reordered { .. } => Some(What::Reset { stream: "s".into(), from: 9, to: 1 }),
            What::Reset { .. } => Some(What::NoSequence { stream: "s".into() }),
            What::NoSequence { .. } => Some(What::Forgotten),
            What::Forgotten => None,
        };
        std::iter::successors(Some(What::FirstSeen), next).collect()
    }

    #[test]
    fn every_finding_is_in_the_list_of_what_is_audited() {
        for what in all() {
            let (kind, level) = class(&what);
            assert!(audited::is_listed(what.event(), kind, level), "{what:?}");
        }
    }

    #[test]
    fn a_finding_is_dated_when_it_became_true_and_says_what_it_knows() {
        let stuck = all().into_iter().find(|what| what.event() == "stuck").expect("all are there");
        assert_eq!(
            line(&Finding { muted: true, ..finding(stuck) }, 1_000_000),
            "2026-11-21T06:31:00.123456Z | WARN | DEVICE | seq=7 | event=stuck | broker=main | device=a/1/d7 | \
             details=\"s: point 3 stands still at 21.5 for 60.0 s\" | observed_at=2026-11-21T06:31:01.123456Z | \
             stream=s | point=3 | value=21.5 | seconds=60.0 | muted=true\n"
        );
        let ended = line(&finding(What::MuteEnded { reason: "works".into() }), 0);
        assert!(ended.contains(" | reason=works | "), "{ended}");
    }

    #[test]
    fn when_it_was_seen_is_said_only_where_it_differs() {
        for (micros, differs) in [(0, false), (999, false), (-999, false), (1_000, true), (-1_000, true)] {
            let line = line(&finding(What::FirstSeen), micros);
            assert_eq!(line.contains("observed_at"), differs, "{micros}");
        }
    }
}
