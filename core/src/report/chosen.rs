//! The devices that have series in one walk. Every family names each of them anew, and the names lie somewhere else each: with
//! tens of thousands of devices they are in no cache, and to fetch them was half the cost of a sample. So the labels with which
//! every line of a device begins are written once and kept beside each other. A number that another device has
//! taken meanwhile must not be taken for the one that was chosen.

use super::Watched;
use crate::fleet::{Device, Fleet, Guess};
use crate::sample::{Desc, Writer};

/// The chosen devices of one broker.
#[derive(Debug)]
pub(super) struct Chosen {
    devices: Vec<Guess>,
    /// `{broker="…",device="…"`, one after the other, as far as the first family that asks for them has come.
    heads: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Chosen {
    /// Those that have series now.
    pub(super) fn new(fleet: &Fleet) -> Self {
        let devices = fleet.series.slots().map(|slot| fleet.devices.guess(slot)).collect();
        Self { devices, heads: Vec::new(), ends: Vec::new() }
    }

    /// How many there were at the beginning.
    pub(super) fn len(&self) -> usize {
        self.devices.len()
    }

    /// The device at this place and the labels of all its lines, if it is still there. To be asked for all places in order
    /// at first.
    pub(super) fn get<'a>(
        &mut self,
        at: usize,
        one: &'a Watched,
        writer: &Writer,
    ) -> Option<(&'a Device, &[u8])> {
        let slot = one.fleet.devices.still(*self.devices.get(at)?);
        let device = slot.and_then(|slot| one.fleet.devices[slot as usize].as_ref());
        if at == self.ends.len() {
            if let Some(device) = device {
                writer.labels(&[("broker", one.name()), ("device", &device.id)], &mut self.heads);
            }
            self.ends.push(self.heads.len());
        }
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some((device?, &self.heads[begin..self.ends[at]]))
    }
}

/// The lines of one device in one family.
pub(super) struct Lines<'a> {
    pub(super) writer: &'a mut Writer,
    pub(super) desc: &'a Desc,
    /// The labels broker and device, as they are written.
    pub(super) head: &'a [u8],
}

impl Lines<'_> {
    /// The only sample of the device.
    pub(super) fn lone(&mut self, value: f64) {
        self.sample(&[], value);
    }

    /// A sample with the labels that it has beside broker and device.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        self.writer.sample_headed(self.desc.name, self.head, labels, value);
    }
}
