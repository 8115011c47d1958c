//! What a run of numbers is: a table of what comes when, and what must be said and counted.

use super::counter::Counter;
use crate::arrival::Arrival;
use crate::finding::{Finding, What};
use crate::path::Path;
use crate::rules::{Format, Kind, StreamRules};
use crate::testing::{Bench, now};
use crate::time::SECOND;

fn bench(settings: impl FnOnce(&mut StreamRules)) -> Bench {
    Bench::stream(|rules| {
        rules.format = Format::Json;
        rules.kind = Kind::Event;
        rules.sequence = Path::parse("$.n").ok();
        settings(rules);
    })
}

fn wrapping(modulus: u64) -> Bench {
    bench(|rules| rules.sequence_modulus = modulus)
}

impl Bench {
    fn number(&mut self, at: f64, number: u64) {
        self.say(at, "d/t", &format!(r#"{{"n":{number}}}"#));
    }

    /// Numbers a tenth of a second apart, from this second on.
    fn numbers(&mut self, at: f64, numbers: impl IntoIterator<Item = u64>) {
        for (n, number) in numbers.into_iter().enumerate() {
            self.number(at + n as f64 / 10.0, number);
        }
    }

    /// What was found of sequences: second and sentence.
    fn told(&mut self) -> Vec<String> {
        let text = |found: Finding| {
            let second = (found.wall.0 - now(0.0).wall.0) as f64 / 1e6;
            format!("{second} {}", found.what.details())
        };
        let found = self.fleet.take_findings().into_iter();
        let is_asked =
            |what: &What| !matches!(what, What::FirstSeen | What::Online { .. } | What::Service(_));
        found.filter(|found| is_asked(&found.what)).map(text).collect()
    }

    /// Gaps, lost, missed, duplicated, reordered, resets.
    fn counts(&self) -> [u64; 6] {
        let counts = self.roster("d").sequence.counts().unwrap();
        [counts.gaps, counts.lost, counts.missed, counts.duplicated, counts.reordered, counts.resets]
    }

    /// The last look of all.
    fn end(mut self, told: &[&str], counts: [u64; 6]) {
        self.look(self.at + 1000.0);
        assert_eq!(self.told(), told);
        assert_eq!(self.counts(), counts, "gaps, lost, missed, duplicated, reordered, resets");
    }
}

#[test]
fn what_is_missing_is_lost_when_the_window_is_over_and_dated_then() {
    for looks in [&[][..], &[4.0, 4.1, 4.2], &[500.0]] {
        let mut bench = bench(|_| {});
        bench.numbers(1.0, 90..=100);
        bench.number(2.1, 115);
        for at in looks {
            bench.look(*at);
        }
        bench.end(&["4.1 t: missing 14: 101 to 114"], [1, 14, 0, 0, 0, 0]);
    }
}

#[test]
fn what_arrives_within_the_window_is_late_and_no_gap() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2, 5, 4]);
    bench.number(3.2, 3);
    bench.number(3.3, 6);
    bench.end(&["3.2 t: reordered 2: 3 to 4"], [0, 0, 0, 0, 2, 0]);
}

#[test]
fn what_arrives_after_the_window_is_late_and_the_loss_stands() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2, 6]);
    bench.number(9.0, 4);
    bench.number(9.1, 4);
    bench.number(9.2, 7);
    let told = ["3.2 t: missing 3: 3 to 5", "9 t: reordered 1: 4 to 4", "9.1 t: duplicated 1: 4 to 4"];
    bench.end(&told, [1, 3, 0, 1, 1, 0]);
}

#[test]
fn a_gap_of_which_a_part_arrives_is_one_gap_and_the_rest_is_lost() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 10, 5, 6, 2, 11]);
    bench.end(&["3.1 t: missing 5: 3 to 9", "1.4 t: reordered 3: 2 to 6"], [1, 5, 0, 0, 3, 0]);
}

#[test]
fn a_number_that_was_seen_is_a_duplicate() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2, 2, 2, 3, 4, 5, 6, 3, 7, 8]);
    // One of an hour ago, and nothing after it.
    bench.number(3600.0, 2);
    let told = ["1.8 t: duplicated 3: 2 to 3", "3600 t: duplicated 1: 2 to 2"];
    bench.end(&told, [0, 0, 0, 4, 0, 0]);
}

