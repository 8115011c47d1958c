//! When a device is there, when it is gone, and what is no sign of life.

use super::State;
use crate::arrival::Arrival;
use crate::names::Pattern;
use crate::rules::{Expect, FleetRules, Format, Kind, StreamRules};
use crate::testing::{Bench, now};
use crate::time::SECOND;

/// Offline after 20 s of silence and 5 s of hold-off.
fn bench() -> Bench {
    Bench::stream(|rules| rules.offline_after = Some(20 * SECOND))
}

fn of_presence(bench: &mut Bench) -> Vec<String> {
    let mut log = bench.log();
    log.retain(|line| ["online", "offline", "flap"].iter().any(|event| line.ends_with(event)));
    log
}

#[test]
fn a_silent_device_is_gone_when_the_hold_off_is_over_however_late_we_look() {
    for looks in [&[25.9, 26.0, 26.1][..], &[30.0], &[5000.0]] {
        let mut bench = bench();
        bench.say(1.0, "d/t", "1");
        for at in looks {
            bench.look(*at);
        }
        assert_eq!(of_presence(&mut bench), ["1 d online", "26 d offline"]);
    }
    let mut early = bench();
    early.say(1.0, "d/t", "1");
    early.look(26.0);
    assert_eq!(early.roster("d").presence.state(), State::Online);
}

#[test]
fn a_return_within_the_hold_off_is_a_flap_and_no_departure() {
    for (back, found) in [
        (21.0, &["1 d online"][..]),
        (21.5, &["1 d online", "21.5 d flap"]),
        (26.0, &["1 d online", "26 d flap"]),
        (26.5, &["1 d online", "26 d offline", "26.5 d online"]),
    ] {
        let mut bench = bench();
        bench.say(1.0, "d/t", "1");
        bench.say(back, "d/t", "1");
        assert_eq!(of_presence(&mut bench), found, "{back}");
        let presence = &bench.roster("d").presence;
        let flaps = u32::from(found.iter().any(|line| line.ends_with("flap")));
        assert_eq!((presence.flaps, presence.connects - presence.disconnects), (flaps, 1));
    }
}

#[test]
fn without_a_configured_silence_it_is_three_intervals_and_at_least_half_a_minute() {
    for (every, gone) in [(1, 36), (10, 36), (60, 186)] {
        let mut bench = Bench::stream(|rules| rules.expect = Expect::Every(every * SECOND));
        bench.say(1.0, "d/t", "1");
        bench.look(1000.0);
        assert_eq!(of_presence(&mut bench), ["1 d online".to_owned(), format!("{gone} d offline")]);
    }
    let mut unknown = Bench::stream(|_| {});
    unknown.say(1.0, "d/t", "1");
    unknown.look(1e6);
    assert_eq!(of_presence(&mut unknown), ["1 d online"]);
}

#[test]
fn a_retained_message_is_no_sign_of_life() {
    let mut bench = bench();
    let retained = Arrival { retain: true, ..Arrival::live("d/t", b"1") };
    bench.fleet.arrival(&retained, now(1.0));
    assert_eq!(bench.log(), ["1 d first_seen"]);
    assert_eq!(bench.roster("d").presence.state(), State::Unknown);
    assert_eq!(bench.fleet.device("d").unwrap().last_message, None);
    bench.say(2.0, "d/t", "1");
    bench.fleet.arrival(&retained, now(20.0));
    bench.look(100.0);
    assert_eq!(of_presence(&mut bench), ["2 d online", "27 d offline"]);
    assert_eq!(bench.roster("d").cadence.streams()[0].messages, 1);
}

