//! What comes out of what devices of each convention say, with every preset on and no configuration.

use super::*;
use crate::arrival::Arrival;
use crate::rules::{FleetRules, Origin};
use crate::testing::{Bench, now};
use crate::trackers::presence::State;

mod discovered;
mod esphome;
mod homie;
mod shelly;
mod spaces;
mod sparkplug;
mod tasmota;
mod thingsboard;
mod zigbee2mqtt;

fn rules() -> FleetRules {
    let of_preset = |rules| StreamRules { origin: Origin::Preset, ..rules };
    let mut all: Vec<StreamRules> =
        ALL.iter().flat_map(|preset| streams(preset).unwrap()).map(of_preset).collect();
    all.push(generic());
    FleetRules { streams: all, ..FleetRules::default() }
}

fn bench() -> Bench {
    Bench::new(rules())
}

/// Every device with its state, in the order of their names: `name online`.
fn states(bench: &Bench) -> Vec<String> {
    let state = |device: &crate::fleet::Device| {
        let presence = &device.roster.presence;
        let reason = presence.reason().map_or(String::new(), |reason| format!(" {}", reason.as_str()));
        let asleep = if presence.is_asleep() { " asleep" } else { "" };
        format!("{} {}{reason}{asleep}", device.id, presence.state().as_str())
    };
    let mut states: Vec<String> = bench.fleet.devices().map(state).collect();
    states.sort();
    states
}

/// The names and values of all points of a device, in the order of the names.
fn points(bench: &Bench, device: &str) -> Vec<String> {
    let names = bench.fleet.names();
    let stuck = &bench.roster(device).stuck;
    let mut points: Vec<String> =
        stuck.named(&names).map(|(_, name, point)| format!("{name}={}", point.value)).collect();
    points.sort();
    points
}

fn errors(bench: &Bench) -> Vec<String> {
    let bad = |(stats, rules): (&crate::stats::StreamStats, &StreamRules)| {
        (stats.bad > 0).then(|| format!("{} {}", rules.name, stats.bad))
    };
    bench.fleet.stats.streams.iter().zip(&rules().streams).filter_map(bad).collect()
}

/// Says a list of messages a second apart, `retained` before those that the broker kept.
fn say(bench: &mut Bench, messages: &[(&str, &str)]) {
    for (topic, payload) in messages {
        let at = bench.at + 1.0;
        match topic.strip_prefix("retained ") {
            Some(topic) => keep(bench, at, topic, payload.as_bytes()),
            None => bench.say(at, topic, payload),
        }
    }
}

fn keep(bench: &mut Bench, at: f64, topic: &str, payload: &[u8]) {
    bench.hear(at, &Arrival { retain: true, ..Arrival::live(topic, payload) });
}

fn check(messages: &[(&str, &str)], found: &[&str], device: &str, with_points: &[&str]) -> Bench {
    let mut bench = bench();
    say(&mut bench, messages);
    let end = bench.at;
    bench.look(end + 10.0);
    assert_eq!(states(&bench), found, "{messages:?}");
    if !device.is_empty() {
        assert_eq!(points(&bench, device), with_points, "{messages:?}");
    }
    assert_eq!(errors(&bench), [""; 0], "{messages:?}");
    bench
}

#[test]
fn every_preset_can_be_built_and_no_stream_is_there_twice() {
    let mut names: Vec<Box<str>> = rules().streams.iter().map(|stream| stream.name.clone()).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(streams("nonsense").map(|s| s.len()), None);
    assert_eq!(&*generic().name, GENERIC);
    for stream in rules().streams {
        let (kin, all) = (&stream.kin, rules());
        let others = [&kin.joins, &kin.sequence_with, &kin.state_stream, &kin.availability_stream];
        for name in others.into_iter().flatten() {
            assert!(all.streams.iter().any(|other| other.name == *name), "{name} is no stream");
        }
    }
}

