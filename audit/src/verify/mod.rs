//! Is the log what was signed? Everything that could be a lie is checked against the verifier key; what cannot be
//! checked is said and never passed. Index files are not opened, nothing is written, and the log may go on meanwhile.
//!
//! A folder that is being written is read in an order in which nothing can seem to be missing: first how far the
//! manifest reaches, then the checkpoints, the names of the segments, the manifest itself, and the keys. For the
//! writer (`evidence::Sealer`) writes records, then the checkpoint over them, then the manifest line of a segment that
//! ends there, and only then what follows; and a change of keys before anything that the new key signs. Of a file
//! that grows, only what it had then is read; records that came after the names were read are not judged.

mod judge;
mod key;
mod lines;
mod locate;
mod papers;
mod pool;
mod replay;
mod report;
mod saved;
mod stamps;
mod survey;
mod text;
mod torn;
mod verdict;

pub use report::{Finding, Flaw, Last, Report, Segment, State, Weight};

use std::path::{Path, PathBuf};
use std::time::Duration;

/// So often a folder is read again when a file was compressed or pruned in between.
const ATTEMPTS: usize = 5;

/// How to verify.
#[derive(Clone, Debug)]
pub struct Options {
    /// A verifier key or a file with one; else `<dir>.vkey`, if it is there.
    pub key: Option<String>,
    /// A file with a checkpoint that was kept elsewhere.
    pub since: Option<PathBuf>,
    /// How long to wait for the checkpoint over the last records: the log may be going on.
    pub patience: Duration,
    /// So many threads; 0 for as many as there are processors.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { key: None, since: None, patience: Duration::from_millis(1_500), threads: 0 }
    }
}

/// Why a verification came to nothing.
#[derive(Debug)]
enum Trouble {
    /// A segment is not there any more: it was compressed or pruned in between.
    Changed,
    /// The folder, the key or the saved checkpoint is not one, or cannot be read.
    Unusable(String),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

/// Verifies the log in `dir`.
pub fn verify(dir: &Path, options: &Options) -> Report {
    for _ in 0..ATTEMPTS {
        match judge::run(dir, options) {
            Ok(report) => return report,
            Err(Trouble::Changed) => {}
            Err(Trouble::Unusable(why)) => return Report::unusable(why),
        }
    }
    Report::unusable("the folder changes faster than it can be read")
}
