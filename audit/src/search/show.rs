//! Records as they are shown: in either form of the log, whichever they were written in, or as a table for people.
//! What cannot be shown otherwise without losing something is shown as it stands; a terminal never gets a character
//! that a record did not escape.

use crate::line::{self, Format};
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::fmt::Write as _;

/// How records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The pipe form.
    Pipe,
    /// The JSON form.
    Json,
    /// A row of a table.
    Table,
}

/// No form of a record has to be cut whose line is not longer than this.
const SHORT_BYTES_MAX: usize = line::LINE_BYTES_MAX / 8;

/// A line of the log in the form that is asked for, without line end.
pub fn show(line: &str, form: Form) -> Cow<'_, str> {
    match form {
        Form::Pipe => pipe(line),
        Form::Json => json(line),
        Form::Table => Cow::Owned(table(line)),
    }
}

/// In the pipe form.
pub fn pipe(line: &str) -> Cow<'_, str> {
    if line.starts_with('{') { other(line, Format::Pipe) } else { Cow::Borrowed(line) }
}

/// In the JSON form.
pub fn json(line: &str) -> Cow<'_, str> {
    if line.starts_with('{') { Cow::Borrowed(line) } else { other(line, Format::Json) }
}

fn other(line: &str, format: Format) -> Cow<'_, str> {
    let Ok(record) = line::parse(line) else { return Cow::Borrowed(line) };
    // A later version's keys are passed over when a line is read, and must not be lost.
    if line::fields(line).count() != record.draft.fields.len() + 5 {
        return Cow::Borrowed(line);
    }
    let mut text = line::encode(&record.draft, format).line(record.seq);
    text.pop();
    let is_whole = line.len() <= SHORT_BYTES_MAX || line::parse(&text).is_ok_and(|again| again == record);
    if is_whole { Cow::Owned(text) } else { Cow::Borrowed(line) }
}

/// As an object of JSON, whatever stands there. What cannot be shown as the record that it is, or is none any more, is
/// shown by its number and its text as it stands: whoever reads on must not take it for something that never was.
pub fn object(line: &str) -> Cow<'_, str> {
    let shown = json(line);
    if shown.starts_with('{') && serde_json::from_str::<IgnoredAny>(&shown).is_ok() {
        return shown;
    }
    Cow::Owned(serde_json::json!({"seq": line::seq(line.as_bytes()), "raw": line}).to_string())
}

/// The columns, and how wide each is.
const COLUMNS: [(&str, usize); 6] =
    [("seq", 9), ("ts", 27), ("level", 5), ("type", 10), ("event", 20), ("device", 20)];

/// What stands above a table.
pub fn table_head() -> String {
    row(&COLUMNS.map(|(name, _)| name.to_owned()), "what")
}

/// A row of a table: what every record has, whom it is about, and the rest.
pub fn table(line: &str) -> String {
    let mut cells = COLUMNS.map(|_| String::new());
    let mut rest = String::new();
    let (mut client, mut details) = (String::new(), String::new());
    for (key, value) in line::fields(line) {
        let value = line::escaped(&value, Format::Pipe).into_owned();
        match (COLUMNS.iter().position(|(name, _)| *name == key), &*key) {
            (Some(n), _) => cells[n] = value,
            (None, "client_id") => client = value,
            (None, "details") => details = value,
            (None, key) => write!(rest, " {key}={value}").expect("a string takes everything"),
        }
    }
    if cells[COLUMNS.len() - 1].is_empty() {
        cells[COLUMNS.len() - 1] = client;
    } else if !client.is_empty() {
        rest = format!(" client_id={client}{rest}");
    }
    let what = format!("{details}{rest}");
    row(&cells, what.trim_start())
}

fn row(cells: &[String; COLUMNS.len()], what: &str) -> String {
    let mut out = String::new();
    for (n, (cell, (_, width))) in cells.iter().zip(COLUMNS).enumerate() {
        let outcome = if n == 0 { write!(out, "{cell:>width$}  ") } else { write!(out, "{cell:<width$}  ") };
        outcome.expect("a string takes everything");
    }
    out.push_str(what);
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"seq":7,"ts":"2026-11-21T06:31:00.123456Z","level":"WARN","type":"DEVICE","event":"offline","device":"tc-17","qos":1,"details":"a | \"b\"\u001b[31m"}"#;
    const PIPE: &str = r#"2026-11-21T06:31:00.123456Z | WARN | DEVICE | seq=7 | event=offline | device=tc-17 | qos=1 | details="a \u007c \"b\"\u001b[31m""#;

    #[test]
    fn either_form_is_shown_as_the_other_and_as_itself() {
        assert_eq!(show(JSON, Form::Pipe), PIPE);
        assert_eq!(show(PIPE, Form::Json), JSON);
        assert!(matches!(show(JSON, Form::Json), Cow::Borrowed(JSON)));
        assert!(matches!(show(PIPE, Form::Pipe), Cow::Borrowed(PIPE)));
    }

    #[test]
    fn a_row_has_the_same_cells_for_both_forms_and_no_character_that_a_terminal_obeys() {
        let row = table(JSON);
        assert_eq!(row, table(PIPE));
        assert!(
            row.starts_with("        7  2026-11-21T06:31:00.123456Z  WARN   DEVICE      offline"),
            "{row}"
        );
        assert!(row.ends_with(r#"tc-17                 a \u007c \"b\"\u001b[31m qos=1"#), "{row}");
        assert!(!row.chars().any(char::is_control));
        assert_eq!(table_head().find("level"), row.find("WARN"));
        let connection = r#"{"seq":7,"ts":"2026-11-21T06:31:00.123456Z","level":"INFO","type":"CONNECTION","event":"connected","client_id":"c1"}"#;
        assert!(table(connection).contains("connected             c1"), "{}", table(connection));
    }

    #[test]
    fn a_long_record_is_shown_in_the_other_form_while_it_fits_and_as_an_object_in_any_case() {
        let long = |c: &str| PIPE.replace("details=\"a", &format!("details=\"{}", c.repeat(20_000)));
        let fits = long("xy");
        assert_eq!(show(&fits, Form::Json), JSON.replace("\"a |", &format!("\"{} |", "xy".repeat(20_000))));
        assert_eq!(object(&fits), show(&fits, Form::Json));
        // In the JSON form each of these takes as much room; a bar takes less there and more here.
        let bars = JSON.replace("\"a |", &format!("\"{} |", "|".repeat(20_000)));
        assert_eq!(show(&bars, Form::Pipe), bars);
        let later = PIPE.replace("qos=1", "colour=red");
        for line in [&later, &PIPE[..PIPE.len() - 3], "{\"seq\":7,", "no record"] {
            let object: serde_json::Value = serde_json::from_str(&object(line)).unwrap();
            assert_eq!((&object["raw"], object["seq"].as_u64()), (&line.into(), line::seq(line.as_bytes())));
        }
    }

    #[test]
    fn what_would_lose_something_is_shown_as_it_stands() {
        let later = JSON.replace("\"qos\":1", "\"colour\":\"red\"");
        let damaged = &JSON[..90];
        for line in [later.as_str(), damaged, "", "{"] {
            assert_eq!(show(line, Form::Pipe), line);
            assert_eq!(show(line, Form::Json), line);
            assert!(!table(line).contains('\n'));
        }
    }
}
