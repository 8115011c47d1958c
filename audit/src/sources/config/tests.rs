//! Changes are told value by value, secrets never, and no flood fills the memory.

use super::*;
use crate::line::{Format, encode};
use crate::sources::audited;
use proptest::prelude::*;
use watchkeeper_core::rules;
use watchkeeper_core::time::Wall;

fn message<'a>(topic: &'a str, payload: &'a [u8]) -> Message<'a> {
    Message {
        broker: "main",
        stream: "config",
        kind: rules::Kind::Config,
        device: Some("d"),
        topic: topic.as_bytes(),
        payload,
        qos: 1,
        retain: false,
        mid: 7,
        correlation: None,
        keep_payload: false,
        at: Wall(0),
    }
}

fn told(changes: &mut Changes, topic: &str, payload: &str) -> Vec<String> {
    let told = changes.observe(&message(topic, payload.as_bytes()));
    told.iter()
        .map(|draft| {
            assert!(audited::is_listed(&draft.event, draft.kind, draft.level), "{}", draft.event);
            let line = encode(draft, Format::Pipe).line(0);
            let rest = line.trim_end().split_once("event=").expect("every record has an event").1;
            rest.replace(" | broker=main | device=d", "")
                .replace(&format!(" | topic={topic}"), "")
                .replace(" | stream=config", "")
        })
        .collect()
}

#[test]
fn the_first_document_is_seen_and_later_ones_are_compared() {
    let mut changes = Changes::new(Mask::default(), Limits::default());
    let first = r#"{"wifi":{"ssid":"a","password":"hunter2"},"every":60,"points":[{"limit":1.5},{"limit":2}],"x y":true}"#;
    assert_eq!(told(&mut changes, "t", first), ["config_seen | count=6"]);
    assert_eq!(told(&mut changes, "t", first), [""; 0], "the same once more changes nothing");
    let again = r#" {"every": 60, "points":[{"limit":1.5},{"limit":2}],"wifi":{"password":"hunter2","ssid":"a"},"x y":true}"#;
    assert_eq!(told(&mut changes, "t", again), [""; 0], "nor does another order");
    let other = r#"{"wifi":{"ssid":"","password":"hunter3"},"every":30,"points":[{"limit":1.5}],"x y":null,"new":"mqtt://u:p@h"}"#;
    assert_eq!(
        told(&mut changes, "t", other),
        [
            "config_changed | details=$.every | old=60 | new=30",
            "config_changed | details=$.new | new=mqtt://***@h",
            "config_changed | details=\"$.points[1].limit\" | old=2",
            "config_changed | details=$.wifi.password | old=*** | new=***",
            "config_changed | details=$.wifi.ssid | old=a | new=\"\"",
            "config_changed | details=\"$['x y']\" | old=true | new=null",
        ]
    );
    assert_eq!(told(&mut changes, "other", "{}"), ["config_seen | count=1"]);
    assert_eq!(told(&mut changes, "t", ""), ["config_removed"]);
    assert_eq!(told(&mut changes, "t", ""), [""; 0]);
    assert_eq!(told(&mut changes, "t", other), ["config_seen | count=6"]);
}

#[test]
fn what_is_no_document_is_one_value() {
    let mut changes = Changes::new(Mask::default(), Limits::default());
    assert_eq!(told(&mut changes, "t", "on"), ["config_seen | count=1"]);
    assert_eq!(
        told(&mut changes, "t", "token=abc off"),
        ["config_changed | details=$ | old=on | new=\"token=*** off\""]
    );
    assert_eq!(told(&mut changes, "wifi/psk", "\"hunter2\"").len(), 1);
    assert_eq!(
        told(&mut changes, "wifi/psk", "\"hunter3\""),
        ["config_changed | details=$ | old=*** | new=***"]
    );
    for (topic, deep) in ["u1", "u2", "u3"].into_iter().zip(crate::mask::tests::too_deep()) {
        assert_eq!(told(&mut changes, topic, &deep), ["config_seen | count=1"]);
        let short = deep.len().min(60_000) / 2;
        let middle = &deep[deep.len() / 2 - short..deep.len() / 2 + short];
        assert_eq!(told(&mut changes, topic, middle).len(), 1);
    }
    let many = format!("[{}1]", "1,".repeat(2_000));
    assert_eq!(told(&mut changes, "v", &many), ["config_seen | count=1"]);
    assert_eq!(changes.observe(&message("w", b"\xFF")).len(), 1);
}

#[test]
fn many_changes_are_told_as_so_many_more() {
    let mut changes = Changes::new(Mask::default(), Limits::default());
    let document = |value: u32| {
        let members: Vec<String> = (0..200).map(|n| format!("\"k{n}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    told(&mut changes, "t", &document(1));
    let told = told(&mut changes, "t", &document(2));
    assert_eq!(told.len(), 64);
    assert_eq!(told[63], "config_changed | details=\"and so many values more\" | count=137");
}

#[test]
fn the_memory_of_settings_is_bounded_and_the_oldest_are_forgotten() {
    let limits = Limits { topics_max: 80, bytes_max: 20_000 };
    let mut changes = Changes::new(Mask::default(), limits);
    for n in 0..10_000 {
        let value = "x".repeat(n % 300);
        told(&mut changes, &format!("t/{n}"), &format!("{{\"a\":\"{value}\",\"n\":{n}}}"));
        told(&mut changes, "kept", "{}");
        let (bytes, topics) = changes.size();
        assert!(bytes <= limits.bytes_max && topics <= limits.topics_max, "{bytes} {topics}");
    }
    assert!(changes.size().1 > 20, "most of the room is used");
    assert_eq!(told(&mut changes, "kept", "{}"), [""; 0], "what is used is not forgotten");
    assert_eq!(told(&mut changes, "t/0", "{\"a\":\"\",\"n\":0}"), ["config_seen | count=2"]);
    assert_eq!(told(&mut changes, "large", &format!("\"{}\"", "y".repeat(30_000))).len(), 1);
}

proptest! {
    #[test]
    fn replaying_the_changes_of_flat_documents_gives_the_new_one(
        one in prop::collection::btree_map("[a-z]{1,3}", -5..5_i32, 0..8),
        other in prop::collection::btree_map("[a-z]{1,3}", -5..5_i32, 0..8),
    ) {
        let mut changes = Changes::new(Mask::new(&[] as &[&str]), Limits::default());
        let text = |map: &BTreeMap<String, i32>| serde_json::to_string(map).unwrap();
        prop_assume!(!one.is_empty() && !other.is_empty() && !one.keys().chain(other.keys()).any(|key| Mask::default().key(key)));
        changes.observe(&message("t", text(&one).as_bytes()));
        let mut replayed = one.clone();
        for draft in changes.observe(&message("t", text(&other).as_bytes())) {
            let text = |key| match draft.get(key) {
                Some(Value::Text(text)) => Some(text.to_string()),
                _ => None,
            };
            let name = text(Key::Details).unwrap().split_off(2);
            prop_assert_eq!(text(Key::Old), replayed.get(&name).map(i32::to_string));
            match text(Key::New) {
                Some(value) => _ = replayed.insert(name, value.parse().unwrap()),
                None => _ = replayed.remove(&name),
            }
        }
        prop_assert_eq!(replayed, other);
    }
}
