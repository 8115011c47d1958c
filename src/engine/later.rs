//! Records of what was found of commands, on their way into the log: they stand behind the records of the messages that
//! they were found of, which another thread writes. Nothing here may wait for long.

use super::twins::Twins;
use std::collections::VecDeque;
use watchkeeper_audit::record::Draft;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// A cause that is not in the log by then holds up nothing.
const PATIENCE: Micros = SECOND;

/// Records in their order, each with the moment from which it waits and the number of the last message before it.
#[derive(Debug, Default)]
pub(super) struct Later {
    waiting: VecDeque<(Mono, u64, Draft)>,
}

impl Later {
    /// Puts a record where it waits for its cause.
    pub(super) fn hold(&mut self, draft: Draft, twins: &Twins, now: Mono) {
        self.waiting.push_back((now, twins.last(), draft));
    }

    /// Whether anything is held back.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes what may go by now; all of it when the end has come.
    pub(super) fn take(&mut self, twins: &Twins, now: Mono, is_end: bool, drafts: &mut Vec<Draft>) {
        let may_go = |(since, number, _): &(Mono, u64, Draft)| {
            is_end || now.since(*since) >= PATIENCE || twins.is_logged(*number)
        };
        while self.waiting.front().is_some_and(may_go) {
            drafts.extend(self.waiting.pop_front().map(|(_, _, draft)| draft));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::echo::Echo;
    use std::sync::Arc;
    use watchkeeper_audit::record::{Kind, Level};
    use watchkeeper_core::save::Logged;
    use watchkeeper_core::time::Wall;

    #[test]
    fn what_was_found_waits_for_a_connection_that_is_away_but_not_for_long() {
        let echo = Arc::new(Echo::new(Arc::default(), None));
        let logged = Logged { ahead: vec![1], ..Logged::default() };
        let twins = Twins::new(Some(echo), &logged);
        let mut later = Later::default();
        let mut drafts = Vec::new();
        let at = |micros| Mono(7 * SECOND + micros);
        later.hold(Draft::new(Wall(1), Level::Info, Kind::Command, "command_matched"), &twins, at(0));
        later.take(&twins, at(PATIENCE - 1), false, &mut drafts);
        assert!(drafts.is_empty() && later.waits() && twins.is_away());
        later.take(&twins, at(PATIENCE), false, &mut drafts);
        assert_eq!(drafts.len(), 1);
    }
}
