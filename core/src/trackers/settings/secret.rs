//! What looks like a secret within the value of a setting. Nothing here may judge a name: `crate::secrets` does.

use std::borrow::Cow;

/// What stands in its place.
pub(super) const MASK: &str = "***";

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
    fn an_address_is_shown_without_its_user() {
        assert_eq!(masked("mqtt://u:p@h:1883/x"), "mqtt://***@h:1883/x");
        assert_eq!(masked("a http://u:p q@r@h/x and ws://h/x@y"), "a http://***@h/x and ws://h/x@y");
        assert_eq!(masked("no address, me@home"), "no address, me@home");
    }
}
