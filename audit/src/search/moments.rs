//! Moments and spans as people type them. Nothing here may read a clock: what «ago» is counted from is passed in.

use watchkeeper_core::time::{Micros, Wall, parse_rfc3339};

const UNITS: [(&str, Micros); 7] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
];

/// What to write instead.
pub(super) const CURE: &str = "write RFC 3339 such as `2026-11-21T06:31:00Z`, a day such as `2026-11-21` (UTC), \
                               or how long ago, such as `15m`, `24h` or `7d`";
/// What to write instead of a bad span.
pub(super) const SPAN_CURE: &str = "write a number and a unit, such as `30s`, `5m`, `1h` or `7d`";

/// A moment: RFC 3339, a day, `now`, or a span before `now`.
pub(super) fn moment(word: &str, now: Wall) -> Option<Wall> {
    if word == "now" {
        return Some(now);
    }
    if let Some(at) = parse_rfc3339(word) {
        return Some(at);
    }
    if word.len() == 10 {
        return parse_rfc3339(&format!("{word}T00:00:00Z"));
    }
    let ago = word.strip_suffix("ago").map_or(word, str::trim_end);
    span(ago.strip_prefix('-').unwrap_or(ago)).map(|span| now.minus(span))
}

/// A span: `90s`, `1h30m`, `7d`.
pub(super) fn span(word: &str) -> Option<Micros> {
    let mut rest = word;
    let mut sum: Micros = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let (_, micros) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(number.parse::<Micros>().ok()?.checked_mul(*micros)?)?;
        rest = after;
    }
    (!word.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_every_form_that_the_manual_names() {
        let now = Wall(1_795_242_660_000_000);
        for (word, micros) in [
            ("2026-11-21T06:31:00Z", 1_795_242_660_000_000),
            ("2026-11-21T07:31:00.5+01:00", 1_795_242_660_500_000),
            ("2026-11-21", 1_795_219_200_000_000),
            ("now", 1_795_242_660_000_000),
            ("15m", 1_795_241_760_000_000),
            ("-15m", 1_795_241_760_000_000),
            ("1h30m ago", 1_795_237_260_000_000),
            ("300ms", 1_795_242_659_700_000),
            ("0s", 1_795_242_660_000_000),
        ] {
            assert_eq!(moment(word, now), Some(Wall(micros)), "{word}");
        }
        for bad in [
            "",
            "15",
            "m",
            "yesterday",
            "2026-11-21T06:31:00",
            "2026-13-21",
            "15 m",
            "-",
            "99999999999999w",
            "1é",
        ] {
            assert_eq!(moment(bad, now), None, "{bad}");
        }
    }
}