#[test]
fn a_storm_of_duplicates_is_one_finding_a_minute() {
    let mut bench = bench(|_| {});
    for n in 0..1000 {
        bench.numbers(1.0 + n as f64 / 5.0, [n, n]);
    }
    let told = bench.told();
    assert_eq!(told[0], "61.1 t: duplicated 301: 0 to 300");
    assert_eq!(told.len(), 3, "{told:?}");
    bench.look(1e4);
    assert_eq!(bench.told().len(), 1);
    assert_eq!(bench.counts(), [0, 0, 0, 1000, 0, 0]);
}

#[test]
fn a_lower_number_whose_successor_follows_is_a_new_beginning_and_no_loss() {
    for (numbers, told) in [
        (&[1000, 1001, 0, 1, 2][..], "1.3 t: numbers began anew at 0 after 1001"),
        (&[1000, 1001, 57, 58, 59], "1.3 t: numbers began anew at 57 after 1001"),
        (&[0, 1, 2, 0, 1, 2, 3], "1.4 t: numbers began anew at 0 after 2"),
        (&[1, 2, 3, 4, 1, 2], "1.5 t: numbers began anew at 1 after 4"),
    ] {
        let mut bench = bench(|_| {});
        bench.numbers(1.0, numbers.iter().copied());
        bench.end(&[told], [0, 0, 0, 0, 0, 1]);
    }
}

#[test]
fn a_new_beginning_whose_second_message_is_lost_is_one() {
    for start in [500, 30_000] {
        let mut bench = bench(|_| {});
        bench.numbers(1.0, start..start + 20);
        bench.numbers(3.0, [1].into_iter().chain(3..40));
        bench.look(1000.0);
        assert_eq!(bench.counts(), [0, 0, 0, 0, 1, 1], "gaps, lost, missed, duplicated, reordered, resets");
    }
}

#[test]
fn a_device_that_speaks_slowly_begins_anew_slowly() {
    let mut bench = bench(|_| {});
    for (n, number) in [1000, 1001, 1002, 0, 1, 2].into_iter().enumerate() {
        bench.number(60.0 * n as f64, number);
    }
    bench.end(&["240 t: numbers began anew at 0 after 1002"], [0, 0, 0, 0, 0, 1]);
    let mut bench = super::tests::bench(|_| {});
    bench.numbers(1.0, [1000, 1001, 1002, 0]);
    // It counts for a duplicate by now, but what follows is still a beginning.
    bench.number(60.0, 1);
    let told = ["1.3 t: duplicated 1: 0 to 0", "60 t: numbers began anew at 0 after 1002"];
    let told = [told[0].replace("duplicated", "reordered"), told[1].into()];
    bench.end(&[&told[0], &told[1]], [0, 0, 0, 0, 1, 1]);
}

#[test]
fn what_was_in_flight_and_is_delivered_once_more_is_no_new_beginning() {
    // Up to the last one; with a lost one in it that arrives this time; and then the old numbers go on.
    for (numbers, duplicated, reordered) in [
        (&[5, 6, 7, 8, 6, 7, 8, 9][..], 3, 0),
        (&[5, 6, 8, 6, 7, 8, 9], 2, 1),
        (&[5, 6, 7, 8, 6, 7, 9], 2, 0),
    ] {
        let mut bench = bench(|_| {});
        bench.numbers(1.0, numbers.iter().copied());
        bench.look(1000.0);
        assert_eq!(bench.counts(), [0, 0, 0, duplicated, reordered, 0], "{numbers:?}");
    }
    // It does not come up to where it was.
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [5, 6, 7, 8, 9, 6, 7]);
    bench.number(9.0, 8);
    bench.end(&["3.5 t: numbers began anew at 6 after 9"], [0, 0, 0, 0, 0, 1]);
}

