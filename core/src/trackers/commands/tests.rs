//! Commands from request to answer, and everything that may come between.

mod waiting;

use crate::arrival::Arrival;
use crate::names::Pattern;
use crate::path::Path;
use crate::rules::{CommandRules, FleetRules, Format, Kind, StreamRules, TakenFrom};
use crate::tally::Commands;
use crate::testing::Bench;
use crate::time::SECOND;

fn stream(name: &str, filter: &str, kind: Kind) -> StreamRules {
    let format = if kind == Kind::Telemetry { Format::Number } else { Format::Json };
    StreamRules {
        kind,
        format,
        offline_after: Some(20 * SECOND),
        ..StreamRules::new(name, Pattern::parse(filter).unwrap())
    }
}

/// Devices that speak on `DEVICE/t`, are asked on `DEVICE/q` and answer on `DEVICE/a` or on `back/…`.
fn bench(settings: impl FnOnce(&mut CommandRules)) -> Bench {
    let mut commands =
        CommandRules { timeout: 100 * SECOND, required: Vec::new(), ..CommandRules::default() };
    settings(&mut commands);
    let streams = vec![
        stream("t", "{device}/t", Kind::Telemetry),
        stream("q", "{device}/q", Kind::Command),
        stream("a", "{device}/a", Kind::Response),
        stream("back", "back/{device}", Kind::Response),
        stream("topic", "{device}/q/{id}", Kind::Command),
        stream("topic answer", "{device}/a/{id}", Kind::Response),
    ];
    Bench::new(FleetRules { streams, commands, ..FleetRules::default() })
}

