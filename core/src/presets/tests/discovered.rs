//! What Home Assistant's discovery announces, in any order.

use super::*;

const SENSOR: &str = r#"{"name":"Temperature","uniq_id":"stove_t","~":"home/stove","stat_t":"~/temp","exp_aft":60,
    "avty_t":"~/alive","pl_avail":"here","pl_not_avail":"away","dev":{"ids":["stove-1"],"name":"Stove"}}"#;

#[test]
fn an_announced_device_has_presence_points_and_a_limit_of_silence() {
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/sensor/stove/config", SENSOR),
            ("home/stove/alive", "here"),
            ("home/stove/temp", "21.5"),
        ],
    );
    assert_eq!(states(&bench), ["stove-1 online"]);
    assert_eq!(points(&bench, "stove-1"), ["temp=21.5"]);
    bench.look(67.0);
    assert_eq!(states(&bench), ["stove-1 online"]);
    bench.look(69.0);
    assert_eq!(states(&bench), ["stove-1 offline silence"], "expire_after and the hold-off are over");
    say(&mut bench, &[("home/stove/temp", "22"), ("home/stove/alive", "away")]);
    bench.look(90.0);
    assert_eq!(states(&bench), ["stove-1 offline will"]);
    assert_eq!(errors(&bench), [""; 0]);
}

#[test]
fn a_statement_that_came_before_its_announcement_is_not_lost() {
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained home/stove/alive", "away"),
            ("retained home/stove/temp", "20"),
            ("retained homeassistant/sensor/stove/config", SENSOR),
        ],
    );
    assert_eq!(states(&bench), ["stove-1 offline will"], "and what was made of the topic before is gone");
}