#[test]
fn what_the_broker_marks_as_a_duplicate_is_never_a_new_beginning() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, 0..=50);
    for number in 0..=50 {
        let payload = format!(r#"{{"n":{number}}}"#);
        let again = Arrival { dup: true, ..Arrival::live("d/t", payload.as_bytes()) };
        bench.fleet.arrival(&again, now(7.0));
    }
    bench.number(7.1, 51);
    bench.end(&["7 t: duplicated 51: 0 to 50"], [0, 0, 0, 51, 0, 0]);
}

#[test]
fn what_came_before_we_did_is_late_and_no_duplicate() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [101, 100, 102, 103]);
    bench.end(&["1.1 t: reordered 1: 100 to 100"], [0, 0, 0, 0, 1, 0]);
    let mut bench = wrapping(256);
    bench.numbers(1.0, [1, 250, 251, 2, 253, 3]);
    bench.end(&["1.4 t: reordered 3: 250 to 253"], [0, 0, 0, 0, 3, 0]);
}

#[test]
fn numbers_wrap_and_so_do_gaps() {
    let mut bench = wrapping(256);
    bench.numbers(1.0, [253, 254, 255, 0, 1, 0, 2]);
    bench.number(9.0, 5);
    bench.numbers(20.0, (6..=252).chain([255, 254, 253, 2]));
    bench.numbers(60.0, 3..=200);
    let told = [
        "1.5 t: duplicated 1: 0 to 0",
        "11 t: missing 2: 3 to 4",
        "44.9 t: reordered 2: 253 to 254",
        "47 t: missing 2: 0 to 1",
    ];
    bench.end(&told, [2, 4, 0, 1, 2, 0]);
}

#[test]
fn where_numbers_wrap_a_beginning_at_zero_is_told_from_a_gap() {
    for (numbers, told, counts) in [
        (&[199, 200, 0, 1][..], "1.3 t: numbers began anew at 0 after 200", [0, 0, 0, 0, 0, 1]),
        (&[99, 100, 0, 1], "1.3 t: numbers began anew at 0 after 100", [0, 0, 0, 0, 0, 1]),
        (&[239, 240, 0, 1], "3.2 t: missing 15: 241 to 255", [1, 15, 0, 0, 0, 0]),
        (&[199, 200, 0, 2], "3.2 t: missing 55: 201 to 255", [2, 56, 0, 0, 0, 0]),
        (&[199, 200, 0], "3.2 t: missing 55: 201 to 255", [1, 55, 0, 0, 0, 0]),
    ] {
        let mut bench = wrapping(256);
        bench.numbers(1.0, numbers.iter().copied());
        bench.look(1000.0);
        assert_eq!((bench.told()[0].as_str(), bench.counts()), (told, counts), "{numbers:?}");
    }
}

#[test]
fn a_gap_over_our_outage_is_ours_and_one_beside_it_the_devices() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2]);
    bench.outage(2.0, 1000.0);
    // What is queued may come in disorder even now.
    bench.numbers(1000.1, [21, 20, 22, 25]);
    let told = [
        "1002.1 t: missing 17 while we were not listening: 3 to 19",
        "1000.2 t: reordered 1: 20 to 20",
        "1002.4 t: missing 2: 23 to 24",
    ];
    bench.end(&told, [1, 2, 17, 0, 1, 0]);
}

#[test]
fn our_outage_pauses_the_window() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2, 5]);
    bench.outage(2.0, 1000.0);
    bench.number(1001.0, 3);
    bench.number(1001.1, 6);
    bench.end(&["1001.2 t: missing 1: 4 to 4", "1001 t: reordered 1: 3 to 3"], [1, 1, 0, 0, 1, 0]);
}

#[test]
fn what_we_shed_ourselves_is_nobodys_loss() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2]);
    bench.fleet.shed();
    bench.numbers(1.2, [9, 11]);
    let told = ["3.2 t: missing 6 while we were not listening: 3 to 8", "3.3 t: missing 1: 10 to 10"];
    bench.end(&told, [1, 1, 6, 0, 0, 0]);
}

#[test]
fn a_device_that_restarts_while_we_are_away_has_lost_nothing() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1000, 1001]);
    bench.outage(2.0, 1000.0);
    bench.numbers(1000.1, [57, 58, 60]);
    let told = ["1000.2 t: numbers began anew at 57 after 1001", "1002.3 t: missing 1: 59 to 59"];
    bench.end(&told, [1, 1, 0, 0, 0, 1]);
}

