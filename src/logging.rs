//! The program's own diagnostics: to stderr, as logfmt-like text or JSON. Never to the audit log, and never the
//! `log` crate of our libraries, which would print whole packets.

use crate::config::Log;
use anyhow::Context;
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

/// Starts logging; a second start (the demo, a test) changes nothing.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let level: Directive = log.level.parse().with_context(|| format!("log.level {}", log.level))?;
    // Libraries have nothing to say to an operator below a warning.
    let filter = EnvFilter::new("warn")
        .add_directive(format!("watchkeeper={level}").parse().context("the log filter is not valid")?);
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = if log.json {
        builder.json().try_init()
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    // Already started is fine.
    drop(started);
    Ok(())
}
