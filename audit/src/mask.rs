//! What must not be in the log: the values of keys that are called like secrets, user and password in URLs, and
//! tokens that show by their form what they are. Nothing here may return a text that still holds a secret it has
//! recognised; where in doubt, too much is hidden. What is hidden reads `***`.
//!
//! A key is compared by its words, whatever they are written with: `api_key`, `apiKey`, `API-KEY` and `apikey` are one.
//! A word of at most 4 letters (`psk`) has to be a word of the key, one of 5 to 7 its end (`mqtttoken`), a longer one
//! may stand anywhere (`oldpasswordhash`); plurals count. A key whose last word says that it is *about* the secret
//! (`password_file`, `token_type`, `tokens_used`) is not masked.

mod json;
mod pairs;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
mod text;

use crate::record::{Draft, Key, Value};
use std::borrow::Cow;
use watchkeeper_core::secrets::Secrets;
pub use watchkeeper_core::secrets::WORDS;

/// What stands where something was hidden.
pub const HIDDEN: &str = "***";

/// Knows what to hide.
#[derive(Clone, Debug)]
pub struct Mask {
    words: Secrets,
}

impl Default for Mask {
    fn default() -> Self {
        Self::new::<&str>(&[])
    }
}

impl Mask {
    /// The built-in words and these.
    pub fn new<W: AsRef<str>>(words: &[W]) -> Self {
        let own = words.iter().map(AsRef::as_ref);
        Self { words: Secrets::new(own) }
    }

    /// True when what stands under this key is a secret.
    pub fn key(&self, name: &str) -> bool {
        self.words.hide(name)
    }

    /// A text without its secrets: `scheme://user:password@host`, `password=…`, `"token": …`, `Authorization: …`,
    /// `--password …`, `<secret>…</secret>`, `Bearer …`, JSON Web Tokens, private keys in PEM.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        text::hide(self, text, json::DEPTH_MAX)
    }

    /// A document without its secrets: under a masked key nothing stays, whatever it is, but for null; texts are
    /// masked as such; of pairs such as `{"name": "wifi_password", "value": …}` the value is hidden.
    #[must_use]
    pub fn json(&self, document: &serde_json::Value) -> serde_json::Value {
        json::value(self, document)
    }

    /// The same of a document as it came: what is not hidden stays as it was, to the byte. None when it
    /// is no JSON, or nested deeper than 128 levels.
    pub fn json_text<'a>(&self, document: &'a str) -> Option<Cow<'a, str>> {
        json::text(self, document, json::DEPTH_MAX)
    }

    /// A record without secrets in its texts. Sources that know more, such as what of a payload is a document, mask
    /// before; this is the net below them.
    #[must_use]
    pub fn draft(&self, mut draft: Draft) -> Draft {
        let mut hidden = Vec::new();
        for (key, value) in &mut draft.fields {
            let Value::Text(text) = value else { continue };
            if is_digest(*key) {
                continue;
            }
            if let Cow::Owned(masked) = self.text(text) {
                *text = masked.into();
                hidden.push(key.word());
            }
        }
        match draft.get(Key::Raw) {
            Some(Value::Text(raw)) if !hidden.is_empty() => {
                let raw = without(raw, &hidden);
                draft.text(Key::Raw, &raw)
            }
            _ => draft,
        }
    }
}

/// Keys whose values we made ourselves, from letters and digits.
fn is_digest(key: Key) -> bool {
    matches!(
        key,
        Key::PayloadSha256 | Key::Sha256 | Key::Fingerprint | Key::Correlation | Key::Raw | Key::Trunc
    )
}

/// The raw bytes of a text hold what was hidden in it.
fn without(raw: &str, keys: &[&str]) -> String {
    let entry = |entry: &str| match entry.split_once('=') {
        Some((key, _)) if keys.contains(&key) => format!("{key}={HIDDEN}"),
        _ => entry.to_owned(),
    };
    raw.split(',').map(entry).collect::<Vec<_>>().join(",")
}
