//! What counts when several speak of one device: its will, the broker, itself, and silence.

use crate::arrival::Arrival;
use crate::broker::clients::{Cause, Change};
use crate::broker::event::{ClientEvent, What};
use crate::names::Pattern;
use crate::rules::{DeviceFrom, Expect, FleetRules, Format, Kind, Part, StatusRules, StreamRules};
use crate::testing::{Bench, now};
use crate::time::SECOND;

/// `d/t` every ten seconds or as the device likes, and `d/status`; `offline_after` where it is configured.
fn bench(expect: Expect, offline_after: Option<u64>) -> Bench {
    let pattern = |text: &str| Pattern::parse(text).unwrap();
    let values = StreamRules {
        format: Format::Number,
        expect,
        offline_after: offline_after.map(|seconds| seconds * SECOND),
        ..StreamRules::new("t", pattern("{device}/t"))
    };
    let mut status =
        StreamRules { kind: Kind::Presence, ..StreamRules::new("status", pattern("{device}/status")) };
    status.status = Some(Box::new(StatusRules::usual()));
    Bench::new(FleetRules { streams: vec![values, status], ..FleetRules::default() })
}

fn broker(bench: &mut Bench, at: f64, client: &str, change: Change, cause: Cause) {
    bench.at = at;
    bench.fleet.alive(now(at).mono);
    let event =
        ClientEvent { client: Some(client.into()), ..ClientEvent::new(What::Changed(change, cause), None) };
    bench.fleet.client_event(&event, now(at));
}

/// Its state and, where it is gone, why.
fn state(bench: &Bench) -> String {
    let presence = &bench.roster("d").presence;
    let reason = presence.reason().map_or(String::new(), |reason| format!(" {}", reason.as_str()));
    format!("{}{reason}", presence.state().as_str())
}

#[test]
fn a_will_counts_when_the_hold_off_is_over() {
    let mut bench = bench(Expect::Learn, None);
    bench.say(1.0, "d/t", "1");
    bench.say(2.0, "d/status", "offline");
    bench.look(6.9);
    assert_eq!(state(&bench), "online");
    bench.look(60.0);
    assert_eq!(state(&bench), "offline will");
    assert_eq!(bench.log(), ["1 d first_seen", "1 d online", "7 d offline"]);
    let presence = &bench.roster("d").presence;
    assert_eq!((presence.connects, presence.disconnects, presence.flaps), (1, 1, 0));
}

#[test]
fn who_is_heard_within_the_hold_off_only_flapped() {
    let mut bench = bench(Expect::Learn, None);
    bench.say(1.0, "d/status", "online");
    bench.say(2.0, "d/status", "offline");
    bench.say(4.0, "d/t", "1");
    bench.look(60.0);
    assert_eq!(state(&bench), "online");
    let details = bench.details("flap");
    assert_eq!(
        details,
        ["4 flap: its status topic or last will says so, silent for 3.0 s, back within the hold-off"]
    );
}

#[test]
fn a_device_that_somebody_vouches_for_is_not_gone_by_a_habit() {
    let learned = |status: bool| {
        let mut bench = bench(Expect::Learn, None);
        if status {
            bench.say(0.0, "d/status", "online");
        }
        for n in 0..10 {
            bench.say(f64::from(n) * 10.0, "d/t", &n.to_string());
        }
        bench.look(500.0);
        state(&bench)
    };
    assert_eq!((&*learned(false), &*learned(true)), ("offline silence", "online"));
    // But by a silence that is configured.
    let mut bench = bench(Expect::Never, Some(60));
    bench.say(0.0, "d/status", "online");
    bench.say(1.0, "d/t", "1");
    bench.look(500.0);
    assert_eq!(state(&bench), "offline silence");
}

#[test]
fn after_our_outage_nobody_vouches_any_more() {
    let mut bench = bench(Expect::Learn, None);
    bench.say(0.0, "d/status", "online");
    for n in 0..10 {
        bench.say(f64::from(n) * 10.0, "d/t", &n.to_string());
    }
    bench.outage(91.0, 200.0);
    bench.look(220.0);
    assert_eq!(state(&bench), "online");
    bench.look(300.0);
    assert_eq!(state(&bench), "offline silence");
}

#[test]
fn the_cause_that_says_most_is_kept() {
    let mut bench = bench(Expect::Learn, None);
    broker(&mut bench, 0.5, "d", Change::Connected, Cause::Accepted);
    assert_eq!(bench.fleet.devices().count(), 0, "a client is no device");
    bench.say(1.0, "d/t", "1");
    bench.say(2.0, "d/status", "offline");
    broker(&mut bench, 2.1, "d", Change::Disconnected, Cause::KeepAlive);
    bench.look(30.0);
    assert_eq!(state(&bench), "offline keepalive_timeout");
    assert_eq!(
        bench.details("offline"),
        ["7 offline: it did not keep its connection alive, silent for 6.0 s"]
    );
    // It came later, and says less.
    broker(&mut bench, 31.0, "d", Change::Disconnected, Cause::Closed);
    assert_eq!(state(&bench), "offline keepalive_timeout");
    broker(&mut bench, 40.0, "d", Change::Connected, Cause::Accepted);
    assert_eq!(state(&bench), "online");
}

