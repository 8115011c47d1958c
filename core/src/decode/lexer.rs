//! The tokens of JSON: strings, numbers, words and white space, passed over byte by byte once.
//! It must accept what RFC 8259 accepts and nothing else, and never looks at what a token means.

use super::{Malformed, Text, span};
use crate::reason::Reason;

pub(super) type Read<T = ()> = Result<T, Malformed>;

/// A place in a text.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl Lexer<'_> {
    pub(super) fn bad(&self) -> Malformed {
        Malformed { reason: Reason::Json, at: self.at }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Read {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.bad())
        }
    }

    /// After an element: true when another one follows, false when `close` did.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Read<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.bad()),
        }
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Read {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.bad())
        }
    }

    /// Passes over a string, whose opening quote is next; one with escapes is written to `strings` without them.
    #[inline]
    pub(super) fn string(&mut self, strings: &mut String) -> Read<Text> {
        self.at += 1;
        let start = self.at;
        self.at = plain_until(self.bytes, start);
        match self.peek() {
            Some(b'"') => {
                let text = span(start, self.at, false);
                self.at += 1;
                Ok(text)
            }
            Some(b'\\') => self.escaped_string(start, strings),
            _ => Err(self.bad()),
        }
    }

    /// The rest of a string from its first escape on.
    #[cold]
    fn escaped_string(&mut self, start: usize, strings: &mut String) -> Read<Text> {
        let owned = strings.len();
        strings.push_str(&self.text[start..self.at]);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(span(owned, strings.len(), true));
                }
                Some(b'\\') => {
                    let character = self.escape()?;
                    strings.push(character);
                }
                Some(0x20..) => {
                    let from = self.at;
                    self.at = plain_until(self.bytes, from);
                    strings.push_str(&self.text[from..self.at]);
                }
                _ => return Err(self.bad()),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.bad()),
        };
        self.at += 1;
        Ok(character)
    }

    /// `\uXXXX`, or two of them; half a pair reads as the replacement character.
    fn unicode(&mut self) -> Read<char> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) || !self.bytes[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.at;
        self.at += 1;
        let second = self.hex()?;
        if !(0xDC00..0xE000).contains(&second) {
            self.at = before;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Four digits behind a `u`.
    fn hex(&mut self) -> Read<u32> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(self.bad())?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// A number: exact in one division when it has at most fifteen digits, else by the standard library.
    #[inline]
    pub(super) fn number(&mut self) -> Read<f64> {
        const POWERS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let mut mantissa = 0;
        let whole_at = self.at;
        self.digits(&mut mantissa)?;
        if self.bytes[whole_at] == b'0' && self.at > whole_at + 1 {
            self.at = whole_at + 1;
            return Err(self.bad());
        }
        let mut digits = self.at - whole_at;
        let mut decimals = 0;
        if self.peek() == Some(b'.') {
            self.at += 1;
            let from = self.at;
            self.digits(&mut mantissa)?;
            decimals = self.at - from;
            digits += decimals;
        }
        let simple = digits <= 15;
        if let Some(b'e' | b'E') = self.peek() {
            return self.exponent(start);
        }
        if !simple {
            return Ok(self.text[start..self.at].parse().unwrap_or(f64::NAN));
        }
        let value = mantissa as f64 / POWERS[decimals];
        Ok(if negative { -value } else { value })
    }

    #[cold]
    fn exponent(&mut self, start: usize) -> Read<f64> {
        self.at += 1;
        if let Some(b'+' | b'-') = self.peek() {
            self.at += 1;
        }
        self.digits(&mut 0)?;
        Ok(self.text[start..self.at].parse().unwrap_or(f64::NAN))
    }

    /// At least one digit.
    #[inline]
    fn digits(&mut self, value: &mut u64) -> Read {
        let start = self.at;
        while let Some(byte @ b'0'..=b'9') = self.peek() {
            *value = value.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.bad()) }
    }
}

/// The first quote, backslash or control character from `at` on, or the end: eight bytes at a step.
#[inline]
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        // A byte is zero, or below 0x20, exactly where the subtraction borrows into a clear high bit; a borrow
        // can mark a byte too much only after a true mark, and the first one is all that counts.
        let marks = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let marks = marks & HIGHS;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\' | 0..0x20) {
            return at;
        }
        at += 1;
    }
    at
}
