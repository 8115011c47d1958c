//! The command line: one file a subcommand, all declared in `args`. Nothing here may know how a room works, or
//! write anywhere but to the writer it is given.

pub(crate) mod args;
pub(crate) mod check;
pub(crate) mod completions;
mod help;
pub(crate) mod simulate;

use args::{Cli, Command};
use std::io::Write;
use std::process::ExitCode;

/// Does what was asked and says how it ended.
pub(crate) fn dispatch(
    cli: Cli,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let done = match cli.command {
        Command::Check(arguments) => return check::run(&arguments, env, out, err),
        Command::Completions { shell } => completions::shell(shell, out),
        Command::Man { dir } => completions::man(&dir, out),
        Command::Run(_) => not_wired("run"),
        Command::Demo(_) => not_wired("demo"),
        Command::Simulate(_) => not_wired("simulate"),
        Command::State(_) => not_wired("state"),
        Command::Healthcheck(_) => not_wired("healthcheck"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even the error stream is closed, the exit code is all that is left to say.
            let _ = writeln!(err, "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn not_wired(command: &str) -> anyhow::Result<()> {
    anyhow::bail!("«{command}» is not wired yet")
}
