//! What the devices' connection brought and the other one has not yet: by number in its order, and by hash. Bounded; of
//! what is beyond only how many they were is known. Nothing here may decide whose turn it is.

use std::collections::{BTreeMap, HashMap, VecDeque};
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// More messages are not remembered.
pub(super) const AHEAD_MAX: usize = 65_536;
/// What the other connection has not brought after so long, though it brought later ones, it never will.
pub(super) const OVERTAKEN: Micros = 60 * SECOND;

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Hash and time, by number.
    known: BTreeMap<u64, (u64, Mono)>,
    /// The same by hash.
    numbers: HashMap<u64, VecDeque<u64>>,
    next: u64,
    /// How many are not remembered.
    forgotten: u64,
    /// The highest number that the other connection has brought.
    brought: u64,
}

impl Ahead {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { known: BTreeMap::new(), numbers: HashMap::new(), next: 1, forgotten: 0, brought: 0 }
    }

    /// The next number, for a message that both have brought.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// A message that the other connection has not brought. Gives its number.
    pub(super) fn note(&mut self, print: u64, at: Mono) -> u64 {
        if self.known.len() == AHEAD_MAX {
            self.forget_first();
            self.forgotten += 1;
        }
        let number = self.number();
        self.known.insert(number, (print, at));
        self.numbers.entry(print).or_default().push_back(number);
        number
    }

    /// The other connection brings a message: the number of its twin, None where it has none. One that is not remembered
    /// may be of any message, and has the number 0.
    pub(super) fn bring(&mut self, print: u64) -> Option<u64> {
        let Some(number) = self.numbers.get(&print).and_then(|numbers| numbers.front().copied()) else {
            let forgotten = self.forgotten > 0;
            self.forgotten -= u64::from(forgotten);
            return forgotten.then_some(0);
        };
        self.known.remove(&number);
        self.forget(print, number);
        self.brought = self.brought.max(number);
        Some(number)
    }

    /// Another session: what came before `since` is not brought any more.
    pub(super) fn forget_before(&mut self, since: Mono) {
        self.forgotten = 0;
        while self.known.first_key_value().is_some_and(|(_, (_, at))| *at < since) {
            self.forget_first();
        }
    }

    /// What was overtaken long ago is not brought any more.
    pub(super) fn forget_overtaken(&mut self, now: Mono) {
        while self
            .known
            .first_key_value()
            .is_some_and(|(number, (_, at))| *number < self.brought && now.since(*at) >= OVERTAKEN)
        {
            self.forget_first();
        }
    }

    /// Whether everything up to this number is brought, or will not be.
    pub(super) fn is_brought(&self, number: u64) -> bool {
        number <= self.brought || self.known.range(self.brought + 1..=number).next().is_none()
    }

    /// The hashes of all of them, in their order.
    pub(super) fn prints(&self) -> impl Iterator<Item = u64> {
        self.known.values().map(|(print, _)| *print)
    }

    fn forget_first(&mut self) {
        if let Some((number, (print, _))) = self.known.pop_first() {
            self.forget(print, number);
        }
    }

    fn forget(&mut self, print: u64, number: u64) {
        if let Some(numbers) = self.numbers.get_mut(&print) {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                self.numbers.remove(&print);
            }
        }
    }
}
