//! What stands in front of every line of a log: seconds since the epoch, a date in a format of the operator's, or
//! nothing. It is learned from the first line and must be the same ever after: a client whose name looks like a line
//! of the log would otherwise be read as one.

use watchkeeper_core::time::{Wall, parse_rfc3339};

/// A longer one is no date.
const BYTES_MAX: usize = 64;
/// How lines begin that have nothing in front.
const BEGINNINGS: &[&str] = &[
    "Client ",
    "New ",
    "Outgoing ",
    "Expiring ",
    "Denied ",
    "Bad ",
    "Received ",
    "Sending ",
    "mosquitto version ",
    "Config loaded ",
    "Opening ",
    "Starting ",
    "No will ",
    "Will message ",
    "Protocol error ",
];

/// How the lines of one log begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    /// `1795244568: `.
    Epoch,
    /// A date, told by its shape: digits are `9`, letters `a`.
    Date(String),
    /// Nothing.
    Nothing,
}

impl Prefix {
    /// Learns it from a line; none when the line does not say.
    pub(super) fn of(line: &str) -> Option<Self> {
        if is_bare(line) {
            return Some(Prefix::Nothing);
        }
        let (front, _) = line.split_once(": ")?;
        if is_epoch(front) {
            return Some(Prefix::Epoch);
        }
        let dated = front.len() <= BYTES_MAX && front.bytes().any(|byte| byte.is_ascii_digit());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" -/:.,+[]()".contains(&byte);
        (dated && front.bytes().all(plain)).then(|| Prefix::Date(shape(front)))
    }

    /// What stands behind it, and the date; none when the line does not begin so.
    pub(super) fn strip<'a>(&self, line: &'a str) -> Option<(Option<Wall>, &'a str)> {
        if *self == Prefix::Nothing {
            return Some((None, line));
        }
        let (front, text) = line.split_once(": ")?;
        match self {
            Prefix::Epoch if is_epoch(front) => {
                let seconds: i64 = front.parse().ok()?;
                Some((seconds.checked_mul(1_000_000).map(Wall), text))
            }
            // Without its zone a date is no moment.
            Prefix::Date(known) if shape(front) == *known => Some((parse_rfc3339(front), text)),
            _ => None,
        }
    }
}

/// True for a line that has nothing in front.
pub(super) fn is_bare(line: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

fn is_epoch(front: &str) -> bool {
    (9..=12).contains(&front.len()) && front.bytes().all(|byte| byte.is_ascii_digit())
}

/// Runs of digits and of letters, whose lengths differ from day to day, and all else as it is.
fn shape(front: &str) -> String {
    let mut shape = String::new();
    for c in front.chars() {
        let class = match c {
            '0'..='9' => '9',
            'A'..='Z' | 'a'..='z' => 'a',
            other => other,
        };
        if !(matches!(class, '9' | 'a') && shape.ends_with(class)) {
            shape.push(class);
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_beginning_a_line_is_learned_and_taken_off() {
        for (line, at, text) in [
            ("1795244568: New connection from x", Some(Wall(1_795_244_568_000_000)), "New connection from x"),
            ("2026-11-21T06:31:00Z: Client x", Some(Wall(1_795_242_660_000_000)), "Client x"),
            ("2026-11-21T06:31:00+0100: Client x", Some(Wall(1_795_239_060_000_000)), "Client x"),
            ("2026-11-21T06:31:00: Client x", None, "Client x"),
            ("21/Nov/2026 06:31:00: Client x", None, "Client x"),
            ("Client x: y", None, "Client x: y"),
        ] {
            let prefix = Prefix::of(line).unwrap();
            assert_eq!(prefix.strip(line), Some((at, text)), "{line}");
        }
    }

    #[test]
    fn a_line_that_begins_otherwise_is_none_of_this_log() {
        let epoch = Prefix::of("1795244568: x").unwrap();
        assert_eq!(epoch.strip("dev-1: x"), None);
        assert_eq!(epoch.strip("Client x disconnected."), None);
        let date = Prefix::of("2026-11-21T06:31:00: x").unwrap();
        assert_eq!(date.strip("1795244568: x"), None);
        assert_eq!(date.strip("2026-11-21T06:31: x"), None);
        assert!(date.strip("2026-11-22T16:31:00: x").is_some());
        for line in ["no date at all", "no digits: x", "évian 7: x"] {
            assert_eq!(Prefix::of(line), None, "{line}");
        }
    }
}
