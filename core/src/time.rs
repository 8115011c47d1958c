//! Moments, as the shell reads them and passes them in. Nothing here may read a clock.
//!
//! All lengths of time inside the core are whole microseconds (`Micros`): a `u64` holds 584,000 years,
//! compares in one instruction and never rounds.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A length of time in microseconds.
pub type Micros = u64;

/// 1970-01-01T00:00:00, in Greenwich.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

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
        match self.civil() {
            Some(at) => format!("{at:.6}Z"),
            None => format!("{}us", self.0),
        }
    }

    /// Whether it has a date that RFC 3339 can write: the years 0 to 9999.
    pub fn is_date(self) -> bool {
        self.civil().is_some_and(|at| at.year() >= 0)
    }

    /// A moment of `jiff` ends a day early, since it must have a date everywhere on Earth.
    fn civil(self) -> Option<DateTime> {
        EPOCH.checked_add(SignedDuration::from_micros(self.0)).ok()
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
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Some(Wall(at.as_microsecond())),
        Err(_) => last_days(text),
    }
}

/// The last two days that RFC 3339 can write.
fn last_days(text: &str) -> Option<Wall> {
    if !text.starts_with("9999-12-3") {
        return None;
    }
    let at = text.rfind(['Z', 'z', '+', '-']).filter(|at| *at > "9999-12-30T00:00".len())?;
    let (date, offset) = text.split_at(at);
    let east = if offset.eq_ignore_ascii_case("z") {
        0
    } else {
        let (hours, minutes) = offset[1..].split_once(':')?;
        let number = |text: &str| text.parse::<i64>().ok().filter(|_| text.len() == 2);
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let seconds = hours * 3600 + minutes * 60;
        let is_offset = hours < 24 && minutes < 60;
        is_offset.then_some(if offset.starts_with('-') { -seconds } else { seconds })?
    };
    let since = date.parse::<DateTime>().ok()?.duration_since(EPOCH);
    let micros = i64::try_from(since.as_micros()).ok()?;
    Some(Wall(micros - east * 1_000_000))
}

/// Reads the timestamp of a payload when it is a number: epoch seconds, or milliseconds when it is so large
/// that seconds would lie beyond the year 5138; up to the end of the year 9999.
pub fn parse_epoch(number: f64) -> Option<Wall> {
    const LAST_SECOND: f64 = 1e11;
    const LAST_MILLISECOND: f64 = 253_402_300_800_000.0;
    if !number.is_finite() || !(0.0..LAST_MILLISECOND).contains(&number) {
        return None;
    }
    let seconds = if number < LAST_SECOND { number } else { number / 1e3 };
    #[expect(clippy::cast_possible_truncation, reason = "below 3e11 seconds, hence below 3e17 microseconds")]
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
    fn the_last_day_that_has_a_date_is_read_and_written() {
        let last = Wall(253_402_300_799_000_000);
        for text in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000z", "9999-12-31T22:59:59-01:00"] {
            assert_eq!(parse_rfc3339(text), Some(last), "{text}");
        }
        assert_eq!(parse_rfc3339("9999-12-31T00:00:00+01:00"), Some(Wall(253_402_210_800_000_000)));
        assert_eq!(parse_epoch(253_402_300_799_000.0), Some(last));
        assert_eq!(last.rfc3339(), "9999-12-31T23:59:59.000000Z");
        assert!(last.is_date() && !Wall(last.0 + 1_000_000).is_date());
        for bad in [
            "9999-12-31",
            "9999-12-31T23:59:59",
            "9999-12-32T00:00:00Z",
            "9999-12-31T25:00:00Z",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_past_moment_is_dated_by_its_distance() {
        let now = Now { mono: Mono(5 * SECOND), wall: Wall(100_000_000) };
        assert_eq!(now.wall_of(Mono(2 * SECOND)), Wall(97_000_000));
        assert_eq!(now.wall_of(Mono(6 * SECOND)), Wall(101_000_000));
    }
}
