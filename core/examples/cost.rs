//! What one telemetry message costs, part by part: `cargo run --release --example cost -p watchkeeper-core`.
//! A message is like those of the temperature-controller fleet: 54 points with name, value, sensor and status,
//! 5.1 KB of JSON with a space after each `:` and `,`. Each figure is the best of several rounds.
#![expect(clippy::print_stdout, reason = "a figure that is not printed helps nobody")]
#![expect(clippy::disallowed_methods, reason = "an example measures; the core does not")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::classify::classify;
use watchkeeper_core::decode::{Bounds, Decoded, Plan};
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::rules::{FleetRules, Limits, StreamRules};
use watchkeeper_core::shard::Shard;
use watchkeeper_core::time::{Mono, Now, SECOND, Wall, parse_rfc3339};

const ROUNDS: usize = 200;
const MESSAGES: usize = 640;
const DEVICES: usize = 64;
const STAMP: &str = "2026-05-01T08:00:00.000Z";
/// The first sequence number: seven digits, and so are all that follow.
const FIRST: u64 = 1_000_000;
/// Where it stands in a message.
const SEQUENCE_AT: usize =
    r#"{"timestamp": "2026-05-01T08:00:00.000Z", "device_id": "tempcontroller00", "sequence": "#.len();
const BOUNDS: Bounds = Bounds { depth_max: 64, points_max: 1024 };

fn main() {
    let payload = message(0, 7, 0);
    println!("message: {} bytes, 54 points", payload.len());
    let temperature = presets::streams("plant").map_or_else(presets::generic, |mut all| all.swap_remove(0));
    decoding("decode: plan of the preset", &temperature, &payload);
    let bare = StreamRules { points: temperature.points.clone(), ..presets::generic() };
    decoding("decode: points only, value is the point", &bare, &payload);
    let nothing = StreamRules { kind: watchkeeper_core::rules::Kind::Event, ..presets::generic() };
    decoding("decode: nothing is asked for", &nothing, &payload);
    decoding("decode: every number is a point", &presets::generic(), &payload);
    classifying("classify: no checks", &unchecked(&temperature), &payload);
    classifying("classify: all checks of the preset", &temperature, &payload);
    arriving("Fleet::arrival: one device", 1);
    arriving("Fleet::arrival: 64 devices, values move", DEVICES);
    skipping("Fleet::arrival: 64 devices of other shards", "plant", "telemetry/temperature");
    skipping("the same, and the payload names the device", "all", "t");
}

/// The fastest round, in nanoseconds a message.
fn report(name: &str, mut round: impl FnMut(usize)) {
    let mut best = f64::INFINITY;
    for number in 0..ROUNDS {
        let start = Instant::now();
        round(number);
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<45} {:>8.0} ns", best * 1e9 / MESSAGES as f64);
}

fn decoding(name: &str, rules: &StreamRules, payload: &str) {
    let plan = Plan::new(rules);
    let mut scratch = Decoded::default();
    report(name, |_| {
        for _ in 0..MESSAGES {
            let read = scratch.read(black_box(payload.as_bytes()), &plan, BOUNDS);
            black_box(read.is_ok());
        }
    });
}

fn unchecked(rules: &StreamRules) -> StreamRules {
    StreamRules {
        timestamp: None,
        max_age: None,
        statuses: Vec::new(),
        range: None,
        cross_checks: Vec::new(),
        ..rules.clone()
    }
}

fn classifying(name: &str, rules: &StreamRules, payload: &str) {
    let plan = Plan::new(rules);
    let mut scratch = Decoded::default();
    let arrival = Arrival::live("plant/area1/line1/tc/telemetry/temperature", payload.as_bytes());
    let wall = parse_rfc3339(STAMP).unwrap_or_default();
    let limits = Limits::default();
    report(name, |_| {
        for _ in 0..MESSAGES {
            let verdict = classify(black_box(&arrival), rules, &plan, &limits, wall, &mut scratch);
            assert!(black_box(verdict).reasons.is_empty());
        }
    });
}

