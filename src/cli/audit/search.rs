//! `audit search`: the records that match to standard output, what it took to standard error.

use super::print::Printer;
use super::{Refused, Streams, counts, folder, follow, say_problems, status, words};
use crate::cli::audit_args::Search as Arguments;
use crate::clock;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use watchkeeper_audit::line;
use watchkeeper_audit::search::{Limits, Order, Query, Search, Summary, Words, Wrong, newest};

/// So much is collected before it is written.
const PIECE: usize = 64 << 10;

/// Found, and nothing found.
const FOUND: u8 = 0;
const NOTHING: u8 = 1;

/// Searches, and follows if it is asked to.
pub(super) fn run(
    arguments: &Arguments,
    env: Vec<(String, String)>,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    let dir = folder(&arguments.place, env)?;
    let query = query(arguments)?;
    let printer = Printer::new(arguments.format);
    if query.counts() {
        let summary = Search::run(&dir, &query, &limits(), &mut |_| ControlFlow::Continue(()))?;
        counts::print(arguments, &summary, printer.is_json(), streams.out)?;
        return Ok(ended(&summary, streams));
    }
    if arguments.follow {
        return follow_on(&dir, &query, &printer, streams);
    }
    let summary = print(&dir, &query, &printer, None, streams.out)?;
    Ok(ended(&summary, streams))
}

/// The question, or everything that is wrong with it.
fn query(arguments: &Arguments) -> Result<Query, Refused> {
    let Arguments { filters, limit, order, after, count, by, histogram, follow, .. } = arguments;
    let words = Words {
        limit: limit.clone(),
        order: order.clone(),
        after: after.clone(),
        count: *count,
        by: by.clone(),
        histogram: histogram.clone(),
        ..words(filters)
    };
    let query = words.query(clock::wall()).map_err(Refused::Wrong)?;
    if *follow && query.order() == Order::Desc {
        return Err(Refused::Wrong(vec![Wrong {
            parameter: "order".to_owned(),
            what: "what is followed comes as it happens, the oldest first".to_owned(),
            cure: "leave out --order desc, or --follow".to_owned(),
        }]));
    }
    Ok(query)
}

fn limits() -> Limits {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Limits { threads, ..Limits::default() }
}

/// Prints what is there, up to record `newest` where one is given.
fn print(
    dir: &Path,
    query: &Query,
    printer: &Printer,
    newest: Option<u64>,
    out: &mut dyn Write,
) -> Result<Summary, Refused> {
    let mut out = BufWriter::with_capacity(PIECE, out);
    let mut first = true;
    let mut written = Ok(());
    let mut each = |line: &str| {
        // What is written just now is told by following.
        if newest.is_some_and(|newest| line::seq(line.as_bytes()) > Some(newest)) {
            return ControlFlow::Continue(());
        }
        let head = if first { printer.head(&mut out) } else { Ok(()) };
        first = false;
        written = head.and_then(|()| printer.line(line, &mut out));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let summary = Search::run(dir, query, &limits(), &mut each)?;
    written.and_then(|()| out.flush())?;
    Ok(summary)
}

fn follow_on(dir: &Path, query: &Query, printer: &Printer, streams: &mut Streams<'_>) -> Result<u8, Refused> {
    let newest = newest(dir)?;
    let summary = print(dir, query, printer, newest, streams.out)?;
    say_problems(&summary.problems, streams.err);
    follow::from(dir, query, newest, printer, streams)
}

/// Says what it took.
fn ended(summary: &Summary, streams: &mut Streams<'_>) -> u8 {
    say_problems(&summary.problems, streams.err);
    // The exit code says it, too, where nobody hears this.
    let _ = say(summary, streams.err);
    status(if summary.matches > 0 { FOUND } else { NOTHING }, &summary.problems)
}

fn say(summary: &Summary, err: &mut dyn Write) -> io::Result<()> {
    let Summary { matches, scanned_bytes, skipped_bytes, took, .. } = summary;
    let records = if *matches == 1 { "record" } else { "records" };
    write!(err, "{matches} {records} found; {} looked through", size(*scanned_bytes))?;
    if *skipped_bytes > 0 {
        write!(err, ", {} skipped", size(*skipped_bytes))?;
    }
    writeln!(err, " in {}", span(*took))
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut shown, mut unit) = (bytes as f64, 0);
    while shown >= 1024.0 && unit + 1 < UNITS.len() {
        (shown, unit) = (shown / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{shown:.1} {}", UNITS[unit]) }
}

/// A time for people.
pub(super) fn span(took: Duration) -> String {
    if took < Duration::from_secs(1) {
        format!("{:.1} ms", took.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!([0, 1023, 1024, 1_572_864].map(size), ["0 B", "1023 B", "1.0 KiB", "1.5 MiB"]);
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        let spans = [12_345, 999_999, 1_234_567].map(|micros| span(Duration::from_micros(micros)));
        assert_eq!(spans, ["12.3 ms", "1000.0 ms", "1.23 s"]);
    }
}
