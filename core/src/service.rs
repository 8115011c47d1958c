//! How well the fleet as a whole serves: promises about the times of answers, and operations that fail. Fed by what
//! became true of devices; what is found here belongs to no device. Nothing here may count a thing that is no finding and
//! no arrival.

use crate::finding::{Command, Service, What};
use crate::operations::{Counts, Operation, Operations, Turn};
use crate::rules::{ErrorRules, FleetRules};
use crate::sla::{Promise, Sla, SlaRules, Standing};
use crate::time::{Micros, Mono, Now};
use serde::{Deserialize, Serialize};

/// So many connections that were tried are enough to speak of a share: who is refused waits longer each time.
const CONNECTIONS_MIN: u32 = 3;

/// The judge of one fleet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    promises: Vec<Promise>,
    sla: Sla,
    operations: Operations,
    /// On our own clock, which does not stand still while we are not connected.
    #[serde(skip)]
    connections: Operations,
    /// Connections that were tried so far, and those that failed.
    #[serde(skip)]
    tried: Counts,
    /// Times of our own messages there and back, on our own clock as well.
    #[serde(skip)]
    publish: Sla,
    #[serde(skip)]
    rules: Rules,
    #[serde(skip)]
    kept: Vec<crate::sla::Turn>,
}

/// A promise and how it is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The label value: `command_p95`, `publish_p99`.
    pub sla: String,
    /// What was promised.
    pub promise: Promise,
    /// Broken or not.
    pub standing: Standing,
    /// The percentile now; none while there is nothing in the window.
    pub value: Option<Micros>,
    /// Its moments are on our own clock, which never stands still, and not on the fleet's.
    pub is_on_our_clock: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Rules {
    sla: SlaRules,
    publish: SlaRules,
    errors: ErrorRules,
}

impl Judge {
    /// One that has seen nothing yet.
    pub fn new(rules: &FleetRules) -> Self {
        let promise = |sla: &crate::rules::Sla| Promise { quantile: sla.quantile, limit: sla.within };
        let promises: Vec<Promise> = rules.commands.sla.iter().map(promise).collect();
        let errors = rules.errors;
        let minimum = usize::try_from(errors.minimum).unwrap_or(usize::MAX);
        let sla = SlaRules { promises: promises.clone(), window: errors.window, minimum };
        Self { promises, rules: Rules { sla, publish: rules.publish.clone(), errors }, ..Self::default() }
    }

    /// Goes on from what was saved; what was promised otherwise is not held against anybody.
    pub fn restore(&mut self, saved: Self) {
        self.operations = saved.operations;
        if saved.promises == self.promises {
            self.sla = saved.sla;
        }
    }

    /// A message was looked at; of a muted device it is counted, and nobody is judged by it.
    pub(crate) fn arrived(&mut self, is_bad: bool, is_numbered: bool, muted: bool, at: Mono) {
        self.note(Operation::Validation, (1, u64::from(is_bad)), muted, at);
        if is_numbered {
            self.note(Operation::Publish, (1, 0), muted, at);
        }
    }

