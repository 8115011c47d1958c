//! The devices of a fleet by number, and the copy of all of them as they were at one moment, which is made in pieces: a
//! device that is about to change, and that the copy does not have yet, is copied before. Nothing here may look into a
//! device, and whoever changes one has it from here.

use super::Device;
use crate::lean;

/// All devices; numbers of those that are gone are free.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    devices: Vec<Option<Device>>,
    /// How many devices each number has had that are gone.
    gone: Vec<u32>,
    copy: Option<Box<Copy>>,
}

/// A device by its number, as long as it is there: what remembers one need not be told that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guess {
    slot: u32,
    gone: u32,
}

impl Guess {
    /// The number.
    pub(crate) fn slot(self) -> u32 {
        self.slot
    }

    /// The first device of a number.
    #[cfg(test)]
    pub(crate) fn new(slot: u32) -> Self {
        Self { slot, gone: 0 }
    }
}

/// A copy under way.
#[derive(Debug)]
struct Copy {
    /// Below this number all is done.
    next: usize,
    /// As many numbers as there were at the beginning.
    end: usize,
    /// Numbers from `next` on that are done, or that were free at the beginning, a bit each.
    done: Box<[u64]>,
    /// Devices of which the next piece consists, in the form of postcard.
    bytes: Vec<u8>,
    failed: Option<postcard::Error>,
}

impl std::ops::Deref for Slots {
    type Target = [Option<Device>];

    fn deref(&self) -> &Self::Target {
        &self.devices
    }
}

impl Slots {
    /// A device to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Device> {
        let device = self.devices.get_mut(slot as usize)?;
        if let Some(copy) = &mut self.copy {
            copy.take(slot as usize, device.as_ref());
        }
        device.as_mut()
    }

    /// All of them, to change each. A copy under way is made whole before.
    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Option<Device>> {
        self.copy_more(usize::MAX);
        self.devices.iter_mut()
    }

    /// Takes a device away; its number is free.
    pub(crate) fn take(&mut self, slot: u32) -> Option<Device> {
        self.get_mut(slot)?;
        let gone = &mut self.gone[slot as usize];
        *gone = gone.wrapping_add(1);
        self.devices[slot as usize].take()
    }

    /// Puts a device where there is none.
    pub(crate) fn put(&mut self, slot: u32, device: Device) {
        let place = &mut self.devices[slot as usize];
        if let Some(copy) = &mut self.copy {
            // It was not there when the copy began.
            copy.take(slot as usize, None);
        }
        *place = Some(device);
    }

    /// One more number.
    pub(crate) fn grow(&mut self) {
        lean::push(&mut self.devices, None);
        lean::push(&mut self.gone, 0);
    }

    /// What to remember of a device.
    pub(crate) fn guess(&self, slot: u32) -> Guess {
        Guess { slot, gone: self.gone.get(slot as usize).copied().unwrap_or(0) }
    }

    /// The number of a device that was remembered, if it is still there.
    #[inline]
    pub(crate) fn still(&self, guess: Guess) -> Option<u32> {
        (self.gone.get(guess.slot as usize) == Some(&guess.gone)).then_some(guess.slot)
    }

    /// Begins a copy of all devices as they are now, of which there are so many. One that was under way is given up.
    pub(crate) fn begin_copy(&mut self) -> usize {
        let end = self.devices.len();
        let done = vec![0; end.div_ceil(64)].into();
        self.copy = Some(Box::new(Copy { next: 0, end, done, bytes: Vec::new(), failed: None }));
        self.devices.iter().flatten().count()
    }

    /// Gives up a copy under way.
    pub(crate) fn end_copy(&mut self) {
        self.copy = None;
    }

    /// Copies so many more numbers; true when the copy has all devices.
    pub(crate) fn copy_more(&mut self, numbers: usize) -> bool {
        let Some(copy) = &mut self.copy else { return true };
        let end = copy.end.min(copy.next.saturating_add(numbers));
        while copy.next < end {
            copy.take(copy.next, self.devices[copy.next].as_ref());
            copy.next += 1;
        }
        copy.next == copy.end
    }

    /// What was copied since this was asked last; with the last of it the copy ends.
    ///
    /// # Errors
    ///
    /// A device cannot be written; the copy ends.
    pub(crate) fn copied(&mut self) -> Result<Vec<u8>, postcard::Error> {
        let Some(copy) = &mut self.copy else { return Ok(Vec::new()) };
        let (bytes, failed) = (std::mem::take(&mut copy.bytes), copy.failed.take());
        if copy.next == copy.end || failed.is_some() {
            self.copy = None;
        }
        failed.map_or(Ok(bytes), Err)
    }
}