/// Streams `fast` (10 s), `slow` (25 s), and one of each kind on which others speak.
fn two_streams() -> Bench {
    let stream = |name: &str, kind, expect| StreamRules {
        kind,
        expect,
        format: Format::Text,
        ..StreamRules::new(name, Pattern::parse(&format!("{{device}}/{name}")).unwrap())
    };
    Bench::new(FleetRules {
        streams: vec![
            stream("fast", Kind::Telemetry, Expect::Every(10 * SECOND)),
            stream("slow", Kind::Telemetry, Expect::Every(25 * SECOND)),
            stream("command", Kind::Command, Expect::Learn),
            stream("config", Kind::Config, Expect::Learn),
            stream("status", Kind::Presence, Expect::Learn),
            stream("event", Kind::Event, Expect::Learn),
        ],
        ..FleetRules::default()
    })
}

#[test]
fn what_others_say_to_a_device_is_no_sign_of_life() {
    let mut bench = two_streams();
    for topic in ["d/command", "d/config", "d/status"] {
        bench.say(1.0, topic, "x");
    }
    assert_eq!(bench.roster("d").presence.state(), State::Unknown);
    bench.say(2.0, "d/event", "x");
    bench.say(2.0, "d/fast", "x");
    for second in 3..40 {
        bench.say(f64::from(second), "d/command", "x");
    }
    assert_eq!(of_presence(&mut bench), ["2 d online", "37 d offline"]);
}

#[test]
fn a_stream_that_stopped_while_another_goes_on_is_late_and_its_device_is_not_gone() {
    let mut bench = two_streams();
    bench.say(0.0, "d/fast", "x");
    bench.say(0.0, "d/slow", "x");
    bench.say(10.0, "d/fast", "x");
    for second in [25.0, 50.0, 75.0, 100.0] {
        bench.say(second, "d/slow", "x");
    }
    assert_eq!(bench.log()[2..], ["21 d late"]);
    bench.look(1000.0);
    assert_eq!(bench.log(), ["127.5 d late", "180 d offline"]);
}

#[test]
fn the_quickest_stream_that_goes_on_decides() {
    let mut bench = two_streams();
    bench.say(0.0, "d/slow", "x");
    bench.say(20.0, "d/fast", "x");
    bench.look(1000.0);
    assert_eq!(of_presence(&mut bench), ["0 d online", "55 d offline"]);
}

#[test]
fn our_own_outage_pauses_every_timer() {
    let mut bench = bench();
    bench.say(1.0, "d/t", "1");
    bench.outage(11.0, 1011.0);
    bench.look(1030.0);
    assert_eq!(of_presence(&mut bench), ["1 d online"]);
    // Half the silence was over when we left; no interval is known, so that it has the whole window again.
    bench.look(1100.0);
    assert_eq!(of_presence(&mut bench), ["1036 d offline"]);
}

#[test]
fn after_our_outage_a_device_has_the_time_of_one_message() {
    let outage = |from: f64, gone: &str| {
        let mut bench = Bench::stream(|rules| rules.expect = Expect::Every(60 * SECOND));
        bench.say(0.0, "d/t", "1");
        bench.outage(from, 1000.0);
        bench.look(2000.0);
        assert_eq!(of_presence(&mut bench)[1..], [gone], "{from}");
    };
    // Of 180 s and 5 s of hold-off, the rest, or one message and its tolerance where that is more.
    outage(10.0, "1175 d offline");
    outage(179.0, "1071 d offline");
    // Within the hold-off when we left.
    outage(182.0, "1071 d offline");
}

#[test]
fn what_became_true_before_our_outage_is_said_before_it() {
    let mut bench = bench();
    bench.say(1.0, "d/t", "1");
    bench.outage(27.0, 500.0);
    assert_eq!(of_presence(&mut bench), ["1 d online", "26 d offline"]);
    bench.say(600.0, "d/t", "1");
    assert_eq!(of_presence(&mut bench), ["600 d online"]);
}

#[test]
fn a_frozen_broker_makes_nobody_late() {
    let mut bench = bench();
    bench.say(1.0, "d/t", "1");
    for second in 2..500 {
        bench.fleet.tick(now(f64::from(second)));
    }
    assert_eq!(of_presence(&mut bench), ["1 d online"]);
    bench.fleet.link_down(now(500.0));
    assert_eq!(of_presence(&mut bench), [""; 0]);
}