#[test]
fn all_forms_of_a_document_are_understood() {
    let list = r#"{"state_topic":"a/s","unique_id":"a1","availability":[{"topic":"a/av","value_template":"{{ value_json.state }}"},
        {"topic":"a/odd","value_template":"{% if value %}online{% endif %}"}]}"#;
    let bundle = r#"{"dev":{"cns":[["mac","02:5b"]]},"o":{"name":"x"},"avty_t":"b/av",
        "cmps":{"t":{"p":"sensor","stat_t":"b/t","exp_aft":30},"h":{"p":"sensor","stat_t":"b/h"}}}"#;
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/sensor/node/a/config", list),
            ("retained homeassistant/device/b/config", bundle),
            ("a/av", r#"{"state":"online"}"#),
            ("b/av", "online"),
            ("b/t", "1"),
            ("b/h", "2"),
        ],
    );
    assert_eq!(states(&bench), ["02:5b online", "a1 online"]);
    assert_eq!(points(&bench, "02:5b"), ["h=2", "t=1"]);
    say(&mut bench, &[("a/av", r#"{"state":"offline"}"#), ("a/odd", "x")]);
    bench.look(30.0);
    assert_eq!(
        states(&bench),
        ["02:5b online", "a online", "a1 offline will"],
        "a template is never guessed"
    );
}

#[test]
fn a_topic_that_a_convention_names_stays_with_it() {
    let of_bridge = r#"{"stat_t":"zigbee2mqtt/lamp","avty":[{"t":"zigbee2mqtt/bridge/state"}],"dev":{"ids":["zigbee2mqtt_0x1"]}}"#;
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/light/0x1/config", of_bridge),
            ("zigbee2mqtt/bridge/state", r#"{"state":"online"}"#),
            ("zigbee2mqtt/lamp", r#"{"brightness":1}"#),
        ],
    );
    assert_eq!(states(&bench), ["lamp online", "zigbee2mqtt/bridge online"]);
}

#[test]
fn what_several_devices_share_says_nothing_of_one() {
    let one = |id: &str| format!(r#"{{"stat_t":"g/{id}","avty_t":"g/gateway","dev":{{"ids":["{id}"]}}}}"#);
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/sensor/x/config", &one("x")),
            ("retained homeassistant/sensor/y/config", &one("y")),
            ("g/x", "1"),
            ("g/y", "1"),
            ("g/gateway", "offline"),
        ],
    );
    bench.look(30.0);
    assert_eq!(states(&bench), ["g offline will", "x online", "y online"]);
}

#[test]
fn odd_announcements_do_no_harm_and_there_is_a_limit() {
    let mut bench = bench();
    let config = "homeassistant/sensor/x/config";
    for odd in [
        "",
        "[]",
        "7",
        "\"x\"",
        "{",
        r#"{"stat_t":7}"#,
        r#"{"avty":[7,{"t":null},[]]}"#,
        r#"{"dev":[],"~":5,"stat_t":"~"}"#,
    ] {
        say(&mut bench, &[(config, odd)]);
    }
    assert_eq!(states(&bench), [""; 0]);
    let many: Vec<String> = (0..1000).map(|n| format!(r#""c{n}":{{"stat_t":"t/{n}/s"}}"#)).collect();
    for page in 0..70 {
        let document =
            format!(r#"{{"cmps":{{{}}}}}"#, many.join(",").replace("\"t/", &format!("\"t/{page}/")));
        say(&mut bench, &[(config, &document)]);
    }
    assert!(bench.fleet.stats.announcements_refused == 0, "a document is cut at so many members");
}

#[test]
fn a_presence_that_is_shown_as_a_value_stays_one() {
    let shown = |first: &str| format!(r#"{{{first}"stat_t":"home/gate/LWT","dev":{{"ids":"gate-1"}}}}"#);
    for first in [r#""avty_t":"home/gate/LWT","#, ""] {
        let mut bench = bench();
        let with = shown(r#""avty_t":"home/gate/LWT","#);
        say(
            &mut bench,
            &[
                ("retained homeassistant/binary_sensor/gate_status/config", &with),
                ("retained homeassistant/sensor/gate_word/config", &shown(first)),
                ("home/gate/LWT", "online"),
                ("home/gate/LWT", "offline"),
            ],
        );
        bench.look(30.0);
        assert_eq!(states(&bench), ["gate-1 offline will"]);
    }
}

#[test]
fn every_topic_of_an_entity_is_its_devices_and_who_commands_is_no_sign_of_life() {
    let light = r#"{"~":"attic/lamp","uniq_id":"lamp_1","cmd_t":"~/set","stat_t":"~/get","bri_cmd_t":"~/bri/set","bri_stat_t":"~/bri",
        "json_attr_t":"~/more","pr_mode_cmd_t":"~/mode/set","pr_mode_stat_t":"~/mode","dev":{"ids":["lamp-1"]},"o":{"name":"own"}}"#;
    let button =
        r#"{"atype":"trigger","t":"attic/remote/pressed","type":"click","dev":{"ids":["remote-1"]}}"#;
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/light/lamp/config", light),
            ("retained homeassistant/device_automation/remote/click/config", button),
            ("attic/lamp/set", "ON"),
            ("attic/lamp/bri/set", "40"),
            ("attic/lamp/mode/set", "party"),
            (
                "retained homeassistant/camera/door/config",
                r#"{"t":"attic/door/picture","dev":{"ids":["door-1"]}}"#,
            ),
            ("attic/door/picture", "\u{1}JFIF"),
        ],
    );
    assert_eq!(states(&bench), [""; 0], "who commands says nothing of whom he commands");
    say(
        &mut bench,
        &[
            ("attic/lamp/bri", "41"),
            ("attic/lamp/more", r#"{"rssi":-60}"#),
            ("attic/lamp/mode", "calm"),
            ("attic/remote/pressed", "1"),
        ],
    );
    assert_eq!(states(&bench), ["lamp-1 online", "remote-1 online"]);
    assert_eq!(points(&bench, "lamp-1"), ["bri=41", "more.rssi=-60"]);
}

#[test]
fn values_whose_topics_end_alike_have_names_of_their_own() {
    let node = |of: &str| {
        format!(
            r#"{{"stat_t":"esphome/desk/sensor/{of}/state","avty_t":"esphome/desk/status","uniq_id":"desk-{of}","dev":{{"ids":"a803"}}}}"#
        )
    };
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained homeassistant/sensor/desk/temperature/config", &node("temperature")),
            ("retained homeassistant/sensor/desk/humidity/config", &node("humidity")),
            ("esphome/desk/status", "online"),
            ("esphome/desk/sensor/temperature/state", "21.5"),
            ("esphome/desk/sensor/humidity/state", "40"),
            ("esphome/desk/debug", "[D][sensor:094]: 'Temperature': Sending state 21.50000 °C"),
        ],
    );
    assert_eq!(states(&bench), ["a803 online"]);
    assert_eq!(points(&bench, "a803"), ["sensor/humidity=40", "sensor/temperature=21.5"]);
}

#[test]
fn a_topic_of_a_form_that_others_have_is_what_was_announced_of_it() {
    let gate = r#"{"stat_t":"gate/status","uniq_id":"gate","dev":{"ids":"gate-1"}}"#;
    let pump = r#"{"stat_t":"pump/level","avty_t":"pump/status","pl_avail":"up","pl_not_avail":"down","dev":{"ids":"pump-1"}}"#;
    let lamp = r#"{"cmd_t":"lamp/command","stat_t":"lamp/state","dev":{"ids":"lamp-1"}}"#;
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("retained gate/status", "closed"),
            ("retained homeassistant/cover/gate/config", gate),
            ("retained homeassistant/sensor/pump/config", pump),
            ("retained homeassistant/light/lamp/config", lamp),
            ("gate/status", "open"),
            ("pump/level", "4.5"),
            ("pump/status", "down"),
            ("lamp/command", "ON"),
        ],
    );
    bench.look(30.0);
    assert_eq!(states(&bench), ["gate-1 online", "pump-1 offline will"]);
    assert_eq!((points(&bench, "pump-1"), errors(&bench)), (vec!["level=4.5".into()], vec![]));
}

#[test]
fn no_two_points_of_a_device_have_one_name() {
    let channel = |n: u32| format!(r#"{{"stat_t":"home/strip/ch{n}/power","dev":{{"ids":"strip-1"}}}}"#);
    let of_base = |n: u32| format!(r#"{{"~":"fan/{n}","stat_t":"~/speed","dev":{{"ids":"fan-1"}}}}"#);
    let mut bench = bench();
    for n in 1..=3 {
        let (strip, fan) = (channel(n), of_base(n));
        say(
            &mut bench,
            &[
                (&format!("homeassistant/sensor/strip/c{n}/config"), &strip),
                (&format!("homeassistant/sensor/fan/f{n}/config"), &fan),
                (&format!("home/strip/ch{n}/power"), &format!("1{n}")),
                (&format!("fan/{n}/speed"), &format!("2{n}")),
            ],
        );
    }
    assert_eq!(points(&bench, "strip-1"), ["ch1/power=11", "ch2/power=12", "ch3/power=13"]);
    // Where nothing else tells them apart the topic does, and who was there first keeps its name.
    assert_eq!(points(&bench, "fan-1"), ["2/speed=22", "3/speed=23", "speed=21"]);
}
