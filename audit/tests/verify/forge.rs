//! What somebody may do who has keys, or moves checkpoints about: a key counts for its own checkpoints only, each
//! checkpoint has its place, and none can be left out.

use crate::flips::corpus;
use crate::sealed::{TestLog, options};
use proptest::prelude::*;
use secrecy::SecretString;
use std::fs;
use std::path::PathBuf;
use watchkeeper_audit::evidence::checkpoint::{Cause, Checkpoint};
use watchkeeper_audit::evidence::note::{Signer, sign};
use watchkeeper_audit::evidence::notes::{Notes, framed};
use watchkeeper_audit::evidence::tree::{Range, leaf};
use watchkeeper_audit::folder::{CHECKPOINTS, KEYS, MANIFEST, segment_name};
use watchkeeper_audit::verify::{Options, verify};

fn checkpoints(log: &TestLog) -> Vec<String> {
    let mut notes = Notes::new(fs::File::open(log.path(CHECKPOINTS)).unwrap());
    std::iter::from_fn(|| notes.read().unwrap()).map(|piece| piece.text().unwrap().to_owned()).collect()
}

fn put(log: &TestLog, notes: &[String]) {
    let text: String = notes.iter().map(|note| framed(note)).collect();
    fs::write(log.path(CHECKPOINTS), text).unwrap();
}

fn read(note: &str) -> Checkpoint {
    Checkpoint::parse(&note[..=note.rfind("\n\n").unwrap()]).unwrap()
}

fn signer(path: PathBuf) -> Signer {
    let text = fs::read_to_string(path).unwrap();
    Signer::from_secret(&SecretString::from(text.lines().next().unwrap())).unwrap()
}

/// A log with two keys, both of which an intruder has: 20 records and five checkpoints of the first one, then as many
/// of the second one.
fn two_keys() -> (TestLog, Signer, Signer) {
    let mut log = TestLog::new();
    let grow = |log: &mut TestLog| {
        for _ in 0..4 {
            log.add(5);
            log.seal();
        }
    };
    grow(&mut log);
    let old = signer(log.beside(".key"));
    log.rotate_key();
    grow(&mut log);
    let new = signer(log.beside(".key"));
    assert_eq!(log.verify().exit(), 0);
    assert_eq!(checkpoints(&log).len(), 10);
    (log, old, new)
}

#[test]
fn a_checkpoint_that_another_key_signed_is_found_whichever_key_it_is() {
    let (log, old, new) = two_keys();
    let good = checkpoints(&log);
    let name = old.verifier().name().to_owned();
    let stranger = Signer::generate(|_| name).unwrap();
    for at in 0..good.len() {
        for (key, own) in [(&old, at < 5), (&new, at >= 5), (&stranger, false)] {
            let mut notes = good.clone();
            notes[at] = sign(&read(&good[at]).text(), key).unwrap();
            put(&log, &notes);
            let report = log.verify();
            assert_eq!(report.exit(), u8::from(!own), "checkpoint {at} by {key:?}\n{}", report.to_text());
        }
    }
}

#[test]
fn a_thief_of_one_key_cannot_sign_the_time_of_the_other_anew() {
    let (log, old, new) = two_keys();
    let path = log.path(&segment_name(0));
    let good = checkpoints(&log);
    // Record 3 is altered, and every checkpoint after it signed anew with the key at hand.
    let text = fs::read_to_string(&path).unwrap();
    let altered: Vec<String> = text
        .split_inclusive('\n')
        .enumerate()
        .map(|(at, line)| if at == 3 { line.replace("start", "stops") } else { line.into() })
        .collect();
    fs::write(&path, altered.concat()).unwrap();
    for key in [&old, &new] {
        let mut range = Range::new();
        let mut notes = Vec::new();
        for note in &good {
            let mut checkpoint = read(note);
            while range.size() < checkpoint.size {
                range.push(leaf(altered[usize::try_from(range.size()).unwrap()].as_bytes()));
            }
            checkpoint.root = range.root();
            notes.push(sign(&checkpoint.text(), key).unwrap());
        }
        put(&log, &notes);
        assert_eq!(log.verify().exit(), 1, "{}", log.verify().to_text());
        // Leaving out what the key cannot sign does not help either.
        let own: Vec<String> =
            if key.verifier() == old.verifier() { notes[..5].into() } else { notes[5..].into() };
        put(&log, &own);
        assert_ne!(log.verify().exit(), 0, "{}", log.verify().to_text());
    }
    // Nor does the old key go on beyond the size at which the new one began.
    fs::write(&path, &text).unwrap();
    let mut notes = good[..5].to_vec();
    let mut longer = read(&good[9]);
    longer.number = 5;
    notes.push(sign(&longer.text(), &old).unwrap());
    put(&log, &notes);
    assert_eq!(log.verify().exit(), 1, "{}", log.verify().to_text());
}

