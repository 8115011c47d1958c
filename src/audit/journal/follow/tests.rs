//! Rotations of every kind, while we look and while we are away.

use super::*;
use proptest::prelude::*;
use std::io::Write;
use tempfile::TempDir;

struct Log {
    dir: TempDir,
    path: PathBuf,
}

impl Log {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mosquitto.log");
        Self { dir, path }
    }

    fn write(&self, text: &str) {
        let mut file = File::options().create(true).append(true).open(&self.path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Says when a file was last written, in seconds since the epoch.
    fn date(&self, name: &str, second: u64) {
        let file = File::options().append(true).open(self.dir.path().join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(second)).unwrap();
    }

    fn rename(&self, to: &str) {
        fs::rename(&self.path, self.dir.path().join(to)).unwrap();
    }

    fn copy_and_empty(&self, to: &str) {
        fs::copy(&self.path, self.dir.path().join(to)).unwrap();
        File::options().write(true).truncate(true).open(&self.path).unwrap();
    }
}

fn all(follower: &mut Follower) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = follower.next().unwrap() {
        lines.push(String::from_utf8(line).unwrap());
    }
    lines
}

#[test]
fn lines_come_when_they_are_whole_and_history_stays_where_it_is() {
    let log = Log::new();
    log.write("history\nhalf of ");
    let mut follower = Follower::new(&log.path, None);
    assert_eq!(all(&mut follower), [""; 0]);
    log.write("a line\nnew\nnex");
    assert_eq!(all(&mut follower), ["new"]);
    log.write("t\n\n");
    assert_eq!(all(&mut follower), ["next", ""]);
    assert_eq!(follower.first_line().unwrap(), b"history");
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for_and_read_from_its_beginning() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    assert_eq!(all(&mut follower), [""; 0]);
    log.write("first\n");
    assert_eq!(all(&mut follower), ["first"]);
}

#[test]
fn a_file_that_is_renamed_is_read_to_its_end_and_then_the_new_one() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("1\n2\n");
    assert_eq!(all(&mut follower), ["1", "2"]);
    let mut old = File::options().append(true).open(&log.path).unwrap();
    log.rename("mosquitto.log.1");
    old.write_all(b"3\n").unwrap();
    assert_eq!(all(&mut follower), ["3"]);
    // Whoever rotates makes the new file before the broker is told.
    log.write("");
    old.write_all(b"4\n").unwrap();
    assert_eq!(all(&mut follower), ["4"]);
    old.write_all(b"5\nlast words").unwrap();
    log.write("6\n");
    assert_eq!(all(&mut follower), ["5", "last words", "6"]);
    assert!(!follower.take_lost());
}

#[test]
fn a_file_that_is_copied_and_emptied_is_read_anew_however_fast_it_grows() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("1\n2\n");
    assert_eq!(all(&mut follower), ["1", "2"]);
    log.copy_and_empty("mosquitto.log.1");
    log.write("3\n");
    assert_eq!(all(&mut follower), ["3"]);
    log.copy_and_empty("mosquitto.log.2");
    log.write("another, and longer than what was there\n");
    assert_eq!(all(&mut follower), ["another, and longer than what was there"]);
}

#[test]
fn a_place_is_found_again_after_a_restart_wherever_the_file_went() {
    for rotate in [
        (|_: &Log| {}) as fn(&Log),
        |log| log.rename("mosquitto.log.1"),
        |log| log.rename("mosquitto.log-20261121"),
        |log| log.copy_and_empty("mosquitto.log.1"),
        |log| {
            // A copy on another disk has another number.
            log.copy_and_empty("copy");
            fs::rename(log.dir.path().join("copy"), log.dir.path().join("mosquitto.log.1")).unwrap();
        },
    ] {
        let log = Log::new();
        let mut follower = Follower::new(&log.path, None);
        log.write("1\n2\n3\n");
        assert_eq!(follower.next().unwrap().unwrap(), b"1");
        let place = follower.place().unwrap();
        drop(follower);
        rotate(&log);
        log.write("4\n");
        let mut follower = Follower::new(&log.path, Some(&place));
        assert_eq!(all(&mut follower), ["2", "3", "4"]);
        assert!(!follower.take_lost());
        log.write("5\n");
        assert_eq!(all(&mut follower), ["5"]);
    }
}

