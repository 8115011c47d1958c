//! JSON as management interfaces write it: numbers that are words, ids that are no UTF-8, rows that lack what others
//! have. What cannot be read as a number is absent and never zero.

use super::Trouble;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;

/// So much of what a reader has to complain about is repeated.
const COMPLAINT_CHARS_MAX: usize = 200;

/// Reads an answer of this URL.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], url: &str) -> Result<T, Trouble> {
    let body = text(body);
    serde_json::from_str(body.trim_start_matches('\u{feff}')).map_err(|error| {
        let complaint: String = error.to_string().chars().take(COMPLAINT_CHARS_MAX).collect();
        match error.classify() {
            serde_json::error::Category::Eof if body.trim().is_empty() => Trouble::new(
                format!("{url} answers with nothing"),
                "check the URL and the version of the broker",
            ),
            serde_json::error::Category::Eof | serde_json::error::Category::Io => Trouble::new(
                format!("the answer of {url} ends in the middle: {complaint}"),
                "look at the server, and at what stands between",
            ),
            serde_json::error::Category::Syntax => Trouble::new(
                format!("{url} answers with what is no JSON: {complaint}"),
                "check that the URL leads to the management interface",
            ),
            serde_json::error::Category::Data => Trouble::new(
                format!("{url} answers with another document than expected: {complaint}"),
                "check the kind of the source, the URL, and the version of the broker",
            ),
        }
    })
}

/// The text of an answer. A byte that is no UTF-8 comes as `\\xNN`, which within a JSON string is `\xNN`: the way in
/// which ids are written everywhere.
pub(super) fn text(body: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len() + 64);
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _ = write!(text, "\\\\x{byte:02X}");
        }
    }
    Cow::Owned(text)
}

/// A whole number that is not negative, also where it stands as text.
pub(super) fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(number(&Value::deserialize(from)?))
}

/// The same, of a value.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A whole number that was written as a float.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is looked at before")]
pub(super) fn whole(number: f64) -> Option<u64> {
    ((0.0..=9e15).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// Yes or no, also where it stands as text or number.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        Value::Number(number) if number.as_u64() == Some(1) => Some(true),
        Value::Number(number) if number.as_u64() == Some(0) => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Row {
        id: String,
        #[serde(default, deserialize_with = "count")]
        n: Option<u64>,
        #[serde(default, deserialize_with = "flag")]
        on: Option<bool>,
    }

    #[test]
    fn numbers_and_flags_are_taken_as_they_come_and_nothing_is_made_up() {
        let cases = [
            (r#"{"id":"a"}"#, None, None),
            (r#"{"id":"a","n":7,"on":true}"#, Some(7), Some(true)),
            (r#"{"id":"a","n":"7","on":"false"}"#, Some(7), Some(false)),
            (r#"{"id":"a","n":7.0,"on":1}"#, Some(7), Some(true)),
            (r#"{"id":"a","n":-1,"on":2}"#, None, None),
            (r#"{"id":"a","n":"infinity","on":"undefined"}"#, None, None),
            (r#"{"id":"a","n":null,"on":null}"#, None, None),
            (r#"{"id":"a","n":[1],"on":{}}"#, None, None),
        ];
        for (json, n, on) in cases {
            assert_eq!(parse::<Row>(json.as_bytes(), "u"), Ok(Row { id: "a".into(), n, on }), "{json}");
        }
    }

    #[test]
    fn ids_that_are_no_utf_8_come_spelt_out() {
        let row: Row = parse(b"{\"id\":\"a\xFF\\\"\\u0001b\"}", "u").unwrap();
        assert_eq!(row.id, "a\\xFF\"\u{1}b");
    }

    #[test]
    fn each_complaint_has_its_own_words() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "answers with nothing"),
            (b"{\"id\":\"a\",", "ends in the middle"),
            (b"id=a", "no JSON"),
            (b"[{}]", "another document"),
        ];
        for (body, words) in cases {
            let trouble = parse::<Row>(body, "http://h/x").unwrap_err().to_string();
            assert!(trouble.contains(words) && trouble.contains("http://h/x"), "{trouble}");
        }
    }
}
