//! Text as a JSON string literal in which nothing is left that ends a line, moves a cursor, turns the direction of
//! writing or cannot be seen. Nothing here may let such a character through, either way.

use std::borrow::Cow;
use std::fmt::Write as _;

const PLAIN: u8 = 0;
/// May stand bare in a pipe line.
const BARE: u8 = 1;
/// Has to be looked at: escaped, or the first byte of characters of which some are.
const LOOK: u8 = 2;

/// What a byte is. Continuation bytes are plain: the decision falls at the first byte of a character.
const CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    let bare = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:/@+,%$#*~=-";
    let mut at = 0;
    while at < bare.len() {
        class[bare[at] as usize] = BARE;
        at += 1;
    }
    // The first bytes of U+0080…, U+0600…, U+1000…, U+2000…, U+F000… and U+C0000… are looked at, too.
    let look = b"\"\\|\x7f\xc2\xd8\xe1\xe2\xef\xf3";
    at = 0;
    while at < look.len() {
        class[look[at] as usize] = LOOK;
        at += 1;
    }
    at = 0;
    while at < 0x20 {
        class[at] = LOOK;
        at += 1;
    }
    class
};

/// True when a character is never written as it is: control characters, line and paragraph separators, what turns
/// the direction of writing, and what is invisible (so that two names that look alike are not alike).
pub fn is_escaped(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// True when text may stand in a pipe line without quotes.
pub fn is_bare(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| CLASS[usize::from(byte)] == BARE)
}

/// Appends text as a literal, quotes included; `bar`: the vertical bar is escaped as well.
pub(super) fn push(text: &str, bar: bool, out: &mut String) {
    out.push('"');
    push_inner(text, bar, out);
    out.push('"');
}

/// Appends what stands between the quotes.
pub(super) fn push_inner(text: &str, bar: bool, out: &mut String) {
    let bytes = text.as_bytes();
    let (mut from, mut at) = (0, 0);
    while let Some(steps) = bytes[at..].iter().position(|byte| CLASS[usize::from(*byte)] == LOOK) {
        at += steps;
        let c = text[at..].chars().next().expect("a byte to be looked at begins a character");
        let next = at + c.len_utf8();
        if matches!(c, '"' | '\\') || (bar && c == '|') || is_escaped(c) {
            out.push_str(&text[from..at]);
            push_escaped(c, out);
            from = next;
        }
        at = next;
    }
    out.push_str(&text[from..]);
}

/// How many bytes a character takes between the quotes.
pub(super) fn width(c: char, bar: bool) -> usize {
    match c {
        '"' | '\\' => 2,
        '|' if bar => 6,
        c if is_escaped(c) => 6 * c.len_utf16(),
        c => c.len_utf8(),
    }
}

fn push_escaped(c: char, out: &mut String) {
    if matches!(c, '"' | '\\') {
        out.push('\\');
        out.push(c);
        return;
    }
    for unit in c.encode_utf16(&mut [0; 2]) {
        write!(out, "\\u{unit:04x}").expect("a string takes everything");
    }
}

/// The literal that begins at the start of `text`: what stands between its quotes, and the length with them.
pub(super) fn split(text: &str) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some((&text[1..at], at + 1));
        }
        at += 2;
    }
}

/// The meaning of what stands between quotes. Strict: every escape of JSON is understood, and a character that must
/// be escaped may not stand there as it is; the error is where it went wrong.
pub(super) fn unescape(inner: &str, bar: bool) -> Result<Cow<'_, str>, usize> {
    let bytes = inner.as_bytes();
    let mut out = String::new();
    let (mut from, mut at) = (0, 0);
    while let Some(steps) = bytes[at..].iter().position(|byte| CLASS[usize::from(*byte)] == LOOK) {
        at += steps;
        let c = inner[at..].chars().next().ok_or(at)?;
        if c == '\\' {
            out.push_str(&inner[from..at]);
            let (c, length) = escape(&bytes[at..]).ok_or(at)?;
            out.push(c);
            at += length;
            from = at;
        } else if c == '"' || (bar && c == '|') || is_escaped(c) {
            return Err(at);
        } else {
            at += c.len_utf8();
        }
    }
    if from == 0 {
        return Ok(Cow::Borrowed(inner));
    }
    out.push_str(&inner[from..]);
    Ok(Cow::Owned(out))
}

/// The character of an escape, and how long the escape is.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let short = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\x08',
        b'f' => '\x0c',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return long(bytes),
        _ => return None,
    };
    Some((short, 2))
}

fn long(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + char::from(*digit).to_digit(16)?))
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = unit(6)?;
    let pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let c = pair.then(|| char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)))?;
    Some((c?, 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_character_is_looked_at_when_it_has_to_be_and_none_comes_out_raw() {
        let mut out = String::new();
        for c in '\0'..=char::MAX {
            out.clear();
            push_inner(c.encode_utf8(&mut [0; 4]), true, &mut out);
            assert_eq!(out.len(), width(c, true), "{c:?}");
            assert_eq!(out.starts_with('\\'), is_escaped(c) || "\"\\|".contains(c), "{c:?}");
            assert!(!out.chars().any(|c| is_escaped(c) || c == '|'), "{c:?}");
            assert_eq!(unescape(&out, true).as_deref(), Ok(c.encode_utf8(&mut [0; 4]) as &str));
        }
    }

    #[test]
    fn whatever_ends_a_line_controls_a_terminal_or_turns_the_writing_is_escaped() {
        let controls = ('\0'..='\u{ff}').filter(|c| c.is_control());
        let lines = ['\u{2028}', '\u{2029}'].into_iter();
        let turns =
            "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}";
        let unseen = "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{fff9}\u{e0041}";
        for c in controls.chain(lines).chain(turns.chars()).chain(unseen.chars()) {
            assert!(is_escaped(c), "{c:?}");
        }
        assert!(!"a Ü|\"\\中😀\u{fffd}".chars().any(is_escaped));
    }

    #[test]
    fn bare_is_what_the_manual_says() {
        let bare = regex::Regex::new(r"^[A-Za-z0-9_.:/@+,%$#*~=-]+$").unwrap();
        for c in '\0'..='\u{2ff}' {
            for text in [c.to_string(), format!("a{c}b")] {
                assert_eq!(is_bare(&text), bare.is_match(&text), "{text:?}");
            }
        }
        assert!(!is_bare(""));
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_and_is_what_other_readers_of_json_read(text in any::<String>(), bar: bool) {
            let mut out = String::new();
            push(&text, bar, &mut out);
            let (inner, length) = split(&out).unwrap();
            prop_assert_eq!(length, out.len());
            let back = unescape(inner, bar).unwrap();
            prop_assert_eq!(&*back, &*text);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn the_escapes_of_others_are_understood_and_nonsense_is_not() {
        assert_eq!(unescape(r"\/\b\f\n\r\t\u00e4\uD83D\ude00", false).as_deref(), Ok("/\x08\x0c\n\r\tä😀"));
        for bad in
            [r"\x", r"\", r"\u12", r"\ud800", r"\ud800\u0041", r"\udc00\ud800", "a\nb", "\u{85}", r"\u+123"]
        {
            assert!(unescape(bad, false).is_err(), "{bad}");
        }
        assert_eq!(unescape("a|b", true), Err(1));
    }
}
