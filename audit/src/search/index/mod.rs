//! Closing a segment: `compress` writes its frames, and beside them an index by which a search skips what cannot
//! hold an answer. The index is a cache: it is never evidence, it is not trusted beyond what its checksums and the
//! segment's own seek table bear out, and a search without it is slower but the same.

mod build;
pub(in crate::search) mod counters;
pub(in crate::search) mod format;
mod read;

pub(in crate::search) use format::Body;
pub(in crate::search) use read::{Index, Without};

use super::frames::{self, FRAME_BYTES, Pack, Table, Unpack};
use crate::evidence::trailer::Summed;
use crate::folder;
use crate::log::disk::FILE_MODE;
use build::Build;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Frames whose filters are interleaved: 16 MiB of text, so that building takes a few MiB.
pub(super) const FRAMES_PER_GROUP: usize = 64;

/// Keys whose values are sentences, moments, measurements or counts: nobody asks for exactly one of these, and they
/// would fill the filters.
const NOT_INDEXED: [&str; 22] = [
    "seq",
    "ts",
    "level",
    "latency_ms",
    "details",
    "payload",
    "payload_bytes",
    "observed_at",
    "value",
    "first",
    "last",
    "count",
    "seconds",
    "bytes",
    "ratio",
    "mid",
    "duplicate_of",
    "query",
    "matches",
    "raw",
    "trunc",
    "source_port",
];

/// Whether `key=value` is a token of the filters.
pub(super) fn indexed(key: &str) -> bool {
    !NOT_INDEXED.contains(&key)
}

/// Where the index of a segment is: `audit-….idx`, beside it.
pub fn path_of(segment: &Path) -> PathBuf {
    let name = segment.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".zst").unwrap_or(&name);
    segment.with_file_name(format!("{}.idx", stem.strip_suffix(".log").unwrap_or(stem)))
}

/// Writes the closed form of a raw segment to `to`, and its index beside it. Either file appears whole under its
/// name or not at all, and is on disk when this returns. The raw segment is left alone.
pub fn compress(raw: &Path, to: &Path) -> io::Result<()> {
    let part = part_of(to);
    let outcome = write_frames(raw, &part).and_then(|(build, table, bytes)| {
        let (body, rows) = build.finish(bytes, table.fingerprint());
        write_index(&path_of(to), &body, &rows)?;
        std::fs::rename(&part, to)?;
        sync_folder(to)
    });
    if outcome.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    outcome
}

/// A new file of the folder: nobody else may read it. What has its name is removed and not written to: whoever may
/// write into the folder could have put a link there, to any file of ours.
fn create(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut options = File::options();
    options.write(true).create_new(true).mode(FILE_MODE).custom_flags(flags.bits().cast_signed());
    options.open(path)
}

/// The name under which a file is written before it is whole.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

fn write_frames(raw: &Path, part: &Path) -> io::Result<(Build, Table, u64)> {
    let mut from = File::open(raw)?;
    let mut pack = Pack::new(Summed::new(BufWriter::with_capacity(FRAME_BYTES, create(part)?)))?;
    let mut build = Build::new();
    let mut text = Vec::with_capacity(2 * FRAME_BYTES);
    loop {
        let wanted = 2 * FRAME_BYTES - text.len();
        let read = Read::take(&mut from, wanted as u64).read_to_end(&mut text)?;
        if text.is_empty() {
            break;
        }
        let end = if read == 0 && text.len() < FRAME_BYTES { text.len() } else { frames::cut(&text) };
        build.push(&text[..end], pack.push(&text[..end])?);
        text.drain(..end);
    }
    let (out, table) = pack.finish()?;
    let file = out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((build, table, file.metadata()?.len()))
}

/// Makes the indexes that are absent, damaged or about another file, and says how many. A segment with a damaged
/// frame gets none, so that every search looks at it and says so.
pub fn rebuild(dir: &Path) -> io::Result<u64> {
    let mut made = 0;
    for segment in folder::list(dir)?.iter().filter(|segment| segment.closed) {
        made += u64::from(rebuild_one(&segment.path)?);
    }
    Ok(made)
}

/// Makes the index of one segment, unless it has one that serves; says whether it did.
pub fn rebuild_one(segment: &Path) -> io::Result<bool> {
    match make(segment) {
        // It was pruned since, or is damaged.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(false)
        }
        made => made,
    }
}

