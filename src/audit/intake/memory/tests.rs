//! What is known again, and what is not, by example.

use super::faded::FADED_MAX;
use super::*;
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::Wall;

/// When it was does not matter.
const AT: Wall = Wall(0);

fn sha(payload: &str) -> String {
    let digits = payload.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    format!("{digits:0<64}")
}

fn print(memory: &Memory, topic: &str, payload: &str, pkid: u16) -> Print {
    memory.print(topic.as_bytes(), &sha(payload), pkid).unwrap()
}

/// A message comes, is recorded and acknowledged.
fn take(memory: &mut Memory, payload: &str, pkid: u16) -> Met {
    let print = print(memory, "t", payload, pkid);
    let met = memory.meet(print, false, false);
    let number = memory.remember(print, AT);
    memory.acknowledged(number);
    met
}

#[test]
fn only_what_is_known_and_perhaps_repeated_is_a_duplicate() {
    let mut memory = Memory::new();
    assert_eq!(take(&mut memory, "a", 1), Met::New);
    let known = print(&memory, "t", "a", 1);
    assert_eq!(memory.meet(known, true, false), Met::Again(None));
    assert_eq!(memory.meet(print(&memory, "t", "b", 1), true, false), Met::New);
    assert_eq!(memory.meet(print(&memory, "t", "a", 2), true, false), Met::New);
    assert_eq!(memory.meet(print(&memory, "u", "a", 1), true, false), Met::New);
}

#[test]
fn what_was_never_acknowledged_is_a_duplicate_even_when_the_broker_does_not_say_so() {
    let mut memory = Memory::new();
    let known = print(&memory, "t", "a", 1);
    let number = memory.remember(known, AT);
    assert_eq!(memory.meet(known, false, false), Met::Again(None));
    memory.acknowledged(number);
    assert_eq!(memory.meet(known, false, false), Met::New);
}

fn again(memory: &mut Memory, payload: &str, pkid: u16) -> bool {
    let print = print(memory, "t", payload, pkid);
    memory.meet(print, true, false) != Met::New
}

#[test]
fn what_was_acknowledged_before_a_question_that_is_answered_cannot_come_again() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    take(&mut memory, "b", 2);
    let question = memory.question();
    take(&mut memory, "c", 3);
    memory.answered(question);
    assert_eq!((memory.open(), memory.settled_at()), (1, Some(AT)));
    assert_eq!([("a", 1), ("b", 2), ("c", 3)].map(|(t, id)| again(&mut memory, t, id)), [false, false, true]);
    // The same once more, as a message of its own.
    assert_eq!(take(&mut memory, "a", 1), Met::New);
    assert!(again(&mut memory, "a", 1));
}

#[test]
fn a_broker_that_repeats_while_it_is_asked_proves_nothing() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    take(&mut memory, "b", 2);
    let question = memory.question();
    assert!(again(&mut memory, "b", 2));
    memory.answered(question);
    assert_eq!(memory.open(), 2);
    assert!(again(&mut memory, "a", 1));
    let question = memory.question();
    memory.answered(question);
    assert!(!again(&mut memory, "a", 1));
}

#[test]
fn what_was_acknowledged_over_another_connection_is_not_proved_by_this_one() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    memory.new_connection();
    let question = memory.question();
    memory.answered(question);
    assert!(again(&mut memory, "a", 1));
}

#[test]
fn what_is_no_longer_remembered_whole_is_known_until_it_is_settled() {
    let mut memory = Memory::new();
    let most = u32::try_from(MESSAGES_MAX).unwrap() + 1_000;
    let pkid = |number: u32| u16::try_from(number % 65_535 + 1).unwrap();
    for number in 0..most {
        assert_eq!(take(&mut memory, &number.to_string(), pkid(number)), Met::New);
    }
    assert_eq!(memory.known.len(), MESSAGES_MAX);
    let question = memory.question();
    assert!((0..most).all(|number| again(&mut memory, &number.to_string(), pkid(number))));
    assert!(!again(&mut memory, "unknown", 1) && !again(&mut memory, "3", 7));
    memory.answered(question);
    assert!(again(&mut memory, "0", 1), "it was repeated meanwhile");
    let question = memory.question();
    memory.answered(question);
    assert!(!(0..most).any(|number| again(&mut memory, &number.to_string(), pkid(number))));
}

#[test]
fn what_is_delivered_over_and_over_after_it_was_forgotten_takes_no_room_either() {
    let mut memory = Memory::new();
    let all = MESSAGES_MAX + 1_000;
    let print = |number: usize| Print { topic: 1, payload: number as u128, pkid: 1 };
    for number in 0..all {
        memory.remember(print(number), AT);
    }
    for _ in 0..5 {
        for number in 0..1_000 {
            assert_eq!(memory.meet(print(number), true, false), Met::Again(None));
            let known = memory.remember_again(print(number), AT);
            assert_eq!(known, number as u64);
            memory.acknowledged(known);
        }
    }
    assert_eq!(memory.open(), all as u64);
    assert_eq!(memory.meet(print(all), true, false), Met::New, "it was never there");
}

