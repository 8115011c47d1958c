//! `ESPHome` beside its values: its log, and how its nodes are found.

use super::*;

#[test]
fn the_log_of_a_node_is_no_telemetry_with_colours_and_without() {
    let messages = [
        ("retained desk/status", "online"),
        ("desk/sensor/temperature/state", "21.5"),
        ("desk/debug", "\u{1b}[0;36m[D][sensor:094]: 'Temperature': Sending state 21.50000 °C\u{1b}[0m"),
        (
            "desk/debug",
            "[D][sensor:094]: 'Temperature': Sending state 21.50000 °C with 1 decimals of accuracy",
        ),
        ("desk/debug", "[C][mqtt:079]:   Topic Prefix: 'desk'"),
        ("desk/debug", "[VV][scheduler:226]: Running interval"),
        ("desk/debug", "[W][component:237]: Component mqtt took a long time for an operation (55 ms)."),
        ("retained desk/debug", "[I][app:102]: ESPHome version 2026.4.1 compiled on Apr 30 2026"),
        ("esphome/desk/debug", "[E][json:041]: Could not allocate memory for JSON document!"),
        ("stranger/debug", "[I][app:102]: a log makes nobody known"),
    ];
    let bench = check(&messages, &["desk online"], "desk", &["temperature=21.5"]);
    let log = rules().streams.iter().position(|stream| &*stream.name == "esphome_log").unwrap();
    assert_eq!(bench.fleet.stats.streams[log].messages, 7, "the retained one, too");
}

#[test]
fn who_looks_for_nodes_and_who_answers_makes_no_device() {
    let found = r#"{"ip":"10.0.0.7","name":"desk","friendly_name":"Desk","port":6053,"version":"2026.4.1","mac":"a8032ab12345",
        "platform":"ESP32","board":"esp32dev","network":"wifi","api_encryption":"Noise_NNpsk0_25519_ChaChaPoly_SHA256"}"#;
    let messages = [
        ("esphome/discover", ""),
        ("esphome/ping/desk", ""),
        ("retained esphome/discover/desk", found),
        ("esphome/discover/desk", found),
    ];
    check(&messages, &[], "", &[]);
    let with_status = [messages[3], ("desk/status", "online")];
    check(&with_status, &["desk online"], "desk", &[]);
}

#[test]
fn what_a_light_tells_of_itself_has_one_name_however_many_lights_there_are() {
    let light = r#"{"state":"ON","brightness":255,"color_mode":"rgb","color":{"r":1,"g":2,"b":3}}"#;
    let mut bench = bench();
    say(&mut bench, &[("desk/light/lamp/state", light)]);
    let first = points(&bench, "desk");
    assert_eq!(first, ["lamp.brightness=255", "lamp.color.b=3", "lamp.color.g=2", "lamp.color.r=1"]);
    say(&mut bench, &[("desk/light/strip/state", r#"{"state":"ON","brightness":9}"#)]);
    let both = points(&bench, "desk");
    assert!(both.len() == 5 && first.iter().all(|point| both.contains(point)), "{both:?}");
}
