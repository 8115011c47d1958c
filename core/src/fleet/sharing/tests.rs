//! Several shards that hear the same: together they know what one fleet would know, and count what it would count.

use crate::arrival::Arrival;
use crate::fleet::Fleet;
use crate::names::Pattern;
use crate::presets;
use crate::rules::{DeviceFrom, FleetRules, Kind, StreamRules};
use crate::save::Saved;
use crate::shard::Shard;
use crate::testing::{Bench, Random, now};
use crate::time::SECOND;
use crate::trackers::presence::State;
use std::collections::BTreeMap;

fn stream(name: &str, filter: &str, kind: Kind, device: &str) -> StreamRules {
    let pattern = Pattern::parse(filter).unwrap();
    let device = DeviceFrom::parse(device, &pattern).unwrap();
    StreamRules { kind, device, ..StreamRules::new(name, pattern) }
}

fn rules() -> FleetRules {
    let mut streams = presets::streams("plant").unwrap();
    for preset in ["sparkplug", "homeassistant", "zigbee2mqtt"] {
        streams.extend(presets::streams(preset).unwrap());
    }
    streams.push(stream("deep", "deep/{x}", Kind::Telemetry, "$.who"));
    streams.push(stream("many", "many/{x}", Kind::Telemetry, "$.*"));
    let mut picky = stream("picky", "mixed/{device}", Kind::Telemetry, "{device}");
    picky.only.objects = true;
    streams.extend([picky, stream("rest", "mixed/#", Kind::Telemetry, "$.who")]);
    let expected = (0..12).map(|n| format!("must{n}").into()).collect();
    let mut rules = FleetRules { streams, expected, ..FleetRules::default() };
    rules.commands.timeout = 20 * SECOND;
    rules
}

fn fleets(total: u32) -> Vec<Bench> {
    let shard = |index| Shard::new(index, total).unwrap();
    (0..total).map(|index| Bench::new(FleetRules { shard: shard(index), ..rules() })).collect()
}