impl Copy {
    /// The device of this number, as it is before it changes.
    #[inline]
    fn take(&mut self, slot: usize, device: Option<&Device>) {
        if slot >= self.next && slot < self.end {
            self.take_unless_done(slot, device);
        }
    }

    fn take_unless_done(&mut self, slot: usize, device: Option<&Device>) {
        let (word, bit) = (&mut self.done[slot / 64], 1 << (slot % 64));
        if *word & bit != 0 {
            return;
        }
        *word |= bit;
        let Some(device) = device else { return };
        match postcard::to_extend(device, std::mem::take(&mut self.bytes)) {
            Ok(bytes) => self.bytes = bytes,
            Err(why) => self.failed = Some(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::fleet::Fleet;
    use crate::report::Watched;
    use crate::rules::{FleetRules, StreamRules};
    use crate::save::Saved;
    use crate::testing::{Bench, Random, now};
    use crate::time::SECOND;

    fn rules() -> FleetRules {
        let streams: Vec<StreamRules> =
            Bench::stream(|rules| rules.offline_after = Some(5 * SECOND)).fleet.rules.streams;
        FleetRules { streams, forget_after: Some(20 * SECOND), ..FleetRules::default() }
    }

    /// Something happens: a device speaks, one is forgotten, time passes, or we are away for a moment.
    fn happens(watched: &mut Watched, random: &mut Random, at: &mut f64) {
        let device = format!("d{}", random.below(300));
        match random.below(40) {
            0 => drop(watched.fleet.forget(&device)),
            1 => {
                *at += 1.0;
                watched.fleet.tick(now(*at));
            }
            2 if random.below(20) == 0 => {
                watched.fleet.link_down(now(*at));
                watched.fleet.link_up(now(*at));
            }
            _ => {
                let (topic, value) = (format!("{device}/t"), random.below(9).to_string());
                watched.fleet.arrival(&crate::arrival::Arrival::live(&topic, value.as_bytes()), now(*at));
            }
        }
    }

    /// The same, with its devices in the order of their names.
    fn sorted(bytes: &[u8]) -> Vec<u8> {
        let mut saved: Saved<super::Device> = postcard::from_bytes(bytes).unwrap();
        saved.sort();
        postcard::to_stdvec(&saved).unwrap()
    }

    #[test]
    fn a_copy_in_pieces_is_all_of_the_moment_at_which_it_began() {
        for seed in 0..40 {
            let (mut random, mut at) = (Random(seed), 0.0);
            let mut watched = Watched::new(Fleet::new(rules()));
            watched.fleet.link_up(now(0.0));
            for _ in 0..random.below(2000) {
                happens(&mut watched, &mut random, &mut at);
            }
            for _ in 0..5 {
                let expected = postcard::to_stdvec(&watched.save()).unwrap();
                let mut bytes = watched.begin_copy().unwrap();
                loop {
                    let is_whole = watched.copy(random.below(30));
                    bytes.append(&mut watched.copied().unwrap());
                    if is_whole {
                        break;
                    }
                    for _ in 0..random.below(60) {
                        happens(&mut watched, &mut random, &mut at);
                    }
                }
                assert!(sorted(&bytes) == sorted(&expected), "seed {seed}");
                assert!(watched.copy(1) && watched.copied().unwrap().is_empty(), "there is no more");
                happens(&mut watched, &mut random, &mut at);
            }
            // One that is given up leaves nothing behind.
            watched.begin_copy().unwrap();
            happens(&mut watched, &mut random, &mut at);
            watched.end_copy();
            assert!(watched.copied().unwrap().is_empty());
        }
    }
}
