//! The fleet's own clock: it stands still while we are not watching, so that our outage pauses every timer,
//! and it never runs ahead of the last proof that the broker is there, so that a frozen broker makes nobody
//! late. It also remembers which calendar date each stretch of watching began at.

use crate::time::{Mono, Now, SECOND, Wall};
use serde::{Deserialize, Serialize};

/// Stretches of watching that are remembered; older moments are dated by the oldest.
const EPOCHS_MAX: usize = 64;

/// The clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What the clock shows while we are away.
    frozen: Mono,
    /// What the shell's clock showed when this stretch of watching began; none while we are away.
    since: Option<Mono>,
    /// The last proof that the broker is there.
    proof: Mono,
    /// Where each stretch began, on both clocks.
    epochs: Vec<(Mono, Wall)>,
    /// How often messages may have passed us by.
    breaks: u32,
}

impl Default for Link {
    fn default() -> Self {
        // Not zero, so that «long before the beginning» can be told.
        let start = Mono(1_000_000);
        Self { frozen: start, since: None, proof: start, epochs: Vec::new(), breaks: 0 }
    }
}

impl Link {
    /// Whether we are watching.
    pub fn is_up(&self) -> bool {
        self.since.is_some()
    }

    /// The moment of the fleet's clock that is `now` for the shell.
    pub fn moment(&self, now: Mono) -> Mono {
        match self.since {
            // What was read before the stretch began belongs to its beginning.
            Some(since) => self.frozen.plus(now.since(since)),
            None => self.frozen,
        }
    }

    /// Up to when we know what happened.
    pub fn known(&self) -> Mono {
        if self.is_up() { self.proof } else { self.frozen }
    }

    /// A moment of the calendar that the log tells of and the clock, which stands, does not know yet: it goes on to
    /// there, but not far, since the calendar may have been set meanwhile.
    pub fn recall(&mut self, wall: Wall) -> Mono {
        const FARTHEST: u64 = 600 * SECOND;
        if !self.is_up() {
            let ahead = wall.0.saturating_sub(self.wall(self.frozen).0);
            let ahead = u64::try_from(ahead).unwrap_or(0);
            if ahead <= FARTHEST {
                self.frozen = self.frozen.plus(ahead);
                self.proof = self.frozen;
            }
        }
        self.known()
    }

    /// The log tells that we watch since then, and the clock, which stands, does not know: it stood until then. False
    /// where it knows.
    pub fn recall_back(&mut self, wall: Wall) -> bool {
        if self.is_up() || self.wall(self.frozen) >= wall {
            return false;
        }
        self.begin_epoch(Now { mono: Mono::default(), wall });
        true
    }

    /// The broker was heard.
    pub fn alive(&mut self, now: Mono) {
        if self.is_up() {
            self.proof = self.proof.max(self.moment(now));
        }
    }

    /// We watch again; the clock goes on where it stood. False when we never stopped.
    pub fn up(&mut self, now: Now) -> bool {
        if self.is_up() {
            return false;
        }
        self.since = Some(now.mono);
        self.proof = self.frozen;
        self.begin_epoch(now);
        self.miss();
        true
    }

    /// Messages may have passed us by between what was heard so far and what is heard from now on.
    pub fn miss(&mut self) {
        self.breaks = self.breaks.wrapping_add(1);
    }

    /// How often that happened; only whether it changed means anything.
    pub fn breaks(&self) -> u32 {
        self.breaks
    }

    /// We stopped watching; what happened after the last proof is not known.
    pub fn down(&mut self) {
        if self.is_up() {
            self.frozen = self.proof;
            self.since = None;
        }
    }

    /// Notes that the calendar was set, if it was.
    pub fn check_calendar(&mut self, now: Now) {
        const SLACK: u64 = 1_000_000;
        if self.is_up() && self.wall(self.moment(now.mono)).0.abs_diff(now.wall.0) > SLACK {
            self.begin_epoch(now);
        }
    }

    fn begin_epoch(&mut self, now: Now) {
        if self.epochs.len() == EPOCHS_MAX {
            self.epochs.remove(0);
        }
        self.epochs.push((self.moment(now.mono), now.wall));
    }

    /// The calendar date of a moment of the fleet's clock, by the shell's calendar where it is of this stretch of
    /// watching.
    pub fn date(&self, moment: Mono, now: Now) -> Wall {
        match self.epochs.last() {
            Some((start, _)) if self.is_up() && moment >= *start => {
                now.wall.minus(self.moment(now.mono).since(moment))
            }
            _ => self.wall(moment),
        }
    }

    /// The calendar date of a moment of the fleet's clock.
    pub fn wall(&self, moment: Mono) -> Wall {
        let at = self.epochs.partition_point(|(start, _)| *start <= moment);
        match self.epochs.get(at.saturating_sub(1)) {
            Some((start, wall)) if moment >= *start => {
                Wall(wall.0.saturating_add_unsigned(moment.since(*start)))
            }
            Some((start, wall)) => wall.minus(start.since(moment)),
            None => Wall::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(seconds: u64) -> Now {
        #[expect(clippy::cast_possible_wrap, reason = "small")]
        Now { mono: Mono(seconds * SECOND), wall: Wall((1_000_000 + seconds as i64) * 1_000_000) }
    }

    #[test]
    fn the_clock_stands_still_while_we_are_away() {
        let mut link = Link::default();
        let start = link.moment(now(5).mono);
        assert!(link.up(now(10)));
        assert!(!link.up(now(11)));
        assert_eq!(link.moment(now(15).mono).since(start), 5 * SECOND);
        link.alive(now(15).mono);
        link.down();
        assert_eq!(link.moment(now(99).mono).since(start), 5 * SECOND);
        link.up(now(100));
        assert_eq!(link.moment(now(101).mono).since(start), 6 * SECOND);
        assert_eq!(link.wall(link.moment(now(101).mono)), now(101).wall);
        assert_eq!(link.wall(start.plus(2 * SECOND)), now(12).wall);
    }

    #[test]
    fn it_never_runs_ahead_of_the_last_proof() {
        let mut link = Link::default();
        link.up(now(0));
        link.alive(now(7).mono);
        assert_eq!(link.known(), link.moment(now(7).mono));
        link.down();
        assert_eq!(link.known(), link.moment(now(500).mono));
    }

    #[test]
    fn what_was_read_before_a_stretch_began_belongs_to_its_beginning() {
        let mut link = Link::default();
        link.up(now(100));
        link.alive(now(1).mono);
        assert_eq!(link.known(), link.moment(now(100).mono));
        assert_eq!(link.moment(now(1).mono), link.moment(now(100).mono));
    }

    #[test]
    fn a_calendar_that_was_set_is_noticed() {
        let mut link = Link::default();
        link.up(now(0));
        let mut later = now(10);
        later.wall = Wall(later.wall.0 + 3_600_000_000);
        link.check_calendar(later);
        assert_eq!(link.wall(link.moment(later.mono)), later.wall);
    }
}
