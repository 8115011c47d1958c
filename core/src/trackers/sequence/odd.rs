//! What is odd about a counter for the moment: what is missing, what is not decided, what is not said yet. It is
//! thrown away when nothing is, so that a counter in good order costs no memory beyond its own.

use super::gaps::Gaps;
use super::low::Low;
use super::spell::Spell;
use crate::time::Mono;
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Odd {
    pub(super) gaps: Gaps,
    pub(super) low: Option<Low>,
    pub(super) duplicated: Option<Spell>,
    pub(super) reordered: Option<Spell>,
}

/// What becomes true by time alone, in the order of what is due at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Gap,
    Low,
    Duplicated,
    Reordered,
}

impl Odd {
    /// What is due first.
    pub(super) fn due(&self) -> Option<(Mono, Due)> {
        let spell = |spell: &Option<Spell>| spell.map(|spell| spell.due);
        [
            (self.gaps.due(), Due::Gap),
            (self.low.map(|low| low.due), Due::Low),
            (spell(&self.duplicated), Due::Duplicated),
            (spell(&self.reordered), Due::Reordered),
        ]
        .into_iter()
        .filter_map(|(at, due)| Some((at?, due)))
        .min()
    }

    pub(super) fn is_empty(&self) -> bool {
        let Self { gaps, low, duplicated, reordered } = self;
        gaps.is_empty() && low.is_none() && duplicated.is_none() && reordered.is_none()
    }
}
