//! What is asked of the log, understood and checked. `matches` is the exact meaning; whatever makes a search fast
//! only chooses the lines that are shown to it.

use super::condition::{self, Condition};
use super::cursor::Cursor;
use super::needle::Needle;
use crate::line;
use regex::Regex;
use watchkeeper_core::time::{Micros, Wall};

/// In which order records are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// The oldest first.
    #[default]
    Asc,
    /// The newest first.
    Desc,
}

/// What is wanted of the matching records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Their lines.
    Lines,
    /// How many there are, how many with each value of a key, and how many in each span.
    Counts { by: Option<String>, step: Option<Micros> },
}

/// A question to the log, made by `Words::query`.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) needles: Vec<Needle>,
    pub(super) any: bool,
    pub(super) nots: Vec<Needle>,
    /// As typed, and ready; on the whole line.
    pub(super) regex: Option<(String, Regex)>,
    pub(super) ignore_case: bool,
    pub(super) conditions: Vec<Condition>,
    pub(super) since: Option<Wall>,
    pub(super) until: Option<Wall>,
    pub(super) order: Order,
    pub(super) limit: Option<u64>,
    /// Only records with a higher number.
    pub(super) after: Option<u64>,
    pub(super) cursor: Option<Cursor>,
    pub(super) answer: Answer,
    /// Tells this question from others: a cursor goes on with its own question only.
    pub(super) hash: u64,
    /// What «ago» was counted from, at the first page of a walk.
    pub(super) now: Wall,
}

impl Query {
    /// True when the record of this line, given without its line end, is an answer. Numbers and places in the folder
    /// are the search's own concern.
    pub(super) fn matches(&self, line: &str) -> bool {
        let mut needles = self.needles.iter();
        let texts = if self.any && !self.needles.is_empty() {
            needles.any(|needle| needle.occurs(line))
        } else {
            needles.all(|needle| needle.occurs(line))
        };
        texts
            && self.in_time(line)
            && condition::all_pass(&self.conditions, line)
            && self.regex.as_ref().is_none_or(|(_, regex)| regex.is_match(line))
            && !self.nots.iter().any(|needle| needle.occurs(line))
    }

    fn in_time(&self, line: &str) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let ts = line::ts(line.as_bytes());
        ts.is_some_and(|ts| {
            self.since.is_none_or(|since| ts >= since) && self.until.is_none_or(|until| ts < until)
        })
    }

    /// In which order records are given.
    pub fn order(&self) -> Order {
        self.order
    }

    /// At most so many records are given.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The same question with another limit: the shell's own bound for one answer.
    #[must_use]
    pub fn at_most(mut self, limit: u64) -> Self {
        self.limit = Some(self.limit.map_or(limit, |own| own.min(limit)));
        self
    }

    /// True when records are counted instead of given.
    pub fn counts(&self) -> bool {
        self.answer != Answer::Lines
    }
}
