//! Messages of Sparkplug B, of any bytes and in any order: reading them never panics, what is kept of them is bounded, and
//! it survives a restart as it is.

use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::presets;
use watchkeeper_core::rules::{FleetRules, Limits};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::{Mono, Now, Wall};

const TYPES: [&str; 8] = ["NBIRTH", "NDEATH", "NDATA", "NCMD", "DBIRTH", "DDEATH", "DDATA", "DCMD"];
const POINTS_MAX: usize = 6;

/// Pieces: a byte that says which topic, one that says how long the payload is, and the payload.
pub fn sparkplug(bytes: &[u8]) {
    let limits = Limits { points_per_device_max: POINTS_MAX, devices_max: 5, ..Limits::default() };
    let rules = || {
        let streams = presets::streams("sparkplug").unwrap_or_default();
        FleetRules { streams, limits, ..FleetRules::default() }
    };
    let mut fleet = Fleet::new(rules());
    let (mut rest, mut second, mut arrivals) = (bytes, 0u64, 0u64);
    while let [which, length, payload @ ..] = rest {
        let (payload, left) = payload.split_at(payload.len().min(usize::from(*length)));
        (rest, second, arrivals) = (left, second + 1, arrivals + 1);
        let what = TYPES[usize::from(which & 7)];
        let device = if what.starts_with('D') { format!("/{}", which >> 6) } else { String::new() };
        let topic = format!("spBv1.0/G/{what}/{}{device}", which >> 5 & 1);
        let retain = which >> 3 & 3 == 3;
        fleet.arrival(&Arrival { retain, ..Arrival::live(&topic, payload) }, at(second));
        fleet.take_findings();
    }
    let stats = &fleet.stats;
    let counted: u64 = stats.streams.iter().map(|stream| stream.messages).sum();
    assert_eq!(counted + stats.unmatched + stats.bad_topics, arrivals);
    assert!(fleet.devices().count() <= 5);
    for device in fleet.devices() {
        assert!(device.roster.stuck.points() <= POINTS_MAX && device.roster.session.aliases() <= POINTS_MAX);
    }
    let first = save(&fleet);
    let mut again = Fleet::new(rules());
    let saved: Saved<Device> = postcard::from_bytes(&first).expect("what was saved can be read");
    again.restore(saved);
    again.take_findings();
    let second_time = save(&again);
    let mut third = Fleet::new(rules());
    third.restore(postcard::from_bytes(&second_time).expect("what was saved can be read"));
    assert_eq!(save(&third), second_time);
}

fn save(fleet: &Fleet) -> Vec<u8> {
    postcard::to_stdvec(&fleet.save()).expect("a fleet can be saved")
}

fn at(second: u64) -> Now {
    let wall = Wall(1_777_622_400_000_000_i64.saturating_add_unsigned(second * 1_000_000));
    Now { mono: Mono(7_000_000 + second * 1_000_000), wall }
}
