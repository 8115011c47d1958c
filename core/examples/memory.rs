//! What a fleet costs in memory: `cargo run --release --example memory -p watchkeeper-core`. Each fleet is built in a
//! process of its own, so that none finds room that another left; resident memory is read before and after, and the
//! difference divided. What the allocator wastes is in the figures, as it is in the program.
#![expect(clippy::print_stdout, reason = "a figure that is not printed helps nobody")]

use std::fmt::Write;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::time::{Mono, Now, SECOND, Wall};

const DEVICES: u64 = 20_000;
const COMMANDS: u64 = 100_000;

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    match *arguments.as_slice() {
        [0, count, _] => println!("{}", commands(count)),
        [_, points, numbered] => println!("{}", telemetry(points, numbered > 0)),
        _ => report(),
    }
}

fn report() {
    let (empty, few, many) = (apart(1, 0, 0), apart(1, 10, 0), apart(1, 60, 0));
    let devices = DEVICES as f64;
    println!("a device with telemetry and no point {:>8.0} bytes", empty / devices);
    println!("a point                              {:>8.1} bytes", (many - few) / (devices * 50.0));
    println!("a sequence in good order             {:>8.0} bytes", (apart(1, 0, 1) - empty) / devices);
    let waiting = apart(0, COMMANDS, 0) - apart(0, 0, 0);
    println!("a command that waits                 {:>8.0} bytes", waiting / COMMANDS as f64);
}

/// What one fleet takes, by a process that does nothing else.
fn apart(what: u64, count: u64, numbered: u64) -> f64 {
    let program = std::env::current_exe().expect("a program knows where it lies");
    let arguments = [what, count, numbered].map(|number| number.to_string());
    let output = std::process::Command::new(program).args(arguments).output().expect("it can be run again");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("it prints one number")
}

/// Bytes of a fleet that has spoken three times.
fn telemetry(points: u64, is_numbered: bool) -> f64 {
    let mut fleet = fleet();
    let before = resident();
    for round in 0..3_u64 {
        for device in 0..DEVICES {
            let at = now(round * 10 * SECOND + device);
            let mut payload = format!("{{\"timestamp\":\"{}\",\"points\":{{", at.wall.rfc3339());
            for point in 0..points {
                let comma = if point > 0 { "," } else { "" };
                write!(payload, "{comma}\"{point}\":{{\"temp\":{}.5,\"status\":\"OK\"}}", 20 + round)
                    .expect("a string takes everything");
            }
            payload.push('}');
            if is_numbered {
                write!(payload, ",\"sequence\":{round}").expect("a string takes everything");
            }
            payload.push('}');
            let topic = format!("plant/hall/line/device-{device:06}/telemetry/temperature");
            let arrival = Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) };
            fleet.arrival(&arrival, at);
        }
        drop(fleet.take_findings());
    }
    resident() - before
}

/// Bytes of a fleet of a hundred devices of which so many commands are unanswered.
fn commands(count: u64) -> f64 {
    let mut fleet = fleet();
    let before = resident();
    for n in 0..count {
        let topic = format!("plant/hall/line/device-{:06}/command/request", n % 100);
        let payload = format!(
            "{{\"cmd_id\":\"5e4c{n:032x}\",\"command\":\"set_relay\",\"parameters\":{{\"relay_id\":{n}}}}}"
        );
        fleet.arrival(&Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) }, now(n));
        drop(fleet.take_findings());
    }
    resident() - before
}

fn fleet() -> Fleet {
    let mut streams = presets::streams("plant").unwrap_or_default();
    if let Some(temperature) = streams.first_mut() {
        // Few points are no error here.
        temperature.point_min = None;
    }
    let mut rules = FleetRules { streams, ..FleetRules::default() };
    rules.commands.pending_max = usize::try_from(COMMANDS).unwrap_or(usize::MAX);
    let mut fleet = Fleet::new(rules);
    fleet.link_up(now(0));
    fleet
}

fn now(micros: u64) -> Now {
    Now { mono: Mono(micros + SECOND), wall: Wall(1_777_622_400_000_000_i64.saturating_add_unsigned(micros)) }
}

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() * 1024.0
}
