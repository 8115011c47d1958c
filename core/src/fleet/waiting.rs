//! The commands of the whole fleet that wait: how many there may be at once, who gives way, and whose command an answer
//! belongs to that came on a topic of somebody else. The commands themselves are with their devices; nothing here may
//! depend on how often anybody looks.

use super::Fleet;
use super::message::Message;
use super::passing::when;
use crate::exchange::{Request, Response, Said};
use crate::finding::{Command, What};
use crate::time::{Mono, Now};
use crate::tracker::{Context, Tracker};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// What is known of all commands together.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The number of the next request.
    next: u64,
    /// Commands in the order of their requests, with their devices. Some wait no longer: they are swept out when
    /// there are too many of them.
    order: VecDeque<(u64, u32)>,
    /// Commands by the hash of their answer's topic and correlation data.
    replies: HashMap<u64, (u64, u32), foldhash::fast::RandomState>,
    /// How many wait, and how many are settled and remembered.
    count: (usize, usize),
}

impl Waiting {
    /// A device had so many commands before, and has so many now.
    pub(super) fn count(&mut self, before: (usize, usize), after: (usize, usize)) {
        self.count.0 = (self.count.0 + after.0).saturating_sub(before.0);
        self.count.1 = (self.count.1 + after.1).saturating_sub(before.1);
    }

    /// Whether an answer with this hash belongs to a command that is known here.
    pub(super) fn expects(&self, reply: u64) -> bool {
        self.replies.contains_key(&reply)
    }

    /// The number of the next request.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Fleet {
    /// How many commands wait for an answer.
    pub fn pending_commands(&self) -> usize {
        self.waiting.count.0
    }

    /// How many of them wait for a device that is offline.
    pub fn waiting_commands(&self) -> usize {
        self.devices().map(|device| device.roster.commands.queued()).sum()
    }

    /// The device that an answer belongs to, where it came on a topic of another.
    pub(super) fn asked_elsewhere(&self, said: &Said, slot: u32) -> Option<u32> {
        let Said::Response(response) = said else { return None };
        let (serial, asked) = *self.waiting.replies.get(&response.ids.reply?)?;
        let known = self.devices[asked as usize].as_ref()?.roster.commands.holds(serial);
        (asked != slot && known.is_some()).then_some(asked)
    }

    /// What a message says of a command is with its device now: an answer may belong to another, and a request may be
    /// one too many.
    pub(super) fn settle_commands(
        &mut self,
        (slot, asked): (u32, Option<u32>),
        said: &Said,
        at: Mono,
        now: Now,
    ) {
        match said {
            Said::Request(request) => self.note_request(slot, request, at, now),
            Said::Response(response) => {
                if let Some(asked) = asked.filter(|asked| self.is_kept(*asked, now)) {
                    self.answer_elsewhere(asked, response, at, now);
                }
            }
            Said::Nothing => {}
        }
        self.bound_settled(asked.unwrap_or(slot), now);
    }

    /// An answer that came on a topic of another device goes to the device that was asked.
    fn answer_elsewhere(&mut self, slot: u32, response: &Response, at: Mono, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(slot) else { return };
        let before = device.roster.commands.count();
        device.roster.tick(&context, at, &mut self.edges);
        device.roster.commands.answer(&context, response, self.watched_since, at, &mut self.edges);
        self.waiting.count(before, device.roster.commands.count());
        self.due[slot as usize] = when(&context, device);
        self.earliest = self.earliest.min(self.due[slot as usize]);
        self.say(slot, now);
    }

    /// A request was taken up by its device.
    fn note_request(&mut self, slot: u32, request: &Request, at: Mono, now: Now) {
        let Some(device) = &self.devices[slot as usize] else { return };
        if device.roster.commands.is_fresh() {
            let said = self.stats.tally.commands.sent(request, at);
            self.edges.extend(said.map(|said| (at, What::Command(said))));
        }
        if device.roster.commands.holds(request.serial).is_some() {
            self.waiting.order.push_back((request.serial, slot));
            if let Some(reply) = request.ids.reply {
                self.waiting.replies.insert(reply, (request.serial, slot));
            }
        }
        self.say(slot, now);
        self.bound_commands(at, now);
    }

