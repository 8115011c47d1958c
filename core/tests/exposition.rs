//! The whole text that is exposed: golden files in both formats, and what must hold of it whatever devices are
//! called. To write the golden files anew after a change that is meant, delete them and run the test twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::float_cmp, reason = "counts are whole, and what is whole is exact")]

mod common;
#[path = "exposition/large.rs"]
mod large;
#[path = "exposition/reader.rs"]
mod reader;

use common::{Random, now};
use reader::Reader;
use std::sync::Arc;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::broker::clients::{Cause, Change};
use watchkeeper_core::broker::dialects::Said;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::queues::{Board, Facts, Queue, Reading, Rules, Shown};
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::rules::{Expect, FleetRules, Format, Limits, StreamRules};
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::time::{SECOND, Wall};

const BOTH: [Exposition; 2] = [Exposition::Text, Exposition::OpenMetrics];

/// Two brokers: temperature controllers with a fault of each kind, and a lamp.
fn watched() -> Vec<Watched> {
    let labels = ["area", "line"].map(Into::into).to_vec();
    let mut streams = presets::streams("plant").unwrap();
    streams[0].expect = Expect::Every(60 * SECOND);
    streams[0].point_min = Some(2);
    let rules = FleetRules {
        broker: "main".into(),
        streams,
        labels,
        expected: vec!["tc01".into(), "tc09".into()],
        ..FleetRules::default()
    };
    let plant = Watched::new(Fleet::new(rules));
    let generic = FleetRules {
        broker: "hall \"B\"".into(),
        streams: vec![StreamRules { format: Format::Auto, ..presets::generic() }],
        values: true,
        ..FleetRules::default()
    };
    let hall = Watched::new(Fleet::new(generic));
    let mut watched = speak(plant, hall);
    let muted =
        watched[0].fleet.mute("tc02", Wall(253_402_300_799_000_000), "taken away for repair", Wall(0));
    assert_eq!(muted, Ok(true));
    watched
}

/// Fourteen minutes of both.
fn speak(mut plant: Watched, mut hall: Watched) -> Vec<Watched> {
    for minute in 0..14 {
        let at = 60 * minute;
        telemetry(&mut plant.fleet, "tc01", at, 26.5);
        if minute < 9 {
            telemetry(
                &mut plant.fleet,
                "tc02",
                at + 1,
                if minute == 4 { 999.0 } else { 20.0 + minute as f64 },
            );
        }
        say(&mut hall.fleet, "hall/lamp\\1/power", at, &format!("{}", minute % 5));
    }
    say(&mut plant.fleet, "p/a2/l1/tc02/telemetry/temperature", 542, "{");
    envelopes(&mut plant.fleet);
    let retained = Arrival { retain: true, ..Arrival::live("p/a1/l1/old/telemetry/temperature", b"{}") };
    plant.fleet.arrival(&retained, now(545 * SECOND));
    say(&mut hall.fleet, "hall/odd one/x", 700, "ON");
    for (topic, payload) in [
        ("$SYS/broker/version", "mosquitto version 2.0.22"),
        ("$SYS/broker/uptime", "86400 seconds"),
        ("$SYS/broker/clients/connected", "7"),
        ("$SYS/broker/heap/current", "123456"),
    ] {
        let said = Said { topic, payload: payload.as_bytes(), retain: true };
        assert!(plant.broker.take(&said, now(800 * SECOND)).is_empty());
    }
    plant.broker.clients.heard();
    plant.broker.clients.count(Change::Connected, Cause::Accepted, 1);
    plant.broker.clients.count(Change::Refused, Cause::NotAuthorized, 1);
    plant.connections = (3, 1);
    plant.queues = queues();
    let mut all = vec![plant, hall];
    for one in &mut all {
        one.fleet.alive(now(800 * SECOND).mono);
        one.fleet.tick(now(800 * SECOND));
    }
    all
}

/// Two sources; of the broker as a whole, which is no client, there is no series.
fn queues() -> Arc<Shown> {
    let mut board = Board::new(["emqx \"1\"", "sys"], Rules::default(), 2);
    let queue = |id: &str, depth| Queue { client_id: id.into(), depth: Some(depth), ..Queue::default() };
    let dropped = Some(4);
    let limited = Queue { limit_messages: Some(1000), dropped, ..queue("gate\\way", 900) };
    let reading = Reading { queues: vec![limited, queue("a", 1), queue("b", 2)], ..Reading::default() };
    board.reading(0, &reading, &|_| Facts::default(), now(790 * SECOND));
    board.reading(
        1,
        &Reading { queues: vec![queue("", 99)], ..reading },
        &|_| Facts::default(),
        now(795 * SECOND),
    );
    board.failed(1, "away".to_owned(), now(799 * SECOND));
    Arc::new(board.shown(now(800 * SECOND)))
}

