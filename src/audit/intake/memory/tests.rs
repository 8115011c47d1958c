//! What is known again, and what is not, by example.

use super::*;
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::Wall;

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
    let number = memory.remember(print);
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
    let number = memory.remember(known);
    assert_eq!(memory.meet(known, false, false), Met::Again(None));
    memory.acknowledged(number);
    assert_eq!(memory.meet(known, false, false), Met::New);
}

#[test]
fn a_packet_id_that_is_given_out_anew_settles_all_before_it() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    take(&mut memory, "b", 2);
    take(&mut memory, "c", 3);
    let (a, b, c) = (print(&memory, "t", "a", 1), print(&memory, "t", "b", 2), print(&memory, "t", "c", 3));
    assert_eq!(memory.meet(b, true, false), Met::Again(None));
    assert_eq!(take(&mut memory, "d", 2), Met::New);
    assert_eq!(
        [a, b, c].map(|print| memory.meet(print, true, false)),
        [Met::New, Met::New, Met::Again(None)]
    );
}

#[test]
fn a_packet_id_that_was_counted_round_to_settles_nothing() {
    let mut memory = Memory::new();
    let rounds = u32::from(u16::MAX);
    for number in 0..rounds {
        let pkid = u16::try_from(number + 1).unwrap();
        assert_eq!(take(&mut memory, &number.to_string(), pkid), Met::New);
    }
    assert_eq!(take(&mut memory, "new", 1), Met::New);
    for number in 0..rounds {
        let known = print(&memory, "t", &number.to_string(), u16::try_from(number + 1).unwrap());
        assert_eq!(memory.meet(known, true, false), Met::Again(None), "{number}");
    }
}

#[test]
fn a_packet_id_that_comes_again_before_its_acknowledgement_settles_nothing() {
    let mut memory = Memory::new();
    let waits = print(&memory, "t", "a", 1);
    let number = memory.remember(waits);
    assert_eq!(take(&mut memory, "b", 1), Met::New);
    memory.acknowledged(number);
    assert_eq!(memory.meet(waits, true, false), Met::Again(None));
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
        let number = memory.remember_again(prints[0]);
        memory.acknowledged(number);
    }
    assert_eq!(memory.known.len(), 100);
    assert!(prints.iter().all(|print| memory.meet(*print, true, false) == Met::Again(None)));
    let unknown = print(&memory, "t", "unknown", 7);
    assert_eq!(memory.remember_again(unknown), 100, "what was forgotten is remembered anew");
}

#[test]
fn a_new_session_repeats_nothing_of_the_old_one() {
    let mut memory = Memory::new();
    take(&mut memory, "a", 1);
    let unacknowledged = print(&memory, "t", "b", 2);
    memory.remember(unacknowledged);
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
    let number = memory.remember(a);
    assert_eq!(memory.meet(a, false, true), Met::Kept, "it is acknowledged after the one before");
    memory.new_connection();
    assert_eq!(memory.meet(a, false, true), Met::Again(None), "it is not known to be on the disk yet");
    memory.acknowledged(number);
    assert_eq!(memory.meet(print(&memory, "t", "a", 7), false, true), Met::Kept);
    let number = memory.remember(b);
    memory.acknowledged(number);
    assert_eq!(memory.meet(a, false, true), Met::New);
    memory.new_session();
    assert_eq!(memory.meet(b, false, true), Met::Kept);
    assert_eq!(memory.meet(b, true, false), Met::New, "without a packet id nothing is repeated");
}

#[test]
fn it_is_bounded_and_forgets_the_oldest() {
    let mut memory = Memory::new();
    for number in 0..=u32::try_from(MESSAGES_MAX).unwrap() {
        let payload = number.to_string();
        let pkid = u16::try_from(number % 65_535 + 1).unwrap();
        let print = print(&memory, &payload, &payload, pkid);
        let number = memory.remember(print);
        memory.acknowledged(number);
    }
    let met = |memory: &mut Memory, text: &str, pkid| {
        let print = print(memory, text, text, pkid);
        memory.meet(print, true, false)
    };
    assert_eq!((memory.known.len(), memory.prints.len()), (MESSAGES_MAX, MESSAGES_MAX));
    assert_eq!(memory.topics.len(), MESSAGES_MAX);
    assert_eq!(met(&mut memory, "0", 1), Met::New);
    assert_eq!(met(&mut memory, "2", 3), Met::Again(None));
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
