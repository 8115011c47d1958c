//! Which devices have series of their own when there are more than the limit: the worst, each for at least ten
//! minutes, so that a graph does not flicker. Fleet metrics count all devices; this file never changes a count.

use crate::fleet::{Device, Guess};
use crate::time::{Micros, Mono, SECOND};
use crate::trackers::presence::State;
use std::cmp::Ordering;

const AT_LEAST: Micros = 600 * SECOND;

/// For so long a full choice is good.
const FRESH: Micros = 10 * SECOND;

/// So many devices more than twice the limit are compared at once: a choice among a hundred thousand must not take room for all
/// of them, nor be made in one piece.
const ROOM: usize = 1_024;

/// The choice.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Slots and since when they have series, by slot.
    chosen: Vec<(u32, Mono)>,
    /// When the choice was made.
    at: Option<Mono>,
}

/// A choice that is being made: devices are shown to it one after the other.
#[derive(Debug)]
pub(crate) struct Choice {
    max: usize,
    now: Mono,
    ranked: Vec<Ranked>,
}

/// Whether its ten minutes last, how bad it is, which one it is, since when it has series.
type Ranked = (bool, Badness, Guess, Mono);

/// The worst first, and of two alike the one that came first.
fn worse(a: &Ranked, b: &Ranked) -> Ordering {
    (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.slot().cmp(&b.2.slot()))
}

impl Choice {
    /// Shows it a device.
    pub(crate) fn visit(&mut self, series: &Series, guess: Guess, device: &Device) {
        let since = series.since(guess.slot());
        let keep = since.is_some_and(|since| self.now.since(since) < AT_LEAST);
        self.ranked.push((keep, badness(device), guess, since.unwrap_or(self.now)));
        // What is far behind now can only fall further, so that it need not be kept.
        if self.ranked.len() >= self.max.saturating_mul(2).saturating_add(ROOM) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.ranked.len() > self.max {
            if self.max > 0 {
                self.ranked.select_nth_unstable_by(self.max - 1, worse);
            }
            self.ranked.truncate(self.max);
        }
    }
}

impl Series {
    /// Begins to choose anew among `all` devices, if it is time. `now` is the shell's clock: the choice goes on while the
    /// broker is away.
    pub(crate) fn begin(&mut self, all: usize, max: usize, now: Mono) -> Option<Choice> {
        // A full choice is good for a while; one that was made when there were fewer devices is not.
        if all > max && self.chosen.len() == max && self.at.is_some_and(|at| now.since(at) < FRESH) {
            return None;
        }
        self.at = Some(now);
        Some(Choice { max, now, ranked: Vec::new() })
    }

    /// The choice holds from now on, but for those who left while it was made.
    pub(crate) fn settle(&mut self, mut choice: Choice, is_there: impl Fn(Guess) -> bool) {
        choice.ranked.retain(|(_, _, guess, _)| is_there(*guess));
        choice.cut();
        choice.ranked.sort_unstable_by_key(|(_, _, guess, _)| guess.slot());
        self.chosen = choice.ranked.into_iter().map(|(_, _, guess, since)| (guess.slot(), since)).collect();
    }

    /// The slots that have series, ascending.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.chosen.iter().map(|(slot, _)| *slot)
    }

    fn since(&self, slot: u32) -> Option<Mono> {
        self.chosen.binary_search_by_key(&slot, |(slot, _)| *slot).ok().map(|at| self.chosen[at].1)
    }

    /// How many have series.
    pub(crate) fn count(&self) -> usize {
        self.chosen.len()
    }

    /// A device is gone.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.chosen.retain(|(chosen, _)| *chosen != slot);
    }
}

/// How much an operator wants to see a device, as an order: gone, then bad messages, then stuck points, then
/// the number of errors and of messages lost.
type Badness = (bool, bool, u32, u64);

fn badness(device: &Device) -> Badness {
    let roster = &device.roster;
    let gone = roster.presence.state() == State::Offline;
    let lost = roster.sequence.counts().map_or(0, |counts| counts.lost);
    (gone, roster.errors.is_high(), roster.stuck.stuck(), roster.errors.bad.saturating_add(lost))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Wall;
    use crate::trackers::Roster;

    fn devices(count: usize) -> Vec<Option<Device>> {
        let device = |n: usize| Device {
            parent: None,
            parent_slot: None,
            client: None,
            id: format!("d{n}").into(),
            labels: crate::labels::Labels::default(),
            first_seen: Wall(0),
            last_message: None,
            touched: Mono(0),
            roster: Roster::default(),
        };
        (0..count).map(|n| Some(device(n))).collect()
    }

    fn choose(series: &mut Series, devices: &[Option<Device>], max: usize, now: Mono) {
        let Some(mut choice) = series.begin(devices.len(), max, now) else { return };
        for (slot, device) in (0..).zip(devices) {
            choice.visit(series, Guess::new(slot), device.as_ref().unwrap());
        }
        series.settle(choice, |_| true);
    }

    #[test]
    fn devices_that_come_all_at_once_have_series_at_the_next_scrape() {
        let mut series = Series::default();
        choose(&mut series, &devices(0), 5, Mono(0));
        choose(&mut series, &devices(100), 5, Mono(SECOND));
        assert_eq!(series.count(), 5);
        choose(&mut series, &devices(120), 5, Mono(2 * SECOND));
        assert_eq!(series.count(), 5);
    }

    #[test]
    fn the_worst_device_has_series_and_keeps_them_for_a_while() {
        let mut series = Series::default();
        let mut all = devices(10);
        all[7].as_mut().unwrap().roster.errors.bad = 3;
        choose(&mut series, &all, 1, Mono(0));
        assert_eq!(series.slots().collect::<Vec<_>>(), [7]);
        all[2].as_mut().unwrap().roster.errors.bad = 9;
        choose(&mut series, &all, 1, Mono(60 * SECOND));
        assert_eq!(series.slots().collect::<Vec<_>>(), [7], "it stays at least ten minutes");
        choose(&mut series, &all, 1, Mono(601 * SECOND));
        assert_eq!(series.slots().collect::<Vec<_>>(), [2]);
    }

    /// Far more devices than are compared at once: what is cut away on the way must never be one of the worst.
    #[test]
    fn among_many_the_worst_are_chosen_as_if_all_had_been_compared() {
        for max in [0, 1, 7, 3000] {
            let mut all = devices(10_000);
            for (n, device) in (0_u32..).zip(&mut all) {
                device.as_mut().unwrap().roster.errors.bad = u64::from(n.wrapping_mul(2_654_435_761) >> 22);
            }
            let mut series = Series::default();
            choose(&mut series, &all, max, Mono(0));
            let bad = |slot: u32| all[slot as usize].as_ref().unwrap().roster.errors.bad;
            let mut wanted: Vec<u32> = (0..10_000).collect();
            wanted.sort_by_key(|slot| std::cmp::Reverse(bad(*slot)));
            wanted.truncate(max);
            wanted.sort_unstable();
            assert_eq!(series.slots().collect::<Vec<_>>(), wanted, "{max}");
        }
    }
}
