//! What a search ran into and went on: damage, gaps, strangers. A problem is never an answer and never stops one.

/// Problems beyond this are counted only: a folder full of strangers must not fill the memory.
const KEPT: usize = 100;

/// Something in the folder that is not as it should be. The rest was searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file that is none of ours.
    #[error("{file} is not a file of the log and was left alone")]
    Foreign {
        /// Its name.
        file: String,
    },
    /// Records that no segment has.
    #[error(
        "records {from} to {to} are missing: no segment holds them; `audit verify` says whether they were pruned"
    )]
    Missing {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A segment that could not be read at all.
    #[error("{file} could not be searched: {why}")]
    Unreadable {
        /// Its name.
        file: String,
        /// What the system said.
        why: String,
    },
    /// A part of a segment that could not be read.
    #[error("{file}: bytes {from} to {to} could not be searched: {why}")]
    Damaged {
        /// The name of the file.
        file: String,
        /// First byte of the part.
        from: u64,
        /// First byte behind it.
        to: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Lines that are no records, of those that were looked at.
    #[error("{file}: {count} of the lines looked at are no records")]
    Lines {
        /// The name of the file.
        file: String,
        /// How many.
        count: u64,
    },
    /// Records that stand where their numbers do not belong; they were passed over.
    #[error("{file}: {count} records have numbers that belong into another segment and were passed over")]
    Strays {
        /// The name of the file.
        file: String,
        /// How many.
        count: u64,
    },
    /// An index that was not used.
    #[error("{file}: {why}; the search went without it, and the sidecar makes it anew at its next start")]
    Index {
        /// The name of the index.
        file: String,
        /// Why not.
        why: String,
    },
    /// More different values than are kept.
    #[error("more than {kept} different values: the rest is counted together")]
    TooManyValues {
        /// How many are kept.
        kept: usize,
    },
    /// More problems than are kept.
    #[error("{count} further problems")]
    More {
        /// How many.
        count: usize,
    },
}

impl Problem {
    /// True when there may be records that were not looked at.
    pub fn hides_records(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Damaged { .. } | Self::More { .. })
    }

    /// True when the other one says the same, however often it was met.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lines { file, .. }, Self::Lines { file: other, .. })
            | (Self::Strays { file, .. }, Self::Strays { file: other, .. }) => file == other,
            _ => self == other,
        }
    }
}

/// Problems, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(super) fn say(&mut self, problem: Problem) {
        // Of lines that are none, the index has counted all already, and the search those it looked at.
        if self.list.iter().any(|known| known.is_about_the_same(&problem)) {
            return;
        }
        if self.list.len() < KEPT { self.list.push(problem) } else { self.more += 1 }
    }

    pub(super) fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            self.list.push(Problem::More { count: self.more });
        }
        self.list
    }
}
