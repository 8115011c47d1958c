//! Counting answers instead of giving them: all, by the value of a field, over time. Bounded: beyond so many
//! different values or columns the rest is counted together, and that is said.

use super::index::counters::{Counters, MINUTE};
use super::plan::Counted;
use super::query::{Answer, Query};
use super::words::COLUMNS_MAX;
use crate::line;
use std::collections::{BTreeMap, HashMap};
use watchkeeper_core::time::Wall;

/// Different values that are kept apart.
pub(super) const VALUES_MAX: usize = 100_000;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records with each value, the most frequent first and equal ones by name; only where a field was named.
    pub by: Vec<(String, u64)>,
    /// Records that do not have the field.
    pub without: u64,
    /// Records whose values are not kept apart, because there are too many different ones.
    pub others: u64,
    /// Records in each span that has any: its beginning and how many. Spans begin at multiples of their length since
    /// 1970, UTC.
    pub histogram: Vec<(Wall, u64)>,
}

/// Counts while a search goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Counting {
    pub(super) records: u64,
    by: HashMap<String, u64>,
    without: u64,
    others: u64,
    columns: BTreeMap<i64, u64>,
}

impl Counting {
    /// Counts one record.
    pub(super) fn add(&mut self, line: &str, answer: &Answer) {
        self.records += 1;
        let Answer::Counts { by, step } = answer else { return };
        if let Some(key) = by {
            match line::fields(line).find(|(name, _)| name == key) {
                Some((_, value)) => self.value(&value, 1),
                None => self.without += 1,
            }
        }
        if let (Some(step), Some(ts)) = (step, line::ts(line.as_bytes())) {
            self.column(ts.0, *step, 1);
        }
    }

    fn value(&mut self, value: &str, count: u64) {
        if let Some(sum) = self.by.get_mut(value) {
            *sum += count;
        } else if self.by.len() < VALUES_MAX {
            self.by.insert(value.to_owned(), count);
        } else {
            self.others += count;
        }
    }

    fn column(&mut self, ts: i64, step: u64, count: u64) {
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        let column = ts.div_euclid(step).saturating_mul(step);
        if self.columns.len() < COLUMNS_MAX || self.columns.contains_key(&column) {
            *self.columns.entry(column).or_default() += count;
        } else {
            self.others += count;
        }
    }

    /// Takes in what another part of the search counted.
    pub(super) fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.without += other.without;
        self.others += other.others;
        if self.by.is_empty() {
            self.by = other.by;
        } else {
            for (value, count) in other.by {
                self.value(&value, count);
            }
        }
        for (column, count) in other.columns {
            self.column(column, 1, count);
        }
    }

    /// What the counters of a whole segment say, when they can: every minute must lie on one side of each bound, and
    /// in one column.
    pub(super) fn of(counters: &Counters, counted: &Counted, query: &Query) -> Option<Self> {
        let Answer::Counts { by, step } = &query.answer else { return None };
        let whole = |at: Option<Wall>| at.is_none_or(|at| at.0.rem_euclid(MINUTE) == 0);
        let columns = step.is_none_or(|step| step.is_multiple_of(MINUTE.unsigned_abs()));
        if !columns || !whole(query.since) || !whole(query.until) {
            return None;
        }
        let mut counting = Self::default();
        for (&(minute, kind, level), &count) in &counters.minutes {
            let (ts, kind, level) = (minute * MINUTE, counters.word(kind), counters.word(level));
            let named = |words: &Option<Vec<String>>, word: &str| {
                words.as_ref().is_none_or(|words| words.iter().any(|known| known == word))
            };
            let timely =
                query.since.is_none_or(|since| ts >= since.0) && query.until.is_none_or(|until| ts < until.0);
            if !timely || !named(&counted.kinds, kind) || !named(&counted.levels, level) {
                continue;
            }
            counting.records += count;
            match by.as_deref() {
                Some("type") => counting.value(kind, count),
                Some(_) => counting.value(level, count),
                None => {}
            }
            if let Some(step) = step {
                counting.column(ts, *step, count);
            }
        }
        Some(counting)
    }

    /// More different values came than are kept apart.
    pub(super) fn overflown(&self) -> bool {
        self.others > 0
    }

    pub(super) fn finish(self) -> Tally {
        let mut by: Vec<(String, u64)> = self.by.into_iter().collect();
        by.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let histogram = self.columns.into_iter().map(|(at, count)| (Wall(at), count)).collect();
        Tally { by, without: self.without, others: self.others, histogram }
    }
}
