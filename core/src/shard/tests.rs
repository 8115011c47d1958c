//! Tests of who keeps what: published values, and what must hold for every name.

use super::*;
use crate::presets;
use proptest::prelude::*;

#[test]
fn the_hashes_are_the_published_ones() {
    // As the tests of ClickHouse and of the library for Go have them.
    for (key, buckets, bucket) in
        [(1, 1, 0), (42, 57, 43), (0xDEAD_10CC, 1, 0), (0xDEAD_10CC, 666, 361), (256, 1024, 520)]
    {
        assert_eq!(jump(key, buckets), bucket, "{key} {buckets}");
    }
    // From the test suite of FNV.
    for (text, hash) in
        [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
    {
        assert_eq!(fnv1a_bytes(text.as_bytes()), hash, "{text}");
    }
}

#[test]
fn there_is_no_shard_beyond_the_last() {
    for (index, total) in [(0, 0), (1, 1), (3, 3), (0, SHARDS_MAX + 1)] {
        assert_eq!(Shard::new(index, total), None, "{index} {total}");
    }
    assert_eq!(Shard::new(0, 1), Some(Shard::default()));
}

fn homes(index: u32, total: u32, preset: &str) -> Homes {
    let shard = Shard::new(index, total).unwrap();
    Homes::new(&FleetRules { streams: presets::streams(preset).unwrap(), shard, ..FleetRules::default() })
}

#[test]
fn a_device_whose_numbers_its_node_counts_lives_with_its_node() {
    let of_three: Vec<Homes> = (0..3).map(|index| homes(index, 3, "sparkplug")).collect();
    for edge in 0..50 {
        let node = format!("plant/edge{edge}");
        for homes in &of_three {
            for device in 0..20 {
                assert_eq!(homes.keeps(&format!("{node}/d{device}")), homes.keeps(&node));
            }
        }
    }
    // A parent that only takes its devices with it when it goes keeps none of them.
    let of_zigbee: Vec<Homes> = (0..3).map(|index| homes(index, 3, "zigbee2mqtt")).collect();
    assert!(of_zigbee.iter().all(|homes| (0..50).any(|lamp| homes.keeps(&format!("lamp{lamp}")))));
}

#[test]
fn devices_are_spread_evenly_and_one_more_shard_takes_its_share() {
    const DEVICES: u32 = 20_000;
    for total in [2_u32, 3, 7, 16] {
        let bucket = |device: u32, total| jump(fnv1a_bytes(format!("tc{device:05}").as_bytes()), total);
        let mut counts = vec![0_u32; total as usize];
        (0..DEVICES).for_each(|device| counts[bucket(device, total) as usize] += 1);
        let (fair, moved) = (
            DEVICES / total,
            (0..DEVICES).filter(|device| bucket(*device, total) != bucket(*device, total + 1)).count(),
        );
        assert!(counts.iter().all(|count| count.abs_diff(fair) < fair / 10), "{total}: {counts:?}");
        let share = f64::from(DEVICES) / f64::from(total + 1);
        assert!((moved as f64 - share).abs() < share / 10.0, "{total}: {moved} of {share}");
    }
}

proptest! {
    #[test]
    fn from_n_to_one_more_a_key_stays_or_goes_to_the_new_one(key: u64, total in 1_u32..1024) {
        let (before, after) = (jump(key, total), jump(key, total + 1));
        prop_assert!(before < total);
        prop_assert!(after == before || after == total);
    }

    #[test]
    fn every_device_is_kept_by_exactly_one(device in ".{0,40}", total in 1..=SHARDS_MAX) {
        let keepers = (0..total).filter(|index| homes(*index, total, "sparkplug").keeps(&device)).count();
        prop_assert_eq!(keepers, 1);
    }
}
