//! Figures, moments and names as people read them. What is not known is a dash, never a zero.

use super::markup::{Cell, Markup};
use serde_json::Value;
use watchkeeper_core::time::{Wall, parse_rfc3339};

/// What is not known.
pub(super) const NONE: &str = "–";

/// Characters of a name that stand in a list; the whole name is where the link leads.
const NAME_CHARS_MAX: usize = 96;

/// With commas between thousands.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 device`, `2 devices`.
pub(super) fn things(number: u64, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A value in as many digits as tell something.
pub(super) fn figure(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        _ if !value.is_finite() => return NONE.to_owned(),
        _ if size >= 1e9 || (size > 0.0 && size < 1e-4) => return format!("{value:.3e}"),
        _ if size >= 1000.0 => format!("{value:.1}"),
        _ if size >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    };
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// So many a second or a minute, in three digits.
pub(super) fn rate(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => count_of(value.round()),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => figure((value * 100.0).round() / 100.0),
    }
}

/// The same with commas, where it is a count that came as another number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of things")]
pub(super) fn count_of(value: f64) -> String {
    if value.is_finite() && value >= 0.0 { count(value as u64) } else { figure(value) }
}

/// A share as per cent.
pub(super) fn percent(ratio: f64) -> String {
    if ratio > 0.0 && ratio < 0.001 { "< 0.1 %".to_owned() } else { format!("{:.1} %", ratio * 100.0) }
}

/// Bytes in the unit that suits.
pub(super) fn bytes(number: u64) -> String {
    let mut size = number as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            return if unit == "bytes" { format!("{number} bytes") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// A span of seconds in its two largest units.
pub(super) fn span(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is finite and not negative"
    )]
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.0005 => "0 s".to_owned(),
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 10.0 => format!("{} s", figure((seconds * 100.0).round() / 100.0)),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..86400 => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86400, whole % 86400 / 3600),
    }
}

/// How long ago, in one unit.
fn ago(seconds: i64) -> String {
    match seconds {
        ..=0 => "now".to_owned(),
        1..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}

/// `2026-11-21 06:31:00`, in UTC.
pub(super) fn clock(at: Wall) -> String {
    at.rfc3339().get(..19).map(|text| text.replace('T', " ")).unwrap_or_default()
}

/// A moment: how long ago, and exactly where the pointer rests.
pub(super) fn moment(at: Option<Wall>, now: Wall) -> Markup {
    let mut piece = Markup::new();
    let Some(at) = at else {
        piece.raw(NONE);
        return piece;
    };
    let exact = format!("{} UTC", clock(at));
    let ago = ago((now.0 - at.0) / 1_000_000);
    piece.put("<time datetime=\"{}\" title=\"{}\">{}</time>", &[&at.rfc3339(), &exact, &ago]);
    piece
}

/// The same of a text of the API.
pub(super) fn moment_of(text: &Value, now: Wall) -> Markup {
    moment(text.as_str().and_then(parse_rfc3339), now)
}

/// A text of the API.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or(NONE)
}

/// A number of the API, whatever it is.
pub(super) fn number(value: &Value) -> String {
    match (value.as_u64(), value.as_f64()) {
        (Some(whole), _) => count(whole),
        (None, Some(float)) => figure(float),
        (None, None) => NONE.to_owned(),
    }
}

/// A span in seconds of the API.
pub(super) fn span_of(value: &Value) -> String {
    value.as_f64().map_or_else(|| NONE.to_owned(), span)
}

/// A name that a stranger chose, short enough for a list.
pub(super) fn name(text: &str) -> String {
    match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A state in a sign, a word and a colour, so that none of them is needed alone.
pub(super) fn badge(word: &str) -> Markup {
    let (class, sign) = match word {
        "online" | "ok" | "healthy" | "connected" | "yes" | "up" | "all well" => ("good", "●"),
        "offline" | "unhealthy" | "critical" | "away" | "ERROR" | "blocked" | "down" | "refused" => {
            ("bad", "✕")
        }
        "degraded" | "warning" | "low" | "WARN" | "stuck" | "overdue" | "high" | "muted" | "needs a look" => {
            ("warn", "▲")
        }
        "never_seen" => ("idle", "◌"),
        _ => ("idle", "○"),
    };
    let shown = if word == "never_seen" { "never seen" } else { word };
    let mut piece = Markup::new();
    piece.put(
        "<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {}</span>",
        &[class, sign, shown],
    );
    piece
}

/// A link to a device. Browsers take `.` and `..` for ways through the tree, however they are written, so that there is
/// no link to a device of such a name; the API has it.
pub(super) fn device(id: &str) -> Cell {
    if matches!(id, "." | "..") {
        return id.into();
    }
    Cell::Link(format!("/devices/{}", crate::out::escape::segment(id)), name(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_for_people() {
        let figures = [0.0, -0.0, 1.0, 20.5, 0.123_456, 1234.56, 1e12, 1e-7, f64::NAN, -3.25];
        let shown: Vec<String> = figures.into_iter().map(figure).collect();
        assert_eq!(shown, ["0", "0", "1", "20.5", "0.1235", "1234.6", "1.000e12", "1.000e-7", NONE, "-3.25"]);
        let spans = [0.0, 0.012, 0.9999, 1.234, 59.4, 61.0, 7260.0, 90000.0, -1.0].map(span);
        assert_eq!(
            spans,
            ["0 s", "12 ms", "1 s", "1.23 s", "59 s", "1 min 01 s", "2 h 01 min", "1 d 1 h", NONE]
        );
        assert_eq!(
            [0.0, 0.123, 9.4, 12.34, 115.23, 12345.6].map(rate),
            ["0", "0.12", "9.4", "12.3", "115", "12,346"]
        );
        assert_eq!([0, 999, 1000, 12_345_678].map(count), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([12, 2048, 5 << 30].map(bytes), ["12 bytes", "2.0 KiB", "5.0 GiB"]);
        assert_eq!([0.0, 0.0001, 0.123].map(percent), ["0.0 %", "< 0.1 %", "12.3 %"]);
        assert_eq!([things(1, "device"), things(2, "device")], ["1 device", "2 devices"]);
    }

    #[test]
    fn a_device_has_a_link_where_browsers_follow_it() {
        let leads = |id: &str| match device(id) {
            Cell::Link(link, _) => link,
            _ => String::new(),
        };
        assert_eq!(
            ["a/<1>", "..", ".", "..."].map(leads),
            ["/devices/a%2F%3C1%3E", "", "", "/devices/%2E%2E%2E"]
        );
    }

    #[test]
    fn a_moment_is_said_twice_and_a_name_is_cut_between_characters() {
        let now = parse_rfc3339("2026-11-21T06:31:00Z").unwrap();
        let piece = moment(Some(now.minus(90_000_000)), now).into_string();
        let exact = "<time datetime=\"2026-11-21T06:29:30.000000Z\" title=\"2026-11-21 06:29:30 UTC\">1 min ago</time>";
        assert_eq!(piece, exact);
        // The calendar of a device may be ahead of ours.
        assert!(moment(Some(now), now.minus(5)).into_string().contains(">now<"));
        let long = "ü".repeat(2000);
        assert_eq!(name(&long).chars().count(), NAME_CHARS_MAX + 1);
        assert_eq!(name("short"), "short");
    }
}
