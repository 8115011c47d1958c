//! What looks like a secret, by the name of a setting or within an address. Rather too much is masked than too little.

use std::borrow::Cow;

/// What stands in its place.
pub(super) const MASK: &str = "***";

/// Pieces of names whose values nobody must see.
const PIECES: &[&str] = &[
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "apikey",
    "private",
    "psk",
    "auth",
    "cert",
    "login",
    "pwd",
];

/// Whether a setting is a secret, by any of the names that lead to it.
pub(super) fn is_name(path: &str) -> bool {
    path.split('.').any(|name| {
        let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        PIECES.iter().any(|piece| plain.contains(piece)) || plain.ends_with("key") || plain == "pin"
    })
}

/// A value without the user and the password of an address in it.
pub(super) fn masked(value: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(['/', '"', '\'']).unwrap_or(after.len());
        let user = after[..end].rfind('@').unwrap_or(0);
        shown.push_str(before);
        shown.push_str("://");
        if user > 0 {
            shown.push_str(MASK);
        }
        shown.push_str(&after[user..end]);
        rest = &after[end..];
    }
    if shown.is_empty() {
        return Cow::Borrowed(value);
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for secret in [
            "mqtt_password",
            "wifi.passphrase",
            "apiKey",
            "API_KEY",
            "secrets.a",
            "psk",
            "auth.user",
            "PIN",
            "encryption-key",
        ] {
            assert!(is_name(secret), "{secret}");
        }
        for plain in ["mqtt_port", "telemetry_interval", "keyboard", "pins.led", "name"] {
            assert!(!is_name(plain), "{plain}");
        }
    }

    #[test]
    fn an_address_is_shown_without_its_user() {
        assert_eq!(masked("mqtt://u:p@h:1883/x"), "mqtt://***@h:1883/x");
        assert_eq!(masked("a http://u:p q@r@h/x and ws://h/x@y"), "a http://***@h/x and ws://h/x@y");
        assert_eq!(masked("no address, me@home"), "no address, me@home");
    }
}
