//! Every family that is made from state, and the walk over them. Samples are made while the text is written:
//! nothing is collected, so that a scrape costs the same memory for ten devices and for a million series.
//!
//! A family is written for all brokers before the next one begins, and no series twice; `tests/exposition.rs`
//! holds the whole text to that.

mod device;
mod envelope;
mod fleet;
mod queues;
mod sequence;
mod service;

use crate::broker::Broker;
use crate::fleet::{Device, Fleet};
use crate::queues::Shown;
use crate::sample::{Desc, Writer};
use crate::save::Logged;
use crate::time::Now;
use std::sync::Arc;

/// One broker with its fleet.
#[derive(Debug)]
pub struct Watched {
    /// Its devices.
    pub fleet: Fleet,
    /// What it says of itself.
    pub broker: Broker,
    /// How far the log of its messages is known.
    pub logged: Logged,
    /// Connections that were tried, and that failed.
    pub connections: (u64, u64),
    /// The queues of its clients, as the newest snapshots have them.
    pub queues: Arc<Shown>,
}

impl Watched {
    /// A broker of which nothing is known yet.
    pub fn new(fleet: Fleet) -> Self {
        Self {
            fleet,
            broker: Broker::default(),
            logged: Logged::default(),
            connections: (0, 0),
            queues: Arc::default(),
        }
    }

    fn name(&self) -> &str {
        &self.fleet.rules().broker
    }
}

/// A family and how its samples are made.
#[derive(Debug)]
pub struct Family {
    /// Name, type, help.
    pub desc: Desc,
    write: Write,
}

#[derive(Debug)]
enum Write {
    /// Once a broker.
    Broker(fn(&Desc, &Watched, Now, &mut Writer)),
    /// Once a device that has series.
    Device(fn(&Desc, &Watched, &Device, &mut Writer)),
}

/// All families in the order in which they are written.
pub fn families() -> impl Iterator<Item = &'static Family> {
    fleet::FAMILIES
        .iter()
        .chain(service::FAMILIES)
        .chain(envelope::FAMILIES)
        .chain(queues::FAMILIES)
        .chain(device::FAMILIES)
        .chain(sequence::FAMILIES)
}

/// So many devices are looked at before the first of them is written.
const AHEAD: usize = 16;

/// Looks at the names of the next devices. Each lies somewhere else, and with a hundred thousand of them in no cache: when one
/// was fetched after the other, that was half the cost of a sample. These looks do not need one another, so the processor has
/// them fetched at the same time.
fn fetch(fleet: &Fleet, slots: &[u32]) {
    let next = slots.iter().take(AHEAD).filter_map(|slot| fleet.devices[*slot as usize].as_ref());
    let first = next.fold(0, |all, device| all ^ device.id.as_bytes().first().copied().unwrap_or(0));
    std::hint::black_box(first);
}

/// So many devices are visited in one step: a family that nobody has a sample of would else be as long as the fleet.
const VISITS: usize = 8_192;

/// A walk over all families, which can pause between any two devices.
#[derive(Debug, Default)]
pub struct Walk {
    family: usize,
    broker: usize,
    /// The slots of the broker that is being written, chosen when its walk began.
    slots: Vec<Vec<u32>>,
    device: usize,
    header: bool,
    /// Devices that may still be visited in this step.
    visits: usize,
}

impl Walk {
    /// Begins a walk. The choice of devices is fixed now, so that no series is written twice.
    pub fn new(watched: &[Watched]) -> Self {
        Self {
            slots: watched.iter().map(|one| one.fleet.series.slots().collect()).collect(),
            ..Self::default()
        }
    }

    /// Writes on until the writer holds `bytes`, or enough devices were visited; false when everything is written.
    pub fn step(&mut self, watched: &[Watched], now: Now, writer: &mut Writer, bytes: usize) -> bool {
        self.visits = VISITS;
        while let Some(family) = families().nth(self.family) {
            while let Some(one) = watched.get(self.broker) {
                if self.visits == 0 {
                    return true;
                }
                if !self.broker(family, one, now, writer, bytes) {
                    return true;
                }
                self.broker += 1;
            }
            self.family += 1;
            self.broker = 0;
            self.header = false;
        }
        false
    }

    /// Writes a family of one broker; false when the writer is full and there is more.
    fn broker(
        &mut self,
        family: &Family,
        one: &Watched,
        now: Now,
        writer: &mut Writer,
        bytes: usize,
    ) -> bool {
        match family.write {
            Write::Broker(write) => {
                // Many of them look at every device.
                self.visits = self.visits.saturating_sub(one.fleet.devices.len());
                self.samples(family, writer, |desc, writer| write(desc, one, now, writer));
            }
            Write::Device(write) => {
                let slots = std::mem::take(&mut self.slots[self.broker]);
                while let Some(slot) = slots.get(self.device) {
                    if self.device.is_multiple_of(AHEAD) {
                        fetch(&one.fleet, &slots[self.device..]);
                    }
                    if let Some(device) = one.fleet.devices[*slot as usize].as_ref() {
                        self.samples(family, writer, |desc, writer| write(desc, one, device, writer));
                    }
                    self.device += 1;
                    self.visits = self.visits.saturating_sub(1);
                    if writer.buffer.len() >= bytes || self.visits == 0 {
                        break;
                    }
                }
                let done = self.device >= slots.len();
                self.slots[self.broker] = slots;
                if !done {
                    return false;
                }
                self.device = 0;
            }
        }
        true
    }

    /// Writes samples, and before the first of a family its header: a family without samples is not mentioned.
    fn samples(&mut self, family: &Family, writer: &mut Writer, write: impl FnOnce(&Desc, &mut Writer)) {
        if self.header {
            return write(&family.desc, writer);
        }
        let before = writer.buffer.len();
        writer.family(&family.desc);
        let header = writer.buffer.len();
        write(&family.desc, writer);
        if writer.buffer.len() == header {
            writer.buffer.truncate(before);
        } else {
            self.header = true;
        }
    }
}
