//! How far the log is read after a restart, where several brokers are in it.

use crate::audit::intake::memory::Met;
use crate::audit::intake::{Notes, remember};
use std::fs;
use std::path::Path;
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::Wall;

/// Some of the payload's hash; what it is does not matter.
fn sha(number: u64) -> String {
    format!("{number:0>64x}")
}

/// A segment whose records are commands of one broker, with packet ids and payloads after their numbers.
fn segment(dir: &Path, broker: &str, numbers: std::ops::Range<u64>) {
    let line = |number: u64| {
        let draft = Draft::new(Wall(i64::try_from(number).unwrap()), Level::Info, Kind::Command, "command")
            .text(Key::Broker, broker)
            .text(Key::Topic, "t")
            .int(Key::Mid, i64::try_from(number).unwrap())
            .text(Key::PayloadSha256, &sha(number));
        encode(&draft, Format::Json).line(number)
    };
    let text: String = numbers.clone().map(line).collect();
    fs::write(dir.join(format!("audit-{:020}.log", numbers.start)), text).unwrap();
}

#[test]
fn a_busy_broker_does_not_hide_what_another_may_deliver_again() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    segment(dir, "calm", 1..4);
    segment(dir, "busy", 4..30);
    segment(dir, "busy", 30..60);
    let mut memories = remember(&["busy", "calm"], &Notes::open(dir), dir, 5);
    let mut knows = |at: usize, number: u64| {
        let memory = &mut memories[at];
        let print = memory.print(b"t", &sha(number), u16::try_from(number).unwrap()).unwrap();
        memory.meet(print, true, false) != Met::New
    };
    assert!(knows(1, 1) && knows(1, 3), "what the calm one sent last is known");
    assert!(knows(0, 59) && !knows(0, 1) && !knows(1, 59), "each knows its own");
}
