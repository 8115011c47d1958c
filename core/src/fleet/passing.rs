//! The fleet as time passes: our own outages, ticks, and devices that are forgotten. What became true is dated
//! when it did, and nothing here may depend on how often it is called.

use super::{Device, Fleet};
use crate::finding::{Finding, What};
use crate::time::{Mono, Now};
use crate::tracker::{Context, Tracker};
use std::hash::BuildHasher;

impl Fleet {
    /// The broker was heard.
    pub fn alive(&mut self, now: Mono) {
        self.link.alive(now);
    }

    /// We are connected and subscribed (again).
    pub fn link_up(&mut self, now: Now) {
        if !self.link.up(now) {
            return;
        }
        let at = self.link.moment(now.mono);
        self.watched_since = at;
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        for (device, due) in self.devices.iter_mut().zip(&mut self.due) {
            if let Some(device) = device {
                device.roster.resume(&context, at);
                *due = when(&context, device);
            }
        }
        // Whatever was due before, something else may be now.
        self.earliest = Mono(0);
    }

    /// The connection is gone. What became true before the last proof of life is said; then the clock stands.
    pub fn link_down(&mut self, now: Now) {
        self.tick(now);
        self.link.down();
    }

    /// Time passed. Call it about once a second; nothing depends on how often.
    pub fn tick(&mut self, now: Now) {
        self.link.check_calendar(now);
        self.look(self.link.known(), now);
        self.say_of_all(self.link.known(), now);
        self.end_mutes(now);
    }

    /// Mutes end by the calendar that the operator reads, whether we are connected or not.
    fn end_mutes(&mut self, now: Now) {
        for (device, mute) in self.mutes.take_ended(now.wall) {
            let what = What::MuteEnded { reason: mute.reason };
            let at = self.link.known();
            self.findings.push(Finding { at, wall: mute.until, device, what, muted: false });
        }
    }

    /// Looks at every device for which something may have become true by `known`.
    pub(crate) fn look(&mut self, known: Mono, now: Now) {
        if known < self.earliest {
            return;
        }
        for slot in 0..self.due.len() {
            if self.due[slot] <= known {
                self.tick_device(slot, known, now);
            }
        }
        self.earliest = self.due.iter().copied().min().unwrap_or(Mono::NEVER);
    }

    /// Says what became true of a device before its next message is looked at; false when it was silent for so
    /// long that it is forgotten by now.
    pub(super) fn is_kept(&mut self, slot: u32, now: Now) -> bool {
        let at = self.link.known();
        if self.due[slot as usize] <= at {
            self.tick_device(slot as usize, at, now);
        }
        self.devices[slot as usize].is_some()
    }

    fn tick_device(&mut self, slot: usize, known: Mono, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let number = u32::try_from(slot).unwrap_or(u32::MAX);
        let Some(device) = self.devices.get_mut(number) else { return self.due[slot] = Mono::NEVER };
        // Whether a device must exist is asked only of one that may have to go: asking costs a hash.
        let forget = forget_at(&context, device);
        let forget = Some(forget).filter(|at| *at <= known && !self.expected.contains(&device.id));
        let commands = device.roster.commands.count();
        // A device that is gone for us has no more to say, however late we look.
        device.roster.tick(&context, forget.unwrap_or(known), &mut self.edges);
        // One that must exist is never forgotten, so that this moment of it is never due again.
        self.due[slot] = match forget_at(&context, device) {
            never if never <= known => device.roster.due(&context),
            _ => when(&context, device),
        };
        self.waiting.count(commands, device.roster.commands.count());
        self.edges.extend(forget.map(|at| (at, What::Forgotten)));
        self.say(number, now);
        if forget.is_some() {
            self.remove(number);
        }
    }

    /// Sets the sequence number that a device is expected to send next on a stream; false when the device is not
    /// known or has no numbers there.
    pub fn set_next(&mut self, id: &str, stream: &str, next: u64, now: Now) -> bool {
        let (Some(slot), Some(stream)) = (self.find(id), self.stream_named(stream)) else { return false };
        if !self.is_kept(slot, now) {
            return false;
        }
        let breaks = self.link.breaks();
        let device = self.devices.get_mut(slot);
        device.is_some_and(|device| device.roster.sequence.set_next(stream, next, breaks))
    }

    /// Forgets a device at once, as an operator wishes; false when it is not known.
    pub fn forget(&mut self, id: &str) -> bool {
        let slot = self.find(id);
        slot.inspect(|slot| self.remove(*slot)).is_some()
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let Some(device) = self.devices.take(slot) else { return };
        self.waiting.count(device.roster.commands.count(), (0, 0));
        self.kin.forget(slot, &device);
        let hash = self.hasher.hash_one(&*device.id);
        if let Ok(entry) = self.by_id.find_entry(hash, |known| *known == slot) {
            entry.remove();
        }
        self.due[slot as usize] = Mono::NEVER;
        self.free.push(slot);
        self.series.remove(slot);
    }
}

/// When a device must be looked at next.
pub(super) fn when(context: &Context, device: &Device) -> Mono {
    device.roster.due(context).min(forget_at(context, device))
}

fn forget_at(context: &Context, device: &Device) -> Mono {
    context.rules.forget_after.map_or(Mono::NEVER, |after| device.touched.plus(after))
}
