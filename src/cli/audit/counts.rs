//! `audit search --count`, `--by` and `--histogram`: numbers in place of records.

use super::Refused;
use crate::cli::audit_args::Search;
use serde_json::json;
use std::io::{self, Write};
use watchkeeper_audit::line::{self, Format};
use watchkeeper_audit::search::{Summary, Tally};
use watchkeeper_core::time::Wall;

/// The longest bar of a histogram.
const BAR: u64 = 50;

/// Prints what was counted.
pub(super) fn print(
    arguments: &Search,
    summary: &Summary,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<(), Refused> {
    let none = Tally::default();
    let tally = summary.tally.as_ref().unwrap_or(&none);
    if as_json {
        writeln!(out, "{}", document(arguments, summary.matches, tally))?;
    } else if arguments.histogram.is_some() {
        histogram(tally, out)?;
    } else if arguments.by.is_some() {
        by(tally, out)?;
    } else {
        writeln!(out, "{}", summary.matches)?;
    }
    Ok(())
}

fn document(arguments: &Search, count: u64, tally: &Tally) -> serde_json::Value {
    let mut document = json!({"count": count});
    if let Some(field) = &arguments.by {
        let values: Vec<_> =
            tally.by.iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
        document["field"] = json!(field);
        document["values"] = json!(values);
        document["without"] = json!(tally.without);
        document["others"] = json!(tally.others);
    }
    if arguments.histogram.is_some() {
        let bucket = |(at, count): &(Wall, u64)| json!({"ts": at.rfc3339(), "count": count});
        document["buckets"] = json!(tally.histogram.iter().map(bucket).collect::<Vec<_>>());
    }
    document
}

/// The most frequent first; what is no value of the field stands below.
fn by(tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    for (value, count) in &tally.by {
        // Values are what strangers sent, and this may be a terminal.
        writeln!(out, "{count:>9}  {}", line::escaped(value, Format::Pipe))?;
    }
    for (count, what) in [(tally.others, "(other values)"), (tally.without, "(none)")] {
        if count > 0 {
            writeln!(out, "{count:>9}  {what}")?;
        }
    }
    Ok(())
}

fn histogram(tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    let most = tally.histogram.iter().map(|(_, count)| *count).max().unwrap_or(1).max(1);
    for (at, count) in &tally.histogram {
        let bar = (count.saturating_mul(BAR)).div_ceil(most);
        let bar = "#".repeat(usize::try_from(bar).unwrap_or_default());
        writeln!(out, "{}  {count:>9}  {bar}", at.rfc3339())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_the_most_frequent_first_and_harmless() {
        let values = vec![("d\u{1b}[2J".to_owned(), 7), ("e".to_owned(), 2)];
        let tally = Tally { by: values, without: 3, ..Tally::default() };
        let mut out = Vec::new();
        by(&tally, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains('\u{1b}') && text.ends_with("        2  e\n        3  (none)\n"), "{text}");
    }

    #[test]
    fn a_histogram_has_bars_in_proportion() {
        let columns = vec![(Wall(0), 100), (Wall(60_000_000), 1), (Wall(120_000_000), 50)];
        let tally = Tally { histogram: columns, ..Tally::default() };
        let mut out = Vec::new();
        histogram(&tally, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let bars: Vec<usize> = text.lines().map(|line| line.matches('#').count()).collect();
        assert_eq!(bars, [50, 1, 25]);
        assert!(text.starts_with("1970-01-01T00:00:00.000000Z        100  ###"), "{text}");
    }
}
