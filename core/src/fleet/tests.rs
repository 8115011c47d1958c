//! Devices that come and are forgotten, limits, and the accounts.

use super::*;
use crate::arrival::Arrival;
use crate::names::Pattern;
use crate::presets;
use crate::reason::Reason;
use crate::rules::{DeviceFrom, Format, Kind, Limits};
use crate::save::Saved;
use crate::testing::{Bench, now};
use crate::time::SECOND;

fn rules(settings: impl FnOnce(&mut FleetRules)) -> FleetRules {
    let mut stream = Bench::stream(|rules| rules.offline_after = Some(20 * SECOND)).fleet.rules.streams;
    stream[0].format = Format::Text;
    let mut rules = FleetRules { streams: stream, forget_after: Some(100 * SECOND), ..FleetRules::default() };
    settings(&mut rules);
    rules
}

#[test]
fn a_device_is_forgotten_on_time_however_late_we_look() {
    for looks in [&[10.0, 90.0, 101.0, 102.0][..], &[140.0], &[]] {
        let mut bench = Bench::new(rules(|_| {}));
        bench.say(1.0, "d/t", "x");
        for at in looks {
            bench.look(*at);
        }
        bench.say(150.0, "d/t", "x");
        let found = ["1 d first_seen", "1 d online", "26 d offline", "101 d forgotten"];
        let found: Vec<&str> = found.into_iter().chain(["150 d first_seen", "150 d online"]).collect();
        assert_eq!(bench.log(), found, "{looks:?}");
    }
}

#[test]
fn what_a_later_topic_says_of_a_device_counts() {
    let labels: Vec<Box<str>> = ["area", "line"].map(Into::into).to_vec();
    let streams = crate::presets::streams("plant").unwrap();
    let mut bench = Bench::new(FleetRules { streams, labels, ..FleetRules::default() });
    let label =
        |bench: &Bench| bench.fleet.device("tc01").unwrap().labels.iter().collect::<Vec<_>>().join(" ");
    bench.say(1.0, "x/tc01/telemetry/power", "1");
    assert_eq!(label(&bench), " x");
    bench.say(2.0, "plant/a1/l1/tc01/telemetry/power", "1");
    assert_eq!(label(&bench), "a1 l1");
    bench.say(3.0, "plant/a9/l9/tc01/telemetry/power", "1");
    assert_eq!(label(&bench), "a9 l9");
}