    /// Something became true of a device; the same holds for one that is muted.
    pub(crate) fn found(&mut self, what: &What, muted: bool, at: Mono) {
        match what {
            What::Gap { lost, .. } => self.note(Operation::Publish, (*lost, *lost), muted, at),
            What::Command(Command::TimedOut { .. }) => self.note(Operation::Command, (1, 1), muted, at),
            What::Command(Command::Answered { latency, status, is_late, .. }) => {
                if let Some(latency) = latency.filter(|_| !muted) {
                    self.sla.observe(&self.rules.sla, latency, at, &mut self.kept);
                }
                // One that is late has failed already, and a part is not the end of one.
                if !is_late && !status.eq_ignore_ascii_case("partial") {
                    self.note(Operation::Command, (1, u64::from(is_failure(status))), muted, at);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, operation: Operation, (all, failed): (u64, u64), muted: bool, at: Mono) {
        let counts = Counts { all, failed };
        if muted {
            self.operations.count(operation, counts);
        } else {
            self.operations.note(self.rules.errors, operation, counts, at);
        }
    }

    /// Takes what became true of answers, after whatever was found.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (Mono, Service)> {
        let Self { kept, promises, .. } = self;
        kept.drain(..).map(|turn| (turn.at, turned("command", promises, turn)))
    }

    /// So long did our own messages take there and back; time passed in any case. What becomes true was so long ago.
    pub(crate) fn round_trips(&mut self, took: &[Micros], now: Now) -> Vec<(Micros, Service)> {
        let (rules, mut turns) = (&self.rules.publish, Vec::new());
        self.publish.tick(rules, now.mono, &mut turns);
        for took in took {
            self.publish.observe(rules, *took, now.mono, &mut turns);
        }
        let turns = turns.into_iter();
        turns.map(|turn| (now.mono.since(turn.at), turned("publish", &rules.promises, turn))).collect()
    }

    /// Time passed. Everything up to `known` must have been found.
    pub(crate) fn tick(&mut self, known: Mono) -> Vec<(Mono, Service)> {
        self.sla.tick(&self.rules.sla, known, &mut self.kept);
        let mut turns = Vec::new();
        self.operations.judge(self.rules.errors, known, &mut turns);
        let turns = turns.into_iter().map(|turn| (turn.at, told(turn)));
        self.take().collect::<Vec<_>>().into_iter().chain(turns).collect()
    }

    /// So many connections were tried so far, and so many failed.
    pub(crate) fn connections(&mut self, tried: Counts, now: Now) -> Vec<(Micros, Service)> {
        let rules =
            ErrorRules { minimum: self.rules.errors.minimum.min(CONNECTIONS_MIN), ..self.rules.errors };
        let all = tried.all.saturating_sub(self.tried.all);
        let failed = tried.failed.saturating_sub(self.tried.failed);
        self.tried = tried;
        // One that was tried a moment ago may fail only now; it is counted once all the same.
        if all + failed > 0 {
            self.connections.note(rules, Operation::Connection, Counts { all, failed }, now.mono);
        }
        let mut turns = Vec::new();
        self.connections.judge(rules, now.mono, &mut turns);
        turns.into_iter().map(|turn| (now.mono.since(turn.at), told(turn))).collect()
    }

    /// Each promise and how it is doing: those about answers, then those about our own messages.
    pub fn standings(&self) -> impl Iterator<Item = Kept> {
        let about = |of: &'static str, sla: &'_ Sla, index: usize, promise: Promise| Kept {
            sla: name(of, promise),
            promise,
            standing: sla.standing(index),
            value: sla.quantile(promise.quantile),
            is_on_our_clock: of == "publish",
        };
        let commands = self.promises.iter().enumerate();
        let commands = commands.map(move |(index, promise)| about("command", &self.sla, index, *promise));
        let publish = self.rules.publish.promises.iter().enumerate();
        commands.chain(publish.map(move |(index, promise)| about("publish", &self.publish, index, *promise)))
    }

    /// The operations of a type.
    pub fn operations(&self, operation: Operation) -> &Operations {
        if operation == Operation::Connection { &self.connections } else { &self.operations }
    }
}

fn told(turn: Turn) -> Service {
    let Turn { operation, ratio, .. } = turn;
    if turn.is_high {
        Service::FailuresHigh { operation, ratio }
    } else {
        Service::FailuresNormal { operation, ratio }
    }
}

fn turned(of: &str, promises: &[Promise], turn: crate::sla::Turn) -> Service {
    let promise = promises.get(turn.index).copied().unwrap_or(Promise { quantile: 0.0, limit: 0 });
    let (sla, value, limit) = (name(of, promise).into(), turn.value, promise.limit);
    if turn.is_broken {
        Service::SlaBroken { sla, value, limit }
    } else {
        Service::SlaKept { sla, value, limit }
    }
}

/// The label value of a promise about commands, or about publishing.
fn name(of: &str, promise: Promise) -> String {
    format!("{of}_{}", promise.name())
}

/// Whether a status says that the command came to nothing.
fn is_failure(status: &str) -> bool {
    let status = status.to_ascii_lowercase();
    ["error", "fail", "reject", "denied", "timeout"].iter().any(|word| status.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;
    use crate::testing::Bench;
    use crate::time::{SECOND, Wall};

    fn bench() -> Bench {
        let mut rules = FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() };
        rules.errors.minimum = 4;
        rules.commands.timeout = 20 * SECOND;
        Bench::new(rules)
    }

    /// Asks at a moment, and has the answer so many seconds later.
    fn ask(bench: &mut Bench, at: f64, after: f64, status: &str) {
        bench.say(at, "p/d/command/request", &format!(r#"{{"cmd_id":"{at}","command":"get"}}"#));
        let answer = format!(r#"{{"cmd_id":"{at}","timestamp":1,"status":"{status}","data":{{}}}}"#);
        bench.say(at + after, "p/d/command/response", &answer);
    }

    #[test]
    fn a_muted_device_is_counted_and_nobody_is_judged_by_it() {
        let mut bench = bench();
        bench.say(0.0, "p/d/command/request", r#"{"cmd_id":"0","command":"get"}"#);
        let until = Wall(253_402_300_799_000_000);
        assert_eq!(bench.fleet.mute("d", until, "works", Wall(0)), Ok(true));
        for at in 1..=9 {
            ask(&mut bench, f64::from(at), 0.75, "error");
        }
        bench.look(400.0);
        let findings: Vec<String> =
            ["sla_", "failures_"].iter().flat_map(|prefix| bench.details(prefix)).collect();
        assert!(findings.is_empty(), "{findings:?}");
        let totals = bench.fleet.judge.operations(Operation::Command).totals(Operation::Command);
        assert_eq!(totals, Counts { all: 10, failed: 10 });
    }

    #[test]
    fn a_promise_about_answers_is_broken_and_kept_again() {
        let mut bench = bench();
        for at in 1..=3 {
            ask(&mut bench, f64::from(at), 0.2, "success");
        }
        ask(&mut bench, 5.0, 0.75, "success");
        bench.look(400.0);
        assert_eq!(
            bench.details("sla_"),
            [
                "5.75 sla_broken: command_p95 is 0.750 s, promised are 0.500 s",
                "301.2 sla_kept: command_p95 is 0.750 s or not judged, promised are 0.500 s, as it should be",
            ]
        );
        let standings: Vec<(String, u64)> =
            bench.fleet.judge.standings().map(|kept| (kept.sla, kept.standing.violations)).collect();
        assert_eq!(standings, [("command_p95".to_owned(), 1), ("command_p99".to_owned(), 0)]);
        let bench = bench.restart();
        assert_eq!(bench.fleet.judge.standings().next().map(|kept| kept.standing.violations), Some(1));
    }

    #[test]
    fn commands_that_fail_and_messages_that_are_lost_are_shares_of_their_own() {
        let mut bench = bench();
        for at in 1..=6 {
            ask(&mut bench, f64::from(at), 0.2, if at == 1 { "error" } else { "success" });
        }
        bench.say(7.0, "p/d/command/request", r#"{"cmd_id":"x","command":"get"}"#);
        bench.say(7.5, "p/d/command/request", r#"{"cmd_id":"y","command":"get"}"#);
        for (at, status) in [(7.6, "partial"), (7.7, "partial"), (7.8, "success")] {
            let answer = format!(r#"{{"cmd_id":"y","timestamp":1,"status":"{status}","data":{{}}}}"#);
            bench.say(at, "p/d/command/response", &answer);
        }
        for (at, number) in [(8.0, 1), (9.0, 2), (10.0, 5), (11.0, 6)] {
            bench.say(at, "p/d/telemetry/power", &format!(r#"{{"timestamp":1,"sequence":{number},"v":1}}"#));
        }
        // Of what has no number nobody knows how much is missing.
        for payload in [r#"{"timestamp":1,"v":1}"#, "{"] {
            bench.say(12.0, "p/d/telemetry/power", payload);
        }
        bench.look(100.0);
        let of = |bench: &Bench, operation| {
            let counts = bench.fleet.judge.operations(operation).totals(operation);
            (counts.all, counts.failed)
        };
        assert_eq!(of(&bench, Operation::Command), (8, 2), "one refused, one without an answer");
        assert_eq!(of(&bench, Operation::Publish), (6, 2));
        let told = bench.details("failures_high").join("; ");
        assert!(told.contains("25.0 % of all operations of type command fail"), "{told}");
        assert!(told.contains("33.3 % of all operations of type publish fail"), "{told}");
    }

    #[test]
    fn a_promise_about_our_own_messages_is_judged_on_our_own_clock() {
        let promises = vec![Promise { quantile: 0.95, limit: SECOND / 10 }];
        let publish = SlaRules { promises, window: 600 * SECOND, minimum: 3 };
        let mut judge = Judge::new(&FleetRules { publish, ..FleetRules::default() });
        let at = |second: u64| Now { mono: Mono(second * SECOND), wall: Wall(0) };
        assert!(judge.round_trips(&[1, 2], at(60)).is_empty(), "too few to be judged");
        let said = judge.round_trips(&[SECOND / 2], at(120));
        let broken = Service::SlaBroken { sla: "publish_p95".into(), value: SECOND / 2, limit: SECOND / 10 };
        assert_eq!(said, [(0, broken)]);
        let shown: Vec<Kept> = judge.standings().filter(|kept| kept.is_on_our_clock).collect();
        assert_eq!((shown.len(), shown[0].value), (1, Some(SECOND / 2)));
        assert_eq!(shown[0].standing, Standing { broken_since: Some(Mono(120 * SECOND)), violations: 1 });
        // Time alone makes it kept again: the first two leave after ten minutes.
        let said = judge.round_trips(&[], at(700));
        assert!(matches!(&said[..], [(ago, Service::SlaKept { .. })] if *ago == 40 * SECOND), "{said:?}");
    }

    #[test]
    fn few_connections_are_enough_and_are_judged_while_we_are_away() {
        let mut judge = Judge::new(&FleetRules::default());
        let at = |second: u64| Now { mono: Mono(second * SECOND), wall: Wall(0) };
        assert!(judge.connections(Counts { all: 1, failed: 0 }, at(1)).is_empty());
        assert!(judge.connections(Counts { all: 3, failed: 2 }, at(20)).is_empty());
        let high = Service::FailuresHigh { operation: Operation::Connection, ratio: 2.0 / 3.0 };
        assert_eq!(judge.connections(Counts { all: 3, failed: 2 }, at(31)), [(SECOND, high)]);
        let normal = Service::FailuresNormal { operation: Operation::Connection, ratio: 0.0 };
        assert_eq!(judge.connections(Counts { all: 3, failed: 2 }, at(330)), [(0, normal)]);
    }
}
