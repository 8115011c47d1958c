//! Watchkeeper: parse → build → announce → run → drain → exit code. Nothing here may know how a room works.

#![forbid(unsafe_code)]

mod audit;
mod cli;
mod clock;
mod config;
mod demo;
mod doctor;
mod engine;
mod ingest;
mod logging;
mod out;
mod own;
mod probe;
mod queues;
mod saver;
mod session_test;
mod sidecar;
mod simulate;
mod state;
mod talk;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match cli::args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refused(&error, std::env::args_os()),
    };
    // What is no UTF-8 cannot be a setting of ours, and a foreign variable must not stop us.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .collect();
    // Not locked for the whole run: the log writes from other threads.
    cli::dispatch(cli, env, &mut std::io::stdout(), &mut std::io::stderr())
}
