//! Keys, at a first start, over rotations, and when somebody or something was at the files.

use super::*;
use crate::evidence::note::sign;
use crate::log::disk::RealDisk;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("audit");
    fs::create_dir(&dir).unwrap();
    (parent, dir)
}

fn open(dir: &Path, log: &Log) -> (Keys, Vec<Notice>) {
    let mut keys = Keys::open(&RealDisk, dir, "watchkeeper", log).unwrap();
    let notices = keys.notices();
    (keys, notices)
}

fn begun(dir: &Path) -> Keys {
    let mut keys = open(dir, &Log::default()).0;
    keys.mark_used().unwrap();
    keys
}

fn running(keys: &Keys) -> Log {
    Log { exists: true, last_note: Some(sign("a checkpoint\n", keys.current()).unwrap()) }
}

fn turn(number: u64) -> Turn {
    Turn { number, size: 10 * number, time: Wall(1_756_117_800_000_000) }
}

fn beside(dir: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", dir.display()))
}

#[test]
fn a_first_start_makes_a_key_for_the_owner_alone_and_says_its_verifier_key() {
    let (_parent, dir) = folder();
    let (mut keys, notices) = open(&dir, &Log::default());
    let vkey = keys.current().verifier().clone();
    assert_eq!(notices, [Notice::Created(vkey.clone())]);
    assert!(!beside(&dir, ".vkey").exists(), "before anything is signed, nothing can be asked for");
    keys.mark_used().unwrap();
    assert_eq!(fs::read_to_string(beside(&dir, ".vkey")).unwrap(), format!("{vkey}\n"));
    assert_eq!(fs::metadata(beside(&dir, ".key")).unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(vkey.name().starts_with("watchkeeper/") && vkey.name().len() == 28, "{vkey}");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);

    let log = running(&keys);
    let (again, notices) = open(&dir, &log);
    assert_eq!((again.current().verifier(), notices), (&vkey, vec![]));
    // It belongs somewhere else, so that it is not there is as it should be.
    fs::remove_file(beside(&dir, ".vkey")).unwrap();
    let (again, notices) = open(&dir, &log);
    assert_eq!((again.current().verifier(), notices), (&vkey, vec![]));
    assert!(!beside(&dir, ".vkey").exists());
}

#[test]
fn a_key_that_others_can_read_is_shut_and_told() {
    let (_parent, dir) = folder();
    let keys = begun(&dir);
    let key = beside(&dir, ".key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(open(&dir, &running(&keys)).1, [Notice::Exposed(0o644)]);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_new_key_is_announced_by_the_old_one_and_the_old_secret_is_gone() {
    let (_parent, dir) = folder();
    let mut keys = begun(&dir);
    let secret = fs::read(beside(&dir, ".key")).unwrap();
    let old = keys.current().verifier().clone();
    let change = keys.rotate(&RealDisk, turn(5)).unwrap();
    keys.rotate(&RealDisk, turn(9)).unwrap();
    assert_eq!(change.old, old);
    assert_eq!(keys.chain().keys().len(), 3);
    for entry in fs::read_dir(dir.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.is_dir() || !fs::read(&path).unwrap().starts_with(&secret[..60]), "{}", path.display());
    }
    let (again, notices) = open(&dir, &running(&keys));
    assert_eq!((again.chain(), notices), (keys.chain(), vec![]));
    assert_eq!(again.current().verifier(), keys.current().verifier());
    assert_eq!(again.since(), Some(turn(9).time));
    // Without the first verifier key the chain is the same: the first change names it.
    fs::remove_file(beside(&dir, ".vkey")).unwrap();
    assert_eq!(open(&dir, &running(&keys)).0.chain(), keys.chain());
}

