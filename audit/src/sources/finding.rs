//! Findings of the trackers as records. Every finding becomes one, but for what the record of a message says already; a
//! new kind of finding does not compile until it is told here what it is.

mod exchange;
mod probe;

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::time::{Micros, Wall, seconds};

/// A smaller difference is the time that looking takes, and not worth a field.
const SEEN_AT_ONCE: u64 = 1_000;

/// A finding, dated when it became true; none where the record of a message has it.
pub fn draft(broker: &str, finding: &Finding, seen: Wall) -> Option<Draft> {
    if exchange::is_told_by_its_message(&finding.what) {
        return None;
    }
    let (kind, level) = class(&finding.what);
    let draft = Draft::new(finding.wall, level, kind, finding.what.event())
        .text(Key::Broker, broker)
        .text(Key::Device, &finding.device)
        .text(Key::Details, &finding.what.details());
    let draft = fields(draft, &finding.what);
    let draft = if finding.muted { draft.flag(Key::Muted, true) } else { draft };
    let at_once = finding.wall.0.abs_diff(seen.0) < SEEN_AT_ONCE;
    Some(if at_once { draft } else { draft.time(Key::ObservedAt, seen) })
}

/// The type and the level of a finding.
pub fn class(what: &What) -> (Kind, Level) {
    match what {
        What::FirstSeen
        | What::Online { .. }
        | What::Unstuck { .. }
        | What::Forgotten
        | What::MuteEnded { .. }
        | What::HeapSound { .. } => (Kind::Device, Level::Info),
        What::Gap { .. } | What::Missed { .. } | What::NoSequence { .. } => (Kind::Delivery, Level::Warn),
        What::Duplicate { .. } | What::Reordered { .. } => (Kind::Delivery, Level::Info),
        What::Offline { .. }
        | What::Flap { .. }
        | What::Late { .. }
        | What::Stuck { .. }
        | What::Reset { .. }
        | What::Restart(_)
        | What::HeapFragmented { .. } => (Kind::Device, Level::Warn),
        What::ErrorRatioHigh { .. } => (Kind::Payload, Level::Warn),
        What::ErrorRatioNormal { .. } => (Kind::Payload, Level::Info),
        What::Command(command) => (Kind::Command, exchange::command_level(command)),
        What::Service(service) => exchange::service_class(service),
        What::Alarm(alarm) => exchange::alarm_class(alarm),
        What::ConfigChanged(_) => (Kind::Config, Level::Info),
        What::Queue(queue) => (Kind::Delivery, exchange::queue_level(queue)),
        What::Probe(probing) => probe::class(probing),
    }
}

