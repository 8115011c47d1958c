//! `[probe]`: how often our own messages go there and back, at which qualities of service, whether one of them is retained,
//! how long they may take, and how often a session is tested. Nothing here may connect.

use super::commands;
use crate::config::problem::{Fault, fault};
use crate::config::raw::Table;
use crate::config::tree::Node;
use crate::config::{Probe, words};
use std::cell::Cell;
use std::time::Duration;
use watchkeeper_core::time::SECOND;

/// More often would be load, and no better knowledge.
const LEAST: Duration = Duration::from_secs(1);
/// More seldom would be no watching.
const MOST: Duration = Duration::from_secs(7 * 86_400);
const EVERY: Duration = Duration::from_secs(60);

/// Reads the section.
pub(super) fn read(mut table: Table<'_>) -> Probe {
    let every = table.or("every", EVERY, every);
    let session_every = table.or("session_every", Duration::ZERO, every_session);
    let retained = table.or("retained", true, words::boolean);
    let is_empty = Cell::new(true);
    let read = table.values("qos", |node| {
        is_empty.set(false);
        qos(node)
    });
    if read.is_some() && is_empty.get() {
        let cure = "name at least one, such as [0, 1, 2]; every = \"0\" switches the probe off";
        let why = fault("there is no quality of service to probe", cure);
        table.ledger.refuse(&table.place, &table.key("qos"), why);
    }
    let mut qos = read.unwrap_or_else(|| vec![0, 1, 2]);
    qos.sort_unstable();
    qos.dedup();
    let promise = |quantile, within| watchkeeper_core::rules::Sla { quantile, within };
    let default = || vec![promise(0.95, SECOND / 10), promise(0.99, SECOND / 2)];
    let sla = commands::sla(&mut table).unwrap_or_else(default);
    table.finish();
    let some = |span: Duration| (!span.is_zero()).then_some(span);
    Probe { every: some(every), qos, retained, session_every: some(session_every), sla }
}

fn every(node: &Node) -> Result<Duration, Fault> {
    within(node, "\"60s\"")
}

fn every_session(node: &Node) -> Result<Duration, Fault> {
    within(node, "\"1h\"")
}

fn within(node: &Node, example: &str) -> Result<Duration, Fault> {
    let span = words::duration_or_zero(node)?;
    if span.is_zero() || (LEAST..=MOST).contains(&span) {
        return Ok(span);
    }
    let cure = format!("write a duration such as {example}, or \"0\" to switch it off");
    Err(fault("a probe goes once a second at most, and once in 7 days at least", cure))
}

fn qos(node: &Node) -> Result<u8, Fault> {
    Ok(u8::try_from(words::integer(0..=2)(node)?).unwrap_or(2))
}
