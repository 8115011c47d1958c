//! Health as firmware reports it: fields, a heap in pieces, and starts by whatever sign.

use crate::presets;
use crate::rules::FleetRules;
use crate::testing::Bench;

fn bench() -> Bench {
    Bench::new(FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() })
}

fn report(bench: &mut Bench, at: f64, payload: &str) {
    bench.say(at, "p/d/telemetry/system", payload);
}

fn fields(bench: &Bench) -> String {
    let names = bench.fleet.names();
    let fields = bench.roster("d").system.fields();
    fields.map(|(id, value)| format!("{}={value}", names.get(id))).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_number_of_a_report_is_a_field_and_fragmentation_is_made() {
    let mut bench = bench();
    report(
        &mut bench,
        1.0,
        r#"{"timestamp":"2026-05-01T08:00:01Z","free_heap":200000,"min_free_heap":150000,"max_alloc_heap":150000,"boot_count":3,"stack":{"hwm":1200},"freePsram":4000000,"ok":true}"#,
    );
    let shown = "free_heap=200000 min_free_heap=150000 max_alloc_heap=150000 boot_count=3 stack_hwm=1200 free_psram=4000000 fragmentation=0.25";
    assert_eq!(fields(&bench), shown);
    assert_eq!(bench.roster("d").stuck.points(), 0, "a boot count that stands still is not stuck");
    report(&mut bench, 2.0, r#"{"fragmentation":37.5}"#);
    assert!(fields(&bench).ends_with("fragmentation=0.375"), "{}", fields(&bench));
}

#[test]
fn a_heap_in_pieces_is_told_once_until_it_is_sound() {
    let mut bench = bench();
    for (at, largest) in [(1.0, 60), (2.0, 50), (3.0, 49), (4.0, 40), (5.0, 51), (6.0, 56), (7.0, 57)] {
        report(&mut bench, at, &format!(r#"{{"free_heap":100,"max_alloc_heap":{largest}}}"#));
    }
    assert_eq!(
        bench.details("heap"),
        [
            "3 heap_fragmented: 51.0 % of the free heap are in small pieces",
            "6 heap_sound: 44.0 % of the free heap are in small pieces, as it should be",
        ]
    );
}

#[test]
fn a_boot_count_that_rises_is_a_start_for_each() {
    let mut bench = bench();
    report(&mut bench, 1.0, r#"{"boot_count":7,"uptime":100}"#);
    report(&mut bench, 2.0, r#"{"boot_count":7,"uptime":101}"#);
    report(&mut bench, 3.0, r#"{"boot_count":8,"uptime":1,"reset_reason":"task_wdt"}"#);
    report(&mut bench, 4.0, r#"{"boot_count":11,"uptime":2,"reset_reason":9}"#);
    report(&mut bench, 5.0, r#"{"boot_count":1,"uptime":1}"#);
    assert_eq!(
        bench.details("restart"),
        [
            "3 restart: it started anew; reason: task_wdt; it had run for 101 s at least",
            "4 restart: it started anew, 3 times since it was last heard of; reason: brownout; it had run for 1 s at least",
            "5 restart: it started anew; it had run for 2 s at least",
        ]
    );
    assert_eq!(bench.roster("d").restarts.count, 5);
}

#[test]
fn an_uptime_that_falls_is_a_start_where_nothing_counts_them() {
    let mut bench = bench();
    for (at, uptime) in [(1.0, 100), (2.0, 101), (3.0, 2), (4.0, 3)] {
        report(&mut bench, at, &format!(r#"{{"uptime_seconds":{uptime}}}"#));
    }
    assert_eq!(bench.details("restart"), ["3 restart: it started anew; it had run for 101 s at least"]);
}

#[test]
fn a_boot_message_and_the_report_after_it_tell_of_one_start() {
    let boot = |bench: &mut Bench, at: f64, text: &str| bench.say(at, "p/d/event/boot", text);
    for (message, reports) in [
        (r#"{"event":"boot","count":8,"reason":1}"#, &[r#"{"boot_count":7}"#, r#"{"boot_count":8}"#][..]),
        (r#"{"reason":"power"}"#, &[r#"{"boot_count":7}"#, r#"{"boot_count":8}"#]),
        (r#"{"reason":"power"}"#, &[r#"{"boot_count":7}"#, r#"{"boot_count":7}"#]),
        (r#"{"event":"boot"}"#, &[r#"{"uptime":100}"#, r#"{"uptime":5}"#]),
        ("booted", &["{}", "{}"]),
    ] {
        let mut bench = bench();
        report(&mut bench, 1.0, reports[0]);
        boot(&mut bench, 2.0, message);
        report(&mut bench, 3.0, reports[1]);
        report(&mut bench, 4.0, reports[1]);
        assert_eq!(bench.details("restart").len(), 1, "{message}");
        assert_eq!(bench.roster("d").restarts.count, 1, "{message}");
        boot(&mut bench, 200.0, r#"{"event":"boot"}"#);
        assert_eq!(bench.roster("d").restarts.count, 2, "{message}");
    }
    // The report may come first.
    let mut bench = bench();
    report(&mut bench, 1.0, r#"{"boot_count":7}"#);
    report(&mut bench, 2.0, r#"{"boot_count":8}"#);
    boot(&mut bench, 3.0, r#"{"event":"boot"}"#);
    assert_eq!(bench.roster("d").restarts.count, 1);
}

#[test]
fn events_are_counted_by_the_words_of_payload_or_topic() {
    let mut bench = bench();
    bench.say(1.0, "p/d/event/relay", r#"{"relay_id":1,"state":"ON"}"#);
    bench.say(2.0, "p/d/event/relay", r#"{"event":"toggled"}"#);
    bench.say(3.0, "p/d/state/relay", "ON");
    bench.say(4.0, "p/d/event/relay", "{");
    let counted: Vec<String> = bench
        .fleet
        .stats
        .tally
        .events
        .iter()
        .map(|((stream, event), count)| format!("{stream} {event} {count}"))
        .collect();
    assert_eq!(counted, ["event relay 2", "event toggled 1", "state relay 1"]);
}
