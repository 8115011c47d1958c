//! What is in the folder at the start of a search. Nothing here opens a segment.

use super::Error;
use super::problem::{Problem, Problems};
use crate::folder;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A segment, as it was listed.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) first: u64,
    /// First number of the next segment; none for the last one.
    pub(super) next: Option<u64>,
    pub(super) closed: bool,
    /// Length of the file when it was listed.
    pub(super) bytes: u64,
    /// The name that it is called by in what is said of it.
    pub(super) name: Arc<str>,
}

/// The segments of a folder in their order. An empty folder of the log is one; any other folder is an error.
pub(super) fn segments(dir: &Path) -> Result<Vec<Segment>, Error> {
    let no_folder = |why: String| Error::NoFolder { dir: dir.to_owned(), why };
    let files = folder::list(dir).map_err(|error| no_folder(error.to_string()))?;
    if files.is_empty() {
        let ours =
            [folder::LOCK, folder::MANIFEST, folder::CHECKPOINTS].iter().any(|name| dir.join(name).exists());
        if !ours {
            return Err(no_folder("there is no segment in it".to_owned()));
        }
    }
    let nexts = files.iter().skip(1).map(|file| Some(file.first)).chain([None]);
    let segments = files.iter().zip(nexts).map(|(file, next)| Segment {
        first: file.first,
        next,
        closed: file.closed,
        bytes: file.bytes,
        name: file.path.file_name().unwrap_or_default().to_string_lossy().into(),
    });
    Ok(segments.collect())
}

/// Where a segment is when it is its turn.
pub(super) enum Place {
    /// Not compressed.
    Raw(File),
    /// Compressed, under this name.
    Closed(File, PathBuf),
    /// Gone, while older ones are still there.
    Missing,
    /// Gone, as the oldest are.
    Pruned,
}

/// Opens a segment that was listed a while ago: it may have been compressed or pruned since.
pub(super) fn find(dir: &Path, segment: &Segment) -> io::Result<Place> {
    // The new name is there before the old one is gone; so a segment that has neither is gone.
    for closed in [segment.closed, !segment.closed] {
        let name = if closed { folder::packed_name } else { folder::segment_name };
        let path = dir.join(name(segment.first));
        match File::open(&path) {
            Ok(file) if closed => return Ok(Place::Closed(file, path)),
            Ok(file) => return Ok(Place::Raw(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let oldest = folder::list(dir)?.first().map(|oldest| oldest.first);
    let older = oldest.is_some_and(|oldest| oldest < segment.first);
    Ok(if older { Place::Missing } else { Place::Pruned })
}

/// Says which files of the folder are none of ours.
pub(super) fn say_strangers(dir: &Path, problems: &mut Problems) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut strangers: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !is_ours(name))
        .collect();
    strangers.sort_unstable();
    for file in strangers {
        problems.say(Problem::Foreign { file });
    }
}

fn is_ours(name: &str) -> bool {
    let named =
        [folder::LINK, folder::LOCK, folder::RESERVE, folder::CHECKPOINTS, folder::MANIFEST, folder::KEYS];
    named.contains(&name)
        || folder::parse(name).is_some()
        || folder::parse_index(name).is_some()
        || folder::parse_leaves(name).is_some()
        || folder::is_leftover(name)
}
