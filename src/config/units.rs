//! Durations, sizes and ratios as people write them, read exactly. Nothing here may round or guess a unit:
//! `30` could be seconds or minutes, so it is refused with what to write.

use super::problem::{Fault, fault};
use std::time::Duration;

/// Units of time, longest first, in milliseconds.
const TIMES: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Units of size in bytes.
const SIZES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1000),
    ("kB", 1000),
    ("B", 1),
    ("", 1),
];

/// Reads `300ms`, `30s`, `1m30s`, `7d` or a bare `0`.
pub(crate) fn duration(text: &str) -> Result<Duration, Fault> {
    let bad = |why: &str| {
        fault(
            format!("«{text}» is no duration: {why}"),
            "write a number and ms, s, m, h or d, such as 30s or 1m30s",
        )
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    let mut units = TIMES;
    if rest.is_empty() {
        return Err(bad("it is empty"));
    }
    while !rest.is_empty() {
        let (number, unit, left) = number_and_unit(rest);
        let number: u64 = number.parse().map_err(|_| bad("a whole number is expected before each unit"))?;
        if unit.is_empty() {
            return Err(bad("the unit is missing"));
        }
        // Each unit may follow only larger ones, so that `1m1m` and `30s1m` cannot be typing mistakes for long.
        let Some(at) = units.iter().position(|(name, _)| *name == unit) else {
            let known = TIMES.iter().any(|(name, _)| *name == unit);
            return Err(bad(if known {
                "units go from long to short, each once"
            } else {
                "the unit is unknown"
            }));
        };
        let part = number.checked_mul(units[at].1);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(|| bad("it is too long"))?;
        units = &units[at + 1..];
        rest = left;
    }
    Ok(Duration::from_millis(total))
}

/// Reads `64KiB`, `10MiB`, `1GiB`, `1MB` or a bare number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, Fault> {
    let bad = |why: &str| {
        fault(
            format!("«{text}» is no size: {why}"),
            "write a whole number and KiB, MiB or GiB, such as 256KiB",
        )
    };
    let (number, unit, rest) = number_and_unit(text);
    let number: u64 = number.parse().map_err(|_| bad("it must begin with a whole number"))?;
    let factor = SIZES.iter().find(|(name, _)| *name == unit && rest.is_empty());
    let (_, factor) = factor.ok_or_else(|| bad("the unit is unknown"))?;
    number.checked_mul(*factor).ok_or_else(|| bad("it is too large"))
}

/// Reads `10%` or `0.1`.
pub(crate) fn ratio(text: &str) -> Result<f64, Fault> {
    let bad = || {
        fault(format!("«{text}» is no ratio"), "write a percentage such as \"10%\", or a number such as 0.1")
    };
    let (number, divisor) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let value = number.parse::<f64>().ok().filter(|value| plain && value.is_finite()).ok_or_else(bad)?;
    Ok(value / divisor)
}

/// A duration as this room would read it back.
pub(crate) fn show_duration(span: Duration) -> String {
    let mut left = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, length) in TIMES {
        if left >= *length {
            shown += &(left / length).to_string();
            shown += unit;
            left %= length;
        }
    }
    if shown.is_empty() { "0".to_owned() } else { shown }
}

fn number_and_unit(text: &str) -> (&str, &str, &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (number, unit, rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("300ms", 300),
            ("30s", 30_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
            ("1m30s", 90_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("90s", 90_000),
        ] {
            assert_eq!(duration(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
        for bad in [
            "", "30", "s", "30 s", "-1s", "1.5h", "30S", "1m1m", "30s1m", "1w", "+1s", "1s ", "5µs", "00",
            "1m30",
        ] {
            let fault = duration(bad).unwrap_err();
            assert!(fault.cause.contains(bad) && fault.cure.contains("30s"), "{bad}");
        }
        assert!(duration("999999999999999999d").is_err());
        assert!(duration("99999999999999999999999s").is_err());
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("64KiB", 65_536),
            ("10MiB", 10_485_760),
            ("1GiB", 1_073_741_824),
            ("1KB", 1000),
            ("1kB", 1000),
            ("2MB", 2_000_000),
            ("1GB", 1_000_000_000),
            ("123", 123),
            ("123B", 123),
            ("0", 0),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "KiB", "1 KiB", "1kib", "1.5MiB", "-1", "1TiB", "1KiB2", "99999999999GiB", "1Mb"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ratios_are_read_as_people_write_them() {
        for (text, value) in [("10%", 0.1), ("0.1", 0.1), ("100%", 1.0), ("0", 0.0), ("2.5%", 0.025)] {
            assert!((ratio(text).unwrap() - value).abs() < 1e-12, "{text}");
        }
        for bad in ["", "%", "ten", "-1%", "inf", "NaN", "10 %", "1e3", "10%%", "."] {
            assert!(ratio(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_that_is_shown_is_read_back(millis in 0_u64..u64::MAX / 2) {
            let span = Duration::from_millis(millis);
            prop_assert_eq!(duration(&show_duration(span)), Ok(span));
        }

        #[test]
        fn a_size_in_any_unit_is_the_product(number in 0_u64..1 << 30, at in 0..SIZES.len()) {
            let (unit, factor) = SIZES[at];
            prop_assert_eq!(size(&format!("{number}{unit}")), Ok(number * factor));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC*") {
            let _ = (duration(&text), size(&text), ratio(&text));
        }
    }
}