#[test]
fn a_new_beginning_ends_what_was_waited_for() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [100, 101, 105, 0, 1]);
    let told = ["1.4 t: missing 3: 102 to 104", "1.4 t: numbers began anew at 0 after 105"];
    bench.end(&told, [1, 3, 0, 0, 0, 1]);
}

#[test]
fn the_largest_numbers_and_jumps_are_counted_exactly() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [0, 1_000_000_000, u64::MAX]);
    let lost = u64::MAX - 2;
    let told = [
        "3.1 t: missing 999999999: 1 to 999999999".into(),
        format!("3.2 t: missing {}: 1000000001 to {}", u64::MAX - 1_000_000_001, u64::MAX - 1),
    ];
    bench.end(&[&told[0], &told[1]], [2, lost, 0, 0, 0, 0]);
}

#[test]
fn random_numbers_are_not_taken_for_losses_for_ever() {
    let mut random = crate::testing::Random(1);
    let mut bench = bench(|_| {});
    for at in 0..1000 {
        bench.number(10.0 * f64::from(at), 1000 + random.next() % 99_000);
    }
    let told = bench.told();
    assert_eq!(told.last().unwrap().split_once(' ').unwrap().1, "t: numbers are in no order and not judged");
    assert!(told.len() < 40, "{told:#?}");
    // As many in order as were in none, and they are judged again.
    bench.numbers(20_000.0, (1..=6).chain([9]));
    bench.look(30_000.0);
    assert_eq!(bench.told(), ["20002.6 t: missing 2: 7 to 8"]);
}

#[test]
fn a_great_disorder_within_the_window_is_still_a_sequence() {
    let mut random = crate::testing::Random(7);
    let mut bench = bench(|_| {});
    let (mut highest, mut late) = (0, 0);
    let mut all: Vec<u64> = (2..=60).collect();
    bench.number(0.9, 1);
    while !all.is_empty() {
        let number = all.remove(random.below(all.len().min(12)));
        (highest, late) = if number > highest { (number, late) } else { (highest, late + 1) };
        bench.number(1.0, number);
    }
    bench.look(100.0);
    assert_eq!(bench.counts(), [0, 0, 0, 0, late, 0]);
}

#[test]
fn what_is_remembered_of_a_counter_is_bounded() {
    assert!(size_of::<Counter>() <= 64, "{} bytes", size_of::<Counter>());
    let mut bench = bench(|rules| rules.reorder_window = 3600 * SECOND);
    bench.numbers(1.0, (0..1000).map(|n| 2 * n));
    // The oldest are given up before their time, and their loss stands.
    assert_eq!(bench.counts()[..2], [967, 967]);
    bench.number(200.0, 3);
    bench.number(201.0, 1997);
    bench.look(5000.0);
    assert_eq!(bench.counts(), [998, 998, 0, 1, 1, 0]);
    // What was lost an hour ago does not come any more: it counts as seen.
    bench.numbers(9000.0, [1999, 1995]);
    bench.look(20_000.0);
    assert_eq!(bench.counts(), [998, 998, 0, 2, 1, 0]);
}

#[test]
fn an_operator_who_says_where_to_go_on_makes_no_loss() {
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 2, 9]);
    assert!(bench.fleet.set_next("d", "t", 500, now(1.5)));
    assert!(!bench.fleet.set_next("d", "other", 500, now(1.5)));
    assert!(!bench.fleet.set_next("e", "t", 500, now(1.5)));
    bench.numbers(2.0, [500, 501, 503]);
    bench.end(&["4.2 t: missing 1: 502 to 502"], [1, 1, 0, 0, 0, 0]);
}

