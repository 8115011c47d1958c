//! Moments, as the shell reads them and passes them in. Nothing here may read a clock.
//!
//! All lengths of time inside the core are whole microseconds (`Micros`): a `u64` holds 584,000 years,
//! compares in one instruction and never rounds.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A length of time in microseconds.
pub type Micros = u64;

/// One second.
pub const SECOND: Micros = 1_000_000;

/// A moment on a clock that never runs backwards, in microseconds since an origin the shell chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mono(pub Micros);

impl Mono {
    /// Later than every moment: «never due».
    pub const NEVER: Mono = Mono(Micros::MAX);

    /// The moment `span` after this one; `NEVER` stays `NEVER`.
    #[must_use]
    pub fn plus(self, span: Micros) -> Mono {
        Mono(self.0.saturating_add(span))
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: Mono) -> Micros {
        self.0.saturating_sub(earlier.0)
    }
}

/// A moment of the calendar, in microseconds since 1970-01-01T00:00:00Z. It may jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub i64);

impl Wall {
    /// Seconds since the epoch, as Prometheus wants them.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The moment `span` before this one.
    #[must_use]
    pub fn minus(self, span: Micros) -> Wall {
        Wall(self.0.saturating_sub_unsigned(span))
    }

    /// RFC 3339 with six decimals and `Z`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => format!("{at:.6}"),
            Err(_) => format!("{}us", self.0),
        }
    }
}

/// Both clocks, read together by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For lengths of time.
    pub mono: Mono,
    /// For dates that people read.
    pub wall: Wall,
}

impl Now {
    /// The calendar date of a recent moment of the other clock.
    pub fn wall_of(self, then: Mono) -> Wall {
        if then > self.mono {
            Wall(self.wall.0.saturating_add_unsigned(then.since(self.mono)))
        } else {
            self.wall.minus(self.mono.since(then))
        }
    }
}

/// A duration of the configuration as microseconds; one that is too long becomes the longest there is.
pub fn micros(span: Duration) -> Micros {
    Micros::try_from(span.as_micros()).unwrap_or(Micros::MAX)
}

/// Microseconds as seconds.
pub fn seconds(span: Micros) -> f64 {
    span as f64 / 1e6
}

/// Reads the timestamp of a payload when it is text: RFC 3339, with any offset.
pub fn parse_rfc3339(text: &str) -> Option<Wall> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Wall(at.as_microsecond()))
}

/// Reads the timestamp of a payload when it is a number: epoch seconds, or milliseconds when it is so large
/// that seconds would lie beyond the year 5138.
pub fn parse_epoch(number: f64) -> Option<Wall> {
    const LAST_SECOND: f64 = 1e11;
    const LAST_MILLISECOND: f64 = 1e14;
    if !number.is_finite() || !(0.0..LAST_MILLISECOND).contains(&number) {
        return None;
    }
    let seconds = if number < LAST_SECOND { number } else { number / 1e3 };
    #[expect(clippy::cast_possible_truncation, reason = "below 1e11 seconds, hence below 1e17 microseconds")]
    Some(Wall((seconds * 1e6).round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_read_in_each_form_that_devices_send() {
        let at = Wall(1_756_117_800_000_000);
        assert_eq!(parse_rfc3339("2025-08-25T10:30:00Z"), Some(at));
        assert_eq!(parse_rfc3339("2025-08-25T12:30:00.000+02:00"), Some(at));
        assert_eq!(parse_epoch(1_756_117_800.0), Some(at));
        assert_eq!(parse_epoch(1_756_117_800_000.0), Some(at));
        for bad in ["", "yesterday", "2025-08-25T10:30:00", "2025-13-25T10:30:00Z", "1756117800"] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(parse_epoch(f64::NAN), None);
        assert_eq!(parse_epoch(-1.0), None);
        assert_eq!(parse_epoch(1e300), None);
    }

    #[test]
    fn a_date_is_written_with_six_decimals() {
        assert_eq!(Wall(1_756_117_800_000_123).rfc3339(), "2025-08-25T10:30:00.000123Z");
        assert_eq!(Wall(0).rfc3339(), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_past_moment_is_dated_by_its_distance() {
        let now = Now { mono: Mono(5 * SECOND), wall: Wall(100_000_000) };
        assert_eq!(now.wall_of(Mono(2 * SECOND)), Wall(97_000_000));
        assert_eq!(now.wall_of(Mono(6 * SECOND)), Wall(101_000_000));
    }
}
