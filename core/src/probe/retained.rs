//! A retained message of our own, judged: whether it came to whoever subscribed after it, and what becomes true over many
//! rounds. A broker that keeps none is no broker that fails. It must never take a message of anybody else, or one that is
//! live, for the one that was kept.

use super::{IN_A_ROW, number};
use crate::finding::Probing;

/// A broker that cannot say no, but hangs up, is asked again after so many rounds: its log is not ours to fill.
pub const ASK_AGAIN: u64 = 60;

/// What one subscription brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    token: u64,
    marked: bool,
    live: bool,
}

impl Look {
    /// For the message with this token, which is its number 0.
    pub fn new(token: u64) -> Self {
        Self { token, marked: false, live: false }
    }

    /// A message came on its topic.
    pub fn hear(&mut self, payload: &[u8], is_retained: bool) {
        if number(payload, self.token) == Some(0) {
            *(if is_retained { &mut self.marked } else { &mut self.live }) = true;
        }
    }

    /// It came, with the mark of what was kept.
    pub fn is_kept(&self) -> bool {
        self.marked
    }

    /// It came, but without the mark.
    pub fn is_unmarked(&self) -> bool {
        self.live && !self.marked
    }
}

/// How a round ended for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// It came with its mark, was taken away, and was gone.
    Sound,
    /// Any of that was not so.
    Failed,
    /// The broker says that it keeps none.
    Unsupported,
    /// The broker hung up on it, which may mean that it keeps none.
    HungUp,
    /// The round did not come so far.
    #[default]
    Untried,
}

/// Many rounds of one broker.
#[derive(Clone, Debug, Default)]
pub struct Retaining {
    failed: u64,
    hung_up: u64,
    /// Rounds since it hung up last.
    since: u64,
    /// A round was sound: what hangs up since then does so for another reason.
    was_sound: bool,
    /// What is known.
    kept: Kept,
    /// The last round did not come so far.
    fell_short: bool,
}

impl Retaining {
    /// Whether this round is to try it.
    pub fn is_due(&mut self) -> bool {
        self.since += 1;
        self.hung_up < IN_A_ROW || self.since >= ASK_AGAIN
    }

    /// A round is over; `why` it failed, in one word and a sentence, where it did.
    pub fn round(&mut self, kept: Kept, why: Option<(&str, &str)>) -> Option<Probing> {
        self.fell_short = kept == Kept::Untried;
        match self.meant(kept) {
            Kept::Untried => return None,
            Kept::HungUp => return self.hung_up(),
            kept => (self.hung_up, self.kept) = (0, kept),
        }
        if self.kept == Kept::Failed {
            self.failed += 1;
            let (reason, summary) = why.unwrap_or_default();
            let (reason, summary, rounds) = (reason.into(), summary.into(), self.failed);
            return (rounds == IN_A_ROW).then_some(Probing::RetainedFailed { reason, summary, rounds });
        }
        if self.kept == Kept::Unsupported {
            return self.over(Probing::RetainedNone);
        }
        self.was_sound = true;
        self.over(Probing::RetainedSound)
    }

    /// A broker that kept one once does not hang up because it keeps none.
    fn meant(&self, kept: Kept) -> Kept {
        if kept == Kept::HungUp && self.was_sound { Kept::Failed } else { kept }
    }

    /// Once may be chance; of whoever does it again and again it is known what that means.
    fn hung_up(&mut self) -> Option<Probing> {
        (self.hung_up, self.since) = (self.hung_up + 1, 0);
        if self.hung_up >= IN_A_ROW {
            self.kept = Kept::Unsupported;
            return self.over(Probing::RetainedNone);
        }
        if self.kept != Kept::Unsupported {
            self.kept = Kept::HungUp;
        }
        None
    }

    /// What failed is over, and so it is said where that was.
    fn over(&mut self, end: Probing) -> Option<Probing> {
        (std::mem::take(&mut self.failed) >= IN_A_ROW).then_some(end)
    }

    /// Whether so many rounds have failed in a row that it was said.
    pub fn is_failing(&self) -> bool {
        self.failed >= IN_A_ROW
    }