/// Commands with and without an answer, alarms, events and health of a third device.
fn envelopes(fleet: &mut Fleet) {
    for (second, topic, payload) in [
        (782, "command/request", r#"{"cmd_id":"c1","command":"get_status","parameters":{}}"#),
        (783, "command/request", r#"{"cmd_id":"c2","command":"set_relay","parameters":{"relay_id":1}}"#),
        (
            784,
            "command/response",
            r#"{"cmd_id":"c1","timestamp":1,"status":"success","execution_time":152,"data":{}}"#,
        ),
        (785, "command/response", r#"{"cmd_id":"c9","timestamp":1,"status":"error","data":{}}"#),
        (786, "command/request", r#"{"command":"reboot; now"}"#),
        (
            787,
            "alarm/active",
            r#"{"alarm_type":"HIGH_TEMP","point_id":5,"priority":"HIGH","state_transition":"NORMAL->HIGH"}"#,
        ),
        (788, "alarm/active", r#"{"alarm_type":"DOOR","priority":2,"state_transition":"CLOSED->OPEN"}"#),
        (789, "alarm/active", r#"{"alarm_type":"DOOR","priority":2,"state_transition":"OPEN->CLOSED"}"#),
        (790, "event/relay", r#"{"relay_id":1,"state":"ON"}"#),
        (791, "telemetry/system", r#"{"free_heap":200000,"max_alloc_heap":80000,"boot_count":7}"#),
        (792, "telemetry/system", r#"{"free_heap":190000,"max_alloc_heap":120000,"boot_count":8}"#),
        (799, "command/request", r#"{"cmd_id":"c3","command":"get_status","parameters":{}}"#),
    ] {
        let topic = format!("p/a3/l2/tc03/{topic}");
        let arrival = Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) };
        fleet.arrival(&arrival, now(second * SECOND));
    }
}

fn telemetry(fleet: &mut Fleet, device: &str, second: u64, temp: f64) {
    let stamp = common::START.unsigned_abs() / SECOND + second;
    let minute = second / 60;
    // One begins anew at 0, the other leaves out three numbers.
    let sequence = if device == "tc01" { minute % 8 } else { minute + if minute > 5 { 3 } else { 0 } };
    let payload = format!(
        r#"{{"timestamp":{stamp},"sequence":{sequence},"points":{{"1":{{"temp":{temp},"status":"OK"}},"2":{{"temp":{second},"status":"ERROR"}}}}}}"#
    );
    // The second point would soon leave its range; its value moves, and that is all it is for.
    let payload = payload.replace(&format!("\"temp\":{second},"), &format!("\"temp\":{},", second % 180));
    say(fleet, &format!("p/a1/l1/{device}/telemetry/temperature"), second, &payload);
}

fn say(fleet: &mut Fleet, topic: &str, second: u64, payload: &str) {
    fleet.arrival(&Arrival::live(topic, payload.as_bytes()), now(second * SECOND));
}

/// Everything, in steps of so many bytes.
fn text(watched: &mut [Watched], exposition: Exposition, step: usize) -> String {
    let at = now(800 * SECOND);
    let mut walk = Walk::new();
    let mut writer = Writer::new(exposition, 128);
    let mut all = Vec::new();
    while walk.step(watched, at, &mut writer, step) {
        all.append(&mut writer.buffer);
    }
    writer.finish();
    all.append(&mut writer.buffer);
    String::from_utf8(all).unwrap()
}

#[test]
fn a_small_fleet_is_exposed_as_written_down() {
    for (exposition, name) in BOTH.into_iter().zip(["fleet.prom", "fleet.openmetrics"]) {
        let path = format!("{}/tests/exposition/{name}", env!("CARGO_MANIFEST_DIR"));
        let found = text(&mut watched(), exposition, usize::MAX);
        let Ok(golden) = std::fs::read_to_string(&path) else {
            std::fs::write(&path, &found).unwrap();
            panic!("{name} was not there and is written now: read it, and run the test again");
        };
        for (number, (found, golden)) in found.lines().zip(golden.lines()).enumerate() {
            assert_eq!(found, golden, "{name}, line {}", number + 1);
        }
        assert_eq!(found.len(), golden.len());
    }
}

#[test]
fn a_walk_in_small_steps_writes_the_same_text_as_one_in_a_single_step() {
    for exposition in BOTH {
        let whole = text(&mut watched(), exposition, usize::MAX);
        for step in [1, 100, 5000] {
            assert_eq!(text(&mut watched(), exposition, step), whole, "{step}");
        }
        assert_eq!(text(&mut watched(), exposition, 1), whole, "the order is the same every time");
    }
}

#[test]
fn no_series_and_no_family_is_written_twice() {
    for exposition in BOTH {
        let reader = Reader::read(&text(&mut watched(), exposition, 1), exposition);
        assert!(reader.series.len() > 200, "{}", reader.series.len());
    }
}

/// Names as nobody should give them: quotes, breaks, backslashes, and long ones that begin alike.
fn nasty(random: &mut Random, number: u64) -> String {
    let odd =
        ["\"", "\\", "\n", "\\n", "{", "}", "=", ",", " ", "é", "…", "\u{7f}", "\r", "#", "\0", "\u{2028}"];
    let odd: String = (0..random.below(5)).map(|_| *random.pick(&odd)).collect();
    match number % 4 {
        0 => format!("{odd}{}{number}", "long ".repeat(60)),
        1 => format!("{odd}{}{number}", "ü".repeat(64)),
        _ => format!("{odd}{number}"),
    }
}

fn nasty_fleet(devices: u64, series: usize) -> Vec<Watched> {
    let limits = Limits { device_series_max: series, ..Limits::default() };
    let rules = FleetRules {
        broker: "b\"\\\n".into(),
        streams: vec![presets::generic()],
        labels: vec!["area".into()],
        limits,
        values: true,
        ..FleetRules::default()
    };
    let mut random = Random(9);
    let mut fleet = Fleet::new(rules);
    for number in 0..devices {
        let (name, point) = (nasty(&mut random, number), nasty(&mut random, number + 1));
        let payload = serde_json::json!({ "device_id": name, point: 5, "": 6, "other": 7 }).to_string();
        say(&mut fleet, "t/x", number, &payload);
    }
    vec![Watched::new(fleet)]
}

#[test]
fn thousands_of_nasty_names_are_told_apart() {
    for exposition in BOTH {
        let text = text(&mut nasty_fleet(3000, 5000), exposition, 10_000);
        let reader = Reader::read(&text, exposition);
        let up = reader.of("mqtt_device_up");
        assert_eq!(up.len(), 3000);
        assert_eq!(reader.of("mqtt_point_value").len(), 9000);
        assert!(up.iter().all(|series| series.len() < 500), "labels are bounded");
        assert_eq!(reader.one("watchkeeper_series_suppressed"), 0.0);
    }
}

#[test]
fn devices_without_series_are_counted_and_in_every_sum() {
    let mut watched = nasty_fleet(3000, 100);
    let reader = Reader::read(&text(&mut watched, Exposition::Text, 10_000), Exposition::Text);
    assert_eq!(reader.of("mqtt_device_up").len(), 100);
    assert_eq!(reader.one("watchkeeper_series_suppressed"), 2900.0);
    assert_eq!(reader.one("watchkeeper_devices_tracked"), 3000.0);
    assert_eq!(reader.one("mqtt_messages_received_total"), 3000.0);
    assert_eq!(reader.one("watchkeeper_points_tracked"), 9000.0);
}

#[test]
fn the_worst_devices_have_series_and_each_for_at_least_ten_minutes() {
    let limits = Limits { device_series_max: 2, ..Limits::default() };
    let rules = FleetRules { streams: vec![presets::generic()], limits, ..FleetRules::default() };
    let mut watched = [Watched::new(Fleet::new(rules))];
    for device in ["a", "b", "c", "d"] {
        say(&mut watched[0].fleet, &format!("{device}/x"), 0, "1");
    }
    let mut shown = |second: u64, bad: &str| {
        say(&mut watched[0].fleet, &format!("{bad}/x"), second, "{");
        let mut writer = Writer::new(Exposition::Text, 128);
        Walk::new().step(&mut watched, now(second * SECOND), &mut writer, usize::MAX);
        let reader = Reader::read(&String::from_utf8(writer.buffer).unwrap(), Exposition::Text);
        let name = |series: &&str| series.split("device=\"").nth(1).unwrap()[..1].to_owned();
        reader.of("mqtt_device_up").iter().map(name).collect::<String>()
    };
    assert_eq!(shown(1, "c"), "ac");
    assert_eq!(shown(60, "d"), "ac", "each has its ten minutes");
    assert_eq!(shown(599, "d"), "ac");
    assert_eq!(shown(702, "d"), "cd", "then the worst");
}

#[test]
fn a_forgotten_device_leaves_no_series() {
    let mut watched = watched();
    let before = text(&mut watched, Exposition::Text, usize::MAX);
    assert!(before.contains("device=\"tc02\""));
    assert!(watched[0].fleet.forget("tc02"));
    let after = text(&mut watched, Exposition::Text, usize::MAX);
    assert!(!after.contains("device=\"tc02\"") && after.contains("device=\"tc01\""));
    let received = |text: &str| Reader::read(text, Exposition::Text).of("mqtt_messages_received_total").len();
    assert_eq!(received(&before), received(&after));
}

#[test]
fn a_device_that_is_forgotten_while_we_write_is_left_out_from_there_on() {
    let mut watched = watched();
    let mut walk = Walk::new();
    let mut writer = Writer::new(Exposition::Text, 128);
    assert!(walk.step(&mut watched, now(0), &mut writer, 1));
    watched[0].fleet.forget("tc01");
    say(&mut watched[0].fleet, "p/a1/l1/new/telemetry/system", 801, "{}");
    while walk.step(&mut watched, now(0), &mut writer, 1) {}
    Reader::read(&String::from_utf8(writer.buffer).unwrap(), Exposition::Text);
}
