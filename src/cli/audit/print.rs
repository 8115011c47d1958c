//! Records for people and for programs: one line each, in colour on a terminal only. What a record holds was written
//! by strangers, and must never speak to the terminal.

use crate::cli::audit_args::Shown;
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use watchkeeper_audit::line;
use watchkeeper_audit::search::show::{self, Form};

/// Prints records in one form.
pub(super) struct Printer {
    form: Form,
    colours: bool,
}

impl Printer {
    /// For standard output as it is.
    pub(super) fn new(shown: Shown) -> Self {
        let form = match shown {
            Shown::Pipe => Form::Pipe,
            Shown::Json => Form::Json,
            Shown::Table => Form::Table,
        };
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { form, colours: wanted && form != Form::Json && io::stdout().is_terminal() }
    }

    /// What stands above the first record.
    pub(super) fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.form == Form::Table { writeln!(out, "{}", show::table_head()) } else { Ok(()) }
    }

    /// One record.
    pub(super) fn line(&self, line: &str, out: &mut dyn Write) -> io::Result<()> {
        let shown = show::show(line, self.form);
        let text = if self.colours { coloured(line, shown) } else { shown };
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    }

    /// As JSON, so that numbers are for programs as well.
    pub(super) fn is_json(&self) -> bool {
        self.form == Form::Json
    }
}

/// What is grave stands out.
fn coloured<'a>(line: &str, shown: Cow<'a, str>) -> Cow<'a, str> {
    let level = line::fields(line).find(|(key, _)| key == "level");
    let colour = match level.as_ref().map(|(_, value)| &**value) {
        Some("ERROR") => 31,
        Some("WARN") => 33,
        _ => return shown,
    };
    Cow::Owned(format!("\u{1b}[{colour}m{shown}\u{1b}[0m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_grave_has_a_colour() {
        let check = |level: &str, expected: &str| {
            let line = format!("2026-11-21T06:31:00.123456Z | {level} | DEVICE | seq=1 | event=x");
            let coloured = coloured(&line, Cow::Borrowed("text"));
            assert_eq!(coloured, expected, "{level}");
        };
        check("INFO", "text");
        check("WARN", "\u{1b}[33mtext\u{1b}[0m");
        check("ERROR", "\u{1b}[31mtext\u{1b}[0m");
    }
}
