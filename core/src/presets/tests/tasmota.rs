//! Tasmota beside its readings: every subject of a device is of that device.

use super::*;

const START: &str = r#"{"Info3":{"RestartReason":"Software/System restart","BootCount":12}}"#;

#[test]
fn every_subject_belongs_to_its_device() {
    let margins = r#"{"Time":"2026-05-01T08:00:00","MARGINS":{"PowerHigh":"ON"}}"#;
    let hass = r#"{"Version":"14.6.0(release-tasmota)","BuildDateTime":"2026-04-28T10:00:00","Uptime":"0T00:10:11",
        "WiFi LinkCount":1,"RestartReason":"Power On","Heap":25}"#;
    let messages = [
        ("retained tele/plug/LWT", "Online"),
        (
            "tele/plug/INFO1",
            r#"{"Info1":{"Module":"Generic","Version":"14.6.0(release-tasmota)","FallbackTopic":"cmnd/DVES_1_fb/","GroupTopic":"cmnd/tasmotas/"}}"#,
        ),
        (
            "tele/plug/INFO2",
            r#"{"Info2":{"WebServerMode":"Admin","Hostname":"plug-4711","IPAddress":"10.0.0.6"}}"#,
        ),
        ("tele/plug/INFO3", START),
        ("tele/plug/MARGINS", margins),
        ("tele/plug/HASS_STATE", hass),
        ("tele/plug/WAKEUP", r#"{"Time":"2026-05-01T08:00:00","Wakeup":"Done"}"#),
        ("tele/plug/UPTIME", r#"{"Time":"2026-05-01T08:00:00","Uptime":"0T01:00:11"}"#),
        ("tele/plug/EVENT", r#"{"Event":{"Data":1}}"#),
        (
            "tele/plug/RESULT",
            r#"{"RfReceived":{"Sync":13020,"Low":460,"High":1240,"Data":"7F4A0C","RfKey":"None"}}"#,
        ),
        ("tele/plug/ENERGY", r#"{"Time":"2026-05-01T08:00:00","Total":3.25,"Power":17}"#),
        (
            "tele/plug/DEEPSLEEP",
            r#"{"DeepSleep":{"Time":"2026-05-01T08:00:00","DeepSleep":1777622400,"Wakeup":1777626000}}"#,
        ),
        ("stat/plug/RESULT", r#"{"POWER1":"ON"}"#),
        ("stat/plug/POWER1", "ON"),
        ("stat/plug/STATUS", r#"{"Status":{"Module":0,"DeviceName":"Plug","Topic":"plug","Power":1}}"#),
        ("stat/plug/STATUS8", r#"{"StatusSNS":{"Time":"2026-05-01T08:00:00","ENERGY":{"Total":3.25}}}"#),
        ("stat/plug/UPGRADE", "Successful. Restarting"),
        ("stat/plug/LOGGING", "08:00:00.123 MQT: stat/plug/RESULT = {}"),
        ("cmnd/plug/Power1", "TOGGLE"),
        ("cmnd/tasmotas/Status", "0"),
        ("cmnd/DVES_1_fb/Backlog", "Power1 ON"),
        (
            "retained tasmota/discovery/A8032AB12345/config",
            r#"{"ip":"10.0.0.6","dn":"Plug","t":"plug","ft":"%prefix%/%topic%/","tp":["cmnd","stat","tele"]}"#,
        ),
        (
            "tasmota/discovery/A8032AB12345/sensors",
            r#"{"sn":{"Time":"2026-05-01T08:00:00","ENERGY":{"Total":3.25}},"ver":1}"#,
        ),
    ];
    check(&messages, &["plug online"], "plug", &["Power=17", "Total=3.25"]);
}

#[test]
fn a_start_is_told_with_its_reason() {
    let mut bench = bench();
    say(
        &mut bench,
        &[("tele/plug/INFO3", &START.replace("12", "11")), ("tele/plug/STATE", r#"{"UptimeSec":610}"#)],
    );
    bench.log();
    say(&mut bench, &[("tele/plug/INFO3", START), ("tele/plug/STATE", r#"{"UptimeSec":9}"#)]);
    let told = bench.details("restart");
    assert!(told.len() == 1 && told[0].contains("Software/System restart"), "{told:?}");
}

#[test]
fn a_topic_may_have_several_levels() {
    let messages = [
        ("retained tele/attic/lamp/LWT", "Online"),
        (
            "tele/attic/lamp/SENSOR",
            r#"{"Time":"2026-05-01T08:00:00","DS18B20":{"Temperature":20.5},"TempUnit":"C"}"#,
        ),
        ("tele/attic/lamp/WAKEUP", r#"{"Wakeup":"Done"}"#),
        ("stat/attic/lamp/RESULT", r#"{"POWER":"ON"}"#),
        ("cmnd/attic/lamp/POWER", "ON"),
    ];
    check(&messages, &["attic/lamp online"], "attic/lamp", &["DS18B20.Temperature=20.5"]);
}

#[test]
fn what_is_not_in_capitals_is_somebody_elses() {
    let messages = [("tele/site/temperature", "20.5"), ("stat/site/mode", "auto")];
    check(&messages, &["stat/site online", "tele/site online"], "tele/site", &["temperature=20.5"]);
}

#[test]
fn a_full_topic_may_begin_with_the_device() {
    let messages = [
        ("retained lamp/tele/LWT", "Online"),
        ("lamp/tele/STATE", r#"{"Time":"2026-05-01T08:00:00","UptimeSec":611,"POWER":"OFF"}"#),
        (
            "lamp/tele/SENSOR",
            r#"{"Time":"2026-05-01T08:00:00","DS18B20":{"Temperature":20.5},"TempUnit":"C"}"#,
        ),
        ("lamp/tele/HASS_STATE", r#"{"Version":"14.6.0"}"#),
        ("lamp/stat/RESULT", r#"{"POWER":"ON"}"#),
        ("lamp/stat/POWER", "ON"),
        ("lamp/cmnd/POWER", "ON"),
        ("tasmotas/cmnd/Status", "0"),
        ("retained attic/lamp/tele/LWT", "Offline"),
        // Of somebody else.
        ("site/tele/level", "7"),
        ("site/tele/LWT", "hello"),
    ];
    let found = ["attic/lamp offline will", "lamp online", "site/tele online"];
    check(&messages, &found, "lamp", &["DS18B20.Temperature=20.5"]);
}

#[test]
fn a_will_that_is_taken_back_makes_no_device() {
    let messages = [("tele/old/LWT", ""), ("old/status", ""), ("old/online", ""), ("cmnd/old/POWER", "")];
    check(&messages, &[], "", &[]);
}
