//! Syslog by RFC 5424, facility 13 (log audit): every field is a parameter of structured data, the sentence for people
//! is the message. No parameter may hold a quote, a backslash or a bracket unescaped, nor any control character.

use super::facts::{Facts, to_text};
use super::{PRODUCT, VERSION, push_visible};
use crate::line::moment;
use crate::record::Level;
use std::fmt::Write as _;

const FACILITY: u32 = 13;
/// The enterprise number that RFC 5612 sets aside for documents: we have none of our own.
const ENTERPRISE: &str = "32473";
const HOSTNAME_MAX: usize = 255;
const MSGID_MAX: usize = 32;
const SD_NAME_MAX: usize = 32;
/// `meta.sequenceId` goes from 1 to this, and begins anew.
const SEQUENCE_ID_MAX: u64 = 2_147_483_647;

pub(super) fn message(facts: &Facts<'_>) -> String {
    let priority = FACILITY * 8 + severity(facts.level);
    let mut out = format!(
        "<{priority}>1 {} {} {PRODUCT} - {} ",
        moment(facts.ts),
        printable(facts.origin, HOSTNAME_MAX),
        printable(&facts.event, MSGID_MAX)
    );
    write!(out, "[{PRODUCT}@{ENTERPRISE} seq=\"{}\" type=\"{}\"", facts.seq, facts.kind.word())
        .expect("a string takes everything");
    for (key, value) in facts.rest() {
        write!(out, " {}=\"", printable(key, SD_NAME_MAX)).expect("a string takes everything");
        push(&to_text(&value), &mut out);
        out.push('"');
    }
    let sequence_id = facts.seq % SEQUENCE_ID_MAX + 1;
    write!(
        out,
        "][meta sequenceId=\"{sequence_id}\"][origin software=\"{PRODUCT}\" swVersion=\"{VERSION}\"] "
    )
    .expect("a string takes everything");
    let sentence = facts.sentence();
    if !sentence.is_ascii() {
        // By its rules, text that is UTF-8 says so.
        out.push('\u{feff}');
    }
    for c in sentence.chars() {
        push_visible(c, "\\u", &mut out);
    }
    out
}

fn push(value: &str, out: &mut String) {
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        // There is no escape for these; what is shown is what they are called.
        push_visible(c, "\\\\u", out);
    }
}

/// Printable ASCII without blanks and without what ends a name; a dash for nothing.
fn printable(text: &str, bytes_max: usize) -> String {
    let good = |c: &char| c.is_ascii_graphic() && !matches!(c, '=' | '"' | ']');
    let text: String = text.chars().filter(good).take(bytes_max).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

fn severity(level: Level) -> u32 {
    match level {
        Level::Info => 6,
        Level::Warn => 4,
        Level::Error => 3,
    }
}
