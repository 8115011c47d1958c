//! `audit tail`, and `audit search --follow`: records as they are written, until interrupted or until nobody reads
//! what is printed.

use super::print::Printer;
use super::{Refused, Streams, folder, words};
use crate::cli::audit_args::Tail;
use crate::clock;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
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
    let interrupted = until_interrupted();
    let mut written = Ok(());
    let mut each = |said: Said<'_>| {
        written = say(said, printer, &mut **out, &mut **err);
        let over = written.is_err() || interrupted.load(Ordering::Relaxed);
        if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    run(&mut each)?;
    written?;
    Ok(0)
}

/// Turns true when we are to end. Where no signal can be heard, one ends us as it ends any program.
fn until_interrupted() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&interrupted);
    let wait = move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            tokio::select! {
                heard = tokio::signal::ctrl_c() => heard,
                _ = terminate.recv() => Ok(()),
            }
        })?;
        told.store(true, Ordering::Relaxed);
        Ok(())
    };
    // Nobody waits for it: it ends with the process.
    drop(std::thread::Builder::new().name("signals".to_owned()).spawn(wait));
    interrupted
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
