//! Whether a key is called like a secret. Nothing here may look at a value.

use std::collections::HashSet;

/// As many words of a key are taken for one word of the list: `shared_access_signature`.
const RUN_MAX: usize = 4;
/// From this length on a word of the list may be the end of a longer word; shorter ones are in too many words.
const END_FROM: usize = 5;
/// From this length on it may stand anywhere in one.
const INSIDE_FROM: usize = 8;
/// Keys are not longer in earnest; of a longer one both ends are looked at.
const KEY_BYTES_MAX: usize = 256;

/// Last words of keys that speak about a secret and are none.
const ABOUT: &[&str] = &[
    "age", "bytes", "count", "expires", "expiry", "file", "length", "limit", "max", "min", "path", "policy",
    "size", "ttl", "type", "used",
];

/// Words that are always masked, letters and digits only. The configuration adds to them and takes none away.
pub const WORDS: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "appkey",
    "appskey",
    "authkey",
    "authorization",
    "authtoken",
    "bearer",
    "clientkey",
    "connectionstring",
    "contrasena",
    "contraseña",
    "cookie",
    "credential",
    "devicekey",
    "encryptionkey",
    "hmackey",
    "jwt",
    "kennwort",
    "masterkey",
    "motdepasse",
    "networkkey",
    "nwkkey",
    "nwkskey",
    "otp",
    "pass",
    "passphrase",
    "passcode",
    "passwd",
    "password",
    "passwort",
    "pincode",
    "preshared",
    "privatekey",
    "psk",
    "pwd",
    "sas",
    "secret",
    "secretkey",
    "senha",
    "sessionkey",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sharedkey",
    "signingkey",
    "token",
    "wachtwoord",
    "wepkey",
    "wifikey",
    "wpakey",
    "пароль",
    "密码",
];

/// Pieces of names that a setting may have whose value nobody must see.
const PIECES: &[&str] =
    &["auth", "cert", "credential", "login", "passw", "private", "psk", "pwd", "secret", "token"];

/// The words of secrets, small letters and digits only.
#[derive(Clone, Debug)]
pub struct Secrets {
    all: HashSet<Box<str>>,
    /// Those that may be the end of a word.
    ends: Box<[Box<str>]>,
    /// Those that may stand anywhere in a word.
    inside: Box<[Box<str>]>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self::new(std::iter::empty())
    }
}

impl Secrets {
    /// The built-in words and these.
    pub fn new<'a>(own: impl Iterator<Item = &'a str>) -> Self {
        let all: HashSet<Box<str>> = WORDS
            .iter()
            .copied()
            .chain(own)
            .map(plain)
            .filter(|word| !word.is_empty())
            .map(String::into_boxed_str)
            .collect();
        let from = |least: usize, below: usize| {
            let fits = |word: &str| (least..below).contains(&word.chars().count());
            let mut words: Vec<Box<str>> = all.iter().filter(|word| fits(word)).cloned().collect();
            words.sort();
            words.into_boxed_slice()
        };
        Self { ends: from(END_FROM, INSIDE_FROM), inside: from(INSIDE_FROM, usize::MAX), all }
    }

    /// True when what stands under this key is a secret.
    pub fn hide(&self, name: &str) -> bool {
        if name.len() > KEY_BYTES_MAX {
            let half = floor(name, KEY_BYTES_MAX / 2);
            let rest = floor(name, name.len() - KEY_BYTES_MAX / 2);
            return self.hide(&name[..half]) || self.hide(&name[rest..]);
        }
        let parts = Parts::of(name);
        if ABOUT.contains(&parts.last_word()) {
            return false;
        }
        let count = parts.ends.len();
        (0..count).any(|from| {
            let longest = count.min(from + RUN_MAX);
            self.hides_word(parts.run(from, from + 1))
                || (from + 2..=longest).any(|to| self.is_one(parts.run(from, to)))
        })
    }

    /// True when a setting of this name may be a secret. Its value is shown without anybody having asked for it, so that
    /// rather too much is hidden than too little.
    pub fn may_hide(&self, name: &str) -> bool {
        let plain = plain(name);
        let suspect =
            PIECES.iter().any(|piece| plain.contains(piece)) || plain.ends_with("key") || plain == "pin";
        suspect || self.hide(name)
    }

    /// True when two words that stand apart are one of the list: `API key`.
    pub fn is_two(&self, one: &str, other: &str) -> bool {
        let both = one.chars().chain(other.chars());
        one.len() + other.len() <= KEY_BYTES_MAX
            && self.is_one(&both.flat_map(char::to_lowercase).collect::<String>())
    }

    fn is_one(&self, run: &str) -> bool {
        self.all.contains(run) || run.strip_suffix('s').is_some_and(|one| self.all.contains(one))
    }

    fn hides_word(&self, word: &str) -> bool {
        let one = word.strip_suffix('s').unwrap_or(word);
        self.is_one(word)
            || self.ends.iter().any(|end| word.ends_with(&**end) || one.ends_with(&**end))
            || self.inside.iter().any(|inside| word.contains(&**inside))
    }
}

/// A name in small letters and digits.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A key in small letters and digits, and where its words end in it.
struct Parts {
    plain: String,
    ends: Vec<usize>,
}

impl Parts {
    /// A word ends at whatever is neither letter nor digit, between a small and a capital letter, before the last of
    /// several capitals that a small one follows (`APIKey`), and between letters and digits.
    fn of(name: &str) -> Self {
        let mut parts = Parts { plain: String::with_capacity(name.len()), ends: Vec::with_capacity(4) };
        let mut last: Option<char> = None;
        let mut chars = name.chars().peekable();
        while let Some(c) = chars.next() {
            if !c.is_alphanumeric() {
                parts.end();
                last = None;
                continue;
            }
            let next_small = chars.peek().is_some_and(|next| next.is_lowercase());
            if last.is_some_and(|last| is_border(last, c, next_small)) {
                parts.end();
            }
            parts.plain.extend(c.to_lowercase());
            last = Some(c);
        }
        parts.end();
        parts
    }

    fn end(&mut self) {
        if self.ends.last().copied().unwrap_or(0) < self.plain.len() {
            self.ends.push(self.plain.len());
        }
    }

    fn run(&self, from: usize, to: usize) -> &str {
        let begin = if from == 0 { 0 } else { self.ends[from - 1] };
        &self.plain[begin..self.ends[to - 1]]
    }

    /// The last word that is no number.
    fn last_word(&self) -> &str {
        let count = self.ends.len();
        (1..=count).rev().map(|to| self.run(to - 1, to)).find(|word| !is_number(word)).unwrap_or_default()
    }
}

/// The last border of a character that is not behind `at`.
pub fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_border(last: char, c: char, next_small: bool) -> bool {
    let numbers = last.is_numeric() != c.is_numeric();
    let hump = last.is_lowercase() && c.is_uppercase();
    let after_capitals = last.is_uppercase() && c.is_uppercase() && next_small;
    numbers || hump || after_capitals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for secret in [
            "mqtt_password",
            "passphrase",
            "apiKey",
            "API_KEY",
            "secrets",
            "psk",
            "auth",
            "PIN",
            "encryption-key",
        ] {
            assert!(Secrets::default().may_hide(secret), "{secret}");
        }
        for plain in ["mqtt_port", "telemetry_interval", "keyboard", "pins", "name"] {
            assert!(!Secrets::default().may_hide(plain), "{plain}");
        }
    }
}
