//! The command line: one file a subcommand, all declared in `args`. It parses, asks, prints, and gives an exit
//! code. Nothing here may know how a room works, or write anywhere but to the writer it is given.

pub(crate) mod args;
mod audit;
mod audit_args;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod demo;
mod doctor;
pub(crate) mod healthcheck;
mod help;
mod queues;
mod queues_args;
pub(crate) mod report;
mod sample;
mod sample_members;
mod sample_points;
mod session_test;
pub(crate) mod simulate;
mod simulate_values;
pub(crate) mod state;

use crate::config::{Config, Flags, Sources};
use crate::sidecar;
use args::{Cli, Command};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Bad arguments or configuration.
const BAD: u8 = 2;

/// Says why the arguments are refused, or the help that was asked for, and gives the exit code.
pub(crate) fn refused(error: &clap::Error, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    // Where even the error stream is closed, the exit code is all that is left to say.
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ if is_verify(arguments) => ExitCode::from(audit::VERIFY_USAGE),
        _ => ExitCode::from(BAD),
    }
}

/// To `audit verify` 2 means something else than bad arguments.
fn is_verify(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut words = arguments.skip(1).filter(|word| !word.to_string_lossy().starts_with('-'));
    words.next().is_some_and(|word| word == "audit") && words.next().is_some_and(|word| word == "verify")
}

/// Does what was asked and says how it ended.
pub(crate) fn dispatch(
    cli: Cli,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let done = match cli.command {
        Command::Check(arguments) => return check::run(&arguments, env, out, err),
        Command::Audit(arguments) => return audit::run(&arguments, env, out, err),
        Command::Completions { shell } => completions::shell(shell, out).map(|()| ExitCode::SUCCESS),
        Command::Man { dir } => completions::man(&dir, out).map(|()| ExitCode::SUCCESS),
        Command::Run(arguments) => {
            let (path, flags) = (arguments.common.config.clone(), arguments.flags());
            match configured(path.as_deref(), env.clone(), flags.clone(), err) {
                Some(config) => {
                    let reread = move || {
                        let sources = Sources::gather(path.as_deref(), env.clone(), flags.clone());
                        sources.and_then(|sources| sources.read()).map_err(|problems| problems.to_string())
                    };
                    sidecar::run(config, Some(Box::new(reread)), &mut |_| Ok(())).map(|()| ExitCode::SUCCESS)
                }
                None => Ok(ExitCode::from(BAD)),
            }
        }
        Command::Doctor(arguments) => {
            match configured(arguments.common.config.as_deref(), env, arguments.common.flags(), err) {
                Some(config) => {
                    for warning in &config.warnings {
                        let _ = writeln!(err, "warning: {warning}");
                    }
                    alone(doctor::run(arguments, config, out))
                }
                None => Ok(ExitCode::from(BAD)),
            }
        }
        Command::SessionTest(arguments) => {
            match configured(arguments.common.config.as_deref(), env, arguments.common.flags(), err) {
                // Whatever keeps it from running, 1 would say that messages were lost.
                Some(config) => alone(session_test::run(arguments, config, out)).or_else(|error| {
                    let _ = writeln!(err, "error: {error:#}");
                    Ok(ExitCode::from(BAD))
                }),
                None => Ok(ExitCode::from(BAD)),
            }
        }
        Command::Demo(arguments) => demo::run(&arguments, env, out, err),
        Command::Simulate(arguments) => alone(simulate::run(arguments, out)),
        Command::State(arguments) => alone(state::run(&arguments, out)),
        Command::Report(arguments) => alone(report::run(&arguments, out)),
        Command::Queues(arguments) => alone(queues::run(&arguments, out)),
        Command::Healthcheck(arguments) => {
            alone(async { Ok(ExitCode::from(healthcheck::run(&arguments, out).await?)) })
        }
    };
    done.unwrap_or_else(|error| {
        // Where even the error stream is closed, the exit code is all that is left to say.
        let _ = writeln!(err, "error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The configuration as meant; none when it is bad, after every problem was printed.
fn configured(
    path: Option<&Path>,
    env: Vec<(String, String)>,
    flags: Flags,
    err: &mut dyn Write,
) -> Option<Config> {
    match Sources::gather(path, env, flags).and_then(|sources| sources.read()) {
        Ok(config) => Some(config),
        Err(problems) => {
            let _ = writeln!(err, "{problems}");
            None
        }
    }
}

/// Runs a command that needs no more than one thread.
fn alone(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
