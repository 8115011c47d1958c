//! What a scrape takes, and for how long messages wait for it at most: `cargo run --release --example scrape -p
//! watchkeeper-core`. A scrape is written in pieces, between which the program takes messages, so that the longest piece
//! is what it adds to the slowest message.
#![expect(clippy::print_stdout, reason = "a figure that is not printed helps nobody")]
#![expect(clippy::disallowed_methods, reason = "what is measured is time")]

use std::fmt::Write;
use std::time::{Duration, Instant};
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::time::{Mono, Now, SECOND, Wall};

const DEVICES: u64 = 100_000;
const POINTS: u64 = 10;
/// As the program has it.
const PIECE: usize = 64 << 10;
const SCRAPES: u64 = 20;

fn main() {
    println!("{DEVICES} devices of {POINTS} points, {SCRAPES} scrapes each; in ms the median and the most");
    for series_max in [2_000, 52_000] {
        report(series_max);
    }
}

fn report(series_max: usize) {
    let mut fleets = [Watched::new(fleet(series_max))];
    let mut figures: [Vec<Duration>; 2] = std::array::from_fn(|_| Vec::new());
    let (mut bytes, mut samples) = (0, 0);
    for scrape in 0..SCRAPES {
        let at = now((60 + scrape * 15) * SECOND);
        let (mut walk, mut writer) = (Walk::new(), Writer::new(Exposition::Text, 128));
        let (mut longest, mut all, mut more) = (Duration::ZERO, Duration::ZERO, true);
        (bytes, samples) = (0, 0);
        while more {
            let began = Instant::now();
            more = walk.step(&mut fleets, at, &mut writer, PIECE);
            let piece = began.elapsed();
            (longest, all) = (longest.max(piece), all + piece);
            bytes += writer.buffer.len();
            samples += writer.buffer.split(|byte| *byte == b'\n').filter(|line| is_sample(line)).count();
            writer.buffer.clear();
        }
        for (figures, figure) in figures.iter_mut().zip([longest, all]) {
            figures.push(figure);
        }
    }
    let [longest, all] = figures.map(|mut figures| {
        figures.sort_unstable();
        let millis = |at: usize| figures[at].as_secs_f64() * 1e3;
        format!("{:.2}, {:.2}", millis(figures.len() / 2), millis(figures.len() - 1))
    });
    println!("{samples} series, {bytes} bytes: longest piece {longest}; all of it {all}");
}

fn is_sample(line: &[u8]) -> bool {
    !line.is_empty() && line[0] != b'#'
}

/// A fleet that has spoken three times.
fn fleet(series_max: usize) -> Fleet {
    let mut streams = presets::streams("plant").unwrap_or_default();
    if let Some(temperature) = streams.first_mut() {
        // Few points are no error here.
        temperature.point_min = None;
    }
    let mut rules = FleetRules { streams, ..FleetRules::default() };
    rules.limits.device_series_max = series_max;
    let mut fleet = Fleet::new(rules);
    fleet.link_up(now(0));
    for round in 0..3_u64 {
        for device in 0..DEVICES {
            let at = now(round * 10 * SECOND + device);
            let mut payload =
                format!("{{\"timestamp\":\"{}\",\"sequence\":{round},\"points\":{{", at.wall.rfc3339());
            for point in 0..POINTS {
                let comma = if point > 0 { "," } else { "" };
                write!(payload, "{comma}\"{point}\":{{\"temp\":{}.5,\"status\":\"OK\"}}", 20 + round)
                    .expect("a string takes everything");
            }
            payload.push_str("}}");
            let topic = format!("plant/hall/line/device-{device:06}/telemetry/temperature");
            fleet.arrival(&Arrival::live(&topic, payload.as_bytes()), at);
        }
        drop(fleet.take_findings());
    }
    fleet
}

fn now(micros: u64) -> Now {
    Now { mono: Mono(micros + SECOND), wall: Wall(1_777_622_400_000_000_i64.saturating_add_unsigned(micros)) }
}
