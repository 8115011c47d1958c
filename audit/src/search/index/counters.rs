//! What a segment counts: records per minute, type and level, and per type and event. Histograms and statistics of
//! closed segments are read from it. It may never be half: beyond its bounds there is none.

use std::collections::{BTreeMap, HashMap};

/// Entries and names beyond this are those of a damaged or forged file; then nothing is counted in advance.
const ENTRIES_MAX: usize = 65_536;
const NAMES_MAX: usize = 1_024;
/// Microseconds of a minute.
pub(in crate::search) const MINUTE: i64 = 60_000_000;

/// Number of a name in `Counters::names`.
pub(in crate::search) type Name = u16;

/// Records, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::search) struct Counters {
    /// Types, levels and events, in the order in which they came.
    pub(in crate::search) names: Vec<String>,
    /// (minute since 1970, type, level) → records.
    pub(in crate::search) minutes: BTreeMap<(i64, Name, Name), u64>,
    /// (type, event) → records.
    pub(in crate::search) events: BTreeMap<(Name, Name), u64>,
    known: HashMap<String, Name>,
    overflown: bool,
}

impl Counters {
    /// Counts a record.
    pub(in crate::search) fn add(&mut self, ts: i64, kind: &str, level: &str, event: &str) {
        let (Some(kind), Some(level), Some(event)) = (self.name(kind), self.name(level), self.name(event))
        else {
            self.overflown = true;
            return;
        };
        *self.minutes.entry((ts.div_euclid(MINUTE), kind, level)).or_default() += 1;
        *self.events.entry((kind, event)).or_default() += 1;
        self.overflown |= self.minutes.len() > ENTRIES_MAX;
    }

    /// Says that a record cannot be counted.
    pub(in crate::search) fn give_up(&mut self) {
        self.overflown = true;
    }

    /// The counters, unless they are not whole.
    pub(in crate::search) fn whole(self) -> Option<Self> {
        (!self.overflown).then_some(self)
    }

    /// The number of a name, given on its first use.
    pub(in crate::search) fn name(&mut self, name: &str) -> Option<Name> {
        if let Some(number) = self.known.get(name) {
            return Some(*number);
        }
        if self.names.len() >= NAMES_MAX || name.len() > usize::from(u8::MAX) {
            return None;
        }
        let number = Name::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), number);
        Some(number)
    }

    /// The name of a number.
    pub(in crate::search) fn word(&self, name: Name) -> &str {
        self.names.get(usize::from(name)).map_or("", String::as_str)
    }
}
