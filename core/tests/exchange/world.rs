//! A small world from a seed: a backend that commands, devices that answer in time, too late, twice, in part or not at
//! all, alarms that come and go, settings that change, and devices that start anew.

use crate::common::Random;
use std::fmt::Write;
use watchkeeper_core::names::Pattern;
use watchkeeper_core::rules::{CommandRules, FleetRules, Format, Kind, StreamRules};
use watchkeeper_core::time::SECOND;

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A message.
    Message { topic: String, payload: String, retain: bool },
    /// The connection is gone.
    Down,
    /// It is back.
    Up,
    /// Nothing, but the broker is there.
    Alive,
}

/// A world: its rules, and what happens, by microseconds since the beginning.
pub(crate) struct World {
    pub(crate) rules: FleetRules,
    pub(crate) happenings: Vec<(u64, Happening)>,
    pub(crate) end: u64,
}

impl World {
    /// A world in which devices also fall silent and are offline.
    pub(crate) fn new(seed: u64) -> Self {
        Self::build(seed, true)
    }

    /// A world in which nobody is ever offline, so that what must be counted can be told without asking who is.
    pub(crate) fn plain(seed: u64) -> Self {
        Self::build(seed, false)
    }

    fn build(seed: u64, offline: bool) -> Self {
        let mut random = Random(seed);
        let end = 3600 * SECOND;
        let mut happenings = Vec::new();
        for device in 0..=random.below(5) {
            commands(&mut random, device, end, &mut happenings);
            others(&mut random, device, end, &mut happenings);
            if offline {
                speak(&mut random, device, end, &mut happenings);
            }
        }
        outages(&mut random, end, &mut happenings);
        happenings.push((0, Happening::Up));
        happenings.extend((0..end / SECOND / 10).map(|n| (n * 10 * SECOND + 3, Happening::Alive)));
        happenings.retain(|(at, _)| *at < end);
        happenings.sort_by_key(|(at, _)| *at);
        Self { rules: rules(&mut random, offline), happenings, end }
    }
}

fn rules(random: &mut Random, offline: bool) -> FleetRules {
    let stream = |name: &str, kind: Kind| {
        let format = if kind == Kind::Telemetry { Format::Number } else { Format::Json };
        let pattern = Pattern::parse(&format!("{{device}}/{name}")).unwrap();
        let offline_after = offline.then_some(40 * SECOND);
        StreamRules { kind, format, offline_after, ..StreamRules::new(name, pattern) }
    };
    FleetRules {
        streams: vec![
            stream("telemetry", Kind::Telemetry),
            stream("request", Kind::Command),
            stream("response", Kind::Response),
            stream("alarm", Kind::Alarm),
            stream("event", Kind::Event),
            stream("config", Kind::Config),
            stream("system", Kind::System),
        ],
        commands: CommandRules {
            timeout: (5 + random.below(60)) * SECOND,
            pending_max: if offline && random.one_in(3) { 3 } else { 10_000 },
            required: Vec::new(),
            ..CommandRules::default()
        },
        forget_after: (offline && random.one_in(3)).then(|| (60 + random.below(600)) * SECOND),
        ..FleetRules::default()
    }
}

fn message(out: &mut Vec<(u64, Happening)>, at: u64, device: u64, stream: &str, payload: String) {
    out.push((at, Happening::Message { topic: format!("d{device}/{stream}"), payload, retain: false }));
}