#[test]
fn the_broker_alone_is_enough_and_a_stranger_is_nobody() {
    for (cause, reason) in [
        (Cause::ByClient, "offline disconnect"),
        (Cause::Closed, "offline connection_closed"),
        (Cause::Administrative, "offline kicked"),
        (Cause::TakenOver, "offline taken_over"),
    ] {
        let mut bench = bench(Expect::Learn, None);
        bench.say(1.0, "d/t", "1");
        broker(&mut bench, 20.0, "somebody", Change::Disconnected, cause);
        bench.look(40.0);
        assert_eq!(state(&bench), "online", "who is no device says nothing of one");
        broker(&mut bench, 41.0, "d", Change::Disconnected, cause);
        bench.look(60.0);
        assert_eq!(state(&bench), reason);
    }
}

#[test]
fn who_takes_a_connection_over_is_there() {
    let mut bench = bench(Expect::Learn, None);
    bench.say(1.0, "d/t", "1");
    // In both orders, since brokers differ.
    broker(&mut bench, 2.0, "d", Change::Disconnected, Cause::TakenOver);
    broker(&mut bench, 2.1, "d", Change::Connected, Cause::Accepted);
    broker(&mut bench, 20.0, "d", Change::Connected, Cause::Accepted);
    broker(&mut bench, 20.1, "d", Change::Disconnected, Cause::TakenOver);
    bench.look(60.0);
    assert_eq!(state(&bench), "online");
    assert_eq!(bench.roster("d").presence.flaps, 1);
}

#[test]
fn a_rule_says_whose_client_it_is_and_a_restart_does_not_forget_it() {
    let mut rules = bench(Expect::Learn, None).fleet.rules().clone();
    rules.streams[0].device = DeviceFrom::Topic(Box::new([Part::Capture(0)]));
    rules.streams[0].kin.client = Some(Box::new([Part::Text("unit-".into()), Part::Capture(0)]));
    let mut bench = Bench::new(rules);
    bench.say(1.0, "d/t", "1");
    let mut bench = bench.restart();
    bench.fleet.link_up(now(10.0));
    broker(&mut bench, 11.0, "unit-d", Change::Disconnected, Cause::Network);
    bench.look(30.0);
    assert_eq!(state(&bench), "offline network");
}

#[test]
fn a_kept_statement_is_of_the_time_before_we_watched() {
    let keep = |bench: &mut Bench, at: f64, word: &str| {
        bench.hear(at, &Arrival { retain: true, ..Arrival::live("d/status", word.as_bytes()) });
    };
    let mut fresh = bench(Expect::Learn, None);
    keep(&mut fresh, 1.0, "online");
    assert_eq!(state(&fresh), "online");
    assert_eq!(fresh.fleet.device("d").unwrap().last_message, None, "it was not heard");
    let mut gone = bench(Expect::Learn, None);
    keep(&mut gone, 1.0, "offline");
    assert_eq!((&*state(&gone), gone.log()), ("offline will", vec!["1 d first_seen".to_owned()]));
    // It speaks while its status is still the old one.
    let mut live = bench(Expect::Learn, None);
    live.say(1.0, "d/t", "1");
    keep(&mut live, 2.0, "offline");
    live.look(30.0);
    assert_eq!(state(&live), "online");
    // It went while we were away.
    live.outage(40.0, 50.0);
    keep(&mut live, 51.0, "offline");
    live.look(70.0);
    assert_eq!(state(&live), "offline will");
    // And came back.
    live.outage(80.0, 90.0);
    keep(&mut live, 91.0, "online");
    assert_eq!(state(&live), "online");
}

#[test]
fn what_fell_silent_does_not_come_back_by_what_is_kept() {
    let mut bench = bench(Expect::Never, Some(20));
    bench.say(1.0, "d/t", "1");
    bench.look(60.0);
    bench.outage(61.0, 70.0);
    bench.hear(71.0, &Arrival { retain: true, ..Arrival::live("d/status", b"online") });
    assert_eq!(state(&bench), "offline silence");
    bench.say(72.0, "d/status", "online");
    assert_eq!(state(&bench), "online");
}

#[test]
fn a_word_that_nobody_knows_is_an_error_and_an_empty_message_is_none() {
    let mut bench = bench(Expect::Learn, None);
    bench.say(1.0, "d/status", "");
    bench.say(2.0, "d/status", "perhaps");
    assert_eq!((&*state(&bench), bench.fleet.stats.streams[1].bad), ("unknown", 1));
}
