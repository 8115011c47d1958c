//! Keys and values in free text: `key=value`, `key: value`, `"key": "value"`, `<key>value</key>`, `--key value`.
//! Where the end of a value cannot be told, it must be taken to be late.

use memchr::{memchr3_iter, memmem};
use std::ops::Range;
use watchkeeper_core::secrets::{Secrets, floor};

/// How far back from a sign the key is looked for.
const KEY_BYTES_MAX: usize = 256;
/// What stands before the secret itself in a header.
const SCHEMES: &[&str] =
    &["bearer ", "basic ", "digest ", "token ", "negotiate ", "apikey ", "aws4-hmac-sha256 "];

/// Adds where the values of masked keys stand, options among them.
pub(super) fn find(words: &Secrets, text: &str, spots: &mut Vec<Range<usize>>) {
    options(words, text, spots);
    spots.sort_by_key(|spot| spot.start);
    // A sign inside of what is hidden is part of the secret.
    let (mut known, mut hidden, count) = (0, 0, spots.len());
    for sign in memchr3_iter(b'=', b':', b'>', text.as_bytes()) {
        while known < count && spots[known].end <= sign {
            known += 1;
        }
        if sign < hidden || (known < count && spots[known].start <= sign) {
            continue;
        }
        if let Some(spot) = pair(words, text, sign) {
            hidden = spot.end;
            spots.push(spot);
        }
    }
}

/// The value after a sign, where the key before it is masked.
fn pair(words: &Secrets, text: &str, sign: usize) -> Option<Range<usize>> {
    let head = &text[floor(text, sign.saturating_sub(KEY_BYTES_MAX))..sign];
    let tag = text.as_bytes()[sign] == b'>';
    let after = &text[sign + 1..];
    if after.starts_with("//") || !is_masked(words, head, tag) {
        return None;
    }
    if tag {
        let from = sign + 1;
        return Some(from..after.find('<').map_or(text.len(), |end| from + end));
    }
    let given = after.strip_prefix(['>', '=', ':']).unwrap_or(after).trim_start_matches([' ', '\t']);
    Some(value(text, text.len() - given.len(), is_header(head)))
}

/// Adds where the values of masked options stand: `--key value`.
pub(super) fn options(words: &Secrets, text: &str, spots: &mut Vec<Range<usize>>) {
    let mut bracketed = 0;
    for dashes in memmem::find_iter(text.as_bytes(), "--") {
        // Where brackets are nested, each would be followed to its end again.
        if dashes < bracketed {
            continue;
        }
        let rest = &text[dashes + 2..];
        let near = &rest[..floor(rest, KEY_BYTES_MAX.min(rest.len()))];
        let key = &near[..near.find(|c| !is_key(c)).unwrap_or(near.len())];
        let blank = &rest[key.len()..];
        let given = blank.trim_start_matches([' ', '\t']);
        if given.len() < blank.len() && !given.starts_with("--") && words.hide(key) {
            let spot = value(text, text.len() - given.len(), false);
            if given.starts_with(['[', '{']) {
                bracketed = spot.end;
            }
            spots.push(spot);
        }
    }
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '[' | ']')
}

/// Whether the key that ends where `head` ends is one of a secret.
fn is_masked(words: &Secrets, head: &str, tag: bool) -> bool {
    let head = if tag { head } else { head.trim_end_matches([' ', '\t']) };
    if !tag && let Some(quote @ ('"' | '\'' | '`')) = head.chars().next_back() {
        let inner = head[..head.len() - 1].trim_end_matches('\\');
        // A key whose quote is not here, since the text was cut, is all of it; but what is hidden before it is no key.
        let whole = || inner.rsplit("***").next().unwrap_or(inner);
        let key = inner.rfind(quote).map_or_else(whole, |from| &inner[from + 1..]);
        return words.hide(key);
    }
    let (before, key) = last_word(head);
    if key.is_empty() || (tag && !before.ends_with('<')) {
        return false;
    }
    words.hide(key) || before.strip_suffix(' ').is_some_and(|before| words.is_two(last_word(before).1, key))
}

fn last_word(head: &str) -> (&str, &str) {
    let from = head.trim_end_matches(is_key).len();
    head.split_at(from)
}

/// Headers whose values have blanks in them.
fn is_header(head: &str) -> bool {
    let head = head.trim_end_matches([' ', '\t']);
    let (_, key) = last_word(head);
    let key = key.to_ascii_lowercase();
    key.ends_with("authorization") || key.ends_with("cookie")
}

/// Where the value is that begins at `from`; quotes stay outside.
fn value(text: &str, from: usize, header: bool) -> Range<usize> {
    let rest = &text[from..];
    let slashes = rest.bytes().take_while(|byte| *byte == b'\\').count();
    let open = rest.as_bytes().get(slashes).copied().unwrap_or_default();
    if matches!(open, b'"' | b'\'' | b'`') {
        let inner = from + slashes + 1;
        return inner..inner + closing(&text[inner..], &rest[..=slashes]);
    }
    if matches!(open, b'[' | b'{') && slashes == 0 {
        let end = bracket(rest);
        return from..from + end + plain(&rest[end..]);
    }
    let scheme =
        |scheme: &&&str| rest.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    let end = match SCHEMES.iter().find(scheme) {
        _ if header => rest.find(['\n', '\r', '"']).unwrap_or(rest.len()),
        Some(scheme) => scheme.len() + plain(&rest[scheme.len()..]),
        None => plain(rest),
    };
    from..from + end
}

/// Up to the quote that ends the value; one that is escaped deeper than the one that opened it does not.
fn closing(inner: &str, open: &str) -> usize {
    let quote = &open[open.len() - 1..];
    let mut at = 0;
    while let Some(found) = inner[at..].find(quote) {
        let end = at + found;
        let slashes = inner[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        let even = slashes % 2 == 0;
        if slashes + 1 == open.len() || (open.len() == 1 && even) {
            return end - (open.len() - 1);
        }
        at = end + 1;
    }
    inner.len()
}

/// Up to the bracket that closes the one at the start; to the end where none does.
fn bracket(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut bytes = rest.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    rest.len()
}

/// Up to a blank, to a sign after which another key stands, or to a quote at the end of something.
fn plain(rest: &str) -> usize {
    for (at, c) in rest.char_indices() {
        let after = &rest[at + c.len_utf8()..];
        let ends = match c {
            '&' | ';' | ',' => after.is_empty() || begins_with_key(after),
            '"' | '\'' => after.is_empty() || after.starts_with([' ', ',', ';', ')', ']', '}', '\n']),
            _ => c.is_whitespace() || c.is_control(),
        };
        if ends {
            return at;
        }
    }
    rest.len()
}

fn begins_with_key(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let rest = text.trim_start_matches(is_key);
    rest.len() < text.len() && rest.trim_start_matches(['"', '\'']).trim_start().starts_with(['=', ':'])
}