fn make(segment: &Path) -> io::Result<bool> {
    let file = File::open(segment)?;
    let bytes = file.metadata()?.len();
    let Some(table) = Table::read(&file, bytes)? else { return Ok(false) };
    if Index::open(segment, bytes, &table).is_ok() {
        return Ok(false);
    }
    let (mut unpack, mut build, mut text) = (Unpack::new()?, Build::new(), Vec::new());
    for (at, entry) in table.places() {
        let damaged = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        unpack.read(&file, at, entry, &mut text).map_err(damaged)?;
        build.push(&text, entry);
    }
    let (body, rows) = build.finish(bytes, table.fingerprint());
    write_index(&path_of(segment), &body, &rows)?;
    if !segment.try_exists()? {
        std::fs::remove_file(path_of(segment))?;
    }
    Ok(true)
}

fn write_index(path: &Path, body: &Body, rows: &[u8]) -> io::Result<()> {
    let part = part_of(path);
    let mut file = create(&part)?;
    file.write_all(&format::encode(body))?;
    file.write_all(rows)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

fn sync_folder(file: &Path) -> io::Result<()> {
    File::open(file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn log(records: u64) -> String {
        (0..records).fold(String::new(), |mut text, seq| {
            let _ = writeln!(
                text,
                r#"{{"seq":{seq},"ts":"2026-11-21T06:{:02}:00.000000Z","level":"INFO","type":"DEVICE","event":"online","device":"tc-{}"}}"#,
                seq / 1000 % 60,
                seq % 977
            );
            text
        })
    }

    #[test]
    fn a_closed_segment_is_what_any_zstd_reader_unpacks_to_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (raw, to) = (dir.path().join("audit-00000000000000000000.log"), dir.path().join("a.log.zst"));
        for text in [log(20_000), String::new(), "torn".to_owned(), "x".repeat(3 * FRAME_BYTES)] {
            std::fs::write(&raw, &text).unwrap();
            compress(&raw, &to).unwrap();
            let mut back = String::new();
            let mut reader = zstd::stream::read::Decoder::new(File::open(&to).unwrap()).unwrap();
            reader.read_to_string(&mut back).unwrap();
            assert!(back == text, "{} bytes became {}", text.len(), back.len());
        }
        let mut names: Vec<_> =
            std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.idx", "a.log.zst", "audit-00000000000000000000.log"]);
    }

    #[test]
    fn what_the_index_says_is_read_back_and_one_wrong_bit_is_noticed() {
        let mut build = Build::new();
        let entry = frames::Entry { packed: 7, raw: 8, sum: 9 };
        build.push(log(3000).as_bytes(), entry);
        let (body, _) = build.finish(100, 5);
        let bytes = format::encode(&body);
        let head = bytes.first_chunk().unwrap();
        assert_eq!(format::body_len(head), Some(bytes.len() - format::HEAD));
        assert_eq!(format::decode(&bytes[format::HEAD..]).as_ref(), Some(&body));
        assert_eq!((body.frames[0].seq, body.frames[0].records), ((0, 2999), 3000));
        assert_eq!(body.counters.as_ref().map(|counters| counters.minutes.len()), Some(3));
        for bit in 0..(bytes.len() - format::HEAD) * 8 {
            let mut wrong = bytes[format::HEAD..].to_vec();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(format::decode(&wrong), None, "bit {bit}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_draft_is_removed_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (raw, to) = (dir.path().join("audit-00000000000000000000.log"), dir.path().join("a.log.zst"));
        std::fs::write(&raw, log(10)).unwrap();
        let other = dir.path().join("other");
        std::fs::write(&other, "not ours").unwrap();
        for draft in ["a.log.zst.tmp", "a.idx.tmp"] {
            std::os::unix::fs::symlink(&other, dir.path().join(draft)).unwrap();
        }
        compress(&raw, &to).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "not ours");
        let is_file = |path: &Path| std::fs::symlink_metadata(path).unwrap().is_file();
        assert!(is_file(&to) && is_file(&path_of(&to)));
    }

    #[test]
    fn an_index_of_an_older_version_is_not_read_and_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join(folder::segment_name(0));
        let packed = dir.path().join(folder::packed_name(0));
        std::fs::write(&raw, log(3000)).unwrap();
        compress(&raw, &packed).unwrap();
        std::fs::remove_file(&raw).unwrap();
        let now = std::fs::read(path_of(&packed)).unwrap();
        assert_eq!(&now[..8], b"WKIDX\0\0\x02");
        let mut older = now.clone();
        older[7] = 1;
        std::fs::write(path_of(&packed), older).unwrap();
        let file = File::open(&packed).unwrap();
        let bytes = file.metadata().unwrap().len();
        let table = Table::read(&file, bytes).unwrap().unwrap();
        let outcome = Index::open(&packed, bytes, &table).map(|_| ());
        assert_eq!(outcome, Err(Without::Useless("it is damaged or of another version")));
        assert_eq!(rebuild(dir.path()).unwrap(), 1);
        assert_eq!(std::fs::read(path_of(&packed)).unwrap(), now);
    }
}
