//! Secrets in free text: where they stand. Nothing here may change what lies between them.

use super::{HIDDEN, Mask, json, pairs};
use memchr::{memchr_iter, memchr2, memchr3, memmem};
use std::borrow::Cow;
use std::ops::Range;

/// The shortest thing that is taken for a token by its form alone.
const TOKEN_BYTES_MIN: usize = 20;

/// `room`: how deep a document may be to be taken for one.
pub(super) fn hide<'a>(mask: &Mask, text: &'a str, room: usize) -> Cow<'a, str> {
    if text.trim_start().starts_with(['{', '['])
        && let Some(masked) = json::text(mask, text, room)
    {
        return masked;
    }
    let mut spots = Vec::new();
    // Most texts are topics and names, in which nothing needs a longer look.
    let bytes = text.as_bytes();
    let blank = memchr2(b' ', b'\t', bytes).is_some();
    if memchr3(b'=', b':', b'>', bytes).is_some() {
        urls(text, &mut spots);
        pairs::find(&mask.words, text, &mut spots);
    } else if blank {
        pairs::options(&mask.words, text, &mut spots);
    }
    if blank || memchr2(b'J', b'\n', bytes).is_some() {
        tokens(text, &mut spots);
    }
    spots.retain(|spot| !spot.is_empty() && &text[spot.clone()] != HIDDEN);
    if spots.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(without(text, spots)) }
}

/// The text with each spot hidden; spots that touch are one.
fn without(text: &str, mut spots: Vec<Range<usize>>) -> String {
    spots.sort_by_key(|spot| (spot.start, spot.end));
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, spot) in spots.iter().enumerate() {
        if at == 0 || spot.start > copied {
            out.push_str(&text[copied..spot.start]);
            out.push_str(HIDDEN);
        }
        copied = copied.max(spot.end);
    }
    out.push_str(&text[copied..]);
    out
}

/// `scheme://user:password@host`. Users forget to escape: a password with `@`, `/` or `#` in it is hidden whole.
fn urls(text: &str, spots: &mut Vec<Range<usize>>) {
    let mut addresses = memmem::find_iter(text.as_bytes(), "://").peekable();
    // The one before was the beginning of a password with this sign in it.
    let mut is_inside = false;
    while let Some(at) = addresses.next() {
        let from = at + 3;
        let rest = &text[from..addresses.peek().map_or(text.len(), |next| from.max(*next))];
        let word = &rest[..rest.find(|c: char| c.is_whitespace() || c.is_control()).unwrap_or(rest.len())];
        let quoted = &word[..word.find(['"', '\'']).unwrap_or(word.len())];
        let authority = &quoted[..quoted.find(['/', '?', '#']).unwrap_or(quoted.len())];
        // What stands before a slash and is no port is half a password.
        let half = authority.split_once(':').is_some_and(|(_, port)| !is_number(port));
        if std::mem::take(&mut is_inside) || half || authority.contains('@') {
            let sign = quoted.rfind('@').or_else(|| word.rfind('@'));
            // A password may have the sign of another address in it; the rest of it is hidden as of that one.
            is_inside = sign.is_none() && word.len() == rest.len() && has_host(&text[from + rest.len()..]);
            let end = if is_inside { Some(rest.len()) } else { sign };
            spots.extend(end.map(|end| from..from + end));
        }
    }
}

/// Whether the host of an address comes later in the same word. It is not looked for further than any password is long.
fn has_host(text: &str) -> bool {
    const FAR: usize = 512;
    text.bytes().take(FAR).take_while(|byte| !byte.is_ascii_whitespace()).any(|byte| byte == b'@')
}

/// What shows by its form that it is a secret.
fn tokens(text: &str, spots: &mut Vec<Range<usize>>) {
    if text.len() < TOKEN_BYTES_MIN {
        return;
    }
    let bytes = text.as_bytes();
    for at in memmem::find_iter(bytes, "earer ") {
        let from = at + "earer ".len();
        let length = run(&bytes[from..], b"-._~+/=");
        let token = &bytes[from..from + length];
        let begins = at > 0 && matches!(bytes[at - 1], b'b' | b'B');
        let digits = length >= 8 && token.iter().any(u8::is_ascii_digit);
        if begins && (length >= TOKEN_BYTES_MIN || digits) {
            spots.push(from..from + length);
        }
    }
    // JSON begins with `{"`, which is `eyJ` in base64; a token of this kind has three parts.
    let mut seen = 0;
    for from in memmem::find_iter(bytes, "eyJ") {
        if from < seen {
            continue;
        }
        let length = run(&bytes[from..], b"-_.");
        seen = from + length;
        let dots = memchr_iter(b'.', &bytes[from..from + length]).count();
        let begins = from == 0 || !bytes[from - 1].is_ascii_alphanumeric();
        if begins && dots >= 2 && length >= TOKEN_BYTES_MIN {
            spots.push(from..from + length);
        }
    }
    let label = "PRIVATE KEY-----";
    let mut seen = 0;
    for at in memmem::find_iter(bytes, label) {
        let from = at + label.len();
        // A label inside of a key ends where that key does, and none is looked for twice.
        if from <= seen {
            continue;
        }
        seen = memmem::find(&bytes[from..], b"-----END").map_or(text.len(), |end| from + end);
        spots.push(from..seen);
    }
}

/// How many letters, digits and such signs there are at the start.
fn run(bytes: &[u8], signs: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_alphanumeric() || signs.contains(byte)).count()
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
