//! `audit`: the log on the command line. It reads the folder where it lies and nothing else, so that it works with the
//! sidecar down and on a copy; it must never write there.

mod counts;
mod export;
mod follow;
mod print;
mod search;
mod stats;
mod verify;

use super::audit_args::{Audit, Filters, Where};
use crate::config::{Flags, Sources};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use watchkeeper_audit::search::{Error, Problem, Words, Wrong};

/// Bad usage of `audit verify`, to which 2 means something else.
pub(super) const VERIFY_USAGE: u8 = 3;

/// Where answers and everything else go.
pub(super) struct Streams<'a> {
    /// Standard output.
    pub(super) out: &'a mut dyn Write,
    /// Standard error.
    pub(super) err: &'a mut dyn Write,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// The words make no question.
    #[error("{}", .0.iter().map(spelled).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Wrong>),
    /// The configuration cannot be read.
    #[error("{0}")]
    Config(#[from] crate::config::Problems),
    /// The folder is none of the log, or what was asked for is not in it any more.
    #[error(
        "error: {0}\n  = cure: --dir DIR says where the log is; it is audit below the folder of --data-dir"
    )]
    Search(#[from] Error),
    /// What was found could not be written.
    #[error("error: the output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// Anything else, with its cure.
    #[error("error: {0}")]
    Other(String),
}

/// Does what was asked and says how it ended.
pub(crate) fn run(
    arguments: &Audit,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let mut streams = Streams { out, err };
    let done = match arguments {
        Audit::Search(search) => search::run(search, env, &mut streams),
        Audit::Tail(tail) => follow::run(tail, env, &mut streams),
        Audit::Verify(verify) => verify::run(verify, env, &mut streams),
        Audit::Stats(stats) => stats::run(stats, env, &mut streams),
        Audit::Export(export) => export::run(export, env, &mut streams),
    };
    let code = done.unwrap_or_else(|refused| match refused {
        // Whoever reads us has enough: that is no mistake.
        Refused::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        refused => {
            // Where even the error stream is closed, the exit code is all that is left to say.
            let _ = writeln!(streams.err, "{refused}");
            if matches!(arguments, Audit::Verify(_)) { VERIFY_USAGE } else { super::BAD }
        }
    });
    ExitCode::from(code)
}

/// A mistake as it is told on the command line.
fn spelled(wrong: &Wrong) -> String {
    let name = match wrong.parameter.as_str() {
        "text" => "TEXT".to_owned(),
        "step" => "--histogram".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    };
    format!("error: {name}: {}\n  = cure: {}", wrong.what, wrong.cure)
}

/// The folder of the log: as it is said, or where the sidecar would have it.
fn folder(place: &Where, env: Vec<(String, String)>) -> Result<PathBuf, Refused> {
    if let Some(dir) = &place.dir {
        return Ok(dir.clone());
    }
    let flags = Flags { data_dir: place.data_dir.clone(), ..Flags::default() };
    Ok(Sources::gather(place.config.as_deref(), env, flags)?.audit_dir()?)
}

/// The filters as the search wants them.
fn words(filters: &Filters) -> Words {
    let Filters {
        text,
        kind,
        device,
        client,
        event,
        level,
        field,
        regex,
        not,
        any,
        ignore_case,
        since,
        until,
    } = filters.clone();
    Words {
        text,
        kind,
        device,
        client,
        event,
        level,
        field,
        regex,
        not,
        any,
        ignore_case,
        since,
        until,
        ..Words::default()
    }
}

/// What was not as it should be, on standard error.
fn say_problems(problems: &[Problem], err: &mut dyn Write) {
    for problem in problems {
        // The answers are what counts; where nobody hears the rest, the exit status says it.
        let _ = writeln!(err, "note: {problem}");
    }
}

/// The exit status of an answer: one that may lack records is not as good as it looks.
fn status(answered: u8, problems: &[Problem]) -> u8 {
    if problems.iter().any(Problem::hides_records) { super::BAD } else { answered }
}
