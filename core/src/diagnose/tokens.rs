//! The tokens of the walk: text, numbers and words, each to the first byte that is wrong in it.
//! Nothing here may know what is open around a token, but for whether anything is.

use super::cause::Cause;
use super::walk::{Fault, Walk};

impl Walk<'_> {
    /// Text; gives what stands between the quotes as it is written.
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                None => return Err((Cause::Truncated, self.at)),
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err((Cause::ControlCharacter, self.at)),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(self.text[start..self.at - 1].to_owned())
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let at = self.at;
        match self.bytes.get(at + 1) {
            None => return Err((Cause::Truncated, self.bytes.len())),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let high = self.unit(at)?;
                self.at += 6;
                match high {
                    0xd800..0xdc00 => self.low_surrogate(at)?,
                    0xdc00..0xe000 => return Err((Cause::LoneSurrogate, at)),
                    _ => {}
                }
            }
            Some(_) => return Err((Cause::BadEscape, at)),
        }
        Ok(())
    }

    /// The second half of the pair whose first half is at `first`.
    fn low_surrogate(&mut self, first: usize) -> Result<(), Fault> {
        match self.bytes.get(self.at..self.bytes.len().min(self.at + 2)) {
            Some(b"" | b"\\") => return Err((Cause::Truncated, self.bytes.len())),
            Some(b"\\u") if (0xdc00..0xe000).contains(&self.unit(self.at)?) => self.at += 6,
            _ => return Err((Cause::LoneSurrogate, first)),
        }
        Ok(())
    }

    /// The four digits of the escape that begins at `at`.
    fn unit(&self, at: usize) -> Result<u32, Fault> {
        let mut unit = 0;
        for place in at + 2..at + 6 {
            let byte = *self.bytes.get(place).ok_or((Cause::Truncated, self.bytes.len()))?;
            let digit = char::from(byte).to_digit(16).ok_or((Cause::BadEscape, at))?;
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    pub(super) fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let is_of_it = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
        let length = self.bytes[start..].iter().take_while(|b| is_of_it(b)).count();
        let token = &self.text[start..start + length];
        match number(token) {
            Ok(()) => {
                self.at += length;
                Ok(())
            }
            // What would go on rightly but for the end of the text was cut off.
            Err(Cause::Truncated) if start + length < self.bytes.len() => Err((Cause::BadNumber, start)),
            Err(Cause::Truncated) => Err((Cause::Truncated, self.bytes.len())),
            Err(cause) => Err((cause, start)),
        }
    }

    pub(super) fn is_word(&self) -> bool {
        self.text[self.at..].starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$')
    }

    pub(super) fn word(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let length =
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
        let word = &rest[..length];
        let at = self.at;
        if matches!(word, "true" | "false" | "null") {
            self.at += length;
            return Ok(());
        }
        let is_last = length == rest.len();
        if is_last && ["true", "false", "null"].iter().any(|whole| whole.starts_with(word)) {
            return Err((Cause::Truncated, self.bytes.len()));
        }
        Err(match word.to_ascii_lowercase().as_str() {
            "undefined" => (Cause::Undefined, at),
            "nan" | "inf" | "infinity" => (Cause::NotANumber, at),
            _ => (Cause::OtherWord, at),
        })
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// Judges a whole token that begins like a number; `Truncated` when digits are missing at its end.
fn number(token: &str) -> Result<(), Cause> {
    if token.trim_start_matches(['-', '+']).starts_with(['I', 'N', 'i', 'n']) {
        return Err(Cause::NotANumber);
    }
    let rest = token.strip_prefix('-').unwrap_or(token);
    let (whole, mut rest) = digits(rest)?;
    if whole.len() > 1 && whole.starts_with('0') {
        return Err(Cause::BadNumber);
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = digits(fraction)?.1;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        rest = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))?.1;
    }
    if rest.is_empty() { Ok(()) } else { Err(Cause::BadNumber) }
}

/// At least one digit, and what follows.
fn digits(text: &str) -> Result<(&str, &str), Cause> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    match (length, text.is_empty()) {
        (0, true) => Err(Cause::Truncated),
        (0, false) => Err(Cause::BadNumber),
        _ => Ok(text.split_at(length)),
    }
}
