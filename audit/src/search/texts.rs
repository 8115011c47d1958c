//! Stand-in for `crate::line` until it is there.

use std::borrow::Cow;
use watchkeeper_core::time::Wall;

pub(super) const LINE_BYTES_MAX: usize = 65_536;

/// Every key and value of a line.
pub(super) fn fields(line: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    if line.starts_with('{') { json(line) } else { pipe(line) }
}

fn json(line: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let Ok(serde_json::Value::Object(map)) = serde_json::from_str(line) else { return Vec::new() };
    map.into_iter()
        .map(|(key, value)| match value {
            serde_json::Value::String(text) => (Cow::from(key), Cow::from(text)),
            other => (Cow::from(key), Cow::from(other.to_string())),
        })
        .collect()
}

fn pipe(line: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut out = Vec::new();
    for (n, part) in line.split(" | ").enumerate() {
        match n {
            0 => out.push(("ts".into(), part.into())),
            1 => out.push(("level".into(), part.into())),
            2 => out.push(("type".into(), part.into())),
            _ => {
                let Some((key, value)) = part.split_once('=') else { continue };
                let value = if value.starts_with('"') {
                    Cow::from(serde_json::from_str::<String>(value).unwrap_or_default())
                } else {
                    value.into()
                };
                out.push((key.into(), value));
            }
        }
    }
    out
}

pub(super) fn seq(line: &[u8]) -> Option<u64> {
    let digits = if line.starts_with(b"{") {
        line.strip_prefix(b"{\"seq\":")?
    } else {
        let at = memchr::memmem::find(&line[..line.len().min(120)], b" | seq=")?;
        &line[at + 7..]
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

pub(super) fn ts(line: &[u8]) -> Option<Wall> {
    let at = if line.starts_with(b"{") {
        memchr::memmem::find(&line[..line.len().min(60)], b"\"ts\":\"")? + 6
    } else {
        0
    };
    let text = line.get(at..at + 27)?;
    watchkeeper_core::time::parse_rfc3339(std::str::from_utf8(text).ok()?)
}
