//! Commands that wait: for a device that is offline, through an outage or a restart of ours, and too many of them.

use super::*;

#[test]
fn what_is_sent_to_an_offline_device_waits_and_is_answered_when_it_is_back() {
    for looks in [&[90.0, 250.0, 700.0][..], &[]] {
        let mut bench = bench(|_| {});
        bench.say(1.0, "d/t", "1");
        // Offline at 26: 20 s of silence and 5 s of hold-off. What was sent before has no more time for that.
        ask(&mut bench, 20.0, "c0");
        ask(&mut bench, 50.0, "c1");
        ask(&mut bench, 60.0, "c2");
        ask(&mut bench, 300.0, "c3");
        for at in looks {
            bench.look(*at);
        }
        assert_eq!((pending(&bench), bench.fleet.waiting_commands()), (3, 3));
        bench.say(800.0, "d/t", "2");
        assert_eq!((pending(&bench), bench.fleet.waiting_commands()), (3, 0));
        answer(&mut bench, 801.0, "c1", "success");
        answer(&mut bench, 802.0, "c2", "success");
        answer(&mut bench, 803.0, "c3", "success");
        let found = bench.details("command");
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(found[0], "120 command_timed_out: get (c0): no answer for 100.0 s");
        assert!(found[1].ends_with("it had waited for the device"), "{found:?}");
        assert_eq!(
            found[4],
            "803 commands_delivered: 3 of 3 commands that waited were answered, in order, 3.0 s after it was back"
        );
    }
}

#[test]
fn the_time_of_what_waited_begins_when_the_device_is_back() {
    let mut bench = bench(|_| {});
    bench.say(1.0, "d/t", "1");
    for (at, id) in [(60.0, "c1"), (61.0, "c2"), (62.0, "c3")] {
        ask(&mut bench, at, id);
    }
    for at in (500..700).step_by(10) {
        bench.say(f64::from(at), "d/t", "2");
        if at == 510 {
            answer(&mut bench, 510.0, "c3", "success");
            answer(&mut bench, 511.0, "c1", "success");
        }
    }
    let found = bench.details("command");
    assert_eq!(found[2], "600 command_timed_out: get (c2): no answer for 100.0 s");
    assert_eq!(
        found[3],
        "600 commands_delivered: 2 of 3 commands that waited were answered, not in order, 100.0 s after it was back"
    );
}

#[test]
fn our_own_outage_stops_the_time_and_what_was_queued_comes_first() {
    let mut bench = bench(|_| {});
    ask(&mut bench, 1.0, "c1");
    ask(&mut bench, 90.0, "c2");
    bench.outage(100.5, 1000.0);
    // Half a second was left for the first one; but for ten seconds nothing times out.
    bench.look(1009.0);
    answer(&mut bench, 1009.5, "c1", "success");
    bench.look(1200.0);
    let expected = [
        "1009.5 command_matched: get (c1): success, 0.250 s of it in the device; we were away meanwhile",
        "1089.5 command_timed_out: get (c2): no answer for 100.0 s; we were away meanwhile",
    ];
    assert_eq!(bench.details("command"), expected);
}

#[test]
fn a_restart_of_ours_keeps_what_waits_and_what_is_settled() {
    let mut bench = bench(|_| {});
    for n in 0..1000 {
        ask(&mut bench, 1.0, &format!("c{n}"));
    }
    answer(&mut bench, 2.0, "c0", "success");
    bench.log();
    let mut bench = bench.restart();
    assert_eq!((pending(&bench), bench.log().len()), (999, 0));
    bench.fleet.link_up(crate::testing::now(500.0));
    for n in 0..500 {
        answer(&mut bench, 501.0, &format!("c{n}"), "success");
    }
    bench.look(900.0);
    bench.look(2000.0);
    let log = bench.log();
    let count = |event: &str| log.iter().filter(|line| line.ends_with(event)).count();
    assert_eq!(count("command_matched"), 499);
    assert_eq!(count("command_answered_again"), 1);
    assert_eq!(count("command_timed_out"), 500);
    assert_eq!((counts(&bench).by_name["get"].sent, counts(&bench).by_name["get"].timeouts), (1000, 500));
    assert_eq!(pending(&bench), 0);
}

#[test]
fn the_oldest_gives_way_where_too_many_wait_and_its_answer_is_late() {
    for looks in [&[50.0][..], &[]] {
        let mut bench = bench(|rules| rules.pending_max = 3);
        for n in 0..5 {
            send(
                &mut bench,
                1.0 + f64::from(n),
                &format!("d{n}/q"),
                &format!(r#"{{"cmd_id":"c{n}","command":"get"}}"#),
            );
        }
        assert_eq!((bench.fleet.pending_commands(), counts(&bench).dropped), (3, 2));
        for at in looks {
            bench.look(*at);
        }
        send(&mut bench, 60.0, "d0/a", r#"{"cmd_id":"c0","status":"success"}"#);
        // What has timed out by now takes nobody's place.
        send(&mut bench, 105.0, "e/q", r#"{"cmd_id":"e","command":"get"}"#);
        bench.look(105.0);
        assert_eq!((bench.fleet.pending_commands(), counts(&bench).dropped), (2, 2));
        assert_eq!((counts(&bench).late, counts(&bench).orphans), (1, 0));
    }
}

#[test]
fn what_is_remembered_of_settled_commands_is_bounded_too() {
    let mut bench = bench(|rules| rules.pending_max = 50);
    for n in 0..500 {
        let at = 1.0 + f64::from(n) / 100.0;
        ask(&mut bench, at, &format!("c{n}"));
        answer(&mut bench, at, &format!("c{n}"), "success");
        assert!(bench.roster("d").commands.count().1 <= 50);
    }
    answer(&mut bench, 7.0, "c499", "success");
    answer(&mut bench, 7.0, "c3", "success");
    assert_eq!((counts(&bench).answered_again, counts(&bench).orphans), (1, 1));
}

#[test]
fn ten_thousand_commands_at_once_stay_matched() {
    let mut bench = bench(|_| {});
    for n in 0..10_000 {
        ask(&mut bench, 1.0, &format!("c{n}"));
    }
    assert_eq!((pending(&bench), counts(&bench).dropped), (10_000, 0));
    for n in (0..10_000).rev() {
        answer(&mut bench, 2.0 + f64::from(n % 7), &format!("c{n}"), "success");
    }
    assert_eq!((pending(&bench), counts(&bench).orphans), (0, 0));
    assert_eq!(counts(&bench).by_name["get"].answers["success"], 10_000);
}

#[test]
fn a_device_that_is_forgotten_takes_its_commands_with_it() {
    let mut bench = bench(|_| {});
    ask(&mut bench, 1.0, "c1");
    send(&mut bench, 1.0, "e/q", r#"{"cmd_id":"c2","command":"get"}"#);
    assert!(bench.fleet.forget("d"));
    assert_eq!(bench.fleet.pending_commands(), 1);
    // Its place is taken by another, whose commands are its own.
    send(&mut bench, 2.0, "f/q", r#"{"cmd_id":"c1","command":"get"}"#);
    send(&mut bench, 3.0, "f/a", r#"{"cmd_id":"c1","status":"success"}"#);
    assert_eq!(bench.fleet.pending_commands(), 1);
    bench.look(500.0);
    assert_eq!((bench.fleet.pending_commands(), counts(&bench).by_name["get"].timeouts), (0, 1));
}
