//! The share of bad messages: the minimum, the threshold, and what time alone makes true.

use crate::rules::ErrorRules;
use crate::testing::Bench;
use crate::time::SECOND;

/// A window of 100 s in steps of 10 s; more than a quarter bad, of at least eight, is too much.
fn bench() -> Bench {
    let mut rules = crate::rules::FleetRules {
        errors: ErrorRules { window: 100 * SECOND, threshold: 0.25, minimum: 8 },
        ..Default::default()
    };
    rules.streams = Bench::stream(|_| {}).fleet.rules().streams.clone();
    Bench::new(rules)
}

fn of_ratio(bench: &mut Bench) -> Vec<String> {
    let mut log = bench.log();
    log.retain(|line| line.contains("ratio"));
    log
}

fn check(messages: &str, ratio: Option<f64>, found: &[&str]) {
    let mut bench = bench();
    for (second, mark) in (0u32..).zip(messages.chars()) {
        bench.say(f64::from(second), "d/t", if mark == 'x' { "bad" } else { "1" });
    }
    assert_eq!(of_ratio(&mut bench), found, "{messages}");
    assert_eq!(bench.roster("d").errors.ratio(), ratio);
    let bad = messages.chars().filter(|mark| *mark == 'x').count() as u64;
    assert_eq!(bench.roster("d").errors.bad, bad);
    assert_eq!(bench.fleet.stats.streams[0].bad, bad);
}

#[test]
fn the_share_must_be_above_the_threshold_and_of_enough_messages() {
    check("........", Some(0.0), &[]);
    check("xxxxxxx", Some(1.0), &[]);
    check("xxxxxxxx", Some(1.0), &["7 d error_ratio_high"]);
    check("......xx", Some(0.25), &[]);
    check(".....xxx", Some(0.375), &["7 d error_ratio_high"]);
    // A good message can complete the minimum.
    check("xxx.....", Some(0.375), &["7 d error_ratio_high"]);
    check("xxx.........", Some(0.25), &["7 d error_ratio_high", "11 d error_ratio_normal"]);
}

#[test]
fn a_share_returns_to_normal_by_time_alone_and_is_dated_so() {
    for looks in [&[95.0, 99.9, 100.0, 101.0][..], &[5000.0]] {
        let mut bench = bench();
        for _ in 0..8 {
            bench.say(0.0, "d/t", "bad");
        }
        for at in looks {
            bench.look(*at);
        }
        // The steps of the window are those of the fleet's clock, which begins at one second.
        assert_eq!(of_ratio(&mut bench), ["0 d error_ratio_high", "99 d error_ratio_normal"]);
        assert_eq!(bench.roster("d").errors.ratio(), None);
    }
}

#[test]
fn a_share_may_rise_because_good_messages_leave_the_window() {
    let mut bench = bench();
    for _ in 0..24 {
        bench.say(0.0, "d/t", "1");
    }
    for second in 50..58 {
        bench.say(f64::from(second), "d/t", "bad");
    }
    bench.look(98.0);
    assert_eq!(of_ratio(&mut bench), [""; 0]);
    bench.look(300.0);
    assert_eq!(of_ratio(&mut bench), ["99 d error_ratio_high", "149 d error_ratio_normal"]);
}

#[test]
fn a_message_counts_once_for_each_of_its_reasons() {
    let mut bench = Bench::new(crate::rules::FleetRules {
        streams: crate::presets::streams("plant").unwrap(),
        ..Default::default()
    });
    let topic = "p/a/l/d/telemetry/temperature";
    bench.say(1.0, topic, r#"{"points":{"a":{"temp":999,"status":"?"},"b":{"temp":999,"status":"?"}}}"#);
    bench.say(2.0, topic, "{");
    bench.say(3.0, "p/a//l/d/telemetry/temperature", "{");
    let reasons: Vec<(&str, u64)> =
        bench.roster("d").errors.reasons().iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    let once = [("missing_field", 1), ("range", 1), ("status", 1), ("too_few_points", 1), ("json", 2)];
    assert_eq!(reasons, once);
    assert_eq!(bench.roster("d").errors.bad, 3);
}
