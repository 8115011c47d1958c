//! `audit stats`: the log in numbers.

use super::search::{size, span};
use super::{Refused, Streams, folder, say_problems, status};
use crate::cli::audit_args::Stats as Arguments;
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;
use watchkeeper_audit::line::{self, Format};
use watchkeeper_audit::search::{Stats, stats};
use watchkeeper_core::time::seconds;

/// Counts and prints.
pub(super) fn run(
    arguments: &Arguments,
    env: Vec<(String, String)>,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    let dir = folder(&arguments.place, env)?;
    let stats = stats(&dir)?;
    if arguments.json {
        writeln!(streams.out, "{:#}", document(&dir, &stats))?;
    } else {
        print(&dir, &stats, streams.out)?;
    }
    say_problems(&stats.problems, streams.err);
    Ok(status(0, &stats.problems))
}

fn document(dir: &Path, stats: &Stats) -> serde_json::Value {
    let events: Vec<_> = stats
        .events
        .iter()
        .map(|((kind, event), count)| json!({"type": kind, "event": event, "count": count}))
        .collect();
    json!({
        "dir": dir.display().to_string(),
        "segments": stats.segments,
        "compressed": stats.compressed,
        "bytes": stats.bytes,
        "text_bytes": stats.text_bytes,
        "ratio": stats.ratio,
        "records": stats.records,
        "first_seq": stats.seq.map(|(first, _)| first),
        "last_seq": stats.seq.map(|(_, last)| last),
        "first_ts": stats.ts.map(|(first, _)| first.rfc3339()),
        "last_ts": stats.ts.map(|(_, last)| last.rfc3339()),
        "types": stats.types,
        "levels": stats.levels,
        "events": events,
        "days": stats.days,
        "problems": stats.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn print(dir: &Path, stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "folder      {}", dir.display())?;
    let packed = stats.ratio.map(|ratio| format!(", compressed {ratio:.1} to 1")).unwrap_or_default();
    writeln!(out, "segments    {}, of these {} compressed", stats.segments, stats.compressed)?;
    writeln!(out, "size        {} on disk, {} of text{packed}", size(stats.bytes), size(stats.text_bytes))?;
    match stats.seq {
        Some((first, last)) => writeln!(out, "records     {}, numbers {first} to {last}", stats.records)?,
        None => writeln!(out, "records     none")?,
    }
    if let Some((first, last)) = stats.ts {
        let span = u64::try_from(last.0.saturating_sub(first.0)).unwrap_or_default();
        writeln!(out, "time        {} to {} ({})", first.rfc3339(), last.rfc3339(), days(span))?;
    }
    for (title, counts) in [("by type", &stats.types), ("by level", &stats.levels), ("by day", &stats.days)] {
        writeln!(out, "\n{title}")?;
        for (word, count) in counts {
            writeln!(out, "{count:>11}  {}", line::escaped(word, Format::Pipe))?;
        }
    }
    writeln!(out, "\nby event")?;
    for ((kind, event), count) in &stats.events {
        writeln!(
            out,
            "{count:>11}  {} {}",
            line::escaped(kind, Format::Pipe),
            line::escaped(event, Format::Pipe)
        )?;
    }
    writeln!(out, "\ncounted in {}", span(stats.took))
}

/// A long time for people.
fn days(micros: u64) -> String {
    let hours = seconds(micros) / 3600.0;
    if hours < 48.0 { format!("{hours:.1} hours") } else { format!("{:.1} days", hours / 24.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::time::Wall;

    #[test]
    fn an_empty_log_has_no_numbers_and_no_times() {
        let mut out = Vec::new();
        print(Path::new("/d"), &Stats::default(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("records     none\n") && !text.contains("time "), "{text}");
        assert_eq!(document(Path::new("/d"), &Stats::default())["first_seq"], serde_json::Value::Null);
    }

    #[test]
    fn a_full_one_has_all_of_them() {
        let stats = Stats {
            records: 3,
            seq: Some((4, 6)),
            ts: Some((Wall(0), Wall(200 * 3_600_000_000))),
            types: [("DEVICE".to_owned(), 3)].into(),
            ..Stats::default()
        };
        let mut out = Vec::new();
        print(Path::new("/d"), &stats, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("3, numbers 4 to 6\n") && text.contains("(8.3 days)\n"), "{text}");
        assert!(text.contains("\nby type\n          3  DEVICE\n"), "{text}");
    }
}
