//! What topics tell by themselves: whose they are, what is odd about them, and how many are remembered.

use super::*;
use crate::presets;

#[test]
fn the_plant_preset_knows_device_area_and_line() {
    let streams = presets::streams("plant").unwrap();
    let labels_of = ["area", "line"].map(Into::into).to_vec();
    let rules = FleetRules { streams: streams.clone(), labels: labels_of, ..FleetRules::default() };
    let check = |topic: &str, device: &str, values: [&str; 2]| {
        assert_eq!(identity(&streams[0], topic), device, "{topic}");
        assert_eq!(labels(&rules, 0, topic), Labels::new(values), "{topic}");
    };
    check("plant/area1/line2/tc01/telemetry/temperature", "tc01", ["area1", "line2"]);
    check("eu/plant/area1/line2/tc01/telemetry/temperature", "tc01", ["area1", "line2"]);
    check("shed/tc01/telemetry/temperature", "tc01", ["", "shed"]);
}

#[test]
fn a_generic_topic_is_a_device_with_a_last_level() {
    let generic = presets::generic();
    for (topic, device) in [("a/b/c", "a/b"), ("lamp", "lamp"), ("/x", "/x"), ("/", "/"), ("a/", "a")] {
        assert_eq!(identity(&generic, topic), device, "{topic}");
    }
}

#[test]
fn odd_topics_are_told_from_good_ones() {
    for topic in ["a b/c", "/a", "a/", "a//b", "a\tb", "", "a/\u{7f}"] {
        assert!(is_odd(topic), "{topic:?}");
    }
    for topic in ["a", "a/b-c_d/é"] {
        assert!(!is_odd(topic), "{topic:?}");
    }
}

#[test]
fn a_space_in_a_name_is_odd_only_where_people_give_no_names() {
    for topic in ["zigbee2mqtt/Living room lamp", "spBv1.0/My Plant/NDATA/Edge 1"] {
        assert!(is_odd(topic) && !is_odd_beside_spaces(topic), "{topic}");
    }
    for topic in ["a//b", "a/ /b", "a/b\t", "/a b", ""] {
        assert!(is_odd_beside_spaces(topic), "{topic:?}");
    }
}

#[test]
fn topics_of_nobody_take_little_of_the_memory() {
    let rules = FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() };
    let mut topics = Topics::new(&rules);
    for n in 0..50_000 {
        let topic = format!("x{n}");
        topics.make_room(topic.as_bytes());
        assert_eq!(topics.get(topic.as_bytes()).found, Found::Nobody);
    }
    assert_eq!(topics.known.len(), NOBODYS_MAX);
    let ours = b"plant/a/l/d/telemetry/temperature";
    assert_eq!(topics.get(ours).found, Found::Stream(0));
    assert_eq!(topics.known.len(), NOBODYS_MAX + 1);
    let what = Announced { stream: 0, device: "d".into(), name: "v".into(), status: None, expires: None };
    assert!(topics.announce(b"x1", what.clone()) && topics.announce(b"x49999", what));
    assert_eq!(topics.get(b"x1").found, Found::Announced(0));
    assert_eq!(topics.nobodys, NOBODYS_MAX - 1);
}

#[test]
fn the_memory_is_bounded() {
    let rules = FleetRules { streams: vec![presets::generic()], ..FleetRules::default() };
    let mut topics = Topics::new(&rules);
    topics.max = 10;
    for n in 0..1000 {
        let topic = format!("t/{n}");
        topics.make_room(topic.as_bytes());
        topics.get(topic.as_bytes());
        assert!(topics.known.len() <= 10);
    }
    let (before, long) = (topics.known.len(), format!("t/{}", "x".repeat(KEPT_BYTES_MAX)));
    assert_eq!(topics.get(long.as_bytes()).found, Found::Stream(0));
    assert_eq!(topics.known.len(), before, "a long topic is not kept");
}
