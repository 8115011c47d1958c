//! `ThingsBoard`, as gateways and as devices that connect themselves speak to it.

use super::*;

#[test]
fn what_is_asked_of_the_platform_is_no_device() {
    let messages = [
        ("v1/gateway/connect", r#"{"device":"Pump 1","type":"pump"}"#),
        ("v1/gateway/telemetry", r#"{"Pump 1":[{"ts":1777622400000,"values":{"flow":4.5}}]}"#),
        ("v1/gateway/attributes/request", r#"{"id":1,"device":"Pump 1","client":true,"key":"level"}"#),
        ("v1/gateway/attributes/response", r#"{"id":1,"device":"Pump 1","value":3}"#),
        ("v1/gateway/rpc", r#"{"device":"Pump 1","data":{"id":1,"method":"stop","params":{}}}"#),
        ("v1/gateway/claim", r#"{"Pump 1":{"secretKey":"x","durationMs":60000}}"#),
    ];
    check(&messages, &["Pump 1 online"], "Pump 1", &["flow=4.5"]);
}

#[test]
fn a_value_has_one_name_in_either_form() {
    let messages = [
        ("v1/devices/me/telemetry", r#"{"ts":1777622400000,"values":{"temperature":42}}"#),
        ("v1/devices/me/telemetry", r#"{"temperature":43,"humidity":50}"#),
        ("v1/devices/me/attributes", r#"{"level":3}"#),
        ("v1/devices/me/attributes/request/1", r#"{"clientKeys":"level"}"#),
        ("v1/devices/me/rpc/response/1", r#"{"result":1}"#),
    ];
    let found = ["humidity=50", "level=3", "temperature=43"];
    check(&messages, &["v1/devices/me online"], "v1/devices/me", &found);
}
