//! A small world from a seed: devices with habits and faults, and everything that arrives from them, in order.

use crate::common::{Random, START};
use crate::numbers::Numbers;
use watchkeeper_core::names::Pattern;
use watchkeeper_core::path::Path;
use watchkeeper_core::presets;
use watchkeeper_core::rules::{
    ErrorRules, Expect, FleetRules, Format, Kind, Limits, StreamRules, StuckAfter,
};
use watchkeeper_core::time::SECOND;

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// A message.
    Message { topic: Vec<u8>, payload: Vec<u8>, retain: bool, dup: bool },
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

const STREAMS: [&str; 4] = ["points", "number", "event", "command"];

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let end = 7200 * SECOND;
        let mut happenings = vec![(0, Happening::Up)];
        let devices = 2 + random.below(8);
        for device in 0..devices {
            for stream in STREAMS {
                if !random.one_in(3) {
                    speak(&mut random, device, stream, end, &mut happenings);
                }
            }
        }
        strangers(&mut random, end, &mut happenings);
        outages(&mut random, end, &mut happenings);
        // Proofs that the broker is there, so that what it knows does not hang on the devices.
        happenings.extend((0..end / SECOND / 10).map(|n| (n * 10 * SECOND + 3, Happening::Alive)));
        happenings.sort_by_key(|(at, _)| *at);
        Self { rules: rules(&mut random), happenings, end }
    }
}

fn rules(random: &mut Random) -> FleetRules {
    let mut streams: Vec<StreamRules> = STREAMS
        .iter()
        .map(|name| StreamRules::new(name, Pattern::parse(&format!("f/{{device}}/{name}")).unwrap()))
        .collect();
    let path = |text: &str| Some(Path::parse(text).unwrap());
    streams[0].points = path("$.points.*");
    streams[0].point_value = path("temp");
    streams[0].sequence = path("$.n");
    streams[0].sequence_modulus = if random.one_in(3) { 100 } else { 0 };
    streams[0].reorder_window = random.below(5) * SECOND;
    streams[0].timestamp = path("$.timestamp");
    streams[0].max_age = Some(60 * SECOND);
    streams[0].stuck_after = StuckAfter::Repeats(u32::try_from(random.below(6)).unwrap());
    streams[1].stuck_after = StuckAfter::For((1 + random.below(300)) * SECOND);
    streams[1].format = Format::Number;
    streams[2].kind = Kind::Event;
    streams[3].kind = Kind::Command;
    for stream in &mut streams {
        stream.hold_off = random.below(20) * SECOND;
        if random.one_in(3) {
            stream.offline_after = Some((5 + random.below(200)) * SECOND);
        }
        if random.one_in(3) {
            stream.expect = Expect::Every((1 + random.below(120)) * SECOND);
        }
    }
    if random.one_in(2) {
        streams.push(presets::generic());
    }
    FleetRules {
        streams,
        forget_after: random.one_in(2).then(|| (20 + random.below(2000)) * SECOND),
        expected: if random.one_in(2) { vec!["d0".into(), "d99".into()] } else { Vec::new() },
        errors: ErrorRules { window: (10 + random.below(600)) * SECOND, threshold: 0.2, minimum: 4 },
        limits: Limits {
            devices_max: if random.one_in(3) { 3 } else { 1000 },
            points_per_device_max: if random.one_in(3) { 3 } else { 1000 },
            ..Limits::default()
        },
        ..FleetRules::default()
    }
}

/// All that one device says on one stream, silences and faults included.
fn speak(random: &mut Random, device: u64, stream: &str, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut every = (1 + random.below(100)) * SECOND;
    let jitter = random.below(every / 4) + 1;
    let mut stuck = 0;
    let mut at = random.below(end / 2);
    let mut numbers = Numbers::new(random);
    while at < end {
        let whole = random.one_in(6);
        // Often on whole seconds, so that many things happen in one moment.
        let moment = if whole { at / SECOND * SECOND } else { at };
        stuck = if random.one_in(20) { 1 + random.below(15) } else { u64::saturating_sub(stuck, 1) };
        let topic = format!("f/d{device}/{stream}").into_bytes();
        let arrive = if stream == "points" { numbers.arrive(random) } else { vec![(0, 0)] };
        for (number, late) in arrive {
            let payload = payload(random, stream, moment, stuck > 0, number);
            let (topic, retain) = (topic.clone(), random.one_in(25));
            let message = Happening::Message { topic, payload, retain, dup: random.one_in(50) };
            if random.one_in(30) {
                out.push((moment + late, message.clone()));
            }
            out.push((moment + late, message));
        }
        at += every + random.below(jitter);
        if random.one_in(25) {
            at += random.below(end / 6);
        }
        if random.one_in(60) {
            every = (1 + random.below(100)) * SECOND;
        }
    }
}

fn payload(random: &mut Random, stream: &str, at: u64, stuck: bool, number: u64) -> Vec<u8> {
    let value = if stuck { 21.5 } else { random.below(1000) as f64 / 10.0 };
    let text = match stream {
        "points" => {
            let age = if random.one_in(15) { 100 } else { random.below(60) };
            let stamp = (START.unsigned_abs() + at) / SECOND - age;
            let other = random.below(100);
            let names = if random.one_in(10) { ["c", "d"] } else { ["a", "b"] };
            format!(
                r#"{{"timestamp":{stamp},"n":{number},"points":{{"{}":{{"temp":{value}}},"{}":{{"temp":{other}}}}}}}"#,
                names[0], names[1]
            )
        }
        "number" => format!("{value}"),
        _ => r#"{"device_id":"x","what":"door"}"#.to_owned(),
    };
    let mut bytes = text.into_bytes();
    match random.below(40) {
        0 => bytes.truncate(bytes.len() / 2),
        1 => bytes.insert(0, 0xFF),
        2 => bytes.clear(),
        _ => {}
    }
    bytes
}

/// Topics that nobody takes, that are no text, or that only the generic stream takes.
fn strangers(random: &mut Random, end: u64, out: &mut Vec<(u64, Happening)>) {
    for _ in 0..random.below(60) {
        let topic = match random.below(4) {
            0 => b"g/\xFF".to_vec(),
            1 => b"$SYS/broker/uptime".to_vec(),
            2 => format!("g/lamp{}/state", random.below(5)).into_bytes(),
            _ => format!("g//odd {}/x", random.below(3)).into_bytes(),
        };
        let payload =
            random.pick(&["1", "ON", "{\"device_id\":\"d1\",\"t\":5}", "{\"t\":", ""]).as_bytes().to_vec();
        out.push((
            random.below(end),
            Happening::Message { topic, payload, retain: random.one_in(5), dup: false },
        ));
    }
}

fn outages(random: &mut Random, end: u64, out: &mut Vec<(u64, Happening)>) {
    let mut at = random.below(end);
    while at < end {
        let back = (at + 1 + random.below(900 * SECOND)).min(end);
        // Nothing arrives while we are away.
        out.retain(|(moment, _)| *moment < at || *moment > back);
        out.push((at, Happening::Down));
        out.push((back, Happening::Up));
        at = back + 1 + random.below(end);
    }
}
