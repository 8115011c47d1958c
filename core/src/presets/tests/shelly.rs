//! Shelly of both generations, as their maker documents what they say.

use super::*;

/// A plug of the second generation that was switched on, by its notification and by the status of its component.
const NOTE: &str = r#"{"src":"shellyplusplugs-d4","dst":"shellyplusplugs-d4/events","method":"NotifyStatus",
    "params":{"ts":1777622400.55,"switch:0":{"id":0,"output":true,"apower":12.5,"source":"MQTT",
    "aenergy":{"by_minute":[7.5,0,0],"minute_ts":1777622340,"total":100.5}}}}"#;
const STATUS: &str = r#"{"id":0,"source":"MQTT","output":true,"apower":13.5,"voltage":231.5,
    "aenergy":{"total":101.5,"by_minute":[8,0,0],"minute_ts":1777622400},"temperature":{"tC":40.5,"tF":104.9}}"#;

#[test]
fn a_point_of_a_later_one_has_one_name_whoever_speaks_and_in_whatever_order() {
    let mut bench = bench();
    say(&mut bench, &[("plug/status/switch:0", STATUS)]);
    let first = points(&bench, "plug");
    assert!(first.contains(&"switch:0.apower=13.5".to_owned()), "{first:?}");
    say(&mut bench, &[("plug/status/temperature:0", r#"{"id":0,"tC":21.5,"tF":70.7}"#)]);
    let both = points(&bench, "plug");
    assert!(first.iter().all(|point| both.contains(point)), "{first:?} {both:?}");
    assert!(both.contains(&"temperature:0.tC=21.5".to_owned()), "{both:?}");
    // The notification of a component is of the same points.
    say(&mut bench, &[("plug/events/rpc", NOTE)]);
    let noted = points(&bench, "plug");
    assert_eq!(noted.len(), both.len(), "{noted:?}");
    assert!(noted.contains(&"switch:0.apower=12.5".to_owned()), "{noted:?}");
    assert_eq!((states(&bench), errors(&bench)), (vec!["plug online".to_owned()], vec![]));
}

#[test]
fn numbers_of_components_and_moments_are_no_points() {
    let event = r#"{"src":"shellyplusi4-aa","dst":"shellyplusi4-aa/events","method":"NotifyEvent","params":{"ts":1777622401.5,
        "events":[{"component":"input:0","id":0,"event":"single_push","ts":1777622401.5}]}}"#;
    let full = r#"{"src":"shellyplusht-bb","dst":"shellyplusht-bb/events","method":"NotifyFullStatus","params":{"ts":1777622402.1,
        "ble":{},"cloud":{"connected":true},"devicepower:0":{"id":0,"battery":{"V":5.27,"percent":64},"external":{"present":false}},
        "humidity:0":{"id":0,"rh":52.5},"temperature:0":{"id":0,"tC":21.5,"tF":70.7},"mqtt":{"connected":true},
        "sys":{"mac":"BB","restart_required":false,"time":null,"unixtime":null,"uptime":2,"ram_size":234260,"ram_free":151192,
        "fs_size":458752,"fs_free":131072,"cfg_rev":13,"kvs_rev":0,"webhook_rev":0,"available_updates":{},
        "wakeup_reason":{"boot":"deepsleep_wake","cause":"periodic"},"wakeup_period":7200,"reset_reason":8},
        "wifi":{"sta_ip":"10.0.0.9","status":"got ip","ssid":"x","rssi":-62},"ws":{"connected":false}}}"#;
    let mut bench = bench();
    say(&mut bench, &[("i4/events/rpc", event), ("ht/events/rpc", full), ("plug/events/rpc", NOTE)]);
    assert_eq!(points(&bench, "i4"), [""; 0]);
    let ht = [
        "devicepower:0.battery.V=5.27",
        "devicepower:0.battery.percent=64",
        "humidity:0.rh=52.5",
        "temperature:0.tC=21.5",
        "temperature:0.tF=70.7",
        "wifi.rssi=-62",
    ];
    assert_eq!(points(&bench, "ht"), ht);
    let plug = [
        "switch:0.aenergy.by_minute.0=7.5",
        "switch:0.aenergy.by_minute.1=0",
        "switch:0.aenergy.by_minute.2=0",
        "switch:0.aenergy.total=100.5",
        "switch:0.apower=12.5",
    ];
    assert_eq!(points(&bench, "plug"), plug);
    assert_eq!(states(&bench), ["ht online", "i4 online", "plug online"]);
    // From the third on they are read by what was learned of them.
    for _ in 0..4 {
        say(&mut bench, &[("ht/events/rpc", full), ("plug/status/switch:0", STATUS)]);
    }
    assert_eq!((points(&bench, "ht"), errors(&bench)), (ht.map(str::to_owned).to_vec(), vec![]));
    assert!(points(&bench, "plug").contains(&"switch:0.voltage=231.5".to_owned()));
}

