//! The tokens of JSON: strings, numbers, words and white space, passed over byte by byte once.
//! It must accept what RFC 8259 accepts and nothing else, and never looks at what a token means.
//!
//! Most documents hold neither a backslash nor a control character. That is found out once for the whole text
//! (`PLAIN`), and then a string ends at the next quote and white space is the space alone.

use super::{Text, span};

/// Something is wrong; the lexer knows where. Without a size, so that every result fits into a register.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bad;

pub(super) type Read<T = ()> = Result<T, Bad>;

/// A place in a text.
pub(super) struct Lexer<'a, const PLAIN: bool> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// True when a text holds neither a backslash nor a control character: one pass that compiles to wide steps.
pub(super) fn is_plain(text: &str) -> bool {
    let odd = |byte: &u8| u8::from(*byte < 0x20) | u8::from(*byte == b'\\');
    !text.as_bytes().chunks(64).any(|chunk| chunk.iter().fold(0, |found, byte| found | odd(byte)) != 0)
}

impl<const PLAIN: bool> Lexer<'_, PLAIN> {
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte > b' ' || (byte != b' ' && (PLAIN || !matches!(byte, b'\n' | b'\t' | b'\r'))) {
                return;
            }
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Read {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Bad)
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
            _ => Err(Bad),
        }
    }

    /// Between a key and its value.
    #[inline]
    pub(super) fn colon(&mut self) -> Read {
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Read {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(())
        } else {
            Err(Bad)
        }
    }

    /// Passes over a string, whose opening quote is next; one with escapes is written to `strings` without them.
    #[inline]
    pub(super) fn string(&mut self, strings: &mut String) -> Read<Text> {
        let start = self.at + 1;
        self.at = self.plain_until(start);
        match self.peek() {
            Some(b'"') => {
                let text = span(start, self.at, false);
                self.at += 1;
                Ok(text)
            }
            Some(b'\\') => self.escaped_string(start, strings),
            _ => Err(Bad),
        }
    }

    /// Passes over a string that nobody asks for.
    #[inline]
    pub(super) fn skip_string(&mut self) -> Read {
        self.at = self.plain_until(self.at + 1);
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(());
        }
        self.skip_escaped()
    }

    #[cold]
    fn skip_escaped(&mut self) -> Read {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => _ = self.escape()?,
                Some(0x20..) => self.at = self.plain_until(self.at),
                _ => return Err(Bad),
            }
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
                Some(b'\\') => strings.push(self.escape()?),
                Some(0x20..) => {
                    let from = self.at;
                    self.at = self.plain_until(from);
                    strings.push_str(&self.text[from..self.at]);
                }
                _ => return Err(Bad),
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
            _ => return Err(Bad),
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
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Bad)?;
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
            return Err(Bad);
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
        if let Some(b'e' | b'E') = self.peek() {
            return self.exponent(start);
        }
        if digits > 15 {
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
        if self.at > start { Ok(()) } else { Err(Bad) }
    }

    /// The first quote, backslash or control character from `at` on, or the end: eight bytes at a step.
    #[inline]
    fn plain_until(&self, mut at: usize) -> usize {
        const ONES: u64 = 0x0101_0101_0101_0101;
        const HIGHS: u64 = 0x8080_8080_8080_8080;
        const QUOTE: u64 = 0x22;
        const SLASH: u64 = 0x5C;
        while let Some(word) = self.bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let word = u64::from_le_bytes(*word);
            let quote = word ^ (ONES * QUOTE);
            // A byte is zero, or below 0x20, exactly where the subtraction borrows into a clear high bit; a
            // borrow can mark a byte too much only after a true mark, and the first one is all that counts.
            let mut marks = quote.wrapping_sub(ONES) & !quote;
            if !PLAIN {
                let slash = word ^ (ONES * SLASH);
                marks |= (slash.wrapping_sub(ONES) & !slash) | (word.wrapping_sub(ONES * 0x20) & !word);
            }
            let marks = marks & HIGHS;
            if marks != 0 {
                return at + (marks.trailing_zeros() / 8) as usize;
            }
            at += 8;
        }
        let end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        self.bytes.get(at..).and_then(|rest| rest.iter().position(end)).map_or(self.bytes.len(), |n| at + n)
    }
}
