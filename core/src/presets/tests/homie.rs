//! Homie beside its values: attributes of devices and nodes, which look like properties.

use super::*;

#[test]
fn attributes_are_no_values_and_statistics_are_of_the_device() {
    let messages = [
        ("retained homie/lamp/$homie", "3.0.1"),
        ("retained homie/lamp/$name", "Lamp"),
        ("retained homie/lamp/$localip", "10.0.0.5"),
        ("retained homie/lamp/$state", "ready"),
        ("homie/lamp/$fw/name", "lamp-firmware"),
        ("homie/lamp/$fw/version", "1.5"),
        ("homie/lamp/$implementation", "esp8266"),
        ("homie/lamp/$implementation/version", "3"),
        ("homie/lamp/$implementation/ota/enabled", "true"),
        ("homie/lamp/$implementation/config", r#"{"name":"Lamp","wifi":{"ssid":"x"}}"#),
        ("homie/lamp/$nodes", "light"),
        ("homie/lamp/light/$name", "7"),
        ("homie/lamp/light/$type", "2"),
        ("homie/lamp/light/$properties", "power"),
        ("homie/lamp/light/power/$datatype", "float"),
        ("homie/lamp/light/power/$format", "0:100"),
        ("homie/lamp/light/power/$settable", "true"),
        ("homie/lamp/$stats/interval", "60"),
        ("homie/lamp/$stats/uptime", "100"),
        ("homie/$broadcast/alert", "fire"),
    ];
    let mut bench = check(&messages, &["lamp online"], "lamp", &[]);
    say(&mut bench, &[("homie/lamp/light/power", "12.5"), ("homie/lamp/light/on", "true")]);
    assert_eq!(points(&bench, "lamp"), ["light/power=12.5"]);
}

#[test]
fn a_device_of_version_five_has_its_attributes_apart() {
    let messages = [
        ("retained homie/5/hub/$state", "init"),
        (
            "homie/5/hub/$description",
            r#"{"homie":"5.0","version":7,"children":["bulb"],"nodes":{"n":{"properties":{"p":{"datatype":"integer"}}}}}"#,
        ),
        ("homie/5/hub/$state", "ready"),
        ("homie/5/hub/n/p", "7"),
        ("homie/5/hub/n/p/set", "9"),
        ("homie/5/hub/n/p/$target", "9"),
        ("homie/5/hub/$log/warn", "low"),
        ("homie/5/$broadcast/security/alert", "x"),
        ("retained homie/5/old/$state", ""),
        ("homie/5/old/$state", ""),
    ];
    check(&messages, &["hub online"], "hub", &["n/p=7"]);
}