fn ask(bench: &mut Bench, at: f64, id: &str) {
    send(bench, at, "d/q", &format!(r#"{{"cmd_id":"{id}","command":"get","at":{at}}}"#));
}

fn send(bench: &mut Bench, at: f64, topic: &str, payload: &str) {
    bench.hear(at, &Arrival { qos: 1, ..Arrival::live(topic, payload.as_bytes()) });
}

fn answer(bench: &mut Bench, at: f64, id: &str, status: &str) {
    let payload = format!(r#"{{"cmd_id":"{id}","status":"{status}","execution_time":250}}"#);
    send(bench, at, "d/a", &payload);
}

fn counts(bench: &Bench) -> &Commands {
    &bench.fleet.stats.tally.commands
}

fn pending(bench: &Bench) -> usize {
    let pending = bench.roster("d").commands.pending().unwrap();
    assert_eq!(bench.fleet.pending_commands(), pending);
    pending
}

#[test]
fn an_answer_settles_its_command_and_tells_how_long_it_took() {
    let mut bench = bench(|_| {});
    ask(&mut bench, 1.0, "c1");
    ask(&mut bench, 1.5, "c2");
    assert_eq!(pending(&bench), 2);
    answer(&mut bench, 2.0, "c2", "error");
    answer(&mut bench, 3.0, "c1", "success");
    assert_eq!(
        bench.details("command"),
        [
            "2 command_matched: get (c2): error after 0.500 s, 0.250 s of it in the device",
            "3 command_matched: get (c1): success after 2.000 s, 0.250 s of it in the device",
        ]
    );
    let get = &counts(&bench).by_name["get"];
    assert_eq!(
        (get.sent, get.answers["success"], get.answers["error"], get.times.histogram().count()),
        (2, 1, 1, 2)
    );
    assert_eq!((counts(&bench).device.histogram().count(), pending(&bench)), (2, 0));
}

#[test]
fn a_command_times_out_once_and_is_dated_when_it_did() {
    for looks in [&[50.0, 101.0, 101.1, 101.2, 180.0][..], &[300.0], &[]] {
        let mut bench = bench(|_| {});
        ask(&mut bench, 1.0, "c1");
        ask(&mut bench, 60.0, "c2");
        for at in looks {
            bench.look(*at);
        }
        answer(&mut bench, 400.0, "c3", "success");
        let mut log = bench.log();
        log.retain(|line| line.contains("command"));
        let expected =
            ["101 d command_timed_out", "160 d command_timed_out", "400 d command_orphan_response"];
        assert_eq!(log, expected, "{looks:?}");
        assert_eq!((counts(&bench).by_name["get"].timeouts, pending(&bench)), (2, 0));
    }
}

#[test]
fn an_answer_at_the_last_moment_is_in_time_and_the_next_one_is_late() {
    for (at, events) in [
        (101.0, &["101 d command_matched"][..]),
        (101.1, &["101 d command_timed_out", "101.1 d command_answered_late"]),
    ] {
        let mut bench = bench(|_| {});
        ask(&mut bench, 1.0, "c1");
        answer(&mut bench, at, "c1", "success");
        let mut log = bench.log();
        log.retain(|line| line.contains("command"));
        assert_eq!(log, events);
        let late = u64::from(events.len() == 2);
        assert_eq!((counts(&bench).late, counts(&bench).orphans), (late, 0));
        assert_eq!(counts(&bench).by_name["get"].answers["success"], 1, "a late answer is an answer");
    }
}

#[test]
fn what_is_settled_is_remembered_as_long_as_a_command_may_take() {
    let mut bench = bench(|_| {});
    ask(&mut bench, 1.0, "c1");
    answer(&mut bench, 2.0, "c1", "success");
    answer(&mut bench, 3.0, "c1", "success");
    answer(&mut bench, 102.0, "c1", "success");
    answer(&mut bench, 102.1, "c1", "success");
    let mut log = bench.log();
    log.retain(|line| line.contains("command"));
    let expected = [
        "2 d command_matched",
        "3 d command_answered_again",
        "102 d command_answered_again",
        "102.1 d command_orphan_response",
    ];
    assert_eq!(log, expected);
    assert_eq!((counts(&bench).answered_again, counts(&bench).orphans), (2, 1));
    assert_eq!(bench.roster("d").commands.count(), (0, 0), "nothing is kept for longer");
}

#[test]
fn an_orphan_counts_only_as_one() {
    let mut bench = bench(|_| {});
    answer(&mut bench, 1.0, "x", "success");
    answer(&mut bench, 150.0, "y", "success");
    assert_eq!(
        bench.details("command"),
        [
            "1 command_orphan_response: answer x (success) belongs to no command that we saw; we have not watched for long",
            "150 command_orphan_response: answer y (success) belongs to no command",
        ]
    );
    assert_eq!((counts(&bench).orphans, counts(&bench).by_name.len()), (2, 0));
    assert_eq!(counts(&bench).device.histogram().count(), 0);
}

#[test]
fn a_partial_answer_is_an_answer_and_more_may_come() {
    let mut bench = bench(|_| {});
    ask(&mut bench, 1.0, "c1");
    for (at, status) in [(2.0, "partial"), (3.0, "partial"), (4.0, "success"), (5.0, "success")] {
        answer(&mut bench, at, "c1", status);
        assert_eq!(pending(&bench), 0);
    }
    let get = &counts(&bench).by_name["get"];
    assert_eq!((get.answers["partial"], get.answers["success"], counts(&bench).answered_again), (2, 1, 1));
    assert_eq!(get.times.histogram().count(), 3, "every answer that belongs to a command");
}

#[test]
fn a_request_that_comes_twice_is_one_command_and_an_id_may_come_round() {
    let mut bench = bench(|_| {});
    let request = r#"{"cmd_id":"c1","command":"get"}"#;
    send(&mut bench, 1.0, "d/q", request);
    send(&mut bench, 1.1, "d/q", request);
    send(&mut bench, 1.2, "d/q", r#"{"cmd_id":"c1","command":"set"}"#);
    answer(&mut bench, 2.0, "c1", "success");
    send(&mut bench, 2.1, "d/q", request);
    assert_eq!(pending(&bench), 0);
    send(&mut bench, 3.0, "d/q", r#"{"cmd_id":"c1","command":"set"}"#);
    assert_eq!(pending(&bench), 1, "the id is free again");
    let mut log = bench.log();
    log.retain(|line| line.contains("command"));
    let expected = [
        "1.1 d command_repeated",
        "1.2 d command_id_reused",
        "2 d command_matched",
        "2.1 d command_repeated",
    ];
    assert_eq!(log, expected);
    let sent = |name: &str| counts(&bench).by_name[name].sent;
    assert_eq!((sent("get"), sent("set"), counts(&bench).repeated, counts(&bench).ids_reused), (1, 2, 2, 1));
}

#[test]
fn a_request_that_is_sent_again_after_its_time_is_a_new_attempt() {
    let mut bench = bench(|_| {});
    let request = r#"{"cmd_id":"c1","command":"get"}"#;
    send(&mut bench, 1.0, "d/q", request);
    send(&mut bench, 110.0, "d/q", request);
    answer(&mut bench, 112.0, "c1", "success");
    let expected = [
        "101 command_timed_out: get (c1): no answer for 100.0 s",
        "112 command_matched: get (c1): success after 2.000 s, 0.250 s of it in the device",
    ];
    assert_eq!(bench.details("command"), expected);
    assert_eq!(counts(&bench).by_name["get"].sent, 2);
}

#[test]
fn an_answer_is_known_by_its_correlation_data_wherever_it_comes() {
    let mut bench = bench(|_| {});
    let ask = |bench: &mut Bench, at: f64, device: &str, data: &[u8]| {
        let topic = format!("{device}/q");
        let request = Arrival {
            qos: 1,
            correlation: Some(data),
            response_topic: Some(b"back/office"),
            ..Arrival::live(&topic, br#"{"command":"get"}"#)
        };
        bench.hear(at, &request);
    };
    ask(&mut bench, 1.0, "d", b"\x01");
    ask(&mut bench, 1.0, "e", b"\x02");
    ask(&mut bench, 1.0, "f", b"\x03");
    let back = |bench: &mut Bench, at: f64, topic: &str, data: &[u8]| {
        let answer = br#"{"status":"success"}"#;
        bench.hear(at, &Arrival { correlation: Some(data), ..Arrival::live(topic, answer) });
    };
    back(&mut bench, 2.0, "back/office", b"\x02");
    back(&mut bench, 3.0, "d/a", b"\x01");
    back(&mut bench, 4.0, "back/elsewhere", b"\x03");
    let mut log = bench.log();
    log.retain(|line| line.contains("command"));
    let expected = ["2 e command_matched", "3 d command_matched", "4 elsewhere command_orphan_response"];
    assert_eq!(log, expected);
    assert_eq!(bench.fleet.pending_commands(), 1);
    assert_eq!(counts(&bench).request_faults.len(), 0, "correlation data are an id");
    let mut bench = bench.restart();
    bench.fleet.link_up(crate::testing::now(10.0));
    back(&mut bench, 11.0, "back/office", b"\x03");
    assert_eq!(bench.log().last().unwrap(), "11 f command_matched");
}

#[test]
fn an_id_may_stand_in_the_topic() {
    let mut bench = bench(|rules| rules.pair = vec![TakenFrom::Capture("id".into())]);
    send(&mut bench, 1.0, "d/q/17", r#"{"command":"get"}"#);
    send(&mut bench, 2.0, "d/a/17", r#"{"status":"success"}"#);
    send(&mut bench, 2.0, "d/a/18", r#"{"status":"success"}"#);
    assert_eq!((counts(&bench).orphans, counts(&bench).by_name["get"].answers["success"]), (1, 1));
}

#[test]
fn what_is_invalid_is_told_counted_by_cause_and_followed_all_the_same() {
    let mut bench = bench(|rules| rules.required = vec![Path::member("data")]);
    send(&mut bench, 1.0, "d/q", r#"{"cmd_id":"c1","command":"a; b"}"#);
    send(&mut bench, 2.0, "d/q", r#"{"command":"get"}"#);
    send(&mut bench, 3.0, "d/a", r#"{"cmd_id":"c1","status":"gut"}"#);
    send(&mut bench, 4.0, "d/a", r#"{"status":"success","data":{}}"#);
    send(&mut bench, 5.0, "d/q", r#"{"cmd_id": "test", invalid json}"#);
    let found = bench.details("");
    let told = |of: &str| found.iter().filter(|line| line.contains(of)).cloned().collect::<Vec<_>>();
    assert_eq!(
        told("_invalid"),
        [
            "1 request_invalid: a; b (c1): «a; b» is no name of a command",
            "2 request_invalid: get (without an id): it has no id",
            "3 response_invalid: answer c1: status cannot be «gut»; data is missing",
            "4 response_invalid: an answer without an id: it has no id",
        ]
    );
    let counts = counts(&bench);
    let causes = |of: &std::collections::BTreeMap<Box<str>, u64>| format!("{of:?}");
    assert_eq!(causes(&counts.request_faults), r#"{"bad_command": 1, "no_id": 1}"#);
    assert_eq!(causes(&counts.response_faults), r#"{"missing_field": 1, "no_id": 1, "value": 1}"#);
    assert_eq!((counts.by_name["other"].sent, counts.by_name["other"].answers["other"]), (1, 1));
    assert_eq!(counts.orphans, 0, "an answer without an id may be anybody's");
    let errors = &bench.roster("d").errors;
    assert_eq!((errors.reasons().len(), errors.bad), (3, 5), "request_invalid, response_invalid, json");
}

#[test]
fn a_command_at_qos_0_is_told_and_a_retained_one_once() {
    let mut bench = bench(|_| {});
    bench.say(1.0, "d/q", r#"{"cmd_id":"c1","command":"get"}"#);
    bench.say(2.0, "e/q", r#"{"cmd_id":"c2","command":"get"}"#);
    for at in [3.0, 4.0] {
        let retained =
            Arrival { retain: true, ..Arrival::live("d/q", br#"{"cmd_id":"r","command":"reboot"}"#) };
        bench.hear(at, &retained);
    }
    assert_eq!(
        bench.details("command"),
        [
            "1 command_qos0: get: sent at QoS 0, so that it can be lost unnoticed",
            "3 command_retained: reboot (r): retained, so that whoever subscribes gets it again",
        ]
    );
    assert_eq!((counts(&bench).by_name.len(), bench.fleet.pending_commands()), (1, 2));
    assert_eq!(counts(&bench).by_name["get"].qos0, 2);
}
