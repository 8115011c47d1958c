//! `[audit]`: where the log is, how it is written, how long it is kept. Nothing here may create a folder; what
//! contradicts itself is refused, because a log that cannot keep what it promises is worse than none.

use super::files::Files;
use crate::config::problem::{Fault, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::Node;
use crate::config::{Audit, Durability, OnFull, RecordForm, words};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The longest line there may be fits into the smallest segment.
const ROTATE_EVERY_MIN: Duration = Duration::from_secs(1);
const SEGMENT_BYTES_MIN: u64 = 65_536;

const DAY: Duration = Duration::from_secs(86_400);

impl Audit {
    /// Everything as the manual says, in this folder.
    pub(crate) fn below(data_dir: &Path) -> Self {
        Self {
            enabled: true,
            dir: data_dir.join("audit"),
            format: RecordForm::Json,
            rotate_bytes: 10 << 20,
            rotate_every: DAY,
            compress: true,
            keep_files: 10,
            keep_for: 30 * DAY,
            keep_bytes: 1 << 30,
            durability: Durability::Group,
            on_full: OnFull::StopAcknowledging,
            space_left: 256 << 20,
            admin_space_left: 64 << 20,
            redact: Vec::new(),
            key_every: Some(30 * DAY),
        }
    }
}

/// `[audit]`.
pub(super) fn audit(mut table: Table<'_>, data_dir: &Path, files: &Files) -> Audit {
    let default = Audit::below(data_dir);
    let audit = Audit {
        enabled: table.or("enabled", default.enabled, words::boolean),
        dir: dir(&mut table, data_dir, files),
        format: table.or(
            "format",
            default.format,
            words::choice(&[("json", RecordForm::Json), ("pipe", RecordForm::Pipe)]),
        ),
        compress: table.or("compress", default.compress, words::choice(&[("zstd", true), ("none", false)])),
        durability: table.or("durability", default.durability, words::choice(DURABILITIES)),
        on_full: table.or("on_full", default.on_full, words::choice(ON_FULL)),
        redact: table.values("redact", word).unwrap_or(default.redact),
        key_every: table
            .get("key_every", words::duration_or_zero)
            .map_or(default.key_every, |every| (!every.value.is_zero()).then_some(every.value)),
        ..kept(&mut table, data_dir)
    };
    if !audit.enabled && table.is_set {
        table.ledger.warn("the audit log is off: nothing is recorded, and [audit] has no other effect");
    }
    table.finish();
    audit
}

const DURABILITIES: &[(&str, Durability)] =
    &[("group", Durability::Group), ("each", Durability::Each), ("none", Durability::None)];

const ON_FULL: &[(&str, OnFull)] =
    &[("stop_acknowledging", OnFull::StopAcknowledging), ("drop_and_count", OnFull::DropAndCount)];

/// What is kept, for how long, and what must stay free.
fn kept(table: &mut Table<'_>, data_dir: &Path) -> Audit {
    let default = Audit::below(data_dir);
    let size = || words::size(SEGMENT_BYTES_MIN..=i64::MAX as u64);
    let rotate = table.get("rotate_bytes", size());
    let keep = table.get("keep_bytes", size());
    let every = table.get("rotate_every", words::duration);
    let left = table.get("space_left", words::size(0..=i64::MAX as u64));
    let admin_left = table.get("admin_space_left", words::size(0..=i64::MAX as u64));
    let or = |at: &Option<At<u64>>, default| at.as_ref().map_or(default, |at| at.value);
    let audit = Audit {
        rotate_bytes: or(&rotate, default.rotate_bytes),
        rotate_every: every.as_ref().map_or(default.rotate_every, |at| at.value),
        keep_files: table.or("keep_files", default.keep_files, words::count(0..=1_000_000)),
        keep_for: table.or("keep_for", default.keep_for, words::duration_or_zero),
        keep_bytes: or(&keep, default.keep_bytes),
        space_left: or(&left, default.space_left),
        admin_space_left: or(&admin_left, default.admin_space_left),
        ..default
    };
    if let Some(at) = every.filter(|at| at.value < ROTATE_EVERY_MIN) {
        let cause =
            format!("rotate_every, {:?}, is shorter than a second: segments would have no records", at.value);
        at.refuse(
            table.ledger,
            cause,
            "take an hour or a day; the size of a segment is bounded by rotate_bytes",
        );
    }
    if let Some(at) = rotate.or(keep).filter(|_| audit.rotate_bytes > audit.keep_bytes / 2) {
        let cause = format!(
            "two segments of {} bytes are more than the {} bytes that are kept: each would go as soon as it is closed",
            audit.rotate_bytes, audit.keep_bytes
        );
        at.refuse(table.ledger, cause, "make rotate_bytes half of keep_bytes or less, better a tenth of it");
    }
    if let Some(at) = admin_left.or(left).filter(|_| audit.admin_space_left > audit.space_left) {
        let cause = format!(
            "admin_space_left, {} bytes, is more than space_left, {} bytes: the second warning would come first",
            audit.admin_space_left, audit.space_left
        );
        at.refuse(table.ledger, cause, "make admin_space_left smaller than space_left");
    }
    audit
}

/// The folder. It is the log's own: the data folder has a lock and files of another kind.
pub(super) fn dir(table: &mut Table<'_>, data_dir: &Path, files: &Files) -> PathBuf {
    let Some(dir) = table.get("dir", words::text).filter(|dir| !dir.value.is_empty()) else {
        return Audit::below(data_dir).dir;
    };
    let path = files.resolve(&dir);
    if plain(&path) == plain(data_dir) {
        let cure = "name a folder below it, such as audit, or leave dir out";
        dir.refuse(table.ledger, "the log cannot be in the data folder itself", cure);
    }
    path
}

/// Without `.` and trailing `/`.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// A part of a key whose values are masked. One of a letter or two would mask nearly everything.
fn word(node: &Node) -> Result<String, Fault> {
    let word = words::name(node)?;
    if word.chars().count() < 3 {
        return Err(fault(
            format!("«{word}» is part of too many keys"),
            "write a word of three letters or more, such as pin_code",
        ));
    }
    Ok(word)
}