#[test]
fn whatever_moment_a_rotation_stops_at_a_key_fits() {
    let (_parent, dir) = folder();
    let mut keys = begun(&dir);
    let (key, draft, chain) = (beside(&dir, ".key"), beside(&dir, ".key.new"), dir.join(KEYS));
    let before = (fs::read(&key).unwrap(), keys.current().verifier().clone());
    let log = running(&keys);
    keys.rotate(&RealDisk, turn(5)).unwrap();
    let after = (fs::read(&key).unwrap(), keys.current().verifier().clone());
    let announced = fs::read(&chain).unwrap();
    for cut in 0..=announced.len() {
        for half in [0, 20, after.0.len()] {
            // The draft is written whole before the announcement begins.
            if cut > 0 && half < after.0.len() {
                continue;
            }
            fs::write(&key, &before.0).unwrap();
            fs::write(&draft, &after.0[..half]).unwrap();
            fs::write(&chain, &announced[..cut]).unwrap();
            let (again, notices) = open(&dir, &log);
            let expected = if cut == announced.len() { &after } else { &before };
            assert_eq!(again.current().verifier(), &expected.1, "cut {cut}, draft {half}");
            assert!(notices.iter().all(|notice| matches!(notice, Notice::Exposed(_))), "{notices:?}");
            assert_eq!(fs::read(&key).unwrap(), expected.0);
            assert!(!draft.exists());
            assert_eq!(again.chain().last(), &expected.1);
        }
    }
}

#[test]
fn a_key_that_is_gone_or_another_one_is_never_passed_over() {
    let (_parent, dir) = folder();
    let keys = begun(&dir);
    let (log, first) = (running(&keys), keys.current().verifier().clone());
    let other = folder();
    let (stranger, _) = open(&other.1, &Log::default());
    for (how, keep_vkey) in
        [("gone", true), ("gone", false), ("other", true), ("other", false), ("junk", true)]
    {
        let (_parent, copy) = folder();
        fs::copy(beside(&dir, ".vkey"), beside(&copy, ".vkey")).unwrap();
        match how {
            "other" => fs::copy(beside(&other.1, ".key"), beside(&copy, ".key")).map(|_| ()).unwrap(),
            "junk" => fs::write(beside(&copy, ".key"), "junk").unwrap(),
            _ => {}
        }
        if !keep_vkey {
            fs::remove_file(beside(&copy, ".vkey")).unwrap();
        }
        let (replaced, notices) = open(&copy, &log);
        let key = replaced.current().verifier().clone();
        assert!(key != first && (how != "other" || key == *stranger.current().verifier()));
        let told = |notice: &Notice| matches!(notice, Notice::Replaced { key: told, .. } if *told == key);
        assert!(notices.iter().any(told), "{how} {keep_vkey}: {notices:?}");
        assert_eq!(fs::read_to_string(beside(&copy, ".vkey.new")).unwrap(), format!("{key}\n"));
        if keep_vkey {
            assert_eq!(fs::read_to_string(beside(&copy, ".vkey")).unwrap(), format!("{first}\n"));
        }
    }
}

#[test]
fn a_folder_that_was_emptied_gets_another_key_and_its_own_back_when_it_returns() {
    let (_parent, dir) = folder();
    let (mut keys, _) = open(&dir, &Log::default());
    let first = keys.current().verifier().clone();
    // Before it has signed anything, it is the key of the log that begins.
    assert_eq!(open(&dir, &Log::default()).0.current().verifier(), &first);
    keys.mark_used().unwrap();
    let (emptied, notices) = open(&dir, &Log::default());
    assert_ne!(emptied.current().verifier(), &first);
    assert!(matches!(notices[..], [Notice::Replaced { .. }]), "{notices:?}");
    let other = fs::read(beside(&dir, ".key")).unwrap();
    let (back, notices) = open(&dir, &running(&keys));
    assert_eq!((back.current().verifier(), notices), (&first, vec![]));
    // The log that was written meanwhile may come back as well, and needs its key then.
    let aside = format!(".key.{:08x}", u32::from_be_bytes(emptied.current().verifier().id()));
    assert_eq!(fs::read(beside(&dir, &aside)).unwrap(), other);
}

#[test]
fn a_change_that_does_not_fit_is_told() {
    let (_parent, dir) = folder();
    let mut keys = begun(&dir);
    keys.rotate(&RealDisk, turn(5)).unwrap();
    let mut bytes = fs::read(dir.join(KEYS)).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    fs::write(dir.join(KEYS), bytes).unwrap();
    let (_, notices) = open(&dir, &running(&keys));
    assert!(notices.iter().any(|notice| matches!(notice, Notice::BadChange(_))), "{notices:?}");
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Replaced { .. })), "{notices:?}");
}