#[test]
fn several_rotations_while_we_were_away_are_read_in_their_order() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("1\n2\n");
    assert_eq!(follower.next().unwrap().unwrap(), b"1");
    let place = follower.place().unwrap();
    log.rename("mosquitto.log.2");
    log.date("mosquitto.log.2", 100);
    log.write("3\n");
    log.rename("mosquitto.log.1");
    log.date("mosquitto.log.1", 200);
    fs::write(log.dir.path().join("mosquitto.log.3.gz"), "older").unwrap();
    fs::write(log.dir.path().join("mosquitto.log.3"), "older\n").unwrap();
    log.date("mosquitto.log.3", 50);
    log.write("4\n");
    let mut follower = Follower::new(&log.path, Some(&place));
    assert_eq!(all(&mut follower), ["2", "3", "4"]);
}

#[test]
fn several_rotations_while_we_had_no_room_are_read_in_their_order() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("1\n2\n");
    assert_eq!(follower.next().unwrap().unwrap(), b"1");
    log.rename("mosquitto.log.2");
    log.date("mosquitto.log.2", 100);
    log.write("3\n");
    log.rename("mosquitto.log.1");
    log.date("mosquitto.log.1", 200);
    log.write("4\n");
    assert_eq!(all(&mut follower), ["2", "3", "4"]);
    assert!(!follower.take_lost());
}

#[test]
fn what_is_gone_is_told_once_and_the_rest_is_read() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("1\n2\n");
    assert_eq!(follower.next().unwrap().unwrap(), b"1");
    let place = follower.place().unwrap();
    fs::remove_file(&log.path).unwrap();
    log.write("another\n");
    let mut follower = Follower::new(&log.path, Some(&place));
    assert!(follower.take_lost() && !follower.take_lost());
    assert_eq!(all(&mut follower), ["another"]);
}

#[test]
fn a_line_without_end_costs_no_memory_and_no_other_line() {
    let log = Log::new();
    let mut follower = Follower::new(&log.path, None);
    log.write("before\n");
    for _ in 0..100 {
        log.write(&"x".repeat(10_000));
        follower.next().unwrap();
        assert!(follower.buffer.len() <= LINE_BYTES_MAX + CHUNK);
    }
    log.write("\nafter\n");
    assert_eq!(all(&mut follower), ["after"]);
}

proptest! {
    #[test]
    fn every_line_comes_once_whatever_happens_to_the_file(steps in prop::collection::vec(0..6_u8, 1..40)) {
        let log = Log::new();
        let mut follower = Follower::new(&log.path, None);
        let (mut written, mut read, mut place, mut rotations) = (0, Vec::new(), None, 0);
        for step in steps {
            match step {
                // A place is only as good as what was read before.
                0 | 1 => {
                    written += 1;
                    log.write(&format!("line {written}\n"));
                }
                2 => read.extend(all(&mut follower)),
                3 if log.path.exists() => {
                    // Copying loses what was not read yet when we are there, and nothing when we come back later.
                    read.extend(all(&mut follower));
                    rotations += 1;
                    log.copy_and_empty(&format!("mosquitto.log.{rotations}"));
                }
                4 if log.path.exists() => {
                    read.extend(all(&mut follower));
                    rotations += 1;
                    log.rename(&format!("mosquitto.log.{rotations}"));
                }
                _ => {
                    read.extend(all(&mut follower));
                    place = follower.place().or(place);
                    if let Some(place) = &place {
                        follower = Follower::new(&log.path, Some(place));
                    }
                }
            }
        }
        read.extend(all(&mut follower));
        // What was renamed and never written anew is read; a new file is begun by the next line.
        prop_assert_eq!(read, (1..=written).map(|line| format!("line {line}")).collect::<Vec<_>>());
    }
}