#[test]
fn who_is_told_and_asked_is_one_device_and_who_asks_is_none() {
    let answer = r#"{"id":1,"src":"shellyplus1-a8","dst":"panel","result":{"output":true,"apower":3}}"#;
    let messages = [
        ("retained shellyplus1-a8/online", "true"),
        ("shellyplus1-a8/status/switch:0", r#"{"id":0,"output":false,"apower":0}"#),
        ("shellyplus1-a8/status/sys", r#"{"mac":"A8","uptime":500,"ram_free":151192,"cfg_rev":13}"#),
        ("shellyplus1-a8/rpc", r#"{"id":1,"src":"panel","method":"Switch.Set","params":{"id":0,"on":true}}"#),
        ("panel/rpc", answer),
        ("shellyplus1-a8/command", "status_update"),
        ("shellyplus1-a8/command/switch:0", "on,120"),
        (
            "shellyplus1-a8/announce",
            r#"{"id":"shellyplus1-a8","mac":"A8","gen":2,"fw_id":"x","ver":"1.4.4"}"#,
        ),
        ("shellies/announce", r#"{"id":"shellyplus1-a8","mac":"A8","gen":2,"ver":"1.4.4"}"#),
        ("shellyplus1-a8/debug/log", "shelly_notification:163 Status change of switch:0"),
    ];
    let mut bench = check(&messages, &["shellyplus1-a8 online"], "shellyplus1-a8", &["switch:0.apower=0"]);
    bench.log();
    say(&mut bench, &[("shellyplus1-a8/status/sys", r#"{"mac":"A8","uptime":3,"ram_free":151192}"#)]);
    let log = bench.log();
    assert!(log.len() == 1 && log[0].ends_with("shellyplus1-a8 restart"), "{log:?}");
}

#[test]
fn a_first_one_is_one_device_whatever_it_says_and_its_names_stay() {
    let info = r#"{"wifi_sta":{"connected":true,"rssi":-60},"uptime":700,"ram_total":50856,"ram_free":38872,"unixtime":1777622400}"#;
    let messages = [
        ("retained shellies/shellyrgbw2-1/online", "true"),
        (
            "shellies/shellyrgbw2-1/announce",
            r#"{"id":"shellyrgbw2-1","model":"SHRGBW2","mac":"1","ip":"10.0.0.5","new_fw":false}"#,
        ),
        ("shellies/shellyrgbw2-1/info", info),
        ("shellies/shellyrgbw2-1/command", "update"),
        ("shellies/shellyrgbw2-1/color/0/set", r#"{"turn":"on","gain":40}"#),
        ("shellies/shellyrgbw2-1/color/0", "on"),
        ("shellies/shellyrgbw2-1/color/0/status", r#"{"ison":true,"gain":40,"power":7.5}"#),
    ];
    let begin = ["color/0/status.gain=40", "color/0/status.power=7.5"];
    let mut bench = check(&messages, &["shellyrgbw2-1 online"], "shellyrgbw2-1", &begin);
    say(
        &mut bench,
        &[
            ("shellies/shellyrgbw2-1/input_event/0", r#"{"event":"S","event_cnt":2}"#),
            ("shellies/shellyrgbw2-1/color/0/power", "8.5"),
        ],
    );
    let more = ["color/0/power=8.5", begin[0], begin[1], "input_event/0.event_cnt=2"];
    assert_eq!(points(&bench, "shellyrgbw2-1"), more);
}

#[test]
fn what_others_say_on_topics_like_these_is_left_to_them() {
    let mut bench = bench();
    let of_others = [
        ("press/rpc", "7"),
        ("press/command/request", r#"{"command":"stop","cmd_id":"1"}"#),
        ("press/command", "reset"),
        ("press/announce", "hello"),
        ("press/announce", r#"{"device_id":"s12","ip":"10.0.0.1"}"#),
        ("press/rpc", r#"{"device_id":"s12","v":3}"#),
        ("gate7/command/state", "online"),
        ("gate7/command/state", "opened"),
        ("gate7/command/state", "offset,3"),
        ("press/status/sys", "AUTO"),
    ];
    say(&mut bench, &of_others);
    let ours = |stream: &&StreamRules| stream.name.starts_with("shelly");
    let (all, stats) = (rules().streams, &bench.fleet.stats.streams);
    let taken = all.iter().zip(stats).filter(|(rules, stats)| ours(rules) && stats.messages > 0);
    assert_eq!(taken.map(|(rules, _)| &*rules.name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_later_one_may_have_the_prefix_of_the_first() {
    let messages = [
        ("retained shellies/plug/online", "true"),
        ("shellies/plug/status/switch:0", STATUS),
        ("shellies/plug/events/rpc", NOTE),
        ("shellies/plug/debug/log", "[shelly_notification:163 Status change"),
    ];
    let bench = check(&messages, &["plug online"], "", &[]);
    let found = points(&bench, "plug");
    assert!(found.len() == 8 && found.contains(&"switch:0.apower=12.5".to_owned()), "{found:?}");
    let told = [
        ("shellies/lamp/rpc", r#"{"id":1,"src":"panel","method":"Switch.Set","params":{"id":0,"on":true}}"#),
        ("shellies/lamp/command/switch:0", "on"),
        ("shellies/lamp/command", "status_update"),
    ];
    check(&told, &[], "", &[]);
}
