//! When a value is stuck, and when it is free again.

use crate::rules::StuckAfter;
use crate::testing::Bench;
use crate::time::SECOND;

/// Values in the order in which they come, one a second; the seconds and names of what is found.
fn check(after: StuckAfter, tolerance: f64, values: &str, found: &[&str]) {
    let mut bench = Bench::stream(|rules| {
        rules.stuck_after = after;
        rules.stuck_tolerance = tolerance;
    });
    for (second, value) in (1u32..).zip(values.split_whitespace()) {
        bench.say(f64::from(second), "d/t", value);
    }
    let mut log = bench.log();
    log.retain(|line| line.ends_with("stuck"));
    assert_eq!(log, found, "{values}");
    let still = found.iter().filter(|line| line.ends_with(" stuck")).count() * 2 - found.len();
    assert_eq!(bench.roster("d").stuck.stuck() as usize, still);
}

const TEN: StuckAfter = StuckAfter::Repeats(10);

#[test]
fn a_value_is_stuck_at_the_twelfth_equal_sample_and_not_at_the_eleventh() {
    check(TEN, 0.0, "5 5 5 5 5 5 5 5 5 5 5", &[]);
    check(TEN, 0.0, "5 5 5 5 5 5 5 5 5 5 5 5", &["12 d stuck"]);
    check(TEN, 0.0, "5 5 5 5 5 5 5 5 5 5 5 5 5 5 5", &["12 d stuck"]);
    check(TEN, 0.0, "4 5 5 5 5 5 5 5 5 5 5 5", &[]);
    check(TEN, 0.0, "5 5 5 5 5 6 5 5 5 5 5 5 5 5 5 5 5", &[]);
    check(StuckAfter::Repeats(0), 0.0, "5 5", &["2 d stuck"]);
}

#[test]
fn a_value_that_moves_is_free_and_may_be_stuck_again() {
    let two = StuckAfter::Repeats(2);
    check(two, 0.0, "5 5 5 5 6 5", &["4 d stuck", "5 d unstuck"]);
    check(two, 0.0, "5 5 5 5 6 6 6 6", &["4 d stuck", "5 d unstuck", "8 d stuck"]);
}

#[test]
fn the_tolerance_is_measured_from_the_first_value_of_the_run() {
    let two = StuckAfter::Repeats(2);
    check(two, 0.5, "5 5.5 4.5 5", &["4 d stuck"]);
    check(two, 0.5, "5 5.25 5.5 5.75 6", &[]);
    check(two, 0.0, "0 -0 0 -0", &["4 d stuck"]);
}

#[test]
fn a_value_may_be_stuck_by_time_and_that_is_said_by_a_sample() {
    let three = StuckAfter::For(3 * SECOND);
    check(three, 0.0, "5 5 5 5", &[]);
    check(three, 0.0, "5 5 5 5 5 6", &["5 d stuck", "6 d unstuck"]);
}

#[test]
fn what_is_not_published_does_not_stand_still() {
    let mut bench = Bench::stream(|rules| rules.stuck_after = StuckAfter::For(10 * SECOND));
    bench.say(1.0, "d/t", "5");
    bench.look(25.0);
    bench.say(26.0, "d/t", "ON");
    assert_eq!(bench.log(), ["1 d first_seen", "1 d online"]);
}

#[test]
fn a_device_that_is_gone_has_no_stuck_values_and_starts_anew() {
    let mut bench = Bench::stream(|rules| {
        rules.stuck_after = StuckAfter::Repeats(2);
        rules.offline_after = Some(20 * SECOND);
    });
    for second in 1..=4 {
        bench.say(f64::from(second), "d/t", "5");
    }
    bench.look(100.0);
    assert_eq!(bench.roster("d").stuck.stuck(), 0);
    for second in 101..=104 {
        bench.say(f64::from(second), "d/t", "5");
    }
    let log = bench.log();
    assert_eq!(log[2..], ["4 d stuck", "29 d offline", "29 d unstuck", "101 d online", "104 d stuck"]);
}

#[test]
fn points_beyond_the_limit_are_refused_and_counted() {
    let rules = crate::rules::FleetRules {
        streams: vec![crate::presets::generic()],
        limits: crate::rules::Limits { points_per_device_max: 2, ..Default::default() },
        ..Default::default()
    };
    let mut bench = Bench::new(rules);
    bench.say(1.0, "d/a", r#"{"x":1,"y":2,"z":3}"#);
    bench.say(2.0, "d/b", r#"{"w":1,"x":7}"#);
    assert_eq!(bench.roster("d").stuck.points(), 2);
    assert_eq!(bench.fleet.stats.points_refused, 3, "z, and both of the other topic");
}

#[test]
fn points_of_one_name_on_different_topics_are_different_points() {
    let rules = crate::rules::FleetRules { streams: vec![crate::presets::generic()], ..Default::default() };
    let mut bench = Bench::new(rules);
    for n in 0..12 {
        bench.say(f64::from(n), "z/s1", r#"{"temp": 21.0}"#);
        bench.say(f64::from(n) + 0.1, "z/s2", &format!(r#"{{"temp": {n}.5}}"#));
    }
    let stuck = &bench.roster("z").stuck;
    assert_eq!((stuck.points(), stuck.stuck()), (2, 1));
    let names = bench.fleet.names();
    let shown: Vec<String> = stuck.named(&names).map(|(_, name, _)| name.into_owned()).collect();
    assert_eq!(shown, ["s1.temp", "s2.temp"]);
}

#[test]
fn plain_numbers_have_names_of_their_own_however_many_topics_there_are() {
    let topics = |text: &str| {
        let pattern = crate::names::Pattern::parse(text).unwrap();
        let rules = crate::rules::StreamRules::new("s", pattern);
        Bench::new(crate::rules::FleetRules { streams: vec![rules], ..Default::default() })
    };
    let shown = |bench: &Bench| -> Vec<String> {
        let names = bench.fleet.names();
        bench.roster("d").stuck.named(&names).map(|(_, name, _)| name.into_owned()).collect()
    };
    let mut bench = topics("{device}/#");
    for topic in ["d/ch1/power", "d/ch2/power", "d/a/ch2/power", "d/ch1/power", "d/ch2/power"] {
        bench.say(bench.at + 1.0, topic, "5");
    }
    assert_eq!(shown(&bench), ["power", "ch2/power", "a/ch2/power"]);
    // Beyond some number all topics are judged as one.
    let mut bench = topics("{device}/#");
    for n in 0..100 {
        bench.say(bench.at + 1.0, &format!("d/x{n}"), "5");
    }
    let found = shown(&bench);
    assert!(
        (0..100).all(|n| found.contains(&format!("x{n}"))
            || found.iter().any(|name| name.ends_with(&format!(".x{n}")))),
        "{found:?}"
    );
    assert_eq!(found.len(), 100);
}