#[test]
fn numbers_that_are_none_say_nothing() {
    let mut bench = wrapping(256);
    bench.say(1.0, "d/t", r#"{"n":1}"#);
    for payload in [r#"{"n":"9"}"#, r#"{"n":1.5}"#, r#"{"n":-4}"#, r#"{"n":null}"#, "{}", r#"{"n":256}"#, "{"]
    {
        bench.say(1.1, "d/t", payload);
    }
    let retained = Arrival { retain: true, ..Arrival::live("d/t", br#"{"n":77}"#) };
    bench.fleet.arrival(&retained, now(1.2));
    bench.say(1.2, "d/t", r#"{"n":2.0}"#);
    bench.end(&[], [0; 6]);
}

/// One device, whose stream has these topics.
fn topics() -> Bench {
    bench(|rules| rules.pattern = crate::names::Pattern::parse("{device}/{channel}").unwrap())
}

#[test]
fn topics_that_count_together_are_one_sequence() {
    let mut bench = topics();
    let mut say = |at: f64, topic: &str, n: u64| bench.say(at, topic, &format!(r#"{{"n":{n}}}"#));
    for n in 0..30 {
        let topic = ["d/a", "d/b", "d/c"][n % 3];
        if n != 20 {
            say(n as f64, topic, n as u64);
        }
    }
    bench.end(&["23 t: missing 1: 20 to 20"], [1, 1, 0, 0, 0, 0]);
}

#[test]
fn topics_that_count_each_for_itself_are_several() {
    // The second channel is one ahead, so that its numbers often follow those of the first.
    for ahead in [0, 1, 2, 40] {
        let mut bench = topics();
        for n in 0..30 {
            for (topic, number) in [("d/a", n), ("d/b", n + ahead), ("d/c", 1000 + n)] {
                if n != 20 || topic != "d/b" {
                    bench.say(f64::from(n), topic, &format!(r#"{{"n":{number}}}"#));
                }
            }
        }
        let told = format!("23 t: missing 1: {0} to {0}", 20 + ahead);
        assert_eq!(bench.roster("d").sequence.positions().count(), 3);
        bench.end(&[&told], [1, 1, 0, 0, 0, 0]);
    }
}

#[test]
fn a_topic_that_spoke_once_keeps_no_other_from_being_judged() {
    let mut bench = topics();
    for (at, topic, number) in
        [(1, "a", 7), (2, "a", 8), (3, "b", 70), (4, "a", 10), (5, "a", 11), (6, "a", 14)]
    {
        bench.say(f64::from(at), &format!("d/{topic}"), &format!(r#"{{"n":{number}}}"#));
    }
    // Whether 9 was lost is not known: b may have been it, but 12 and 13 were.
    bench.end(&["8 t: missing 2: 12 to 13"], [1, 2, 0, 0, 0, 0]);
}

#[test]
fn several_sequences_that_begin_anew_together_are_one_restart() {
    let mut bench = topics();
    for at in 0..10 {
        for topic in ["d/a", "d/b"] {
            bench.say(f64::from(at), topic, &format!(r#"{{"n":{}}}"#, 100 * (1 - at / 5) + at % 5));
        }
    }
    let counts = bench.roster("d").sequence.counts().unwrap();
    assert_eq!((counts.resets, counts.restarts), (2, 1));
    bench.say(11.0, "d/a", r#"{"n":0}"#);
    bench.say(11.1, "d/a", r#"{"n":1}"#);
    let counts = bench.roster("d").sequence.counts().unwrap();
    assert_eq!((counts.resets, counts.restarts), (3, 2), "the same sequence again is another restart");
}

#[test]
fn late_numbers_in_disorder_are_judged_while_others_are_in_order_or_little_is_missing() {
    // Each halves what is missing, and none is at an end of it.
    let halving = [100, 50, 150, 25, 75, 125, 175, 12, 36];
    let mut bench = bench(|_| {});
    bench.numbers(1.0, [1, 200].into_iter().chain(halving).chain([201]));
    bench.look(100.0);
    assert_eq!(bench.counts(), [1, 189, 0, 0, 9, 0]);
    let mut bench = super::tests::bench(|_| {});
    bench.numbers(1.0, [1, 200_000]);
    for (n, number) in halving.into_iter().enumerate() {
        bench.number(2.0 + n as f64 / 10.0, 1000 * number);
        bench.number(2.0 + n as f64 / 10.0, 200_001 + n as u64);
    }
    bench.look(100.0);
    assert_eq!(bench.counts(), [1, 199_989, 0, 0, 9, 0]);
}
