//! Records in the forms that other systems read. Whatever has a place there goes to it, and the rest goes along under
//! its own key; nothing may be left out that the form can hold. Whatever a stranger wrote into a record, one record
//! stays one line and one message: nothing of it may end a field, a line or a message.

mod cef;
mod class;
mod ecs;
mod facts;
mod ocsf;
mod otlp;
mod syslog;
#[cfg(test)]
mod tests;

use crate::line;
use facts::Facts;
use std::io::{self, Write};

/// What we call ourselves in forms that ask for it.
const PRODUCT: &str = "watchkeeper";
const VENDOR: &str = "Watchkeeper";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The form of an export; each record is one line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The records themselves as JSON, whatever the log is written in.
    Ndjson,
    /// Open Cybersecurity Schema Framework 1.3.
    Ocsf,
    /// Elastic Common Schema 8.
    Ecs,
    /// OpenTelemetry, one `ExportLogsServiceRequest` a line.
    Otlp,
    /// Common Event Format, without a syslog header.
    Cef,
    /// Syslog, RFC 5424, messages ended by a line feed.
    Syslog,
}

impl Form {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Ndjson, Self::Ocsf, Self::Ecs, Self::Otlp, Self::Cef, Self::Syslog];

    /// As it is asked for.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Otlp => "otlp",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
        }
    }

    /// The form that is asked for so.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|form| form.word() == word)
    }
}

/// Writes a record, given as its line without the line end; `origin` names the log. A line that is no record gives
/// `InvalidData` and writes nothing, so that the caller can say which it was and go on.
pub fn write(form: Form, line: &str, origin: &str, out: &mut dyn Write) -> io::Result<()> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let record = line::parse(line).map_err(|damage| io::Error::new(io::ErrorKind::InvalidData, damage))?;
    if form == Form::Ndjson && line.starts_with('{') {
        return writeln!(out, "{line}");
    }
    let mut facts = Facts::new(line, origin, record);
    let text = match form {
        Form::Ndjson => facts.ndjson(),
        Form::Ocsf => plain(&ocsf::document(&mut facts)),
        Form::Ecs => plain(&ecs::document(&mut facts)),
        Form::Otlp => plain(&otlp::document(&facts)),
        Form::Cef => cef::message(&mut facts),
        Form::Syslog => syslog::message(&facts),
    };
    writeln!(out, "{text}")
}

/// A document as text in which nothing is left that a terminal or a reader of lines stumbles over. Such characters
/// stand inside of literals only, where an escape means the same.
fn plain(document: &serde_json::Value) -> String {
    let text = document.to_string();
    if !text.chars().any(line::is_escaped) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_visible(c, "\\u", &mut out);
    }
    out
}

/// Appends a character; one that is never written as it is becomes an escape that begins with `escape`.
fn push_visible(c: char, escape: &str, out: &mut String) {
    use std::fmt::Write as _;
    if line::is_escaped(c) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "{escape}{unit:04x}").expect("a string takes everything");
        }
    } else {
        out.push(c);
    }
}
