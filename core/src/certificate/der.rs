//! The least of DER: one element after the other, with its length checked. Nothing here may index what was not measured.

use crate::time::Wall;

/// First bytes of elements.
pub(super) mod tag {
    pub(in super::super) const BOOLEAN: u8 = 0x01;
    pub(in super::super) const INTEGER: u8 = 0x02;
    pub(in super::super) const OCTETS: u8 = 0x04;
    pub(in super::super) const OBJECT: u8 = 0x06;
    pub(in super::super) const UTC_TIME: u8 = 0x17;
    pub(in super::super) const GENERALIZED_TIME: u8 = 0x18;
    pub(in super::super) const SEQUENCE: u8 = 0x30;
    pub(in super::super) const SET: u8 = 0x31;
    pub(in super::super) const CONTEXT_0: u8 = 0xa0;
    pub(in super::super) const CONTEXT_1: u8 = 0x81;
    pub(in super::super) const CONTEXT_2: u8 = 0x82;
    pub(in super::super) const CONTEXT_3: u8 = 0xa3;
    pub(in super::super) const DNS_NAME: u8 = 0x82;
    pub(in super::super) const IP_ADDRESS: u8 = 0x87;
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, whatever it is: its first byte and what is in it.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&kind, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Nothing in a certificate needs more than four bytes of length.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((kind, content))
    }

    /// The next element, which must be of this kind.
    pub(super) fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let (found, content) = ahead.any()?;
        (found == kind).then(|| {
            *self = ahead;
            content
        })
    }

    /// The same where it may be missing.
    pub(super) fn optional(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.take(kind)
    }

    /// What is in the next element, which must be of this kind.
    pub(super) fn inner(&mut self, kind: u8) -> Option<Reader<'a>> {
        self.take(kind).map(Reader)
    }

    /// A moment in either of the two forms.
    pub(super) fn time(&mut self) -> Option<Wall> {
        let (kind, text) = self.any()?;
        let digits = text.strip_suffix(b"Z")?;
        let (year, rest) = match kind {
            tag::UTC_TIME => {
                let (year, rest) = digits.split_at_checked(2)?;
                let year = number(year)?;
                // RFC 5280: 50 and above belong to the last century.
                (if year >= 50 { 1900 + year } else { 2000 + year }, rest)
            }
            tag::GENERALIZED_TIME => {
                let (year, rest) = digits.split_at_checked(4)?;
                (number(year)?, rest)
            }
            _ => return None,
        };
        let part = |at: usize| rest.get(at * 2..at * 2 + 2).and_then(number);
        let (month, day, hour, minute, second) = (part(0)?, part(1)?, part(2)?, part(3)?, part(4)?);
        let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
        if rest.len() != 10 || !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Wall(seconds * 1_000_000))
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the day that is sometimes missing is its last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_both_forms() {
        let read = |kind: u8, text: &str| {
            let bytes = [&[kind, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            Reader(&bytes).time().map(|at| at.0 / 1_000_000)
        };
        assert_eq!(read(0x17, "700101000000Z"), Some(0));
        assert_eq!(read(0x17, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(read(0x17, "500101000000Z"), Some(-631_152_000));
        assert_eq!(read(0x18, "20240229120000Z"), Some(1_709_208_000));
        assert_eq!(read(0x18, "99991231235959Z"), Some(253_402_300_799));
        for wrong in [
            "",
            "Z",
            "20241301000000Z",
            "2024022912000Z",
            "20240229120000",
            "2024022912000xZ",
            "99991231240000Z",
        ] {
            assert_eq!(read(0x18, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_length_that_lies_reads_nothing() {
        for bytes in
            [&[][..], &[0x30], &[0x30, 1], &[0x30, 0x80], &[0x30, 0x85, 0, 0, 0, 0, 0], &[0x30, 0x82, 1]]
        {
            assert_eq!(Reader(bytes).any(), None, "{bytes:?}");
        }
        assert_eq!(Reader(&[4, 0x81, 1, 7, 9]).any(), Some((4, &[7][..])));
    }
}
