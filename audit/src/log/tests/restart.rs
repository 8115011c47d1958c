//! What is found at a start: torn ends, half-made files, segments twice, missing and damaged. What can be read is
//! kept and the numbers go on; what was done is told.

use super::mem::MemDisk;
use super::{DIR, MIB, Rig, config, segments};
use crate::folder::{self, packed_name, segment_name};
use crate::log::disk::{Disk, write_all};
use crate::record::{Key, Record, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// A log of several segments, the closed ones compressed if asked for.
fn grown(packed: bool) -> Rig {
    let mut config = config();
    config.compress = packed;
    let mut rig = Rig::new(config);
    rig.commit(100);
    rig.tick(1_000);
    rig.close();
    assert!(segments(&rig.disk).len() > 3);
    rig
}

fn put(disk: &MemDisk, name: &str, bytes: &[u8]) {
    let mut file = disk.append(&path(name)).unwrap();
    write_all(&mut *file, bytes).unwrap();
    file.sync().unwrap();
}

/// The only record of this event.
fn told(rig: &Rig, event: &str) -> Record {
    let mut found: Vec<_> = rig.records().into_iter().filter(|record| record.draft.event == event).collect();
    assert_eq!(found.len(), 1, "{event}: {:?}", rig.events());
    found.remove(0)
}

fn restart(rig: Rig) -> Rig {
    let disk = rig.disk.killed();
    rig.again(disk).unwrap()
}

#[test]
fn a_torn_end_is_cut_and_told_with_its_length_and_hash() {
    for torn in [&b"{\"seq\":100,\"ts\":\"2026-"[..], b"\0\0\0\0\0\0", b"x", b"{\"seq\":9999,\"x\"\n"] {
        let rig = grown(true);
        let live = rig.writer.live.as_ref().unwrap().name.clone();
        put(&rig.disk, &live, torn);
        let mut rig = restart(rig);
        let record = told(&rig, "recovered");
        assert_eq!(record.draft.get(Key::File), Some(&Value::Text(live.into())));
        assert_eq!(record.draft.get(Key::Bytes), Some(&Value::Int(torn.len().try_into().unwrap())));
        let hash = crate::log::rotate::hex(&Sha256::digest(torn));
        assert_eq!(record.draft.get(Key::Sha256), Some(&Value::Text(hash.into())));
        rig.commit(3);
        rig.check();
    }
}

#[test]
fn what_was_left_half_done_is_cleaned_up_and_done() {
    let rig = grown(true);
    let (first, _) = folder::parse(segments(&rig.disk)[1].0.file_name().unwrap().to_str().unwrap()).unwrap();
    // A crash between the renaming of the compressed one and the removal of the raw one, and one before.
    let packed = rig.disk.bytes(&path(&packed_name(first))).unwrap();
    put(&rig.disk, &segment_name(first), &zstd::decode_all(&packed[..]).unwrap());
    put(&rig.disk, &format!("{}.tmp", packed_name(first)), b"half");
    put(&rig.disk, &folder::link_draft(), b"half");
    let mut rig = restart(rig);
    rig.check();
    rig.close();
    let names = rig.disk.names(Path::new(DIR));
    assert!(!names.contains(&segment_name(first)) && names.contains(&packed_name(first)));
    assert!(!names.iter().any(|name| folder::is_leftover(name)), "{names:?}");
    rig.check();
}

#[test]
fn a_compressed_file_that_is_not_what_was_compressed_never_costs_the_raw_one() {
    let rig = grown(false);
    let (first, _) = folder::parse(segments(&rig.disk)[1].0.file_name().unwrap().to_str().unwrap()).unwrap();
    put(&rig.disk, &packed_name(first), &zstd::encode_all(&b"something else\n"[..], 1).unwrap());
    let mut rig = restart(rig);
    rig.close();
    assert!(rig.disk.bytes(&path(&segment_name(first))).is_none(), "compressed anew, and equal");
    rig.check();
}

#[test]
fn a_segment_that_is_missing_between_others_is_told() {
    let rig = grown(true);
    let gone = segments(&rig.disk)[2].0.clone();
    rig.disk.remove(&gone).unwrap();
    let rig = restart(rig);
    let (first, _) = folder::parse(gone.file_name().unwrap().to_str().unwrap()).unwrap();
    assert_eq!(told(&rig, "records_missing").draft.get(Key::First), Some(&Value::Int(first.cast_signed())));
}

#[test]
fn numbers_that_were_signed_are_never_given_again() {
    let rig = grown(true);
    let next = rig.status().next;
    let live = rig.writer.live.as_ref().unwrap().path.clone();
    let text = rig.disk.bytes(&live).unwrap();
    let last = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    rig.disk.meddle(&live, |text| text.truncate(last));
    let mut rig = restart(rig);
    let record = told(&rig, "log_truncated");
    let gone = Some(&Value::Int(next.cast_signed() - 1));
    assert_eq!((record.draft.get(Key::First), record.draft.get(Key::Last)), (gone, gone));
    assert_eq!(record.seq, next);
    rig.commit(1);
    assert_eq!(rig.records().last().unwrap().seq, rig.status().next - 1);
}

#[test]
fn without_a_manifest_every_segment_is_read_again_and_named_again() {
    for packed in [false, true] {
        let rig = grown(packed);
        rig.disk.remove(&path(folder::MANIFEST)).unwrap();
        rig.disk.remove(&path(folder::CHECKPOINTS)).unwrap();
        let (before, reported) = (rig.records().len(), rig.promised());
        let rig = restart(rig);
        super::check(&rig.disk, &reported);
        // Those of the last segment have lost their checkpoint.
        assert_eq!(told(&rig, "unsigned_kept").seq, before as u64);
        assert_eq!((rig.records().len(), rig.status().tree_size), (before + 1, before as u64 + 1));
        let named = rig.writer.closed.iter().filter(|segment| segment.entry.is_some()).count();
        assert_eq!(named, segments(&rig.disk).len() - 1);
    }
}

#[test]
fn damage_is_left_where_it_is_and_told() {
    // In the middle of the segment that is being written: what follows it is kept.
    let rig = grown(true);
    let live = rig.writer.live.as_ref().unwrap().path.clone();
    let records = rig.records().len();
    rig.disk.meddle(&live, |text| text[3] = b'X');
    let mut rig = restart(rig);
    rig.commit(1);
    let text = rig.disk.bytes(&live).unwrap();
    assert_eq!(text[3], b'X');
    assert_eq!(rig.status().next, records as u64 + 2, "one record tells of it, one was appended");

    // More than a crash can leave behind: the segment is closed as it is, and another begun.
    let rig = Rig::new(config());
    let mut rig = rig.again(MemDisk::new(8 * MIB)).unwrap();
    rig.commit(3);
    let live = rig.writer.live.as_ref().unwrap().path.clone();
    rig.disk.meddle(&live, |text| text.extend_from_slice(&vec![b'x'; 3 << 20]));
    let mut rig = restart(rig);
    assert!(rig.disk.bytes(&live).unwrap().len() > 3 << 20, "it was left there");
    rig.commit(2);
    assert_ne!(rig.writer.live.as_ref().unwrap().path, live);
    assert_eq!(rig.events_in_live(), ["records_missing"]);
}

#[test]
fn a_file_in_the_place_of_the_next_segment_is_moved_aside() {
    let second = |rig: &Rig| segments(&rig.disk)[1].0.clone();
    let mut twin = Rig::new(config());
    twin.commit(40);
    let mut rig = Rig::new(config());
    let name = second(&twin).file_name().unwrap().to_str().unwrap().to_owned();
    put(&rig.disk, &name, b"somebody's\n");
    rig.commit(40);
    rig.check();
    assert!(rig.events().contains(&"file_replaced".to_owned()));
    let names = rig.disk.names(Path::new(DIR));
    let aside = names.iter().find(|name| name.contains(".aside-")).unwrap();
    assert_eq!(rig.disk.bytes(&path(aside)).unwrap(), b"somebody's\n");
}

#[test]
fn a_file_with_the_name_of_a_segment_that_cannot_be_is_left_alone() {
    for text in [&b"somebody's\n"[..], b""] {
        let mut rig = Rig::new(config());
        rig.commit(10);
        put(&rig.disk, &segment_name(5), text);
        let disk = rig.disk.killed();
        let mut rig = rig.again(disk).unwrap();
        rig.commit(10);
        let marks: Vec<_> = events_without(&rig, &segment_name(5));
        assert_eq!(marks, (1..=20).collect::<Vec<_>>());
    }
}

#[test]
fn a_far_number_in_the_name_of_a_file_without_records_moves_no_numbers() {
    for (first, text) in
        [(99_999, &b""[..]), (99_999, b"somebody's\n"), (12, b""), (u64::MAX, b"x\n"), (u64::MAX, b"")]
    {
        let mut rig = Rig::new(config());
        rig.commit(10);
        put(&rig.disk, &segment_name(first), text);
        let mut rig = restart(rig);
        rig.commit(10);
        let marks: Vec<_> = events_without(&rig, &segment_name(first));
        assert_eq!(marks, (1..=20).collect::<Vec<_>>());
        let replaced = told(&rig, "file_replaced");
        assert_eq!(replaced.draft.get(Key::File), Some(&Value::Text(segment_name(first).into())));
        assert!(rig.records().windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq), "{first}");
    }
}

/// All marks, one file aside.
fn events_without(rig: &Rig, name: &str) -> Vec<u64> {
    if rig.disk.bytes(&path(name)).is_some() {
        rig.disk.remove(&path(name)).unwrap();
    }
    rig.records().iter().filter_map(super::mark_of).collect()
}

impl Rig {
    fn events_in_live(&self) -> Vec<String> {
        let live = &self.writer.live.as_ref().unwrap().path;
        let text = String::from_utf8(self.disk.bytes(live).unwrap()).unwrap();
        let records = text.lines().map(|line| crate::line::parse(line).unwrap());
        records.map(|record| record.draft.event.into_owned()).filter(|event| event != "test").collect()
    }
}
