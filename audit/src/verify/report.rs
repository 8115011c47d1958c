//! What a verification found. The exit code follows from it and from nothing else: whatever is not known to be good
//! makes it worse than 0.

use std::fmt;
use watchkeeper_core::time::Wall;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Worth knowing; nothing is wrong.
    Note,
    /// It is not known to be wrong, and not proved either: exit 2.
    Incomplete,
    /// Tampered or missing: exit 1.
    Tampered,
}

/// Something about the evidence as a whole, or about one of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub weight: Weight,
    /// The file; empty when it is about the folder.
    pub file: String,
    /// What was found, in one sentence.
    pub text: String,
}

/// The first record of a segment that is not what was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Its sequence number, or that of the first one it may be.
    pub seq: u64,
    /// When it is not known which one it is: the last one it may be.
    pub to: Option<u64>,
    /// Where it begins, in bytes of the uncompressed segment.
    pub offset: u64,
    /// What is wrong.
    pub why: String,
}

/// What is known of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Every record up to the last checkpoint is what was signed.
    Valid,
    /// One is not.
    Invalid(Flaw),
    /// It was there, and nothing says that it was pruned.
    Missing,
    /// So many segments are gone; proved when the manifest has them and a signed record says that they were pruned.
    Pruned {
        /// How many.
        segments: u64,
        /// Whether that is proved.
        proved: bool,
    },
    /// Its lines are in order, and there is nothing at hand to prove them with.
    Unproved,
}

/// A segment, or several that were pruned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name of the file, the first one of several.
    pub file: String,
    /// First sequence number.
    pub first: u64,
    /// Last sequence number; none when it has no records.
    pub last: Option<u64>,
    /// Length of its lines, uncompressed, as far as they were read.
    pub bytes: u64,
    /// What is known of it.
    pub state: State,
    /// So many records at its end are after the last checkpoint.
    pub unsealed: u64,
}

/// The last checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// How many records it covers.
    pub size: u64,
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub time: Wall,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why nothing could be verified at all: exit 3.
    pub unusable: Option<String>,
    /// The key that everything was checked with.
    pub key: Option<String>,
    /// The segments in their order.
    pub segments: Vec<Segment>,
    /// What else was found.
    pub findings: Vec<Finding>,
    /// Checkpoints that are signed as they should be, in order.
    pub checkpoints_valid: u64,
    /// Checkpoints that there are.
    pub checkpoints: u64,
    /// The last of the valid ones.
    pub last: Option<Last>,
}

impl Report {
    pub(super) fn unusable(why: impl fmt::Display) -> Self {
        Self { unusable: Some(why.to_string()), ..Self::default() }
    }

    pub(super) fn find(&mut self, weight: Weight, file: &str, text: impl Into<String>) {
        self.findings.push(Finding { weight, file: file.to_owned(), text: text.into() });
    }

    /// 0 all valid and sealed; 1 tampered or missing; 2 incomplete; 3 unusable.
    pub fn exit(&self) -> u8 {
        let mut worst = self.findings.iter().map(|finding| finding.weight).max().unwrap_or(Weight::Note);
        for segment in &self.segments {
            worst = worst.max(match segment.state {
                State::Invalid(_) | State::Missing => Weight::Tampered,
                State::Pruned { proved: false, .. } | State::Unproved => Weight::Incomplete,
                _ if segment.unsealed > 0 => Weight::Incomplete,
                State::Valid | State::Pruned { .. } => Weight::Note,
            });
        }
        match (&self.unusable, worst) {
            (Some(_), _) => 3,
            (None, Weight::Tampered) => 1,
            (None, Weight::Incomplete) => 2,
            (None, Weight::Note) => 0,
        }
    }

    /// Records after the last checkpoint.
    pub fn unsealed(&self) -> u64 {
        self.segments.iter().map(|segment| segment.unsealed).sum()
    }

    /// The first record that is not what was signed, or is missing.
    pub fn first_bad(&self) -> Option<u64> {
        let bad = |segment: &Segment| match &segment.state {
            State::Invalid(flaw) => Some(flaw.seq),
            State::Missing => Some(segment.first),
            _ => None,
        };
        self.segments.iter().filter_map(bad).min()
    }

    /// One line for everything: `10/10 segments valid, 1442/1442 checkpoints valid, 37 records after the last
    /// checkpoint`.
    pub fn summary(&self) -> String {
        let there = |segment: &&Segment| !matches!(segment.state, State::Pruned { .. });
        let valid = self.segments.iter().filter(|segment| segment.state == State::Valid).count();
        let pruned: u64 = self.segments.iter().map(|segment| pruned_count(&segment.state)).sum();
        let (records, verb) = (self.unsealed(), if self.unsealed() == 1 { "record" } else { "records" });
        let pruned = if pruned > 0 { format!(", {pruned} segments pruned") } else { String::new() };
        format!(
            "{valid}/{} segments valid, {}/{} checkpoints valid, {records} {verb} after the last checkpoint{pruned}",
            self.segments.iter().filter(there).count(),
            self.checkpoints_valid,
            self.checkpoints
        )
    }
}

fn pruned_count(state: &State) -> u64 {
    if let State::Pruned { segments, .. } = state { *segments } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(state: State, unsealed: u64) -> Segment {
        Segment { file: "audit-0.log".into(), first: 3, last: Some(9), bytes: 70, state, unsealed }
    }

    #[test]
    fn the_worst_thing_found_decides() {
        let flaw = Flaw { seq: 5, to: None, offset: 20, why: "x".into() };
        for (states, weights, exit) in [
            (vec![], vec![], 0),
            (vec![segment(State::Valid, 0)], vec![Weight::Note], 0),
            (vec![segment(State::Valid, 1)], vec![], 2),
            (vec![segment(State::Unproved, 0)], vec![], 2),
            (vec![segment(State::Pruned { segments: 2, proved: true }, 0)], vec![], 0),
            (vec![segment(State::Pruned { segments: 2, proved: false }, 0)], vec![], 2),
            (vec![segment(State::Valid, 1), segment(State::Missing, 0)], vec![], 1),
            (vec![segment(State::Invalid(flaw), 0)], vec![Weight::Incomplete], 1),
            (vec![segment(State::Valid, 0)], vec![Weight::Incomplete], 2),
            (vec![segment(State::Valid, 0)], vec![Weight::Tampered, Weight::Note], 1),
        ] {
            let mut report = Report { segments: states, ..Report::default() };
            for weight in weights {
                report.find(weight, "", "x");
            }
            assert_eq!(report.exit(), exit, "{report:?}");
        }
        assert_eq!(Report::unusable("no folder").exit(), 3);
    }

    #[test]
    fn the_summary_is_one_line_of_counts() {
        let report = Report {
            segments: vec![
                segment(State::Pruned { segments: 4, proved: true }, 0),
                segment(State::Valid, 0),
                segment(State::Valid, 37),
                segment(State::Missing, 0),
            ],
            checkpoints_valid: 1442,
            checkpoints: 1443,
            ..Report::default()
        };
        assert_eq!(
            report.summary(),
            "2/3 segments valid, 1442/1443 checkpoints valid, 37 records after the last checkpoint, 4 segments pruned"
        );
        assert_eq!(report.first_bad(), Some(3));
    }
}