#[test]
fn only_the_first_key_proves_a_log() {
    let (log, old, new) = two_keys();
    let with =
        |key: &Signer| verify(&log.dir(), &Options { key: Some(key.verifier().to_string()), ..options() });
    assert_eq!(with(&old).exit(), 0, "{}", with(&old).to_text());
    assert_eq!(with(&new).exit(), 1, "{}", with(&new).to_text());
}

#[test]
fn checkpoints_that_changed_places_are_found() {
    let log = corpus();
    let good = checkpoints(&log);
    for at in 1..good.len() {
        let mut notes = good.clone();
        notes.swap(at - 1, at);
        put(&log, &notes);
        assert_eq!(log.verify().exit(), 1, "{at}\n{}", log.verify().to_text());
    }
}

#[test]
fn a_checkpoint_that_was_left_out_or_put_in_twice_is_found() {
    let log = corpus();
    let good = checkpoints(&log);
    assert!(good.iter().any(|note| read(note).cause == Cause::Idle));
    for at in 0..good.len() {
        let mut notes = good.clone();
        notes.remove(at);
        put(&log, &notes);
        let report = log.verify();
        let expected = match at {
            // Of what was pruned none is needed; the log itself leaves it out one day.
            0 => 0,
            // The last records are not sealed then.
            _ if at + 1 == good.len() => 2,
            _ => 1,
        };
        assert_eq!(report.exit(), expected, "without {at}\n{}", report.to_text());
        let mut notes = good.clone();
        notes.insert(at, good[at].clone());
        put(&log, &notes);
        assert_eq!(log.verify().exit(), 1, "{at} twice");
    }
    // Of a log that is whole, not even the first one.
    let (log, ..) = two_keys();
    put(&log, &checkpoints(&log)[1..]);
    assert_eq!(log.verify().exit(), 1, "{}", log.verify().to_text());
}

#[test]
fn lines_of_the_manifest_that_are_gone_or_moved_are_found() {
    let log = corpus();
    let text = fs::read_to_string(log.path(MANIFEST)).unwrap();
    let good: Vec<&str> = text.split_inclusive('\n').collect();
    assert_eq!(good.len(), 3);
    for at in 0..good.len() {
        for deed in ["without", "swapped", "twice"] {
            let mut bad = good.clone();
            match deed {
                "without" => drop(bad.remove(at)),
                "swapped" => bad.swap(at, (at + 1) % good.len()),
                _ => bad.insert(at, good[at]),
            }
            fs::write(log.path(MANIFEST), bad.concat()).unwrap();
            assert_eq!(log.verify().exit(), 1, "{deed} {at}\n{}", log.verify().to_text());
        }
    }
}

#[test]
fn a_minute_without_a_checkpoint_is_told_unless_the_log_was_stopped() {
    let mut log = TestLog::new();
    log.add(5);
    log.seal();
    log.now += 3_600_000_000;
    log.open();
    let notes = |log: &TestLog| log.verify().findings.len();
    assert_eq!((log.verify().exit(), notes(&log)), (0, 0), "{}", log.verify().to_text());
    log.now += 300_000_000;
    log.seal();
    // None is missing, so that it is told and proves nothing.
    assert_eq!((log.verify().exit(), notes(&log)), (0, 1), "{}", log.verify().to_text());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_files_hold_the_verifier_says_something_and_does_not_pass_it(
        which in 0..6_usize,
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'"'), Just(b'{')], 0..400),
        at in any::<prop::sample::Index>(),
    ) {
        let log = corpus();
        let names = [CHECKPOINTS, MANIFEST, KEYS, "audit-00000000000000000010.log.zst", "audit-00000000000000000120.log", "audit-00000000000000000151.log"];
        let path = log.path(names[which]);
        let whole = fs::read(&path).unwrap();
        let at = at.index(whole.len());
        let end = whole.len().min(at + bytes.len());
        let mixed = [&whole[..at], &bytes, &whole[end..]].concat();
        fs::write(&path, &mixed).unwrap();
        let report = log.verify();
        prop_assert!(mixed == whole || report.exit() != 0, "{}", report.to_text());
        fs::write(&path, &bytes).unwrap();
        prop_assert_ne!(log.verify().exit(), 0);
        prop_assert!(!log.verify().to_json().is_null());
    }
}