#[test]
fn tasmota_tells_its_presence_readings_and_results() {
    let state = r#"{"Time":"2026-11-21T06:31:00","Uptime":"0T00:10:11","UptimeSec":611,"Heap":24,"POWER":"OFF","Wifi":{"RSSI":44,"Signal":-78}}"#;
    let sensor = r#"{"Time":"2026-11-21T06:31:00","DS18B20":{"Temperature":20.6},"TempUnit":"C"}"#;
    let messages = [
        ("retained tele/tasmota_1/LWT", "Online"),
        ("retained tele/tasmota_2/LWT", "Offline"),
        ("tele/tasmota_1/STATE", state),
        ("tele/tasmota_1/SENSOR", sensor),
        ("stat/tasmota_1/RESULT", r#"{"POWER":"ON"}"#),
        ("stat/tasmota_1/POWER", "ON"),
        ("cmnd/tasmota_1/POWER", "TOGGLE"),
        ("cmnd/tasmota_9/POWER", "TOGGLE"),
        ("tele/tasmota_1/LWT", "Online"),
    ];
    let found = ["tasmota_1 online", "tasmota_2 offline will"];
    let mut bench = check(&messages, &found, "tasmota_1", &["DS18B20.Temperature=20.6"]);
    // What comes every 300 s is expected every 300 s.
    for n in 1..=7 {
        bench.say(300.0 * f64::from(n), "tele/tasmota_1/SENSOR", sensor);
    }
    let view = bench.fleet.view(bench.fleet.device("tasmota_1").unwrap(), now(3000.0).wall);
    let sensor = view.streams.iter().find(|stream| stream.stream == "tasmota_sensor").unwrap();
    assert_eq!(sensor.interval_expected_seconds, Some(300.0));
    say(&mut bench, &[("tele/tasmota_1/LWT", "Offline")]);
    bench.look(2120.0);
    assert_eq!(states(&bench), ["tasmota_1 offline will", "tasmota_2 offline will"]);
    // Whoever uses the prefix otherwise is not taken for one of them.
    say(&mut bench, &[("tele/other/LWT", "hello")]);
    assert_eq!(bench.roster("tele/other").presence.state(), State::Online);
}

#[test]
fn homie_of_all_versions_tells_its_state_and_its_properties() {
    let messages = [
        ("retained homie/lamp/$homie", "4.0.0"),
        ("retained homie/lamp/$state", "ready"),
        ("retained homie/lamp/light/power", "40.5"),
        ("homie/lamp/light/power", "41.5"),
        ("homie/lamp/light/power/set", "0"),
        ("homie/lamp/$stats/uptime", "100"),
        ("retained homie/cellar/$state", "sleeping"),
        ("homie/attic/$state", "init"),
        ("homie/attic/$state", "ready"),
        ("homie/attic/$state", "lost"),
        ("homie/shed/$state", "ready"),
        ("homie/shed/$state", "disconnected"),
        ("homie/5/hub/$state", "ready"),
        ("homie/5/hub/$description", r#"{"homie":"5.0","version":7,"name":"Hub"}"#),
        ("homie/5/bulb/$state", "ready"),
        ("homie/5/bulb/$description", r#"{"homie":"5.0","version":7,"root":"hub","parent":"hub"}"#),
        ("homie/5/bulb/dimmer/level", "55"),
        ("homie/5/bulb/dimmer/level/$target", "60"),
        ("homie/5/bulb/$alert/battery", "low"),
        ("homie/5/bulb/$log/info", "started"),
    ];
    let found = [
        "attic offline will",
        "bulb online",
        "cellar online asleep",
        "hub online",
        "lamp online",
        "shed offline disconnect",
    ];
    let mut bench = check(&messages, &found, "bulb", &["dimmer/level=55"]);
    assert_eq!(points(&bench, "lamp"), ["light/power=41.5"]);
    say(&mut bench, &[("homie/5/hub/$state", "lost")]);
    bench.look(60.0);
    let gone = ["bulb offline parent", "hub offline will"];
    assert!(gone.iter().all(|gone| states(&bench).iter().any(|state| state == gone)), "{:?}", states(&bench));
}

#[test]
fn zigbee2mqtt_tells_of_the_bridge_and_of_devices_with_long_names() {
    let lamp = r#"{"linkquality":120,"brightness":254,"state":"ON","last_seen":"2026-05-01T08:00:00.000Z"}"#;
    let messages = [
        ("retained zigbee2mqtt/bridge/state", r#"{"state":"online"}"#),
        ("retained zigbee2mqtt/bridge/info", "{}"),
        ("retained zigbee2mqtt/bridge/devices", "[]"),
        ("retained zigbee2mqtt/hall/lamp/availability", r#"{"state":"offline"}"#),
        ("zigbee2mqtt/bridge/logging", r#"{"level":"info","message":"x"}"#),
        ("zigbee2mqtt/hall/lamp", lamp),
        ("zigbee2mqtt/hall/lamp/set", r#"{"state":"OFF"}"#),
        ("zigbee2mqtt/hall/lamp/set/state", "OFF"),
        ("zigbee2mqtt/hall/lamp/get", r#"{"state":""}"#),
        ("zigbee2mqtt/hall/lamp/action", "single"),
        ("zigbee2mqtt/door/availability", r#"{"state":"online"}"#),
        ("zigbee2mqtt/window/availability", r#"{"state":"offline"}"#),
        // As it was before version 2.
        ("zigbee2mqtt/sink/availability", "online"),
    ];
    let found = [
        "door online",
        "hall/lamp online",
        "sink online",
        "window offline will",
        "zigbee2mqtt/bridge online",
    ];
    let mut bench = check(&messages, &found, "hall/lamp", &["brightness=254", "linkquality=120"]);
    say(&mut bench, &[("zigbee2mqtt/bridge/state", "offline")]);
    bench.look(60.0);
    assert_eq!(
        states(&bench),
        [
            "door offline parent",
            "hall/lamp offline parent",
            "sink offline parent",
            "window offline will",
            "zigbee2mqtt/bridge offline will"
        ]
    );
    say(
        &mut bench,
        &[("zigbee2mqtt/bridge/state", r#"{"state":"online"}"#), ("zigbee2mqtt/hall/lamp", lamp)],
    );
    assert!(states(&bench).contains(&"hall/lamp online".to_owned()));
    // The bridge went while we were away, and only what the broker keeps says so.
    bench.outage(70.0, 80.0);
    say(&mut bench, &[("retained zigbee2mqtt/bridge/state", r#"{"state":"offline"}"#)]);
    bench.look(100.0);
    assert!(states(&bench).contains(&"hall/lamp offline parent".to_owned()), "{:?}", states(&bench));
}

#[test]
fn esphome_is_told_from_others_by_its_words() {
    let messages = [
        ("retained desk/status", "online"),
        ("desk/sensor/temperature/state", "21.5"),
        ("desk/sensor/humidity/state", "40"),
        ("desk/binary_sensor/door/state", "ON"),
        ("desk/switch/lamp/command", "ON"),
        ("desk/cover/blind/state", "OPEN"),
        ("desk/cover/blind/position/state", "0.5"),
        ("desk/cover/blind/position/command", "0.7"),
        ("desk/climate/hall/current_temperature/state", "19.5"),
        ("desk/climate/hall/mode/state", "heat"),
        ("desk/debug", "\u{1b}[0;36m[D][sensor:094]: hello\u{1b}[0m"),
        ("press/status", "running"),
        ("press/debug", r#"{"value":42}"#),
        ("bed/status", "online"),
        ("bed/status", "offline"),
    ];
    let found = ["bed offline will", "desk online", "press online"];
    let points = ["blind/position=0.5", "hall/current_temperature=19.5", "humidity=40", "temperature=21.5"];
    let bench = check(&messages, &found, "desk", &points);
    let streams = |device: &str| -> Vec<Box<str>> {
        let paces = bench.roster(device).cadence.streams();
        paces.iter().map(|pace| bench.fleet.stream(pace.stream).unwrap().name.clone()).collect()
    };
    assert_eq!(*streams("press"), ["generic".into()], "a status of another kind is left alone");
    assert_eq!(*streams("bed"), ["esphome_status".into()]);
}

#[test]
fn shelly_of_both_generations_is_known() {
    let status = r#"{"id":0,"apower":12.5,"output":true,"aenergy":{"total":100.5}}"#;
    let note = r#"{"src":"shellyplus1-a8032ab12345","dst":"x/events","method":"NotifyStatus","params":{"ts":1777622400.5,"switch:0":{"id":0,"apower":12.5}}}"#;
    let messages = [
        ("retained shellies/shelly1-AB/online", "true"),
        (
            "shellies/announce",
            r#"{"id":"shelly1-AB","mac":"AB","ip":"10.0.0.5","new_fw":false,"fw_ver":"1.14"}"#,
        ),
        ("shellies/shelly1-AB/relay/0", "on"),
        ("shellies/shelly1-AB/relay/0/power", "12.5"),
        ("shellies/shelly1-AB/relay/1/power", "7"),
        ("shellies/shelly1-AB/relay/0/command", "off"),
        ("shellies/command", "announce"),
        ("shellies/shelly1-CD/online", "true"),
        ("shellies/shelly1-CD/online", "false"),
        ("shellyplus1-a8/online", "true"),
        ("shellyplus1-a8/status/switch:0", status),
        ("shellyplus1-a8/events/rpc", note),
        ("shellyplus1-b9/online", "false"),
        ("gate/online", "since noon"),
        ("shellyplus1-a8/debug/log", "shelly_notification:163 Status change of switch:0"),
        ("stranger/debug/log", "[a device is not made of that"),
        // Of somebody else: no object, and no fault.
        ("press9/status/mode", "AUTO"),
    ];
    let found = [
        "gate online",
        "press9/status online",
        "shelly1-AB online",
        "shelly1-CD offline will",
        "shellyplus1-a8 online",
        "shellyplus1-b9 offline will",
    ];
    let bench = check(&messages, &found, "shelly1-AB", &["relay/0/power=12.5", "relay/1/power=7"]);
    let found = points(&bench, "shellyplus1-a8");
    assert!(
        found.contains(&"switch:0.apower=12.5".to_owned())
            && found.contains(&"switch:0.aenergy.total=100.5".to_owned()),
        "{found:?}"
    );
}

#[test]
fn who_speaks_through_a_bridge_that_is_gone_does_not_come_back_by_what_nobody_took_back() {
    let messages = [
        ("retained zigbee2mqtt/bridge/state", r#"{"state":"offline"}"#),
        ("retained zigbee2mqtt/lamp/availability", r#"{"state":"online"}"#),
    ];
    check(&messages, &["lamp offline parent", "zigbee2mqtt/bridge offline will"], "lamp", &[]);
}

#[test]
fn a_gateway_of_thingsboard_names_its_devices_in_the_payload() {
    let values = r#"{"Device A":[{"ts":1777622400000,"values":{"temperature":42,"humidity":80}}],"Device B":[{"ts":1777622400000,"values":{"temperature":43}}]}"#;
    let messages = [
        ("v1/gateway/connect", r#"{"device":"Device A"}"#),
        ("v1/gateway/telemetry", values),
        ("v1/gateway/disconnect", r#"{"device":"Device B"}"#),
        ("v1/gateway/attributes", r#"{"Device C":{"level":3}}"#),
        ("v1/devices/me/telemetry", r#"{"ts":1777622400000,"values":{"x":1}}"#),
        ("v1/devices/me/rpc/request/1", r#"{"method":"x"}"#),
    ];
    let found = ["Device A online", "Device B offline disconnect", "Device C online", "v1/devices/me online"];
    let bench = check(&messages, &found, "Device A", &["humidity=80", "temperature=42"]);
    assert_eq!(points(&bench, "Device C"), ["level=3"]);
    assert_eq!(points(&bench, "v1/devices/me"), ["x=1"]);
}

#[test]
fn what_a_gateway_says_wrongly_is_an_error_and_makes_no_device_of_it() {
    let mut bench = bench();
    say(
        &mut bench,
        &[("v1/gateway/telemetry", "{broken"), ("v1/gateway/telemetry", r#"{"A":7,"B":"x","":{}}"#)],
    );
    assert_eq!(errors(&bench), ["thingsboard_gateway 1"]);
    assert_eq!(states(&bench), ["A online", "B online", "v1/gateway online"]);
}
