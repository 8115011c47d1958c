//! `Zigbee2MQTT` with other settings than the usual ones: attributes on topics of their own, availability, groups, and
//! everything that the bridge says of itself.

use super::*;

#[test]
fn an_attribute_on_a_topic_of_its_own_is_a_point_of_its_device() {
    let json = r#"{"brightness":200,"linkquality":120,"state":"ON","update":{"installed_version":587765297,"latest_version":587814449,"state":"idle"}}"#;
    let messages = [
        ("zigbee2mqtt/lamp/brightness", "254"),
        ("zigbee2mqtt/lamp/state", "ON"),
        ("zigbee2mqtt/lamp/linkquality", "120"),
        ("zigbee2mqtt/lamp/last_seen", "2026-05-01T08:00:00.000Z"),
        ("zigbee2mqtt/lamp/color-xy", "0.3,0.4"),
        // What is null there is nothing here; versions of firmware are no measurement, and a name that is taken back is nobody.
        ("zigbee2mqtt/lamp/color_temp", ""),
        ("zigbee2mqtt/lamp/update-installed_version", "587765297"),
        ("zigbee2mqtt/gone", ""),
        ("zigbee2mqtt/attic/gone", ""),
        ("zigbee2mqtt/hall/lamp/brightness", "7"),
        ("zigbee2mqtt/hall/lamp", r#"{"brightness":8}"#),
        ("zigbee2mqtt/sink", json),
    ];
    let found = ["hall/lamp online", "lamp online", "sink online"];
    let bench = check(&messages, &found, "lamp", &["brightness=254", "linkquality=120"]);
    assert_eq!(points(&bench, "sink"), ["brightness=200", "linkquality=120"]);
}

#[test]
fn an_empty_message_takes_nothing_from_what_silence_says() {
    let mut bench = bench();
    let said = [("zigbee2mqtt/door", r#"{"contact":true,"battery":98}"#), ("zigbee2mqtt/door", "")];
    say(&mut bench, &said);
    bench.look(24.0 * 3600.0);
    assert_eq!(states(&bench), ["door online"]);
    bench.look(26.0 * 3600.0);
    assert_eq!(states(&bench), ["door offline silence"]);
}

#[test]
fn who_is_said_to_be_there_may_be_silent_for_long() {
    let day = 86_400.0;
    let mut bench = bench();
    say(
        &mut bench,
        &[
            ("zigbee2mqtt/attic/availability", r#"{"state":"online"}"#),
            ("zigbee2mqtt/attic", r#"{"temperature":20.5,"battery":98}"#),
            ("zigbee2mqtt/door", r#"{"contact":true,"battery":80}"#),
            ("zigbee2mqtt/window/battery", "70"),
            // A lamp that nobody uses, and a group.
            ("zigbee2mqtt/guest room", r#"{"state":"OFF","linkquality":120}"#),
            ("zigbee2mqtt/all lamps", r#"{"state":"OFF"}"#),
        ],
    );
    bench.look(2.0 * day);
    let silent = ["door offline silence", "guest room online", "window offline silence"];
    assert_eq!(states(&bench), ["all lamps online", "attic online", silent[0], silent[1], silent[2]]);
    say(&mut bench, &[("zigbee2mqtt/attic/availability", r#"{"state":"offline"}"#)]);
    bench.look(2.0 * day + 60.0);
    assert_eq!(states(&bench), ["all lamps online", "attic offline will", silent[0], silent[1], silent[2]]);
}

#[test]
fn a_name_that_is_taken_back_is_no_mistake() {
    let messages = [("zigbee2mqtt/lamp", r#"{"brightness":1}"#), ("zigbee2mqtt/lamp", "")];
    check(&messages, &["lamp online"], "lamp", &["brightness=1"]);
}

#[test]
fn the_bridge_says_much_and_none_of_it_makes_a_device() {
    let messages = [
        ("retained zigbee2mqtt/bridge/state", "online"),
        (
            "retained zigbee2mqtt/bridge/info",
            r#"{"version":"2.6.0","coordinator":{"ieee_address":"0x1"},"log_level":"info"}"#,
        ),
        (
            "retained zigbee2mqtt/bridge/devices",
            r#"[{"friendly_name":"lamp","type":"Router","ieee_address":"0x2"}]"#,
        ),
        ("retained zigbee2mqtt/bridge/groups", r#"[{"id":1,"friendly_name":"all","members":[]}]"#),
        ("retained zigbee2mqtt/bridge/definitions", "{}"),
        ("retained zigbee2mqtt/bridge/extensions", "[]"),
        (
            "zigbee2mqtt/bridge/event",
            r#"{"type":"device_joined","data":{"friendly_name":"0x3","ieee_address":"0x3"}}"#,
        ),
        ("zigbee2mqtt/bridge/log", r#"{"type":"device_connected","message":"x"}"#),
        ("zigbee2mqtt/bridge/request/permit_join", r#"{"time":60}"#),
        ("zigbee2mqtt/bridge/response/permit_join", r#"{"data":{"time":60},"status":"ok"}"#),
        ("zigbee2mqtt/bridge/response/device/rename", r#"{"data":{"from":"a","to":"b"},"status":"ok"}"#),
        (
            "zigbee2mqtt/bridge/health",
            r#"{"response_time":1777622400000,"os":{"load_average":[0.1,0.2,0.3],"memory_used_mb":300},
            "process":{"uptime_sec":600,"memory_used_mb":90},"mqtt":{"connected":true,"queued":0,"received":3,"published":9},
            "devices":{"0x2":{"messages":9,"messages_per_sec":0.01,"leave_count":0}}}"#,
        ),
        ("zigbee2mqtt/lamp/left/set", "ON"),
        ("zigbee2mqtt/lamp/set/brightness", "7"),
        ("zigbee2mqtt/lamp/get/state", ""),
    ];
    check(&messages, &["zigbee2mqtt/bridge online"], "zigbee2mqtt/bridge", &[]);
}
