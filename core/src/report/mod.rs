//! Every family that is made from state, and the walk over them. Samples are made while the text is written:
//! nothing is collected, so that a scrape costs the same memory for ten devices and for a million series.
//!
//! A family is written for all brokers before the next one begins, and no series twice; `tests/exposition.rs`
//! holds the whole text to that.

mod chosen;
mod device;
mod envelope;
mod fleet;
mod look;
mod queues;
mod sequence;
mod service;

use crate::broker::Broker;
use crate::fleet::{Device, Fleet};
use crate::queues::Shown;
use crate::sample::{Desc, Writer};
use crate::save::Logged;
use crate::time::{Mono, Now};
use chosen::{Chosen, Lines};
use look::{Look, Totals};
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
    /// Once a broker, from what was counted over all devices.
    Totals(fn(&Desc, &Watched, &Totals, &mut Writer)),
    /// Once a device that has series.
    Device(fn(&Watched, &Device, &mut Lines)),
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

/// So many devices are visited in one step: a family that nobody has a sample of would else be as long as the fleet.
const VISITS: usize = 8_192;

/// A walk over all families, which can pause between any two devices.
#[derive(Debug, Default)]
pub struct Walk {
    /// What was seen of each broker before the first line was written.
    seen: Vec<Seen>,
    look: Option<Look>,
    family: usize,
    broker: usize,
    device: usize,
    header: bool,
    /// Devices that may still be visited in this step.
    visits: usize,
}

/// One broker, as it was looked at.
#[derive(Debug)]
struct Seen {
    totals: Totals,
    chosen: Chosen,
}

impl Walk {
    /// Begins a walk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on until the writer holds `bytes`, or enough devices were visited; false when everything is written. First
    /// it looks at every device, and chooses those that have series for the whole walk, so that none is written twice.
    pub fn step(&mut self, watched: &mut [Watched], now: Now, writer: &mut Writer, bytes: usize) -> bool {
        self.visits = VISITS;
        if !self.look(watched, now.mono) {
            return true;
        }
        while let Some(family) = families().nth(self.family) {
            while let Some(one) = watched.get(self.broker) {
                if !self.broker(family, one, now, writer, bytes) {
                    return true;
                }
                self.broker += 1;
                if writer.buffer.len() >= bytes {
                    return true;
                }
            }
            self.family += 1;
            self.broker = 0;
            self.header = false;
        }
        false
    }

    /// Looks at the devices of all brokers; false when there are more.
    fn look(&mut self, watched: &mut [Watched], now: Mono) -> bool {
        while let Some(one) = watched.get_mut(self.seen.len()) {
            let look = self.look.get_or_insert_with(|| Look::new(&mut one.fleet, now));
            if !look.step(&one.fleet, &mut self.visits) {
                return false;
            }
            if let Some(look) = self.look.take() {
                let totals = look.end(&mut one.fleet);
                self.seen.push(Seen { totals, chosen: Chosen::new(&one.fleet) });
            }
        }
        true
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
        let Some(Seen { totals, chosen }) = self.seen.get_mut(self.broker) else { return true };
        let mut headed = Headed { desc: &family.desc, is_written: &mut self.header };
        match family.write {
            Write::Broker(write) => headed.samples(writer, |desc, writer| write(desc, one, now, writer)),
            Write::Totals(write) => headed.samples(writer, |desc, writer| write(desc, one, totals, writer)),
            Write::Device(write) => {
                while self.device < chosen.len() {
                    if self.visits == 0 {
                        return false;
                    }
                    if let Some((device, head)) = chosen.get(self.device, one, writer) {
                        let write = |desc: &Desc, writer: &mut Writer| {
                            write(one, device, &mut Lines { writer, desc, head });
                        };
                        headed.samples(writer, write);
                    }
                    self.device += 1;
                    self.visits -= 1;
                    // Even a writer that is full already takes one device a step, or there would be no end.
                    if writer.buffer.len() >= bytes && self.device < chosen.len() {
                        return false;
                    }
                }
                self.device = 0;
            }
        }
        true
    }
}

/// A family whose header is written before its first sample: one without samples is not mentioned.
struct Headed<'a> {
    desc: &'a Desc,
    is_written: &'a mut bool,
}

impl Headed<'_> {
    fn samples(&mut self, writer: &mut Writer, write: impl FnOnce(&Desc, &mut Writer)) {
        if *self.is_written {
            return write(self.desc, writer);
        }
        let before = writer.buffer.len();
        writer.family(self.desc);
        let header = writer.buffer.len();
        write(self.desc, writer);
        if writer.buffer.len() == header {
            writer.buffer.truncate(before);
        } else {
            *self.is_written = true;
        }
    }
}
