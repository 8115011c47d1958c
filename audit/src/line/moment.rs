//! Moments as text: always exactly 27 bytes, so that the order of the bytes is the order of the moments. Nothing
//! here may write a date of another width; what lies outside the years 1 to 9999 becomes the nearest inside.

use watchkeeper_core::time::Wall;

/// Bytes of a moment: `2026-11-21T06:31:00.123456Z`.
pub(super) const BYTES: usize = 27;

const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;
const DAY: i64 = 86_400_000_000;
/// From 0000-03-01, where the reckoning below begins, to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

/// The nearest moment that can be written.
pub(super) fn clamp(at: Wall) -> Wall {
    Wall(at.0.clamp(FIRST, LAST))
}

/// Appends a moment.
pub(super) fn push(at: Wall, out: &mut String) {
    let at = clamp(at).0;
    let (year, month, day) = civil(at.div_euclid(DAY));
    let rest = at.rem_euclid(DAY);
    let (second, micros) = (rest / 1_000_000, rest % 1_000_000);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (place, two) in [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
        (20, micros / 10_000),
        (22, micros / 100 % 100),
        (24, micros % 100),
    ] {
        let two = u8::try_from(two).expect("each pair of digits is below 100");
        text[place] = b'0' + two / 10;
        text[place + 1] = b'0' + two % 10;
    }
    out.push_str(std::str::from_utf8(&text).expect("digits and signs are ASCII"));
}

/// Reads what `push` has written, and nothing else.
pub(super) fn parse(text: &[u8]) -> Option<Wall> {
    let text: &[u8; BYTES] = text.try_into().ok()?;
    let signs = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if signs.iter().any(|(place, sign)| text[*place] != *sign) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let good = year >= 1
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let seconds = hour * 3600 + minute * 60 + second;
    let micros = number(20, 26)?;
    good.then(|| Wall(days(year, month, day) * DAY + seconds * 1_000_000 + micros))
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date of a day since 1970: years begin in March, so that the leap day is the last of its year, and
/// 400 years are 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_BEFORE_1970;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The other way.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(at: i64) -> String {
        let mut out = String::new();
        push(Wall(at), &mut out);
        out
    }

    proptest! {
        #[test]
        fn a_moment_is_written_as_others_write_it_and_read_back(at in FIRST..=LAST) {
            prop_assert_eq!(text(at), Wall(at).rfc3339());
            prop_assert_eq!(parse(text(at).as_bytes()), Some(Wall(at)));
        }

        #[test]
        fn what_is_read_is_a_date_of_the_calendar(digits in "[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{6}Z") {
            // A leap second is read by others as the second before; it is never written, and refused here.
            let theirs = watchkeeper_core::time::parse_rfc3339(&digits)
                .filter(|at| at.0 >= FIRST && digits.get(17..19) != Some("60"));
            prop_assert_eq!(parse(digits.as_bytes()), theirs);
        }
    }

    #[test]
    fn a_date_beyond_four_digits_becomes_the_nearest_inside() {
        assert_eq!(text(i64::MIN), "0001-01-01T00:00:00.000000Z");
        assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999999Z");
        assert_eq!(text(FIRST), text(FIRST - 1));
        assert_eq!(text(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
    }

    #[test]
    fn what_is_no_date_of_ours_is_refused() {
        for bad in [
            "",
            "2026-02-29T00:00:00.000000Z",
            "0000-01-01T00:00:00.000000Z",
            "2026-11-21T06:31:00.123456+",
            "2026-11-21 06:31:00.123456Z",
            "2026-11-21T06:31:60.123456Z",
            "2026-11-21T06:31:00.12345Z",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