fn arriving(name: &str, devices: usize) {
    let streams = presets::streams("plant").unwrap_or_default();
    let mut fleet = Fleet::new(FleetRules { streams, ..FleetRules::default() });
    let mut messages: Vec<(String, [Vec<u8>; 2])> = (0..devices)
        .map(|device| {
            let topic = format!("plant/area1/line{}/tc{device:02}/telemetry/temperature", device % 8);
            (topic, [0, 1].map(|step| message(device, FIRST, step).into_bytes()))
        })
        .collect();
    let wall = parse_rfc3339(STAMP).unwrap_or_default();
    report(name, |round| {
        for at in 0..MESSAGES {
            let (topic, payloads) = &mut messages[at % devices];
            let payload = &mut payloads[(at / devices) % 2];
            count(payload, FIRST + ((round * MESSAGES + at) / devices) as u64);
            // Each device speaks once a second, while the calendar stands within the age that is allowed.
            let moment = (round * MESSAGES + at) as u64 * SECOND / devices as u64;
            let now = Now { mono: Mono(moment), wall: Wall(wall.0) };
            fleet.arrival(black_box(&Arrival::live(topic, payload)), now);
        }
        black_box(fleet.take_findings());
    });
    let bad: u64 = fleet.stats.streams.iter().map(|counts| counts.bad).sum();
    assert_eq!((bad, fleet.stats.lost, fleet.devices().count()), (0, 0, devices));
}

/// Messages of devices that another shard keeps. `all`: of one topic, and the payload tells whose they are.
fn skipping(name: &str, root: &str, rest: &str) {
    let streams = presets::streams(root).unwrap_or_else(|| vec![presets::generic()]);
    let is_named = streams.len() == 1;
    let topic = |device: usize| {
        if is_named {
            format!("{root}/{rest}")
        } else {
            format!("{root}/area1/line1/tempcontroller{device:02}/{rest}")
        }
    };
    let shard = Shard::new(0, 52).unwrap_or_default();
    let mut fleet = Fleet::new(FleetRules { streams, shard, ..FleetRules::default() });
    let now = Now { mono: Mono(0), wall: parse_rfc3339(STAMP).unwrap_or_default() };
    let mut messages: Vec<(String, String)> = Vec::new();
    for (topic, payload) in (0..100).map(|device| (topic(device), message(device, FIRST, 0))) {
        let before = fleet.stats.skipped;
        fleet.arrival(&Arrival::live(&topic, payload.as_bytes()), now);
        if fleet.stats.skipped > before && messages.len() < DEVICES {
            messages.push((topic, payload));
        }
    }
    report(name, |_| {
        for at in 0..MESSAGES {
            let (topic, payload) = &messages[at % DEVICES];
            fleet.arrival(black_box(&Arrival::live(topic, payload.as_bytes())), now);
        }
    });
    assert!(fleet.stats.skipped >= (ROUNDS * MESSAGES) as u64);
}

/// Writes the next sequence number where the last one stands.
fn count(payload: &mut [u8], mut sequence: u64) {
    for digit in payload[SEQUENCE_AT..SEQUENCE_AT + 7].iter_mut().rev() {
        *digit = b'0' + (sequence % 10) as u8;
        sequence /= 10;
    }
}

fn message(device: usize, sequence: u64, step: usize) -> String {
    let mut text = format!(
        r#"{{"timestamp": "{STAMP}", "device_id": "tempcontroller{device:02}", "sequence": {sequence}, "points": {{"#
    );
    for point in 0..54 {
        let comma = if point == 0 { "" } else { ", " };
        let (temp, status) =
            (200 + (point * 37 + device + step) % 700, ["OK", "ERROR"][usize::from(point == 20)]);
        let _ = write!(
            text,
            r#"{comma}"{point}": {{"name": "Point_{point}", "temp": {}.{}, "sensor_id": "28FF{point:012X}", "status": "{status}"}}"#,
            temp / 10,
            temp % 10
        );
    }
    text + r#"}, "summary": {"total_points": 60, "active_points": 53, "sensor_errors": 1, "min_temp": 20.0, "max_temp": 89.9}}"#
}
