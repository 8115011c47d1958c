//! Which devices have series of their own when there are more than the limit: the worst, each for at least ten
//! minutes, so that a graph does not flicker. Fleet metrics count all devices; this file never changes a count.

use crate::fleet::Device;
use crate::time::{Micros, Mono, SECOND};
use crate::trackers::presence::State;

const AT_LEAST: Micros = 600 * SECOND;

/// The choice.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// Slots and since when they have series, by slot.
    chosen: Vec<(u32, Mono)>,
    suppressed: usize,
    /// When the choice was made.
    at: Option<Mono>,
}

impl Series {
    /// Chooses anew. `now` is the shell's clock: the choice goes on while the broker is away.
    pub(crate) fn choose(&mut self, devices: &[Option<Device>], max: usize, now: Mono) {
        const FRESH: Micros = 10 * SECOND;
        let all = devices.iter().flatten().count();
        // A full choice is good for a while; one that was made when there were fewer devices is not.
        if all > max && self.chosen.len() == max && self.at.is_some_and(|at| now.since(at) < FRESH) {
            self.suppressed = all - max;
            return;
        }
        self.at = Some(now);
        let since = |slot: u32, chosen: &[(u32, Mono)]| {
            chosen.binary_search_by_key(&slot, |(slot, _)| *slot).ok().map(|at| chosen[at].1)
        };
        let slots =
            (0u32..).zip(devices).filter_map(|(slot, device)| device.as_ref().map(|device| (slot, device)));
        let mut ranked: Vec<(bool, Badness, u32, Mono)> = slots
            .map(|(slot, device)| {
                let since = since(slot, &self.chosen);
                let keep = since.is_some_and(|since| now.since(since) < AT_LEAST);
                (keep, badness(device), slot, since.unwrap_or(now))
            })
            .collect();
        if all > max {
            ranked.sort_unstable_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(&b.2)));
            ranked.truncate(max);
            ranked.sort_unstable_by_key(|(_, _, slot, _)| *slot);
        }
        self.suppressed = all - ranked.len();
        self.chosen = ranked.into_iter().map(|(_, _, slot, since)| (slot, since)).collect();
    }

    /// The slots that have series, ascending.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.chosen.iter().map(|(slot, _)| *slot)
    }

    /// How many devices have none.
    pub(crate) fn suppressed(&self) -> usize {
        self.suppressed
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

    #[test]
    fn devices_that_come_all_at_once_have_series_at_the_next_scrape() {
        let mut series = Series::default();
        series.choose(&devices(0), 5, Mono(0));
        series.choose(&devices(100), 5, Mono(SECOND));
        assert_eq!((series.slots().count(), series.suppressed()), (5, 95));
        series.choose(&devices(120), 5, Mono(2 * SECOND));
        assert_eq!((series.slots().count(), series.suppressed()), (5, 115));
    }

    #[test]
    fn the_worst_device_has_series_and_keeps_them_for_a_while() {
        let mut series = Series::default();
        let mut all = devices(10);
        all[7].as_mut().unwrap().roster.errors.bad = 3;
        series.choose(&all, 1, Mono(0));
        assert_eq!(series.slots().collect::<Vec<_>>(), [7]);
        all[2].as_mut().unwrap().roster.errors.bad = 9;
        series.choose(&all, 1, Mono(60 * SECOND));
        assert_eq!(series.slots().collect::<Vec<_>>(), [7], "it stays at least ten minutes");
        series.choose(&all, 1, Mono(601 * SECOND));
        assert_eq!(series.slots().collect::<Vec<_>>(), [2]);
    }
}