#[test]
fn where_the_log_was_not_read_far_enough_the_mark_of_the_broker_counts_until_all_is_settled() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    memory.is_partial();
    assert!(again(&mut memory, "unknown", 7));
    take(&mut memory, "b", 2);
    let question = memory.question();
    memory.answered(question);
    assert!(!again(&mut memory, "unknown", 7));
}

#[test]
fn beyond_all_bounds_the_mark_of_the_broker_is_taken_for_what_it_says() {
    let mut memory = Memory::new();
    for number in 0..=MESSAGES_MAX + FADED_MAX {
        let print = Print { topic: 1, payload: number as u128, pkid: 1 };
        let number = memory.remember(print, AT);
        memory.acknowledged(number);
    }
    assert!(again(&mut memory, "never seen", 1));
    let question = memory.question();
    memory.answered(question);
    assert!(!again(&mut memory, "never seen", 1));
}

#[test]
fn what_comes_again_before_its_acknowledgement_is_open_whoever_says_so() {
    let mut memory = Memory::new();
    let known = print(&memory, "t", "a", 1);
    assert!(!memory.is_open(known));
    let number = memory.remember(known, AT);
    assert!(memory.is_open(known));
    memory.acknowledged(number);
    assert!(!memory.is_open(known));
    let none = print(&memory, "t", "a", 0);
    memory.remember(none, AT);
    assert!(!memory.is_open(none), "at quality of service 0 nothing comes again");
}

#[test]
fn what_is_delivered_over_and_over_takes_the_room_of_nothing_else() {
    let mut memory = Memory::new();
    for number in 0..100_u16 {
        take(&mut memory, &number.to_string(), number + 1);
    }
    let prints: Vec<Print> =
        (0..100_u16).map(|number| print(&memory, "t", &number.to_string(), number + 1)).collect();
    for _ in 0..MESSAGES_MAX {
        assert_eq!(memory.meet(prints[0], true, false), Met::Again(None));
        let number = memory.remember_again(prints[0], AT);
        memory.acknowledged(number);
    }
    assert_eq!(memory.known.len(), 100);
    assert!(prints.iter().all(|print| memory.meet(*print, true, false) == Met::Again(None)));
    let unknown = print(&memory, "t", "unknown", 7);
    assert_eq!(memory.remember_again(unknown, AT), 100, "what was forgotten is remembered anew");
}

#[test]
fn a_new_session_repeats_nothing_of_the_old_one() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    let unacknowledged = print(&memory, "t", "b", 2);
    memory.remember(unacknowledged, AT);
    memory.new_session();
    let a = print(&memory, "t", "a", 1);
    assert_eq!(memory.meet(a, true, false), Met::New);
    assert_eq!(memory.meet(unacknowledged, true, false), Met::New);
    assert_eq!(take(&mut memory, "a", 1), Met::New);
    assert_eq!(memory.meet(a, true, false), Met::Again(None));
}

#[test]
fn what_the_broker_keeps_is_new_unless_it_is_the_last_of_its_topic() {
    let mut memory = Memory::new();
    let (a, b) = (print(&memory, "t", "a", 0), print(&memory, "t", "b", 0));
    assert_eq!(memory.meet(a, false, true), Met::New);
    let number = memory.remember(a, AT);
    assert_eq!(memory.meet(a, false, true), Met::Kept, "it is acknowledged after the one before");
    memory.new_connection();
    assert_eq!(memory.meet(a, false, true), Met::Again(None), "it is not known to be on the disk yet");
    memory.acknowledged(number);
    assert_eq!(memory.meet(print(&memory, "t", "a", 7), false, true), Met::Kept);
    let number = memory.remember(b, AT);
    memory.acknowledged(number);
    assert_eq!(memory.meet(a, false, true), Met::New);
    memory.new_session();
    assert_eq!(memory.meet(b, false, true), Met::Kept);
    assert_eq!(memory.meet(b, true, false), Met::New, "without a packet id nothing is repeated");
}

#[test]
fn it_is_bounded() {
    let mut memory = Memory::new();
    for number in 0..=MESSAGES_MAX {
        let topic = number as u64;
        let number = memory.remember(Print { topic, payload: 0, pkid: 1 }, AT);
        memory.acknowledged(number);
    }
    assert_eq!((memory.known.len(), memory.prints.len()), (MESSAGES_MAX, MESSAGES_MAX));
    assert_eq!(memory.topics.len(), MESSAGES_MAX);
}

