//! What was shed: how much of which kind, since when, and on which topics, so that nobody is blamed for it. Bounded,
//! however much is shed.

use crate::own::Own;
use prometheus::IntCounter;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use watchkeeper_core::rules::Kind;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// Topics that are noted at a time, over all gaps that wait; beyond that everybody is spared.
const TOPICS_MAX: usize = 65_536;

/// Longer topics are not noted one by one.
const TOPIC_BYTES_MAX: usize = 256;

/// Nothing shed for so long: that is over.
const CALM: Micros = 10 * SECOND;

/// Between two lines in the log.
const QUIET: Micros = 60 * SECOND;

/// Values of the label `kind` beside those of streams: no stream takes it, and what the broker says of itself.
const OTHERS: [&str; 2] = ["unmatched", "sys"];

/// Of which kind what was shed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A message of a stream.
    Of(Kind),
    /// A message that no stream takes.
    Unmatched,
    /// Of the broker about itself.
    Sys,
}

impl Sort {
    fn place(self) -> usize {
        let streams = Kind::ALL.len();
        match self {
            Self::Of(kind) => Kind::ALL.iter().position(|known| *known == kind).unwrap_or(streams),
            Self::Unmatched => streams,
            Self::Sys => streams + 1,
        }
    }
}

/// A place in the queue where messages are missing.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    /// The topics, and when one of them was shed last.
    pub(crate) topics: HashMap<Box<[u8]>, Mono>,
    /// Topics that were not noted, and when one was shed last.
    pub(crate) others: Option<Mono>,
}

/// The count.
#[derive(Debug)]
pub(super) struct Toll {
    refused: IntCounter,
    kinds: Vec<IntCounter>,
    shed: Cell<u64>,
    /// The gaps that wait, in the order of the queue.
    gaps: RefCell<VecDeque<Gap>>,
    /// Nothing was admitted since the last of them was opened, so that it grows.
    open: Cell<bool>,
    /// Topics noted in all gaps.
    noted: Cell<usize>,
    /// When this began, and the last of it.
    span: Cell<Option<(Mono, Mono)>>,
    /// What was told in the log, and when.
    told: Cell<(u64, Option<Mono>)>,
}

impl Toll {
    pub(super) fn new(own: &Own, broker: &str) -> Self {
        let words = Kind::ALL.iter().map(|kind| kind.word()).chain(OTHERS);
        Self {
            refused: own.refused.with_label_values(&[broker, "messages"]),
            kinds: words.map(|kind| own.shed.with_label_values(&[broker, kind])).collect(),
            shed: Cell::new(0),
            gaps: RefCell::default(),
            open: Cell::new(false),
            noted: Cell::new(0),
            span: Cell::new(None),
            told: Cell::default(),
        }
    }

    /// A message was shed; true when that is a new gap, whose place is the end of the queue.
    pub(super) fn note(&self, sort: Sort, topic: &[u8], at: Mono) -> bool {
        self.shed.set(self.shed.get() + 1);
        self.refused.inc();
        self.kinds[sort.place()].inc();
        self.span.set(Some((self.since(at).unwrap_or(at), at)));
        let is_new = !self.open.replace(true);
        let mut gaps = self.gaps.borrow_mut();
        if is_new {
            gaps.push_back(Gap::default());
        }
        // The broker's own words are no sign of life.
        if let Some(gap) = gaps.back_mut().filter(|_| sort != Sort::Sys) {
            self.mark(gap, topic, at);
        }
        is_new
    }

    fn mark(&self, gap: &mut Gap, topic: &[u8], at: Mono) {
        if let Some(last) = gap.topics.get_mut(topic) {
            *last = at;
        } else if self.noted.get() < TOPICS_MAX && topic.len() <= TOPIC_BYTES_MAX {
            self.noted.set(self.noted.get() + 1);
            gap.topics.insert(topic.into(), at);
        } else {
            gap.others = Some(at);
        }
    }

    /// A message was admitted: what is shed after it is another gap.
    pub(super) fn close(&self) {
        self.open.set(false);
    }

    /// The first gap, whose turn has come.
    pub(super) fn pay(&self) -> Gap {
        let mut gaps = self.gaps.borrow_mut();
        let gap = gaps.pop_front().unwrap_or_default();
        // The one that grows is the last.
        if gaps.is_empty() {
            self.open.set(false);
        }
        self.noted.set(self.noted.get() - gap.topics.len());
        gap
    }

    /// All that was shed.
    pub(super) fn shed(&self) -> u64 {
        self.shed.get()
    }

    /// Since when messages are shed; none when that is over.
    pub(super) fn since(&self, now: Mono) -> Option<Mono> {
        self.span.get().filter(|(_, last)| now.since(*last) < CALM).map(|(began, _)| began)
    }

    /// How many were shed since the last line, where it is time for another.
    pub(super) fn to_tell(&self, now: Mono) -> Option<u64> {
        let (told, at) = self.told.get();
        let fresh = self.shed.get() - told;
        let is_due = fresh > 0 && at.is_none_or(|at| now.since(at) >= QUIET);
        is_due.then(|| {
            self.told.set((self.shed.get(), Some(now)));
            fresh
        })
    }
}
