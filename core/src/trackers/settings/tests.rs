//! Which setting is another, what is masked, and what is too much to be kept.

use crate::arrival::Arrival;
use crate::names::Pattern;
use crate::rules::{FleetRules, Kind, StreamRules};
use crate::secrets::Secrets;
use crate::testing::Bench;
use std::sync::Arc;

fn rules() -> FleetRules {
    let stream = StreamRules {
        kind: Kind::Config,
        ..StreamRules::new("config", Pattern::parse("{device}/config/{what}").unwrap())
    };
    FleetRules { streams: vec![stream], ..FleetRules::default() }
}

fn bench() -> Bench {
    Bench::new(rules())
}

fn changes(bench: &mut Bench) -> Vec<String> {
    bench.details("config")
}

#[test]
fn what_is_called_like_a_secret_anywhere_or_by_the_operator_is_never_shown() {
    let secrets = Arc::new(Secrets::new(std::iter::once("grapefruit")));
    let mut bench = Bench::new(FleetRules { secrets, ..rules() });
    let names = ["otp", "cookie", "pin_code", "user_pass", "mqttPass", "grapefruit", "wifi.wpaKey"];
    let document = |value: &str| {
        let pairs = names.map(|name| match name.split_once('.') {
            Some((above, name)) => format!("{above:?}:{{{name:?}:{value:?}}}"),
            None => format!("{name:?}:{value:?}"),
        });
        format!("{{{}}}", pairs.join(","))
    };
    bench.say(1.0, "d/config/all", &document("SEKRET1"));
    bench.say(2.0, "d/config/all", &document("SEKRET2"));
    let told = changes(&mut bench);
    assert_eq!(told.len(), names.len(), "{told:?}");
    assert!(told.iter().all(|told| !told.contains("SEKRET") && told.contains("***")), "{told:?}");
}

#[test]
fn each_setting_that_is_another_is_told_with_what_it_was() {
    let mut bench = bench();
    let say = |bench: &mut Bench, at: f64, text: &str| bench.say(at, "d/config/mqtt", text);
    say(&mut bench, 1.0, r#"{"telemetry_interval":60,"net":{"ssid":"hall","ports":[1,2]},"old":true}"#);
    assert!(changes(&mut bench).is_empty(), "the first document says how things are");
    say(&mut bench, 2.0, r#"{"old":true, "net":{"ports":[1,2],"ssid":"hall"}, "telemetry_interval":60}"#);
    assert!(changes(&mut bench).is_empty(), "it is the same in another order");
    say(&mut bench, 3.0, r#"{"telemetry_interval":30,"net":{"ssid":"hall","ports":[1,3]},"new":"x"}"#);
    assert_eq!(
        changes(&mut bench),
        [
            "3 config_changed: config: telemetry_interval is 30, it was 60",
            "3 config_changed: config: net.ports.1 is 3, it was 2",
            "3 config_changed: config: new is x, it was not there",
            "3 config_changed: config: old is no more, it was true",
        ]
    );
    say(&mut bench, 4.0, r#"{"telemetry_interval":"#);
    assert!(changes(&mut bench).is_empty(), "what cannot be read changes nothing");
}

#[test]
fn a_setting_of_its_own_topic_is_named_by_it() {
    let mut bench = bench();
    for (at, value) in [(1.0, "60"), (2.0, "60"), (3.0, "30")] {
        bench.say(at, "d/config/interval", value);
        bench.say(at, "d/config/name", "hall 3");
    }
    assert_eq!(changes(&mut bench), ["3 config_changed: config: interval is 30, it was 60"]);
}

#[test]
fn settings_of_many_topics_are_not_mixed_up() {
    let mut bench = bench();
    for n in 0..40 {
        bench.say(1.0, &format!("d/config/t{n}"), "{");
    }
    for at in [2.0, 3.0] {
        bench.say(at, "d/config/one", "1");
        bench.say(at, "d/config/two", "2");
        bench.hear(at, &Arrival { retain: true, ..Arrival::live("d/config/two", b"2") });
    }
    assert!(changes(&mut bench).is_empty());
}

#[test]
fn a_secret_is_told_to_have_changed_and_never_what_it_is() {
    let mut bench = bench();
    let say = |bench: &mut Bench, at: f64, secret: &str| {
        let text = format!(
            r#"{{"mqtt_password":"{secret}","url":"mqtt://u:{secret}@h/x","wifi":{{"psk":"{secret}"}},"auth":{{"a":{{"b":"{secret}"}}}}}}"#
        );
        bench.say(at, "d/config/mqtt", &text);
    };
    say(&mut bench, 1.0, "hunter2");
    say(&mut bench, 2.0, "correct horse");
    let found = changes(&mut bench);
    assert_eq!(found.len(), 4, "{found:?}");
    assert_eq!(found[0], "2 config_changed: config: mqtt_password is ***, it was ***");
    assert_eq!(found[1], "2 config_changed: config: url is mqtt://***@h/x, it was mqtt://***@h/x");
    let kept = postcard::to_stdvec(&bench.fleet.save()).unwrap();
    for secret in ["hunter2", "correct horse"] {
        assert!(!kept.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
        assert!(!found.join("").contains(secret));
    }
}

#[test]
fn a_retained_document_tells_what_changed_while_we_were_away() {
    let mut bench = bench();
    let retained = |bench: &mut Bench, at: f64, text: &str| {
        bench.hear(at, &Arrival { retain: true, ..Arrival::live("d/config/mqtt", text.as_bytes()) });
    };
    retained(&mut bench, 1.0, r#"{"port":1883}"#);
    let mut bench = bench.restart();
    bench.fleet.link_up(crate::testing::now(100.0));
    retained(&mut bench, 100.5, r#"{"port":8883}"#);
    retained(&mut bench, 200.0, r#"{"port":8883}"#);
    assert_eq!(
        changes(&mut bench),
        ["100.5 config_changed: config: port is 8883, it was 1883; we may have been away when it changed"]
    );
}

#[test]
fn a_document_that_is_too_large_is_told_as_a_whole() {
    let mut bench = bench();
    let large = |value: u32| {
        let members: Vec<String> = (0..200).map(|n| format!("\"k{n}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    for (at, value) in [(1.0, 1), (2.0, 1), (3.0, 2)] {
        bench.say(at, "d/config/large", &large(value));
    }
    assert_eq!(changes(&mut bench), ["3 config_changed: config: the document is another"]);
    for (at, value) in [(4.0, 1), (5.0, 2)] {
        let text = large(value).replace("k1", "q1").split_at(600).0.to_owned();
        let text = format!("{}}}", text.rsplit_once(',').unwrap().0);
        bench.say(at, "d/config/many", &text);
    }
    let found = changes(&mut bench);
    assert_eq!(found.len(), super::CHANGES_MAX + 1);
    assert_eq!(found.last().unwrap(), "5 config_changed: config: the document is another");
    for n in 0..100 {
        bench.say(6.0, &format!("d/config/t{n}"), "1");
        bench.say(7.0, &format!("d/config/t{n}"), "2");
    }
    assert_eq!(changes(&mut bench).len(), super::DOCUMENTS_MAX - 2);
}