/// What a backend sends to one device, and what the device makes of it.
fn commands(random: &mut Random, device: u64, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut at = random.below(60 * SECOND);
    let mut number = 0;
    while at < end {
        number += 1;
        // Ids come round, so that some meet one that waits or that was settled of late.
        let id = if random.one_in(8) { number % 3 } else { number };
        let name = random.pick(&["get", "set", "reboot"]);
        let request = match random.below(30) {
            0 => format!(r#"{{"command":"{name}"}}"#),
            1 => format!(r#"{{"cmd_id":{id}}}"#),
            2 => format!(r#"{{"cmd_id":{id},"command":"{name}; ls"}}"#),
            3 => r#"{"cmd_id":"#.to_owned(),
            _ => format!(r#"{{"cmd_id":{id},"command":"{name}"}}"#),
        };
        message(out, at, device, "request", request.clone());
        if random.one_in(10) {
            message(out, at + random.below(90 * SECOND), device, "request", request);
        }
        answers(random, device, id, at, out);
        at += if random.one_in(3) { random.below(SECOND / 2) } else { random.below(40 * SECOND) };
    }
}

fn answers(random: &mut Random, device: u64, id: u64, sent: u64, out: &mut Vec<(u64, Happening)>) {
    let mut at = sent;
    for _ in 0..random.below(4).min(2) + u64::from(random.one_in(6)) {
        at += if random.one_in(4) { random.below(200 * SECOND) } else { random.below(2 * SECOND) };
        // Often on whole seconds, so that many things happen in one moment.
        let moment = if random.one_in(5) { at / SECOND * SECOND } else { at }.max(sent);
        let id = if random.one_in(12) { 100_000 + id } else { id };
        let status = *random.pick(&["success", "success", "error", "partial", "odd"]);
        let mut answer = format!(r#"{{"cmd_id":{id},"status":"{status}""#);
        if random.one_in(2) {
            write!(answer, r#","execution_time":{}"#, random.below(2000)).unwrap();
        }
        message(out, moment, device, "response", answer + "}");
    }
}

/// Alarms, events, settings and health.
fn others(random: &mut Random, device: u64, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut boots = random.below(100);
    for _ in 0..random.below(120) {
        let at = random.below(end);
        let state = random.pick(&["NORMAL->HIGH", "HIGH->NORMAL", "HIGH->ACKNOWLEDGED", "HIGH->CRITICAL"]);
        let (kind, point, priority) = (random.below(2), random.below(3), random.below(2));
        let alarm = format!(
            r#"{{"alarm_type":"T{kind}","point_id":{point},"priority":{priority},"state_transition":"{state}"}}"#
        );
        message(out, at, device, "alarm", alarm);
        let at = random.below(end);
        message(out, at, device, "event", format!(r#"{{"event":"e{}"}}"#, random.below(4)));
        let (interval, port) = (random.below(3), random.below(2));
        let config = format!(r#"{{"interval":{interval},"net":{{"port":{port},"password":"p{port}"}}}}"#);
        let (at, retain) = (random.below(end), random.one_in(4));
        out.push((at, Happening::Message { topic: format!("d{device}/config"), payload: config, retain }));
    }
    // A door that does not close comes and goes.
    let mut at = random.below(end);
    for turn in 0..10 {
        let state = ["open", "closed"][turn % 2];
        message(out, at, device, "alarm", format!(r#"{{"alarm_type":"DOOR","state":"{state}"}}"#));
        at += random.below(100 * SECOND);
    }
    let mut at = random.below(300 * SECOND);
    while at < end {
        boots += u64::from(random.one_in(5));
        let largest = 30 + random.below(60);
        let health = format!(r#"{{"boot_count":{boots},"free_heap":100,"max_alloc_heap":{largest}}}"#);
        message(out, at, device, "system", health);
        at += 60 * SECOND + random.below(120 * SECOND);
    }
}

/// Telemetry with silences.
fn speak(random: &mut Random, device: u64, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut at = random.below(100 * SECOND);
    while at < end {
        message(out, at, device, "telemetry", random.below(1000).to_string());
        at += 10 * SECOND + random.below(5 * SECOND);
        if random.one_in(15) {
            at += random.below(900 * SECOND);
        }
    }
}

fn outages(random: &mut Random, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut at = random.below(end);
    while at < end {
        let back = (at + 1 + random.below(300 * SECOND)).min(end);
        out.retain(|(moment, _)| *moment < at || *moment > back);
        out.push((at, Happening::Down));
        out.push((back, Happening::Up));
        at = back + 1 + random.below(end);
    }
}
