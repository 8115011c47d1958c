//! The sequence numbers of a device of the simulation: with losses, second and late deliveries and new beginnings.

use crate::common::Random;
use watchkeeper_core::time::SECOND;

/// What one device counts on one stream.
pub(crate) struct Numbers {
    next: u64,
    /// It writes random numbers where others count.
    nonsense: bool,
    /// A number that is held up, and the message before which it arrives.
    held: Option<u64>,
}

impl Numbers {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { next: random.below(300), nonsense: random.one_in(6), held: None }
    }

    /// What arrives now, and how long after it: mostly one number, sometimes none or several.
    pub(crate) fn arrive(&mut self, random: &mut Random) -> Vec<(u64, u64)> {
        if self.nonsense {
            return vec![(random.below(90_000), 0)];
        }
        let mut all = Vec::new();
        match random.below(40) {
            0..3 => self.next += 1 + random.below(4),
            3 => self.next = if random.one_in(2) { random.below(2) } else { self.next / 2 },
            4 | 5 => all.push((self.next.saturating_sub(random.below(9)), 0)),
            6 if self.next > 9 => all.extend((self.next - 4..self.next).map(|number| (number, 0))),
            7 | 8 => {
                self.held = Some(self.next);
                self.next += 1;
            }
            _ => {}
        }
        all.push((self.next, 0));
        self.next += 1;
        let late = random.below(6 * SECOND);
        all.extend(self.held.take_if(|_| !random.one_in(3)).map(|number| (number, late)));
        all
    }
}
