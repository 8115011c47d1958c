//! Intervals: their statistics, what is early and late, and how a habit is learned.

use super::Pace;
use crate::names::Pattern;
use crate::rules::{Expect, FleetRules, Format, StreamRules};
use crate::testing::{Bench, Random};
use crate::time::SECOND;

fn every(seconds: u64) -> Bench {
    Bench::stream(|rules| rules.expect = Expect::Every(seconds * SECOND))
}

fn pace(bench: &Bench) -> Pace {
    bench.roster("d").cadence.streams()[0].clone()
}

fn lates(bench: &mut Bench) -> Vec<String> {
    let mut log = bench.log();
    log.retain(|line| line.ends_with("late"));
    log
}

#[test]
fn mean_deviation_and_extremes_are_those_of_a_plain_computation() {
    let mut random = Random(5);
    let mut bench = Bench::stream(|_| {});
    let mut at = 1.0;
    let mut intervals: Vec<f64> = Vec::new();
    bench.say(at, "d/t", "1");
    assert_eq!(pace(&bench).deviation(), None);
    for _ in 0..500 {
        let interval = f64::from(u32::try_from(1 + random.below(90_000_000)).unwrap()) / 1e6;
        at += interval;
        intervals.push(interval);
        bench.say(at, "d/t", "1");
    }
    let mean = intervals.iter().sum::<f64>() / 500.0;
    let square: f64 = intervals.iter().map(|interval| (interval - mean).powi(2)).sum();
    let near = |ours: f64, naive: f64| assert!((ours / 1e6 - naive).abs() < 1e-6, "{ours} {naive}");
    let pace = pace(&bench);
    assert_eq!((pace.messages, pace.intervals), (501, 500));
    near(pace.mean, mean);
    near(pace.deviation().unwrap(), (square / 499.0).sqrt());
    near(pace.min as f64, intervals.iter().copied().fold(f64::MAX, f64::min));
    near(pace.max as f64, intervals.iter().copied().fold(0.0, f64::max));
}

#[test]
fn the_bounds_of_the_tolerance_are_neither_early_nor_late() {
    for (interval, early, late) in
        [(60.0, 0, 0), (54.0, 0, 0), (53.999_999, 1, 0), (66.0, 0, 0), (66.000_001, 0, 1), (500.0, 0, 1)]
    {
        let mut bench = every(60);
        bench.say(1.0, "d/t", "1");
        bench.say(1.0 + interval, "d/t", "1");
        assert_eq!((pace(&bench).early, pace(&bench).late), (early, late), "{interval}");
        assert_eq!(lates(&mut bench).len(), late as usize);
    }
}

#[test]
fn lateness_is_noticed_by_the_clock_once_an_interval_and_dated_when_it_began() {
    for looks in [&[66.9, 67.0, 67.1, 80.0, 100.0][..], &[170.0]] {
        let mut bench = every(60);
        bench.say(1.0, "d/t", "1");
        for at in looks {
            bench.look(*at);
        }
        assert_eq!(lates(&mut bench), ["67 d late"]);
        assert!(pace(&bench).is_late());
        bench.say(171.0, "d/t", "1");
        assert!(!pace(&bench).is_late());
        bench.look(1000.0);
        assert_eq!(lates(&mut bench), ["237 d late"]);
        assert_eq!(pace(&bench).late, 2);
    }
}

#[test]
fn a_habit_is_the_median_of_five_intervals_and_learned_again_when_it_changes() {
    let mut bench = Bench::stream(|_| {});
    let mut at = 0.0;
    let mut say = |bench: &mut Bench, interval: f64| {
        at += interval;
        bench.say(at, "d/t", "1");
        pace(bench).learned.map(|habit| habit / SECOND)
    };
    for interval in [0.0, 10.0, 10.0, 12.0, 9.0] {
        assert_eq!(say(&mut bench, interval), None);
    }
    assert_eq!(say(&mut bench, 300.0), Some(10));
    assert_eq!(pace(&bench).late, 0);
    // Four strange ones are not yet a new habit, nor are five that are interrupted by a usual one.
    for interval in [30.0, 30.0, 30.0, 30.0, 10.0, 30.0, 30.0, 31.0, 30.0] {
        assert_eq!(say(&mut bench, interval), Some(10));
    }
    assert_eq!(say(&mut bench, 30.0), Some(30));
    assert_eq!(pace(&bench).late, 9);
    assert_eq!(say(&mut bench, 31.0), Some(30));
    assert_eq!(pace(&bench).late, 9);
}

