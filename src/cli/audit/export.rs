//! `audit export`: records in the forms of other systems, to standard output or a file. What could not be written is
//! told, and a file that is half written is not left under its name.

use super::search::span;
use super::{Refused, Streams, folder, say_problems, status, words};
use crate::cli::audit_args::{Export as Arguments, Form};
use crate::clock;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use watchkeeper_audit::export::{self, write};
use watchkeeper_audit::log::disk::FILE_MODE;
use watchkeeper_audit::search::{Limits, Query, Search, Summary};

/// So much is collected before it is written.
const PIECE: usize = 64 << 10;

/// Exports.
pub(super) fn run(
    arguments: &Arguments,
    env: Vec<(String, String)>,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    let dir = folder(&arguments.place, env)?;
    let query = words(&arguments.filters).query(clock::wall()).map_err(Refused::Wrong)?;
    let form = form(arguments.format);
    let (summary, odd) = match &arguments.out {
        None => give(&dir, &query, form, &mut *streams.out)?,
        Some(path) => to_file(&dir, &query, form, path)?,
    };
    say_problems(&summary.problems, streams.err);
    let Summary { matches, took, ref problems, .. } = summary;
    let _ = writeln!(streams.err, "{} records exported as {} in {}", matches - odd, form.word(), span(took));
    if odd > 0 {
        let _ = writeln!(streams.err, "note: {odd} lines are no records and were left out");
    }
    Ok(status(0, problems))
}

fn form(form: Form) -> export::Form {
    match form {
        Form::Ndjson => export::Form::Ndjson,
        Form::Ocsf => export::Form::Ocsf,
        Form::Ecs => export::Form::Ecs,
        Form::Otlp => export::Form::Otlp,
        Form::Cef => export::Form::Cef,
        Form::Syslog => export::Form::Syslog,
    }
}

/// A file is written beside it first, so that one of that name is whole, or as it was. A pipe or a device is written
/// into.
fn to_file(dir: &Path, query: &Query, form: export::Form, path: &Path) -> Result<(Summary, u64), Refused> {
    let cannot = |why: &dyn std::fmt::Display, cure: &str| {
        Refused::Other(format!("--out {}: {why}\n  = cure: {cure}", path.display()))
    };
    let refused = |error: &io::Error| {
        cannot(error, "name a file in a folder that this user may write, on a disk with room")
    };
    let before = std::fs::metadata(path).ok();
    if before.as_ref().is_some_and(|meta| !meta.is_file()) {
        let mut file = File::options().write(true).open(path).map_err(|error| refused(&error))?;
        return give(dir, query, form, &mut file).map_err(|why| match why {
            Refused::Output(error) if error.kind() != io::ErrorKind::BrokenPipe => refused(&error),
            other => other,
        });
    }
    // What a link leads to is what is meant.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if is_inside(path, dir) {
        let why = "this is the folder of the log, where only the log writes";
        return Err(cannot(&why, "name a file in another folder"));
    }
    let beside = beside(path);
    // Records are for whoever may read the log.
    let mode = before.map_or(FILE_MODE, |meta| meta.permissions().mode() & 0o777);
    let _ = std::fs::remove_file(&beside);
    let mut options = File::options();
    let mut file =
        options.write(true).create_new(true).mode(mode).open(&beside).map_err(|error| refused(&error))?;
    let given = give(dir, query, form, &mut file);
    let kept = given.and_then(|given| {
        file.sync_all().and_then(|()| std::fs::rename(&beside, path)).map_err(|error| refused(&error))?;
        Ok(given)
    });
    kept.map_err(|why| {
        // It may be gone already, and there is nothing more to be done.
        let _ = std::fs::remove_file(&beside);
        match why {
            Refused::Output(error) => refused(&error),
            other => other,
        }
    })
}

fn is_inside(path: &Path, dir: &Path) -> bool {
    let above = path.parent().filter(|above| *above != Path::new("")).unwrap_or(Path::new("."));
    match (std::fs::canonicalize(above), std::fs::canonicalize(dir)) {
        (Ok(above), Ok(dir)) => above.starts_with(dir),
        _ => false,
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

/// Writes what matches; says besides how many lines were no records.
fn give(
    dir: &Path,
    query: &Query,
    form: export::Form,
    out: &mut dyn Write,
) -> Result<(Summary, u64), Refused> {
    let origin = crate::audit::ORIGIN;
    let mut out = BufWriter::with_capacity(PIECE, out);
    let (mut odd, mut written) = (0, Ok(()));
    let mut each = |line: &str| match write(form, line, origin, &mut out) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            odd += 1;
            ControlFlow::Continue(())
        }
        Err(error) => {
            written = Err(error);
            ControlFlow::Break(())
        }
    };
    let summary = Search::run(dir, query, &Limits::default(), &mut each)?;
    written.and_then(|()| out.flush())?;
    Ok((summary, odd))
}
