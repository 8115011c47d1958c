//! Common Event Format: a header between bars, then `key=value`. In a value only `\`, `=` and line ends have a meaning,
//! and all of them are escaped. Keys that its dictionary lacks bear our name in front, as it wants it.

use super::facts::{Facts, to_text};
use super::{PRODUCT, VENDOR, VERSION, push_visible};
use crate::line::moment;
use crate::record::{Key, Level};
use std::net::IpAddr;

pub(super) fn message(facts: &mut Facts<'_>) -> String {
    let name = facts.event.replace('_', " ");
    let mut out = format!(
        "CEF:0|{VENDOR}|{PRODUCT}|{VERSION}|{}|{}|{}|",
        header(&facts.event),
        header(&name),
        severity(facts.level)
    );
    let (ms, us) = (facts.ts.0.div_euclid(1000).to_string(), moment(facts.ts));
    for (key, value) in [
        ("rt", &*ms),
        ("externalId", &*facts.seq.to_string()),
        ("cat", facts.kind.word()),
        ("dvchost", facts.origin),
    ] {
        push(key, value, &mut out);
    }
    push(&own("ts"), &us, &mut out);
    let outcome = facts.worked().map_or("", |worked| if worked { "success" } else { "failure" });
    push("outcome", outcome, &mut out);
    if facts.text(Key::SourceIp).is_some_and(|ip| ip.parse::<IpAddr>().is_err()) {
        // Its dictionary wants an address; a name is kept under ours.
        let name = facts.take(Key::SourceIp).map(|name| to_text(&name)).unwrap_or_default();
        push("shost", &name, &mut out);
    }
    for (key, value) in facts.rest() {
        push(&extension(key), &to_text(&value), &mut out);
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// The dictionary's key, or ours.
fn extension(key: &str) -> String {
    let known = match Key::from_word(key) {
        Some(Key::Device) => "deviceExternalId",
        Some(Key::User) => "suser",
        Some(Key::SourceIp) => "src",
        Some(Key::SourcePort) => "spt",
        Some(Key::Reason) => "reason",
        Some(Key::Details) => "msg",
        Some(Key::Broker) => "dhost",
        Some(Key::Cmd) => "act",
        Some(Key::File) => "fname",
        Some(Key::Sha256) => "fileHash",
        Some(Key::Count) => "cnt",
        _ => return own(key),
    };
    known.to_owned()
}

/// `cmd_id` as `WatchkeeperAuditCmdId`.
fn own(key: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    format!("{VENDOR}Audit{}", key.split(['_', '.']).map(word).collect::<String>())
}

fn push(key: &str, value: &str, out: &mut String) {
    if value.is_empty() {
        return;
    }
    out.push_str(key);
    out.push('=');
    for c in value.chars() {
        match c {
            '\\' | '=' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            // The format has no escape for these; what is shown is what they are called.
            c => push_visible(c, "\\\\u", out),
        }
    }
    out.push(' ');
}

/// A piece of the header; event words have none of these, and this holds should they ever.
fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}

fn severity(level: Level) -> u32 {
    match level {
        Level::Info => 3,
        Level::Warn => 6,
        Level::Error => 8,
    }
}
