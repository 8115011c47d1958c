//! From the tree to the checked `Config`: each section in turn, every problem collected, nothing half valid let
//! through. Nothing here may stop at the first mistake.

mod audit;
mod broker;
mod commands;
mod credentials;
mod files;
mod only;
mod points;
mod presence;
mod probe;
mod queues;
mod sections;
mod shard;
mod stream;
mod streams;
mod tls;

#[cfg(test)]
mod broken;
#[cfg(test)]
mod broken_streams;
#[cfg(test)]
mod built_in;
#[cfg(test)]
mod sound;

use super::Config;
use super::env::{Classic, lookup};
use super::problem::{Ledger, Problems};
use super::raw::Table;
use super::tree::{Members, Place};
use super::words;
use files::Files;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use broker::default_client_id;

/// Checks everything.
pub(crate) fn all(tree: Members, env: &[(String, String)], ledger: &Ledger<'_>) -> Result<Config, Problems> {
    let files = Files::new(ledger.folder(), lookup(env, "CREDENTIALS_DIRECTORY"));
    let mut root = Table::new(String::new(), Place::Nowhere, tree, ledger);
    let brokers = broker::all(&mut root, &Classic::read(env), &files);
    let streams = streams::all(&mut root);
    let errors = sections::errors(root.section("errors"));
    let commands = commands::read(root.section("commands"), &streams);
    let fleet = sections::fleet(root.section("fleet"), &files);
    let limits = sections::limits(root.section("limits"));
    let values = sections::metrics(root.section("metrics"));
    let web = sections::web(root.section("web"), &files);
    let log = sections::log(root.section("log"));
    let data_dir = sections::data_dir(&mut root, lookup(env, "STATE_DIRECTORY"), &files);
    let grace = root.or("grace", Duration::from_secs(10), words::duration_or_zero);
    let audit = audit::audit(root.section("audit"), &data_dir, &files);
    let mut queues = queues::queues(root.section("queues"), &brokers, &files);
    let mut probe = probe::read(root.section("probe"));
    let shard = shard::read(root.section("shard"));
    shard::only_first(shard, &mut queues, &mut probe);
    root.finish();
    let warnings = ledger.close()?;
    Ok(Config {
        brokers,
        streams,
        errors,
        commands,
        fleet,
        limits,
        values,
        web,
        data_dir,
        audit,
        queues,
        probe,
        shard,
        log,
        grace,
        warnings,
    })
}

/// Where the log is, and nothing else: whoever looks for a record must not be told of a mistake in a stream.
pub(crate) fn audit_dir(
    tree: Members,
    env: &[(String, String)],
    ledger: &Ledger<'_>,
) -> Result<PathBuf, Problems> {
    let files = Files::new(ledger.folder(), None);
    let mut root = Table::new(String::new(), Place::Nowhere, tree, ledger);
    let data_dir = sections::data_dir(&mut root, lookup(env, "STATE_DIRECTORY"), &files);
    let dir = audit::dir(&mut root.section("audit"), &data_dir, &files);
    ledger.close()?;
    Ok(dir)
}