    /// Gives up the oldest commands where too many wait, and forgets those that were settled first where too many are
    /// remembered.
    pub(super) fn bound_commands(&mut self, at: Mono, now: Now) {
        let max = self.rules.commands.pending_max;
        while self.waiting.count.0 > max {
            let Some((serial, slot)) = self.waiting.order.pop_front() else { break };
            // It may have been answered since, or be due to time out.
            if self.waits(serial, slot) && self.is_kept(slot, now) && self.waits(serial, slot) {
                self.drop_command(serial, slot, at, now);
            }
        }
        self.sweep();
    }

    /// Settled commands give way on the device that has the newest, so that their number never grows beyond the limit.
    pub(super) fn bound_settled(&mut self, slot: u32, now: Now) {
        let max = self.rules.commands.pending_max;
        if self.waiting.count.0 + self.waiting.count.1 <= max {
            return;
        }
        // Some of those that wait may have timed out, and some of the others only wait to be forgotten.
        self.look(self.link.known(), now);
        let Some(device) = self.devices.get_mut(slot) else { return };
        while self.waiting.count.1 > max && device.roster.commands.forget_settled() {
            self.waiting.count.1 -= 1;
        }
    }

    fn waits(&self, serial: u64, slot: u32) -> bool {
        let device = self.devices[slot as usize].as_ref();
        device.and_then(|device| device.roster.commands.holds(serial)).unwrap_or(false)
    }

    fn drop_command(&mut self, serial: u64, slot: u32, at: Mono, now: Now) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(slot) else { return };
        let before = device.roster.commands.count();
        device.roster.commands.drop_one(serial, at, &mut self.edges);
        self.waiting.count(before, device.roster.commands.count());
        self.due[slot as usize] = when(&context, device);
        self.earliest = self.earliest.min(self.due[slot as usize]);
        self.stats.tally.commands.dropped += 1;
        self.say(slot, now);
        self.bound_settled(slot, now);
    }

    /// Sweeps out what waits no longer, once it is more than what does.
    fn sweep(&mut self) {
        const FEW: usize = 1024;
        let Waiting { order, replies, count, .. } = &self.waiting;
        let (many_old, many_replies) =
            (order.len() > 2 * count.0 + FEW, replies.len() > 2 * (count.0 + count.1) + FEW);
        if many_old {
            let mut order = std::mem::take(&mut self.waiting.order);
            order.retain(|(serial, slot)| self.waits(*serial, *slot));
            self.waiting.order = order;
        }
        if many_replies {
            let Self { devices, waiting, .. } = self;
            let holds = |serial: u64, slot: u32| {
                devices[slot as usize].as_ref().is_some_and(|of| of.roster.commands.holds(serial).is_some())
            };
            waiting.replies.retain(|_, (serial, slot)| holds(*serial, *slot));
        }
    }

    /// Finds everything out anew, after the devices were restored.
    pub(crate) fn recount_commands(&mut self, now: Now) {
        let mut waiting = Waiting::default();
        let mut order = Vec::new();
        for (slot, device) in (0u32..).zip(self.devices.iter()) {
            let Some(device) = device else { continue };
            let commands = &device.roster.commands;
            waiting.count((0, 0), commands.count());
            order.extend(commands.waiting().map(|(serial, _)| (serial, slot)));
            for (serial, reply) in commands.replies() {
                waiting.replies.insert(reply, (serial, slot));
            }
            waiting.next = waiting.next.max(commands.last_number());
        }
        order.sort_unstable();
        waiting.order = order.into();
        self.waiting = waiting;
        self.bound_commands(self.link.known(), now);
    }

    /// A retained message was delivered because we subscribed. It is no sign of life, but it says how things are set,
    /// and a retained command is a mistake.
    pub(super) fn see_retained(&mut self, slot: u32, message: &Message, at: Mono, now: Now) {
        self.keep_statement(slot, message, at, now);
        let event = message.event(&self.rules, &self.kin, message.said, self.watched());
        let Some(device) = self.devices.get_mut(slot) else { return };
        device.roster.settings.see(&self.rules.secrets, &event, true, at, &mut self.edges);
        if let Said::Request(request) = message.said
            && device.roster.commands.retained(request.print)
        {
            let (command, id) = (request.command.clone(), request.ids.shown.clone());
            self.edges.push((at, What::Command(Command::Retained { command, id })));
        }
        self.say(slot, now);
    }
}
