//! How often a device started anew. Several signs tell of one start: its boot count, its uptime, a message that it has
//! booted, a sequence that begins again. It is counted once.

use crate::time::{Micros, Mono, SECOND};
use serde::{Deserialize, Serialize};

/// Two signs of different kinds within this time are one start.
const SAME: Micros = 120 * SECOND;

/// What tells of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sign {
    /// The device says so: boot count, uptime, a boot message.
    System,
    /// A sequence begins again.
    Sequence,
}

/// The starts of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Restarts {
    /// So many.
    pub count: u32,
    /// What told of the last one; none once another sign has told of it, too.
    sign: Option<Sign>,
    at: Mono,
}

impl Restarts {
    /// Counts what a sign tells of; false when another sign has told of it.
    pub fn note(&mut self, sign: Sign, starts: u64, now: Mono) -> bool {
        let told = self.sign.is_some_and(|by| by != sign) && now.since(self.at) <= SAME;
        // The next sign of the same kind is another start.
        (self.sign, self.at) = ((!told).then_some(sign), now);
        // Where a count says more than one, only the last of them was told of.
        let new = starts.saturating_sub(u64::from(told));
        self.count = self.count.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        !told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_start_is_counted_once_however_many_signs_tell_of_it() {
        let mut restarts = Restarts::default();
        let mut note = |sign, starts, second| restarts.note(sign, starts, Mono(second * SECOND));
        assert!(note(Sign::Sequence, 1, 10));
        assert!(!note(Sign::System, 1, 40));
        assert!(note(Sign::System, 1, 50), "told once, it is used up");
        assert!(note(Sign::System, 1, 60));
        assert!(!note(Sign::Sequence, 1, 70));
        assert!(note(Sign::Sequence, 1, 300));
        assert!(!note(Sign::System, 3, 301));
        assert_eq!(restarts.count, 1 + 1 + 1 + 1 + 2);
    }
}