    /// What is known: `Unsupported` also of a broker that shows it by hanging up, `HungUp` of one of which it is not clear yet,
    /// `Untried` before the first round that came so far.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    /// Whether the last round was sound. None: nothing is known, or there is nothing that could be.
    pub fn success(&self) -> Option<bool> {
        match self.kept {
            Kept::Untried | Kept::Unsupported => None,
            Kept::Sound => Some(!self.fell_short),
            Kept::Failed => Some(false),
            Kept::HungUp => (self.failed > 0).then_some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::payload;
    use super::*;

    #[test]
    fn only_the_message_of_this_round_with_the_mark_is_the_one_that_was_kept() {
        let mut look = Look::new(7);
        for (payload, is_retained) in
            [(payload(6, 0), true), (payload(7, 1), true), (Vec::new(), true), (b"on".to_vec(), false)]
        {
            look.hear(&payload, is_retained);
            assert_eq!(look, Look::new(7));
        }
        look.hear(&payload(7, 0), false);
        assert!(look.is_unmarked() && !look.is_kept());
        look.hear(&payload(7, 0), true);
        assert!(look.is_kept() && !look.is_unmarked());
    }

    #[test]
    fn three_failures_in_a_row_are_said_once_and_a_round_that_did_not_come_so_far_is_none() {
        use Kept::{Failed, Sound, Unsupported, Untried};
        let mut retaining = Retaining::default();
        let mut said = |rounds: &[Kept]| {
            let found =
                rounds.iter().filter_map(|kept| retaining.round(*kept, Some(("retained_lost", "gone"))));
            found.map(|probing| probing.event()).collect::<Vec<_>>()
        };
        assert!(said(&[Failed, Failed, Sound, Failed, Untried, Failed]).is_empty());
        assert_eq!(said(&[Failed, Failed, Untried]), ["probe_retained_failed"]);
        assert_eq!(said(&[Sound, Sound]), ["probe_retained_sound"]);
        let none = ["probe_retained_failed", "probe_retained_none"];
        assert_eq!(said(&[Failed, Failed, Failed, Unsupported, Sound]), none, "no end is silent");
        assert!(!retaining.is_failing());
    }

    #[test]
    fn a_broker_that_hangs_up_on_it_is_asked_again_an_hour_later() {
        let mut retaining = Retaining::default();
        for known in [Kept::HungUp, Kept::HungUp, Kept::Unsupported] {
            assert!(retaining.is_due());
            assert_eq!(retaining.round(Kept::HungUp, None), None);
            assert_eq!((retaining.kept(), retaining.success()), (known, None), "twice may be chance");
        }
        let seldom = (0..ASK_AGAIN * 2).filter(|_| {
            let is_due = retaining.is_due();
            retaining.round(if is_due { Kept::HungUp } else { Kept::Untried }, None);
            is_due
        });
        assert_eq!(seldom.count(), 2);
        retaining.round(Kept::Sound, None);
        assert!(retaining.is_due() && retaining.kept() == Kept::Sound);
    }

    #[test]
    fn a_broker_that_kept_one_fails_when_it_hangs_up() {
        let mut retaining = Retaining::default();
        assert_eq!(retaining.round(Kept::HungUp, None), None);
        assert_eq!(retaining.round(Kept::Sound, None), None);
        let mut said = Vec::new();
        for _ in 0..=IN_A_ROW {
            assert!(retaining.is_due(), "it is asked in every round");
            said.extend(retaining.round(Kept::HungUp, Some(("retained_hung_up", "it hung up"))));
            assert_eq!((retaining.kept(), retaining.success()), (Kept::Failed, Some(false)));
        }
        let events: Vec<_> = said.iter().map(Probing::event).collect();
        assert_eq!((events, retaining.is_failing()), (vec!["probe_retained_failed"], true));
        assert_eq!(retaining.round(Kept::Sound, None), Some(Probing::RetainedSound));
    }

    #[test]
    fn a_failure_that_was_said_is_not_over_before_it_is_clear_that_the_broker_keeps_none() {
        let mut retaining = Retaining::default();
        for _ in 0..IN_A_ROW {
            retaining.round(Kept::Failed, None);
        }
        for _ in 1..IN_A_ROW {
            assert_eq!(retaining.round(Kept::HungUp, None), None);
            assert_eq!((retaining.success(), retaining.is_failing()), (Some(false), true));
        }
        assert_eq!(retaining.round(Kept::HungUp, None), Some(Probing::RetainedNone));
        assert_eq!((retaining.success(), retaining.is_failing()), (None, false));
    }

    #[test]
    fn nothing_is_known_before_the_first_round_that_came_so_far_and_a_later_one_that_did_not_is_none() {
        let mut retaining = Retaining::default();
        retaining.round(Kept::Untried, None);
        assert_eq!((retaining.kept(), retaining.success()), (Kept::Untried, None));
        for (kept, success, after) in [
            (Kept::Sound, Some(true), Some(false)),
            (Kept::Failed, Some(false), Some(false)),
            (Kept::Unsupported, None, None),
        ] {
            retaining.round(kept, None);
            assert_eq!((retaining.kept(), retaining.success()), (kept, success));
            retaining.round(Kept::Untried, None);
            assert_eq!((retaining.kept(), retaining.success()), (kept, after));
        }
    }
}