#[test]
fn an_interval_that_spans_our_outage_is_left_out() {
    let mut bench = every(60);
    bench.say(0.0, "d/t", "1");
    bench.say(60.0, "d/t", "1");
    bench.outage(70.0, 1000.0);
    // Waited for since we are back.
    bench.look(1065.0);
    assert_eq!(lates(&mut bench), [""; 0]);
    bench.say(1066.0, "d/t", "1");
    assert_eq!((pace(&bench).intervals, pace(&bench).max, pace(&bench).late), (1, 60 * SECOND, 0));
    bench.say(1126.0, "d/t", "1");
    assert_eq!((pace(&bench).intervals, pace(&bench).max), (2, 60 * SECOND));
}

#[test]
fn the_messages_of_streams_without_a_rhythm_are_counted_and_not_timed() {
    let mut bench = Bench::stream(|rules| rules.kind = crate::rules::Kind::Event);
    for second in [1.0, 2.0, 50.0, 51.0, 52.0, 53.0, 54.0, 55.0] {
        bench.say(second, "d/t", "1");
    }
    bench.look(1e5);
    assert_eq!((pace(&bench).messages, pace(&bench).intervals, pace(&bench).late), (8, 0, 0));
}

#[test]
fn a_device_may_be_strange_for_ever() {
    let mut bench = every(60);
    for second in 0..1000 {
        bench.say(f64::from(second), "d/t", "1");
    }
    assert_eq!(pace(&bench).early, 999);
}

/// A device that sends three channels in one bunch, every minute.
fn channels() -> Bench {
    let channels = Pattern::parse("{device}/telemetry/{channel}").unwrap();
    let rules = StreamRules { format: Format::Number, ..StreamRules::new("t", channels) };
    Bench::new(FleetRules { streams: vec![rules], ..FleetRules::default() })
}

#[test]
fn topics_of_one_stream_that_come_in_a_bunch_have_a_pace_each() {
    let mut bench = channels();
    for minute in 0..10 {
        for (at, channel) in ["a", "b", "c"].iter().enumerate() {
            bench.say(60.0 * f64::from(minute) + 0.01 * at as f64, &format!("d/telemetry/{channel}"), "1");
        }
    }
    assert_eq!(bench.log(), ["0 d first_seen", "0 d online"], "nothing is late, nobody is gone");
    let pace = pace(&bench);
    assert_eq!((pace.messages, pace.intervals, pace.early, pace.late), (30, 27, 0, 0));
    assert!((pace.mean - 60e6).abs() < 1.0 && pace.deviation().unwrap() < 1.0, "{pace:?}");
    assert_eq!(pace.learned, Some(60 * SECOND));
    bench.look(540.0 + 60.0 + 10.0);
    assert_eq!(lates(&mut bench).len(), 3, "each channel is late by itself");
}

#[test]
fn a_slow_device_is_not_judged_by_the_habit_of_a_quick_one() {
    let mut bench = channels();
    for n in 0..100 {
        bench.say(f64::from(n), "quick/telemetry/a", "1");
    }
    for hour in 0..8 {
        bench.say(3600.0 * f64::from(hour) + 200.0, "slow/telemetry/a", "1");
        for second in 0..10 {
            bench.say(3600.0 * f64::from(hour) + 201.0 + f64::from(second), "quick/telemetry/a", "1");
        }
    }
    let slow: Vec<String> = bench.log().into_iter().filter(|line| line.contains("slow")).collect();
    assert_eq!(slow[..2], ["200 slow first_seen", "200 slow online"], "{slow:?}");
}

#[test]
fn topics_beyond_the_limit_are_counted_and_not_judged() {
    let mut bench = channels();
    for n in 0..200 {
        bench.say(f64::from(n), &format!("d/telemetry/{n}"), "1");
    }
    let cadence = &bench.roster("d").cadence;
    assert_eq!(cadence.paces.len(), super::TOPICS_MAX + 1);
    assert_eq!(cadence.messages(), 200);
    assert_eq!(pace(&bench).intervals, 0);
}

#[test]
fn a_habit_of_milliseconds_is_learned_and_shown_and_not_judged() {
    let mut bench = Bench::stream(|_| {});
    for n in 0..20 {
        bench.say(1.0 + f64::from(n) * 0.002, "d/t", "1");
    }
    bench.say(1.2, "d/t", "1");
    bench.say(1.2001, "d/t", "1");
    bench.look(1.5);
    let pace = pace(&bench);
    assert_eq!((pace.early, pace.late), (0, 0));
    assert_eq!(pace.learned, Some(2_000));
    assert!(lates(&mut bench).is_empty());
    // Slower, it is learned anew, and then judged.
    for n in 0..20 {
        bench.say(2.0 + f64::from(n), "d/t", "1");
    }
    lates(&mut bench);
    bench.look(25.0);
    assert_eq!(lates(&mut bench).len(), 1);
    // A configured interval is judged however short it is.
    let mut bench = Bench::stream(|rules| rules.expect = Expect::Every(SECOND / 100));
    bench.say(1.0, "d/t", "1");
    bench.say(1.01, "d/t", "1");
    bench.look(1.1);
    assert_eq!(lates(&mut bench).len(), 1);
}
