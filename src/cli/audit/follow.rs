//! `audit tail`, and `audit search --follow`: records as they are written, until interrupted or until nobody reads
//! what is printed.

use super::print::Printer;
use super::{Refused, Streams, folder, words};
use crate::cli::audit_args::Tail;
use crate::clock;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use watchkeeper_audit::search::{Continue, Error, Query, Said, Sleep, Words, follow, newest, tail};

/// The newest records, then those that come.
pub(super) fn run(
    arguments: &Tail,
    env: Vec<(String, String)>,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    let dir = folder(&arguments.place, env)?;
    let words = Words { after: arguments.after.clone(), ..words(&arguments.filters) };
    let query = words.query(clock::wall()).map_err(Refused::Wrong)?;
    let printer = Printer::new(arguments.format);
    // A folder that is none is refused before anything is printed.
    newest(&dir)?;
    printer.head(streams.out)?;
    let after = arguments.after.as_deref().and_then(|after| after.parse().ok());
    let lines = arguments.lines;
    tell(&printer, streams, |each| match after {
        Some(after) => follow(&dir, &query, Some(after), &mut Sleep::default(), each),
        None => tail(&dir, &query, lines, &mut Sleep::default(), each),
    })
}

/// Those that come after this one.
pub(super) fn from(
    dir: &Path,
    query: &Query,
    after: Option<u64>,
    printer: &Printer,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    tell(printer, streams, |each| follow(dir, query, after, &mut Sleep::default(), each))
}

fn tell(
    printer: &Printer,
    streams: &mut Streams<'_>,
    run: impl FnOnce(&mut dyn FnMut(Said<'_>) -> Continue) -> Result<(), Error>,
) -> Result<u8, Refused> {
    let Streams { out, err } = streams;
    let mut written = Ok(());
    let mut each = |said: Said<'_>| {
        written = say(said, printer, &mut **out, &mut **err);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    run(&mut each)?;
    written?;
    Ok(0)
}

fn say(said: Said<'_>, printer: &Printer, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    match said {
        // At once: somebody waits for it.
        Said::Line(line) => printer.line(line, out).and_then(|()| out.flush()),
        Said::Pruned { first_seq } => {
            writeln!(err, "note: records were pruned before they could be shown; going on with {first_seq}")
        }
        Said::Problem(problem) => writeln!(err, "note: {problem}"),
        Said::Idle => Ok(()),
    }
}
