//! Messages of one kind that come in a bunch, said as one finding: a storm of duplicates must not be a storm of
//! findings. Every message is in exactly one of them.

use crate::time::{Micros, Mono, SECOND};
use serde::{Deserialize, Serialize};

/// A bunch without an end is said once so often.
const SPELL_MAX: Micros = 60 * SECOND;

/// What is not said yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spell {
    /// The lowest number of the bunch.
    pub(super) first: u64,
    /// The highest.
    pub(super) last: u64,
    pub(super) count: u64,
    /// When no more may be added, whatever comes.
    end: Mono,
    /// When the last of it came, which is when it became true.
    pub(super) at: Mono,
    /// When it is said.
    pub(super) due: Mono,
}

impl Spell {
    /// Adds numbers that came one after the other, the last of them at `at`, and were understood at `now`. A bunch is over when none came for the length of `quiet`.
    pub(super) fn add(
        spell: &mut Option<Self>,
        first: u64,
        count: u64,
        (at, now): (Mono, Mono),
        quiet: Micros,
    ) {
        let end = now.plus(SPELL_MAX);
        let spell = spell.get_or_insert(Self { first, last: first, count: 0, end, at, due: end });
        spell.first = spell.first.min(first);
        spell.last = spell.last.max(first.saturating_add(count.saturating_sub(1)));
        spell.count += count;
        spell.at = spell.at.max(at);
        spell.due = spell.end.min(now.plus(quiet));
    }
}