#[test]
fn refused_devices_are_told_apart_by_any_kind_of_id() {
    let limits = Limits { devices_max: 1, ..Limits::default() };
    let rules = FleetRules { streams: vec![crate::presets::generic()], limits, ..FleetRules::default() };
    let mut bench = Bench::new(rules);
    for n in 0..40 {
        bench.say(1.0, "t/x", &format!(r#"{{"device_id": {}, "v": 1}}"#, n % 20));
    }
    assert_eq!((bench.fleet.stats.devices_refused, bench.fleet.stats.messages_refused), (19, 38));
}

#[test]
fn devices_are_refused_since_the_first_of_those_that_come_now() {
    let limits = Limits { devices_max: 1, ..Limits::default() };
    let mut bench = Bench::new(rules(|rules| (rules.limits, rules.forget_after) = (limits, None)));
    bench.say(1.0, "d/t", "x");
    let at = |seconds: f64| now(seconds).mono;
    assert_eq!(bench.fleet.refuses(at(1.0)), None);
    for (told, since) in [(2.0, 2.0), (500.0, 2.0), (1_000.0, 2.0), (1_700.0, 1_700.0)] {
        bench.say(told, "e/t", "x");
        assert_eq!(bench.fleet.refuses(at(told)), Some(at(since)), "{told}");
    }
    assert_eq!(
        (bench.fleet.refuses(at(2_299.0)), bench.fleet.refuses(at(2_300.0))),
        (Some(at(1_700.0)), None)
    );
}

#[test]
fn a_device_that_is_forgotten_has_nothing_more_to_say() {
    let mut bench = Bench::new(rules(|rules| rules.forget_after = Some(10 * SECOND)));
    bench.say(1.0, "d/t", "x");
    bench.look(500.0);
    assert_eq!(bench.log(), ["1 d first_seen", "1 d online", "11 d forgotten"]);
}

#[test]
fn a_device_that_waits_to_be_forgotten_takes_nobodys_place() {
    for looks in [&[101.0][..], &[]] {
        let limits = Limits { devices_max: 1, ..Limits::default() };
        let mut bench = Bench::new(rules(|rules| rules.limits = limits));
        bench.say(1.0, "d/t", "x");
        bench.say(2.0, "e/t", "x");
        for at in looks {
            bench.look(*at);
        }
        bench.say(110.0, "e/t", "x");
        assert_eq!(bench.fleet.stats.devices_refused, 1);
        assert_eq!(bench.log().last().unwrap(), "110 e online");
    }
}

#[test]
fn a_device_that_must_exist_is_never_forgotten_and_goes_on_being_watched() {
    let mut bench = Bench::new(rules(|rules| {
        rules.forget_after = Some(10 * SECOND);
        rules.expected = vec!["d".into(), "e".into()];
    }));
    bench.say(1.0, "d/t", "x");
    bench.look(15.0);
    bench.look(27.0);
    assert_eq!(bench.log(), ["1 d first_seen", "1 d online", "26 d offline"]);
    bench.look(1e5);
    assert_eq!(bench.fleet.never_seen().collect::<Vec<_>>(), ["e"]);
    assert_eq!(bench.fleet.count_states(), States { offline: 1, never_seen: 1, ..States::default() });
}

#[test]
fn a_place_that_is_free_again_is_nobody_elses() {
    let mut bench = Bench::new(rules(|_| {}));
    bench.say(1.0, "d/t", "x");
    assert!(bench.fleet.forget("d"));
    assert!(!bench.fleet.forget("d"));
    bench.say(2.0, "e/t", "x");
    bench.say(3.0, "d/t", "x");
    bench.say(4.0, "d/t", "x");
    assert_eq!(bench.fleet.devices().count(), 2);
    assert_eq!(bench.roster("d").cadence.streams()[0].messages, 2);
    assert_eq!(bench.roster("e").cadence.streams()[0].messages, 1);
}

#[test]
fn a_retained_message_is_never_an_error() {
    let mut generic = presets::generic();
    generic.device = DeviceFrom::Payload(crate::path::Path::parse("$.id").unwrap());
    let mut bench = Bench::new(FleetRules { streams: vec![generic], ..FleetRules::default() });
    for payload in [&b"{"[..], b"{}", b"\xFF", b"{\"id\":\"x\"}"] {
        let arrival = Arrival { retain: true, ..Arrival::live("a b/t", payload) };
        bench.fleet.arrival(&arrival, now(1.0));
    }
    assert_eq!(bench.fleet.stats.streams[0].bad, 0);
    assert_eq!(bench.fleet.stats.streams[0].errors, [0; Reason::ALL.len()]);
    assert_eq!((bench.fleet.stats.streams[0].messages, bench.fleet.stats.retained_ignored), (4, 4));
}

#[test]
fn a_device_is_named_by_its_payload_or_its_topic() {
    let mut bench = Bench::new(FleetRules { streams: vec![presets::generic()], ..FleetRules::default() });
    for (topic, payload) in [
        ("a/t", r#"{"device_id":"one","x":1}"#),
        ("a/t", r#"{"device_id":"one","x":1}"#),
        ("a/t", r#"{"device_id":"two","x":1}"#),
        ("a/t", r#"{"device_id":3,"x":1}"#),
        ("a/t", r#"{"device_id":"","x":1}"#),
        ("a/t", r#"{"x":1}"#),
        ("a/t", "ON"),
        ("lamp", "7"),
    ] {
        bench.say(1.0, topic, payload);
    }
    let messages = |id: &str| bench.roster(id).cadence.streams()[0].messages;
    assert_eq!(["one", "two", "3", "a", "lamp"].map(messages), [2, 1, 1, 3, 1]);
    assert_eq!(bench.fleet.stats.streams[0].bad, 0);
}

#[test]
fn a_topic_with_mistakes_is_an_error_of_a_message_that_can_be_read() {
    let mut bench = Bench::new(FleetRules { streams: vec![presets::generic()], ..FleetRules::default() });
    bench.say(1.0, "a b/t", "1");
    bench.say(1.0, "a b/t", "{");
    bench.fleet.arrival(&Arrival { topic: b"\xFF", ..Arrival::live("", b"1") }, now(1.0));
    bench.say(1.0, "$SYS/x", "1");
    let errors = bench.fleet.stats.streams[0].errors;
    assert_eq!((errors[Reason::Topic as usize], errors[Reason::Json as usize]), (1, 1));
    assert_eq!((bench.fleet.stats.bad_topics, bench.fleet.stats.unmatched), (1, 1));
}

fn restored(bench: &Bench, rules: FleetRules) -> Bench {
    let bytes = postcard::to_stdvec(&bench.fleet.save()).unwrap();
    let saved: Saved<Device> = postcard::from_bytes(&bytes).unwrap();
    let mut fleet = Fleet::new(rules);
    fleet.restore(saved);
    Bench { fleet, at: bench.at }
}

#[test]
fn what_became_true_before_a_restart_is_said_after_it_and_dated_right() {
    let mut bench = Bench::new(rules(|_| {}));
    bench.say(1.0, "d/t", "x");
    bench.fleet.alive(now(40.0).mono);
    bench.log();
    let mut after = restored(&bench, rules(|_| {}));
    assert_eq!(after.log(), ["26 d offline"]);
    after.fleet.link_up(now(900.0));
    after.look(2000.0);
    assert_eq!(after.log(), ["961 d forgotten"]);
}

#[test]
fn user_properties_that_are_asked_for_are_labels() {
    let stream = StreamRules::new("t", Pattern::parse("{area}/{device}/t").unwrap());
    let asked = StreamRules {
        kind: Kind::Command,
        ..StreamRules::new("c", Pattern::parse("{area}/{device}/c").unwrap())
    };
    let mut bench = Bench::new(FleetRules {
        streams: vec![stream, asked],
        labels: ["area", "fw_version"].map(Into::into).to_vec(),
        user_properties: vec!["fw-version".into()],
        ..FleetRules::default()
    });
    let said = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut hear = |topic: &str, said: &[(String, String)]| {
        bench.hear(1.0, &Arrival { user_properties: said, ..Arrival::live(topic, b"1") });
        bench.fleet.device("d").unwrap().labels.iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(hear("hall/d/t", &[said("other", "x")]), "hall ");
    assert_eq!(
        hear("hall/d/t", &[said("fw-version", "1.1"), said("area", "y"), said("fw-version", "1.2")]),
        "hall 1.2"
    );
    assert_eq!(hear("hall/d/t", &[]), "hall 1.2", "it is kept where a message says nothing");
    assert_eq!(
        hear("hall/d/c", &[said("fw-version", "9")]),
        "hall 1.2",
        "who commands says nothing of the device"
    );
    assert_eq!(hear("yard/d/t", &[]), "yard 1.2", "nor does a new topic take it away");
    assert!(hear("yard/d/t", &[said("fw-version", &"é".repeat(70_000))]).len() < 1000);
}

#[test]
fn labels_follow_the_configuration_and_those_that_stay_are_kept() {
    let labelled = |labels: &[&str]| {
        let mut stream = presets::generic();
        stream.pattern = crate::names::Pattern::parse("{area}/{line}/{device}").unwrap();
        stream.device = DeviceFrom::by_default(&stream.pattern);
        let labels = labels.iter().map(|label| (*label).into()).collect();
        FleetRules { streams: vec![stream], labels, ..FleetRules::default() }
    };
    let shown = |bench: &Bench| bench.fleet.device("d").unwrap().labels.clone();
    let mut bench = Bench::new(labelled(&["area", "line"]));
    bench.say(1.0, "a/l/d", "1");
    assert_eq!(shown(&bench), Labels::new(["a", "l"]));
    assert_eq!(shown(&restored(&bench, labelled(&["area", "line"]))), Labels::new(["a", "l"]));
    for (new, kept) in
        [(&["line", "area"][..], &["l", "a"][..]), (&["line"], &["l"]), (&["x", "area"], &["", "a"])]
    {
        let mut after = restored(&bench, labelled(new));
        assert_eq!(shown(&after), Labels::new(kept.iter().copied()), "known by their names");
        after.say(2.0, "b/m/d", "1");
        let heard = new.iter().map(|label| match *label {
            "line" => "m",
            "area" => "b",
            _ => "",
        });
        assert_eq!(shown(&after), Labels::new(heard));
    }
}

#[test]
fn what_a_muted_device_does_is_said_and_marked_until_the_mute_ends() {
    let mut bench = Bench::new(rules(|rules| rules.expected = vec!["must".into()]));
    bench.say(1.0, "d/t", "x");
    let mute = |bench: &mut Bench, id: &str| bench.fleet.mute(id, now(30.0).wall, "moved", now(2.0).wall);
    assert_eq!(mute(&mut bench, "d"), Ok(true));
    assert_eq!(mute(&mut bench, "must"), Ok(true), "it may be muted before it is heard of");
    assert_eq!(mute(&mut bench, "stranger"), Ok(false));
    assert!(bench.fleet.is_muted("d", now(29.0).wall) && !bench.fleet.is_muted("d", now(30.0).wall));
    bench.look(27.0);
    let states = bench.fleet.count_muted(now(27.0).wall);
    assert_eq!((states.offline, states.never_seen, states.online), (1, 1, 0));
    bench.look(40.0);
    bench.say(41.0, "d/t", "x");
    let findings = bench.fleet.take_findings();
    let marked: Vec<(&str, bool)> =
        findings.iter().map(|finding| (finding.what.event(), finding.muted)).collect();
    assert_eq!(
        marked,
        [
            ("first_seen", false),
            ("online", false),
            ("offline", true),
            ("mute_ended", false),
            ("mute_ended", false),
            ("online", false)
        ]
    );
}
