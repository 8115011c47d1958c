//! The way of a message from a broker into the log. Audited messages have connections of their own, and a thread: a
//! flood of telemetry keeps the engine busy and never the audit log. Each message becomes a record, and is acknowledged
//! when the record is on disk. Nothing here may block but the thread itself, in `poll`.

mod clerk;
pub(crate) mod counts;
mod ear;
mod ledger;
mod memory;
mod notes;
mod page;
#[cfg(test)]
mod tests;

use super::echo::Echo;
use super::marks::Marks;
use crate::config::Broker;
use crate::ingest::{self, Role, status::LinkStatus};
use clerk::{Clerk, Terms};
use counts::Counts;
use memory::Memory;
pub(crate) use notes::Notes;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::LocalSet;
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::{line, tail};
use watchkeeper_core::names::narrow_subscriptions;
use watchkeeper_core::rules::FleetRules;

/// Messages that a broker of MQTT 5 may have under way to us at once. It bounds what is not safe yet, and with the time
/// that a write takes, how many a second there can be.
const WINDOW: u16 = 1_000;

/// One broker whose audited messages are to be kept.
pub(crate) struct Source {
    /// The broker, with its client id made sure.
    pub(crate) broker: Broker,
    /// Its streams.
    pub(crate) rules: FleetRules,
    /// Where the connection says how it is.
    pub(crate) status: Arc<LinkStatus>,
    /// What is counted.
    pub(crate) counts: Arc<Counts>,
    /// Where the engine hears of commands.
    pub(crate) echo: Arc<Echo>,
}

/// What the intake is given.
pub(crate) struct Setup {
    /// The brokers; one without audited streams is left alone.
    pub(crate) sources: Vec<Source>,
    /// The log.
    pub(crate) marks: Arc<Marks>,
    /// What must not be in it.
    pub(crate) mask: Arc<Mask>,
    /// What is known of our sessions.
    pub(crate) notes: Arc<Notes>,
    /// How long a stop may wait for the disk.
    pub(crate) patience: Duration,
}

/// Filters that bring the audited streams of a broker, and little else; empty: there are none.
pub(crate) fn filters(rules: &FleetRules) -> Vec<String> {
    let audited = rules.streams.iter().filter(|stream| stream.is_audited());
    narrow_subscriptions(audited.map(|stream| &stream.pattern))
}

/// Starts the thread; it ends when `stop` is true (or its sender gone), what was taken is safe and acknowledged, and the
/// brokers have heard goodbye. `dir` is the folder of the log, which says what was recorded before.
pub(crate) fn start(
    setup: Setup,
    dir: &Path,
    stop: watch::Receiver<bool>,
) -> std::io::Result<JoinHandle<()>> {
    let dir = dir.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("audit-intake".to_owned()).spawn(move || {
        let names: Vec<&str> = setup.sources.iter().map(|source| &*source.broker.name).collect();
        let memories = remember(&names, &setup.notes, &dir, memory::MESSAGES_MAX as u64);
        LocalSet::new().block_on(&runtime, run(setup, memories, stop));
        // A look-up of a name that hangs must not hold up the stop.
        runtime.shutdown_background();
    })
}

/// What the log has of each broker: what may come again, and so many more messages.
fn remember(brokers: &[&str], notes: &Notes, dir: &Path, more: u64) -> Vec<Memory> {
    let known: Vec<_> = brokers.iter().map(|broker| notes.open_since(broker)).collect();
    // Of each broker so many: one that is busy must not push another out of what is read.
    let mut needed: Vec<u64> = known.iter().map(|(_, open)| open.saturating_add(more)).collect();
    let all = needed.iter().fold(0_u64, |all, one| all.saturating_add(*one));
    let mut memories: Vec<Memory> =
        known.iter().map(|(settled, _)| settled.map_or_else(Memory::new, Memory::settled_before)).collect();
    let counts = |line: &str| {
        let mut at = None;
        for (key, value) in line::fields(line) {
            match &*key {
                "broker" => at = brokers.iter().position(|broker| **broker == *value),
                "dup" => return false,
                _ => {}
            }
        }
        let Some(left) = at.map(|at| &mut needed[at]).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    };
    let read = tail::each(dir, all, counts, |line| {
        for (broker, memory) in brokers.iter().zip(&mut memories) {
            if memory.read(broker, line)
                && let Some(at) = line::ts(line.as_bytes())
            {
                notes.recorded(broker, at);
            }
        }
    });
    match read {
        Ok(true) => {}
        // More than anybody wants to wait for.
        Ok(false) => memories.iter_mut().for_each(Memory::is_partial),
        Err(error) => {
            tracing::warn!(
                %error, dir = %dir.display(),
                "the last records cannot all be read; what the brokers mark as a repetition is marked for a while, \
                 whether or not it was there before"
            );
            memories.iter_mut().for_each(Memory::is_partial);
        }
    }
    memories
}

async fn run(setup: Setup, memories: Vec<Memory>, stop: watch::Receiver<bool>) {
    let Setup { sources, marks, mask, notes, patience } = setup;
    let mut connections = Vec::new();
    for (Source { broker, rules, status, counts, echo }, memory) in sources.into_iter().zip(memories) {
        let role = Role::Audit { filters: filters(&rules), window: WINDOW };
        let Role::Audit { filters, .. } = &role else { continue };
        if filters.is_empty() {
            continue;
        }
        let terms = Terms {
            broker: broker.name.clone(),
            client_id: ingest::client_id_of(&broker, &role),
            filters: filters.clone(),
            patience,
            echo,
        };
        let (marks, mask, notes) = (Arc::clone(&marks), Arc::clone(&mask), Arc::clone(&notes));
        let clerk = Clerk::new(terms, &rules, marks, mask, notes, counts, memory);
        let connection = ingest::connect_kept(&broker, role, clerk, status, stop.clone());
        connections.push(tokio::task::spawn_local(connection));
    }
    for connection in connections {
        if let Err(error) = connection.await {
            tracing::error!(%error, "a connection for audited messages ended badly");
        }
    }
}