fn fields(draft: Draft, what: &What) -> Draft {
    let lasting = |draft: Draft, span: Micros| draft.float(Key::Seconds, seconds(span));
    match what {
        What::FirstSeen | What::Online { after: None } | What::Forgotten => draft,
        What::Online { after: Some(silent) } => lasting(draft, *silent),
        What::Offline { silent, reason } | What::Flap { silent, reason } => {
            lasting(draft.text(Key::Reason, reason.as_str()), *silent)
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
        | What::Duplicate { stream, first, last, count, .. }
        | What::Reordered { stream, first, last, count, .. } => draft
            .text(Key::Stream, stream)
            .int(Key::First, *first)
            .int(Key::Last, *last)
            .int(Key::Count, *count),
        What::Reset { stream, from, to } => {
            draft.text(Key::Stream, stream).text(Key::Old, &from.to_string()).text(Key::New, &to.to_string())
        }
        What::NoSequence { stream } => draft.text(Key::Stream, stream),
        What::ErrorRatioHigh { ratio } | What::ErrorRatioNormal { ratio } => draft.float(Key::Ratio, *ratio),
        What::HeapFragmented { share } | What::HeapSound { share } => draft.float(Key::Ratio, *share),
        What::Command(command) => exchange::command(draft, command),
        What::Service(service) => exchange::service(draft, service),
        What::Alarm(alarm) => exchange::alarm(draft, alarm),
        What::Restart(restart) => exchange::restart(draft, restart),
        What::ConfigChanged(change) => exchange::change(draft, change),
        What::Queue(queue) => exchange::queue(draft, queue),
        What::Probe(probing) => probe::fields(draft, probing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Format, encode};
    use crate::sources::audited;
    use watchkeeper_core::exchange::Fault;
    use watchkeeper_core::finding::{
        Alarm, Change, Command, Probing, QueueTurn, Queueing, Restart, Service, Turn,
    };
    use watchkeeper_core::operations::Operation;
    use watchkeeper_core::time::Mono;
    use watchkeeper_core::trackers::presence::Departure;

    fn finding(what: What) -> Finding {
        let wall = Wall(1_795_242_660_123_456);
        Finding { at: Mono(5), wall, device: "a/1/d7".into(), what, muted: false }
    }

    fn line(finding: &Finding, seen: i64) -> String {
        let seen = Wall(finding.wall.0 + seen);
        encode(&draft("main", finding, seen).expect("it is told by no message"), Format::Pipe).line(7)
    }

    fn commands() -> Vec<What> {
        let (command, id, status): (Box<str>, Box<str>, Box<str>) =
            ("get".into(), "c1".into(), "success".into());
        let names = || (command.clone(), id.clone());
        let first = Command::Answered {
            command: command.clone(),
            id: id.clone(),
            status: status.clone(),
            latency: Some(12_500),
            device: None,
            is_late: false,
            has_waited: false,
            was_away: false,
        };
        let next = |of: &Command| {
            let (command, id) = names();
            let status = status.clone();
            match of {
                Command::Answered { is_late: false, .. } => {
                    let (latency, device, is_late) = (None, None, true);
                    let (has_waited, was_away) = (true, true);
                    Some(Command::Answered {
                        command,
                        id,
                        status,
                        latency,
                        device,
                        is_late,
                        has_waited,
                        was_away,
                    })
                }
                Command::Answered { .. } => Some(Command::TimedOut { command, id, after: 1, was_away: true }),
                Command::TimedOut { .. } => Some(Command::Orphan { id, status, was_away: true }),
                Command::Orphan { .. } => Some(Command::Repeated { command, id }),
                Command::Repeated { .. } => Some(Command::IdReused { command, id }),
                Command::IdReused { .. } => Some(Command::AnsweredAgain { command, id, status }),
                Command::AnsweredAgain { .. } => Some(Command::Qos0 { command }),
                Command::Qos0 { .. } => Some(Command::Retained { command, id }),
                Command::Retained { .. } => {
                    Some(Command::Delivered { answered: 2, unanswered: 0, in_order: true, took: 1 })
                }
                Command::Delivered { unanswered: 0, .. } => {
                    Some(Command::Delivered { answered: 2, unanswered: 1, in_order: true, took: 1 })
                }
                Command::Delivered { .. } => {
                    Some(Command::RequestInvalid { command, id, faults: vec![Fault::NoId, Fault::NoCommand] })
                }
                Command::RequestInvalid { .. } => {
                    Some(Command::ResponseInvalid { id, faults: vec![Fault::NotObject] })
                }
                Command::ResponseInvalid { .. } => None,
            }
        };
        std::iter::successors(Some(first), next).map(What::Command).collect()
    }

    fn services() -> Vec<What> {
        let (value, limit, mut all) = (2, 1, Vec::new());
        for sla in ["command_p95", "publish_p95"] {
            all.push(Service::SlaBroken { sla: sla.into(), value, limit });
            all.push(Service::SlaKept { sla: sla.into(), value, limit });
        }
        for operation in Operation::ALL {
            all.push(Service::FailuresHigh { operation, ratio: 0.5 });
            all.push(Service::FailuresNormal { operation, ratio: 0.0 });
        }
        all.into_iter().map(What::Service).collect()
    }

    fn alarms() -> Vec<What> {
        let next = |of: &Turn| match of {
            Turn::Raised { .. } => Some(Turn::Changed { from: "LOW".into(), said: "ACTIVE".into() }),
            Turn::Changed { .. } => Some(Turn::Acknowledged),
            Turn::Acknowledged => Some(Turn::Cleared { after: 1 }),
            Turn::Cleared { .. } => Some(Turn::Flapping { times: 4, within: 60_000_000 }),
            Turn::Flapping { .. } => Some(Turn::Steady),
            Turn::Steady => None,
        };
        let alarm = |turn| {
            let (id, kind, point) = (Some("a1".into()), "HIGH_TEMP".into(), "7".into());
            What::Alarm(Alarm { id, kind, point, priority: "HIGH".into(), turn })
        };
        std::iter::successors(Some(Turn::Raised { said: "ACTIVE".into() }), next).map(alarm).collect()
    }

    fn queues() -> Vec<What> {
        let (depth, count) = (7, 3);
        let next = |of: &QueueTurn| match of {
            QueueTurn::High { .. } => Some(QueueTurn::Cleared { depth: Some(depth) }),
            QueueTurn::Cleared { .. } => Some(QueueTurn::Growing { depth, rate: 0.5, full_in: 1 }),
            QueueTurn::Growing { .. } => Some(QueueTurn::Settled { depth: Some(depth) }),
            QueueTurn::Settled { .. } => Some(QueueTurn::Stale { depth, age: 1 }),
            QueueTurn::Stale { .. } => Some(QueueTurn::Fresh { depth: Some(depth) }),
            QueueTurn::Fresh { .. } => Some(QueueTurn::Stuck { depth, lasted: 1 }),
            QueueTurn::Stuck { .. } => Some(QueueTurn::Moves { depth: Some(depth) }),
            QueueTurn::Moves { .. } => Some(QueueTurn::Drained { count, took: 1, in_order: Some(true) }),
            QueueTurn::Drained { in_order: Some(true), .. } => {
                Some(QueueTurn::Drained { count, took: 1, in_order: Some(false) })
            }
            QueueTurn::Drained { .. } => Some(QueueTurn::Dropped { count }),
            QueueTurn::Dropped { .. } => Some(QueueTurn::Expired { count }),
            QueueTurn::Expired { .. } => Some(QueueTurn::Flapping { times: 5, within: 1 }),
            QueueTurn::Flapping { .. } => Some(QueueTurn::Steady),
            QueueTurn::Steady => None,
        };
        let queue = |turn| What::Queue(Queueing { client: "c1".into(), source: "emqx".into(), turn });
        std::iter::successors(Some(QueueTurn::High { depth, limit: 9 }), next).map(queue).collect()
    }

    fn probes() -> Vec<What> {
        let (reason, summary): (Box<str>, Box<str>) = ("refused".into(), "nobody listens".into());
        let next = |of: &Probing| {
            let (reason, summary) = (reason.clone(), summary.clone());
            match of {
                Probing::Failed { .. } => Some(Probing::Restored { after: 1 }),
                Probing::Restored { .. } => Some(Probing::Lost { qos: 1, count: 1, is_all: false }),
                Probing::Lost { .. } => Some(Probing::Delivers),
                Probing::Delivers => Some(Probing::SessionFailed { reason, summary, lost: 15 }),
                Probing::SessionFailed { .. } => Some(Probing::SessionSound),
                Probing::SessionSound => Some(Probing::RetainedFailed { reason, summary, rounds: 3 }),
                Probing::RetainedFailed { .. } => Some(Probing::RetainedSound),
                Probing::RetainedSound => Some(Probing::RetainedNone),
                Probing::RetainedNone => None,
            }
        };
        let first = Probing::Failed { reason: reason.clone(), summary: summary.clone(), rounds: 3 };
        std::iter::successors(Some(first), next).map(What::Probe).collect()
    }

    /// One of each. What is added to `What` is added here: the match does not compile without it.
    fn all() -> Vec<What> {
        let stuck = What::Stuck { stream: "s".into(), point: "3".into(), value: 21.5, lasted: 60_000_000 };
        let next = |what: &What| match what {
            What::FirstSeen => Some(What::Online { after: Some(1) }),
            What::Online { after: Some(_) } => Some(What::Online { after: None }),
            What::Online { after: None } => Some(What::Offline { silent: 1, reason: Departure::Will }),
            What::Offline { .. } => Some(What::Flap { silent: 1, reason: Departure::Silence }),
            What::Flap { .. } => Some(What::Late { stream: "s".into(), expected: 1 }),
            What::Late { .. } => Some(stuck.clone()),
            What::Stuck { .. } => Some(What::Unstuck { stream: "s".into(), point: "3".into() }),
            What::Unstuck { .. } => Some(What::ErrorRatioHigh { ratio: 0.5 }),
            What::ErrorRatioHigh { .. } => Some(What::ErrorRatioNormal { ratio: 0.0 }),
            What::ErrorRatioNormal { .. } => Some(What::MuteEnded { reason: "works".into() }),
            What::MuteEnded { .. } => Some(What::Gap { stream: "s".into(), first: 101, last: 114, lost: 14 }),
            What::Gap { .. } => Some(What::Missed { stream: "s".into(), first: 1, last: 2, missed: 2 }),
            What::Missed { .. } => {
                Some(What::Duplicate { stream: "s".into(), first: 1, last: 1, count: 1, at: Mono(5) })
            }
            What::Duplicate { .. } => {
                Some(What::Reordered { stream: "s".into(), first: 1, last: 1, count: 1, at: Mono(5) })
            }
            What::Reordered { .. } => Some(What::Reset { stream: "s".into(), from: 9, to: 1 }),
            What::Reset { .. } => Some(What::NoSequence { stream: "s".into() }),
            What::NoSequence { .. } => Some(What::Forgotten),
            What::Forgotten => {
                Some(What::Restart(Restart { boots: 1, reason: Some("panic".into()), uptime: Some(1) }))
            }
            What::Restart(_) => Some(What::HeapFragmented { share: 0.6 }),
            What::HeapFragmented { .. } => Some(What::HeapSound { share: 0.4 }),
            What::HeapSound { .. } => {
                let (stream, setting) = ("s".into(), "a.b".into());
                let (old, new) = (Some("1".into()), Some("2".into()));
                Some(What::ConfigChanged(Change { stream, setting, old, new, was_away: false }))
            }
            What::ConfigChanged(_)
            | What::Queue(_)
            | What::Probe(_)
            | What::Command(_)
            | What::Alarm(_)
            | What::Service(_) => None,
        };
        let rest = std::iter::successors(Some(What::FirstSeen), next);
        rest.chain(commands()).chain(alarms()).chain(services()).chain(queues()).chain(probes()).collect()
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
    fn a_command_is_told_with_its_id_and_the_time_it_took() {
        let matched = commands().into_iter().next().expect("there is one");
        assert_eq!(
            line(&finding(matched), 0),
            "2026-11-21T06:31:00.123456Z | INFO | COMMAND | seq=7 | event=command_matched | broker=main | \
             device=a/1/d7 | result=success | cmd=get | cmd_id=c1 | latency_ms=12.5 | \
             details=\"get (c1): success after 0.013 s\"\n"
        );
    }

    #[test]
    fn what_a_message_says_is_not_said_again() {
        let untold: Vec<What> = all()
            .into_iter()
            .filter(|what| draft("main", &finding(what.clone()), Wall(0)).is_none())
            .collect();
        let events: Vec<&str> = untold.iter().map(What::event).collect();
        assert_eq!(events, ["config_changed", "alarm_raised", "alarm_acknowledged", "alarm_cleared"]);
    }

    #[test]
    fn when_it_was_seen_is_said_only_where_it_differs() {
        for (micros, differs) in [(0, false), (999, false), (-999, false), (1_000, true), (-1_000, true)] {
            let line = line(&finding(What::FirstSeen), micros);
            assert_eq!(line.contains("observed_at"), differs, "{micros}");
        }
    }
}
