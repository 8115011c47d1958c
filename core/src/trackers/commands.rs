//! Commands of one device from request to answer: which wait, since when, and what became of them.
//!
//! An answer belongs to the command that has one of its ids. The first answer settles a command, whatever its status;
//! after a `partial` one further parts may come. What is settled is remembered for the length of the time-out, so that
//! a late answer, a second one and a request that comes twice are told from what nobody asked for.
//!
//! A command that is sent while its device is offline waits: a broker that keeps the session delivers it later, and its
//! time begins when the device is back. One that was sent to a device that was there has its time whatever becomes of
//! the device. Our own outage stops the clock, and nothing times out in the first moments after it, when queued answers
//! arrive.

mod table;
#[cfg(test)]
mod tests;

use super::rare::Rare;
use crate::event::Event;
use crate::exchange::{Response, Said};
use crate::finding::{Command, What};
use crate::time::{Micros, Mono};
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};
pub use table::Entry;
use table::Table;

/// The commands of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commands {
    table: Rare<Table>,
}

impl Commands {
    /// How many wait for an answer; none where the device never had a command.
    pub fn pending(&self) -> Option<usize> {
        self.table.get().map(Table::pending)
    }

    /// How many wait, and how many are settled and remembered.
    pub(crate) fn count(&self) -> (usize, usize) {
        self.table.get().map_or((0, 0), |table| (table.pending(), table.settled()))
    }

    /// How many of them wait for the device to be back.
    pub fn queued(&self) -> usize {
        self.table.get().map_or(0, Table::queued)
    }

    /// The commands that wait, the oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.table.get().into_iter().flat_map(Table::waiting)
    }

    /// Whether the last request was one that was not there before.
    pub fn is_fresh(&self) -> bool {
        self.table.get().is_some_and(|table| table.is_fresh)
    }

    /// Whether a command with this number is known, and whether it waits.
    pub(crate) fn holds(&self, serial: u64) -> Option<bool> {
        self.table.get().and_then(|table| table.holds(serial))
    }

    /// Every command with another way to its answer than its device: number and hash.
    pub(crate) fn replies(&self) -> impl Iterator<Item = (u64, u64)> {
        self.table.get().into_iter().flat_map(Table::replies)
    }

    /// The largest number of a command.
    pub(crate) fn last_number(&self) -> u64 {
        self.table.get().map_or(0, Table::last_number)
    }

    /// Gives a command up because too many wait.
    pub(crate) fn drop_one(&mut self, serial: u64, now: Mono, edges: &mut Edges) {
        if let Some(table) = self.table.get_mut() {
            table.give_up(serial, now, edges);
        }
    }

    /// Forgets the settled command that was settled first; false when there is none.
    pub(crate) fn forget_settled(&mut self) -> bool {
        self.table.get_mut().is_some_and(Table::forget_settled)
    }

    /// An answer, on whatever topic it came.
    pub fn answer(
        &mut self,
        context: &Context,
        response: &Response,
        watched_since: Mono,
        now: Mono,
        edges: &mut Edges,
    ) {
        let away = now.since(watched_since) < context.rules.commands.timeout;
        if let Some(what) = self.table.make().answer(response, away, now, edges) {
            edges.push((now, What::Command(what)));
        }
    }

    /// What a message says of a command, however it came.
    pub fn hear(
        &mut self,
        context: &Context,
        said: &Said,
        is_offline: bool,
        watched_since: Mono,
        now: Mono,
        edges: &mut Edges,
    ) {
        match said {
            Said::Nothing => {}
            Said::Request(request) => {
                if !request.faults.is_empty() {
                    let (command, id) = (request.command.clone(), request.ids.shown.clone());
                    let faults = request.faults.clone();
                    edges.push((now, What::Command(Command::RequestInvalid { command, id, faults })));
                }
                let what = self.table.make().ask(request, is_offline, now);
                edges.extend(what.map(|what| (now, What::Command(what))));
            }
            Said::Response(response) => {
                if !response.faults.is_empty() {
                    let (id, faults) = (response.ids.shown.clone(), response.faults.clone());
                    edges.push((now, What::Command(Command::ResponseInvalid { id, faults })));
                }
                if !response.ids.keys.is_empty() {
                    self.answer(context, response, watched_since, now, edges);
                }
            }
        }
    }

    /// A message was missed when it was sent, and is known since this moment.
    pub(crate) fn missed(&mut self, at: Mono) {
        self.table.make().missed(at);
    }

    /// A command that waits was not answered in time, as the log knows.
    pub(crate) fn time_out(&mut self, id: &str, timeout: Micros, at: Mono, edges: &mut Edges) {
        if let Some(table) = self.table.get_mut() {
            table.time_out(id, timeout, at, edges);
        }
    }

    /// The device is back.
    pub(super) fn back(&mut self, now: Mono) {
        if let Some(table) = self.table.get_mut() {
            table.back(now);
        }
    }

    /// A retained request was delivered because we subscribed; said once a request.
    pub fn retained(&mut self, print: u64) -> bool {
        self.table.make().retained(print)
    }
}

impl Tracker for Commands {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        self.hear(context, event.said, event.is_offline, event.watched_since, now, edges);
    }

    fn tick(&mut self, context: &Context, now: Mono, edges: &mut Edges) {
        if let Some(table) = self.table.get_mut() {
            table.tick(context.rules.commands.timeout, now, edges);
        }
    }

    fn due(&self, context: &Context) -> Mono {
        self.table.get().map_or(Mono::NEVER, |table| table.due(context.rules.commands.timeout))
    }

    fn resume(&mut self, context: &Context, now: Mono) {
        if let Some(table) = self.table.get_mut() {
            table.resume(context.rules.commands.timeout, now);
        }
    }
}
