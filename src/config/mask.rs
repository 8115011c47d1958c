//! Hiding what must not be shown: user and password in URLs, and the values of keys that look like secrets.
//! Nothing here may return a text that still holds the secret it was given.

use std::fmt;

/// A URL as the user typed it, which shows itself without user and password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct MaskedUrl(pub(crate) String);

impl fmt::Display for MaskedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(&self.0))
    }
}

impl fmt::Debug for MaskedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", text(&self.0))
    }
}

impl From<&str> for MaskedUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

/// `text` in which whatever stands between `//` (or the start) and the last `@` of a word is `***`.
pub(crate) fn text(text: &str) -> String {
    let Some(at) = text.rfind('@') else { return text.to_owned() };
    let start = text[..at].find("://").map_or(0, |scheme| scheme + 3);
    format!("{}***{}", &text[..start], &text[at..])
}

/// A line of a config file in which secrets are `***`.
pub(crate) fn line(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    // `password_file = …` is the name of a file; only a bare key holds the secret itself.
    let bare = ["password", "passwd", "secret", "token", "pass", "dsn"].iter().any(|key| {
        lower.match_indices(key).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
            before.is_none_or(|c| !c.is_alphanumeric() && c != '_') && after.starts_with('=')
        })
    });
    if bare {
        "***".to_owned()
    } else if line.contains("://") {
        text(line)
    } else {
        line.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_never_show() {
        for (given, shown) in [
            ("mqtt://u:p@h:1883", "mqtt://***@h:1883"),
            ("mqtt://u:p@ss@h", "mqtt://***@h"),
            ("u:p@h", "***@h"),
            ("mqtt://h", "mqtt://h"),
        ] {
            assert_eq!(text(given), shown);
            assert_eq!(format!("{}", MaskedUrl::from(given)), shown);
            assert_eq!(format!("{:?}", MaskedUrl::from(given)), format!("{shown:?}"));
        }
    }

    #[test]
    fn a_line_hides_secrets_and_nothing_else() {
        for (given, shown) in [
            ("password = 'x'", "***"),
            ("\"password\"= 'x'", "***"),
            ("b = { url = 'h', password='x' }", "***"),
            ("password_file = 'x'", "password_file = 'x'"),
            ("api_token_file = 'x'", "api_token_file = 'x'"),
            ("url = 'mqtt://a:b@c'", "url = 'mqtt://***@c'"),
            ("name = 'a@b'", "name = 'a@b'"),
        ] {
            assert_eq!(line(given), shown);
        }
    }
}
