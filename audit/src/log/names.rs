//! The segments of a folder by their names, at the start: which are there raw, compressed or both, and what they take.
//! What was left half done is removed, because it is made anew; nothing else is.

use super::disk::{Disk, What};
use super::failure::{Doing, Failure};
use crate::folder;
use std::path::Path;
use watchkeeper_core::time::Wall;

/// A segment by its names.
#[derive(Default)]
pub(super) struct Names {
    pub first: u64,
    pub raw: bool,
    pub packed: bool,
    /// Length of the raw file; what all of its files take together; when one of them was written last.
    pub raw_bytes: u64,
    pub bytes: u64,
    pub modified: Wall,
}

/// The segments in their order. What was left half done is removed: it is made anew.
pub(super) fn read_folder(dir: &Path, disk: &dyn Disk) -> Result<Vec<Names>, Failure> {
    let mut segments: Vec<Names> = Vec::new();
    for name in disk.list(dir).doing(|| format!("reading {}", dir.display()))? {
        let path = dir.join(&name);
        if folder::is_leftover(&name) {
            // On a disk that cannot be written to it is in nobody's way.
            let _ = disk.remove(&path);
            continue;
        }
        let segment = folder::parse(&name);
        let cache = folder::parse_index(&name).or_else(|| folder::parse_leaves(&name));
        let Some(first) = segment.map(|(first, _)| first).or(cache) else { continue };
        let stat = disk.stat(&path).doing(|| format!("looking at {name}"))?;
        if stat.what != What::File {
            continue;
        }
        let at = segments.iter().position(|segment| segment.first == first).unwrap_or_else(|| {
            segments.push(Names { first, modified: Wall(i64::MIN), ..Names::default() });
            segments.len() - 1
        });
        let names = &mut segments[at];
        names.raw |= segment == Some((first, false));
        names.packed |= segment == Some((first, true));
        names.bytes += stat.bytes;
        names.raw_bytes += if segment == Some((first, false)) { stat.bytes } else { 0 };
        names.modified = names.modified.max(stat.modified);
    }
    segments.retain(|segment| segment.raw || segment.packed);
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}