/// One topic and payload of many kinds, good and bad.
fn message(random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let device = format!("d{}", random.below(40));
    let topics = [
        format!("plant/a/l/{device}/telemetry/temperature"),
        format!("plant/a/l/{device}/command/request"),
        format!("plant/a/l/{device}/command/response"),
        format!("deep/{}", random.below(3)),
        "many/x".to_owned(),
        format!("mixed/{device}"),
        format!("mixed/{device}/more"),
        format!("nobody/{device}"),
        format!("nobody /{device}"),
        format!("zigbee2mqtt/{device}"),
        format!("spBv1.0/G/DDATA/e{}/{device}", random.below(4)),
        "homeassistant/sensor/x/config".to_owned(),
    ];
    let payloads = [
        format!(
            r#"{{"who":"{device}","device_id":"{device}","value":1,"timestamp":"2026-05-01T08:00:00Z"}}"#
        ),
        format!(r#"{{"cmd_id":"{}","command":"get"}}"#, random.below(50)),
        format!(r#"{{"{device}":{{"v":1}},"d1":{{"v":2}},"":3,"d2":"x"}}"#),
        "{\"broken".to_owned(),
        "7".to_owned(),
        String::new(),
    ];
    let topic = if random.below(50) == 0 { vec![0xff, b'a'] } else { random.pick(&topics).clone().into() };
    (topic, random.pick(&payloads).clone().into_bytes())
}

/// Everything that is counted of messages, by name.
fn counts(fleet: &Fleet) -> BTreeMap<String, u64> {
    let stats = &fleet.stats;
    let mut counts = BTreeMap::new();
    for (rules, of) in fleet.rules().streams.iter().zip(&stats.streams) {
        let name = &rules.name;
        counts.insert(format!("{name} messages"), of.messages);
        counts.insert(format!("{name} bytes"), of.bytes);
        counts.insert(format!("{name} bad"), of.bad);
        for (at, errors) in of.errors.iter().enumerate() {
            counts.insert(format!("{name} {at}"), *errors);
        }
    }
    for (name, count) in [
        ("retained", stats.retained_ignored),
        ("unmatched", stats.unmatched),
        ("topics", stats.bad_topics),
        ("never seen", fleet.never_seen().count() as u64),
        ("pending", fleet.pending_commands() as u64),
    ] {
        counts.insert(name.to_owned(), count);
    }
    counts
}

fn devices(fleet: &Fleet) -> Vec<String> {
    let mut ids: Vec<String> = fleet.devices().map(|device| device.id.to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn shards_together_are_the_whole() {
    for seed in 0..20 {
        let (mut random, total) = (Random(seed), 2 + u32::try_from(seed).unwrap() % 4);
        let (mut whole, mut shards) = (fleets(1).remove(0), fleets(total));
        for step in 0..400 {
            let (topic, payload) = message(&mut random);
            let retain = random.below(8) == 0;
            let arrival = Arrival { retain, ..Arrival::live("", &payload) };
            let arrival = Arrival { topic: &topic, ..arrival };
            for bench in shards.iter_mut().chain([&mut whole]) {
                bench.hear(f64::from(step), &arrival);
                let chosen = bench.fleet.take_specimen();
                assert!(chosen.is_none() || bench.fleet.rules().shard.is_whole() || !retain);
            }
        }
        let mut sum: BTreeMap<String, u64> = BTreeMap::new();
        for bench in &shards {
            for (name, count) in counts(&bench.fleet) {
                *sum.entry(name).or_default() += count;
            }
        }
        assert_eq!(sum, counts(&whole.fleet), "seed {seed}, {total} shards");
        let mut all: Vec<String> = shards.iter().flat_map(|bench| devices(&bench.fleet)).collect();
        all.sort();
        assert_eq!(all, devices(&whole.fleet), "seed {seed}, {total} shards");
        let heard = whole.fleet.stats.streams.iter().map(|of| of.messages).sum::<u64>();
        assert!(shards.iter().all(|bench| (heard / 10..400).contains(&bench.fleet.stats.skipped)));
    }
}

#[test]
fn what_is_announced_of_a_topic_is_known_to_the_shard_of_the_device() {
    let announced = r#"{"unique_id":"lamp7","state_topic":"nobody/x","availability_topic":"nobody/y","name":"n",
        "device":{"identifiers":["lamp7"]}}"#;
    for announced_first in [true, false] {
        let mut shards = fleets(3);
        for bench in &mut shards {
            let config = Arrival {
                retain: true,
                ..Arrival::live("homeassistant/light/x/config", announced.as_bytes())
            };
            let state = Arrival { retain: true, ..Arrival::live("nobody/y", b"online") };
            let all = if announced_first { [&config, &state] } else { [&state, &config] };
            for arrival in all {
                bench.hear(1.0, arrival);
            }
            bench.say(2.0, "nobody/x", "5");
        }
        let known: Vec<_> = shards.iter().flat_map(|bench| devices(&bench.fleet)).collect();
        assert_eq!(known, ["lamp7"], "{announced_first}");
    }
}

/// The shard that keeps a device, and another.
fn keeper(shards: &[Bench], device: &str) -> (usize, usize) {
    let at = shards.iter().position(|bench| bench.fleet.homes.keeps(device)).unwrap();
    (at, (at + 1) % shards.len())
}

#[test]
fn an_answer_on_a_topic_of_another_shards_device_is_that_of_the_device_that_was_asked() {
    let mut shards = fleets(3);
    let asked = "d1";
    let (home, _) = keeper(&shards, asked);
    let other = (0..99).map(|n| format!("o{n}")).find(|id| !shards[home].fleet.homes.keeps(id)).unwrap();
    let (request, response) = (format!("p/{asked}/command/request"), format!("p/{other}/command/response"));
    for bench in &mut shards {
        let about = (Some(response.as_bytes()), Some(b"77".as_slice()));
        let ask = Arrival {
            qos: 1,
            response_topic: about.0,
            correlation: about.1,
            ..Arrival::live(&request, br#"{"command":"get"}"#)
        };
        bench.hear(1.0, &ask);
        let answer = br#"{"timestamp":1,"status":"success","data":{}}"#;
        bench.hear(2.0, &Arrival { qos: 1, correlation: about.1, ..Arrival::live(&response, answer) });
        bench.look(100.0);
    }
    for (at, bench) in shards.iter_mut().enumerate() {
        let mut log = bench.log();
        log.retain(|line| line.contains("command"));
        let expected: &[&str] = if at == home { &["2 d1 command_matched"] } else { &[] };
        assert_eq!(log, expected, "shard {at}");
    }
}

#[test]
fn devices_go_with_a_parent_of_another_shard() {
    for retain in [false, true] {
        let mut shards = fleets(3);
        for bench in &mut shards {
            for lamp in 0..9 {
                bench.say(1.0, &format!("zigbee2mqtt/lamp{lamp}"), r#"{"state":"ON"}"#);
            }
            if retain {
                bench.outage(2.0, 10.0);
            }
            let gone =
                Arrival { retain, ..Arrival::live("zigbee2mqtt/bridge/state", br#"{"state":"offline"}"#) };
            bench.hear(11.0, &gone);
            bench.look(60.0);
            let is_lost = |line: &&String| line.contains(" lamp") && line.ends_with(" offline");
            let lost = bench.log().iter().filter(is_lost).count();
            let lamps = devices(&bench.fleet).iter().filter(|id| id.starts_with("lamp")).count();
            assert_eq!(lost, lamps, "{retain}: {:?}", devices(&bench.fleet));
        }
    }
}

#[test]
fn who_speaks_through_a_bridge_of_another_shard_does_not_come_back_by_what_nobody_took_back() {
    for mut bench in fleets(3) {
        for (topic, payload) in [
            ("zigbee2mqtt/bridge/state", r#"{"state":"offline"}"#),
            ("zigbee2mqtt/lamp1/availability", r#"{"state":"online"}"#),
            ("zigbee2mqtt/lamp2/availability", r#"{"state":"online"}"#),
            ("zigbee2mqtt/lamp4/availability", r#"{"state":"online"}"#),
        ] {
            bench.hear(1.0, &Arrival { retain: true, ..Arrival::live(topic, payload.as_bytes()) });
        }
        bench.look(60.0);
        for id in devices(&bench.fleet) {
            assert_eq!(bench.roster(&id).presence.state(), State::Offline, "{id}");
        }
    }
}

#[test]
fn what_moves_to_another_shard_is_left_out_of_the_state() {
    let mut whole = fleets(1).remove(0);
    for device in 0..30 {
        whole.say(1.0, &format!("plant/a/l/d{device}/telemetry/temperature"), "{}");
    }
    whole.say(1.0, "plant/a/l/d1/command/request", r#"{"cmd_id":"1","command":"get"}"#);
    let bytes = postcard::to_stdvec(&whole.fleet.save()).unwrap();
    let mut all = Vec::new();
    for mut bench in fleets(3) {
        let saved: Saved<crate::fleet::Device> = postcard::from_bytes(&bytes).unwrap();
        bench.fleet = Fleet::new(bench.fleet.rules().clone());
        let left_out = bench.fleet.restore(saved);
        assert_eq!(left_out + devices(&bench.fleet).len(), 30);
        bench.fleet.link_up(now(2.0));
        let pending = usize::from(bench.fleet.homes.keeps("d1"));
        assert_eq!(bench.fleet.pending_commands(), pending);
        assert!(bench.log().is_empty(), "nothing is said of those that moved");
        all.extend(devices(&bench.fleet));
    }
    all.sort();
    assert_eq!(all, devices(&whole.fleet));
}
