//! Whether something else may be at a URL by now, and when to look again at what speaks there. Each look is two connections
//! that a broker logs as broken clients, and that may get us banned: there must be few. Pure; nothing here may connect.

use super::reasons::Cause;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// So many passes in a row that were not answered in MQTT, ...
const PASSES: u32 = 3;
/// ... over so long, are no restart of a broker that let us in.
const RESTART: Micros = 30 * SECOND;
/// However often it was tried: after so long there is another look.
const SELDOM: Micros = 3600 * SECOND;

/// One URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Stranger {
    /// It let us in, and not so long ago that another may be there by now.
    known: bool,
    /// Passes in a row that were not answered in MQTT, in whatever version; from when on it is no longer known.
    passes: u32,
    /// The first of them.
    since: Option<Mono>,
    looked: Option<Mono>,
    /// What the last look told.
    heard: Option<Cause>,
}

impl Stranger {
    /// A broker let us in.
    pub(super) fn let_in(&mut self) {
        *self = Self { known: true, ..Self::default() };
    }

    /// A pass failed, in all versions that were to be tried. `vague`: nobody knows why. True: it is time to look, and
    /// to tell by `told` what was heard.
    pub(super) fn failed(&mut self, vague: bool, now: Mono) -> bool {
        if !vague {
            // What is known now is newer.
            self.heard = None;
            return false;
        }
        self.passes = self.passes.saturating_add(1);
        if self.known {
            let since = *self.since.get_or_insert(now);
            if self.passes < PASSES || now.since(since) < RESTART {
                return false;
            }
            (self.known, self.passes) = (false, 1);
        }
        self.passes.is_power_of_two() || self.looked.is_none_or(|looked| now.since(looked) >= SELDOM)
    }

    /// What a look told; none: nothing.
    pub(super) fn told(&mut self, heard: Option<Cause>, now: Mono) {
        (self.heard, self.looked) = (heard, Some(now));
    }

    /// What the last look told, so that health says one thing until the next.
    pub(super) fn heard(&self) -> Option<Cause> {
        self.heard.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(seconds * SECOND)
    }

    /// Which of so many passes, one in so many seconds, are followed by a look.
    fn looks(stranger: &mut Stranger, passes: u64, every: u64) -> Vec<u64> {
        let mut looked = Vec::new();
        for pass in 1..=passes {
            if stranger.failed(true, at(pass * every)) {
                stranger.told(None, at(pass * every));
                looked.push(pass);
            }
        }
        looked
    }

    #[test]
    fn who_never_let_us_in_is_looked_at_at_once_and_then_ever_less_often() {
        assert_eq!(looks(&mut Stranger::default(), 100, 1), [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn however_often_it_was_tried_it_is_looked_at_once_an_hour() {
        assert_eq!(looks(&mut Stranger::default(), 40, 300), [1, 2, 4, 8, 16, 28, 32]);
    }

    #[test]
    fn a_broker_that_let_us_in_is_not_looked_at_while_it_restarts() {
        let mut stranger = Stranger::default();
        stranger.let_in();
        assert_eq!(looks(&mut stranger, 30, 1), [0; 0]);
        stranger.let_in();
        assert_eq!(looks(&mut stranger, 2, 60), [0; 0]);
        stranger.let_in();
        assert_eq!(looks(&mut stranger, 40, 1), [31, 32, 34, 38]);
        stranger.let_in();
        assert_eq!(looks(&mut stranger, 5, 60), [3, 4]);
    }

    #[test]
    fn what_was_heard_stays_until_more_is_known() {
        let mut stranger = Stranger::default();
        let ssh = Cause::NotMqtt("SSH-2.0-x".to_owned());
        for pass in 1..=3 {
            if stranger.failed(true, at(pass)) {
                stranger.told(Some(ssh.clone()), at(pass));
            }
            assert_eq!(stranger.heard(), Some(ssh.clone()), "after {pass}");
        }
        stranger.failed(false, at(5));
        assert_eq!(stranger.heard(), None);
    }
}