#[test]
fn a_sample_of_a_bad_payload_is_not_the_record_of_its_message() {
    let mut memory = Memory::new();
    let sample = Draft::new(Wall(0), Level::Warn, Kind::Payload, "malformed")
        .text(Key::Broker, "main")
        .text(Key::Topic, "t")
        .text(Key::PayloadSha256, &sha("a"));
    assert!(memory.read("main", encode(&sample, Format::Json).line(7).trim_end()));
    let known = print(&memory, "t", "a", 0);
    assert_eq!(memory.meet(known, false, true), Met::New);
}

#[test]
fn it_goes_on_from_the_lines_of_the_log() {
    let record = |broker: &str, topic: &str, seq: u64, format| {
        let draft = Draft::new(Wall(0), Level::Info, Kind::Command, "command")
            .text(Key::Broker, broker)
            .text(Key::Topic, topic)
            .int(Key::Mid, 5)
            .text(Key::PayloadSha256, &sha("a"));
        let draft = if seq > 42 { draft.flag(Key::Dup, true) } else { draft };
        encode(&draft, format).line(seq)
    };
    for format in [Format::Json, Format::Pipe] {
        let again = record("main", "t \"1\"", 43, format);
        let lines = [
            record("main", "t \"1\"", 41, format),
            record("other", "u", 42, format),
            "{bad".to_owned(),
            again,
        ];
        let mut memory = Memory::new();
        let ours: Vec<bool> = lines.iter().map(|line| memory.read("main", line.trim_end())).collect();
        assert_eq!((ours, memory.known.len()), (vec![true, false, false, true], 1));
        let known = print(&memory, "t \"1\"", "a", 5);
        assert_eq!(memory.meet(known, true, false), Met::Again(Some(41)));
        let others = print(&memory, "u", "a", 5);
        assert_eq!(memory.meet(others, true, false), Met::New);
    }
}

#[test]
fn lines_before_the_first_one_of_the_noted_time_are_settled() {
    let line = |payload: &str, seconds: i64, seq: u64| {
        let draft = Draft::new(Wall(seconds * 1_000_000), Level::Info, Kind::Command, "command")
            .text(Key::Broker, "main")
            .text(Key::Topic, "t")
            .int(Key::Mid, 5)
            .text(Key::PayloadSha256, &sha(payload));
        encode(&draft, Format::Json).line(seq)
    };
    let read = |settled: i64, lines: &[(&str, i64)]| {
        let mut memory = Memory::settled_before(Wall(settled * 1_000_000));
        for (seq, (payload, seconds)) in lines.iter().enumerate() {
            memory.read("main", line(payload, *seconds, seq as u64).trim_end());
        }
        ["a", "b", "c", "d"].map(|payload| again(&mut memory, payload, 5))
    };
    let lines = [("a", 10), ("b", 20), ("c", 20), ("d", 30)];
    assert_eq!(read(20, &lines), [false, true, true, true]);
    assert_eq!(read(9, &lines), [true; 4]);
    assert_eq!(read(40, &lines), [true; 4], "the record of that time is not there");
    // The clock was set back: more is held to be open, never less.
    assert_eq!(read(20, &[("a", 50), ("b", 20), ("c", 5), ("d", 21)]), [true; 4]);
    assert_eq!(read(20, &[("a", 10), ("b", 20), ("c", 5), ("d", 21)]), [false, true, true, true]);
}

#[test]
fn of_what_is_settled_only_the_last_of_each_topic_takes_room() {
    let mut memory = Memory::new();
    let kept = print(&memory, "kept", "on", 0);
    let number = memory.remember(kept, AT);
    memory.acknowledged(number);
    for number in 0..20_000_u64 {
        let print = Print { topic: number % 50, payload: number.into(), pkid: 1 };
        assert_eq!(memory.meet(print, true, false), Met::New);
        let own = memory.remember(print, Wall(number.cast_signed()));
        memory.acknowledged(own);
        if number % 1_000 == 999 {
            let question = memory.question();
            memory.answered(question);
            assert_eq!((memory.open(), memory.settled_at()), (0, Some(Wall(number.cast_signed()))));
        }
    }
    assert!(memory.known.len() <= 2 * 51 + SPARE, "{}", memory.known.len());
    assert!(memory.known.capacity() < 16_384 && memory.prints.is_empty() && memory.topics.len() == 51);
    assert_eq!(memory.meet(kept, false, true), Met::Kept);
    let last = Print { topic: 49, payload: 19_999, pkid: 0 };
    assert_eq!(memory.meet(last, false, true), Met::Kept);
    assert_eq!(memory.meet(Print { payload: 1, ..last }, false, true), Met::New);
}
