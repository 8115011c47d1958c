//! «Did you mean»: from a key or word that is not known to the one that was meant. Nothing here may accept
//! what was written; a suggestion is text for a person.

/// Keys of other programs, of older manuals and of plain guessing, and what they are called here.
const RENAMED: &[(&str, &str, &str)] = &[
    ("host", "url", "url = \"mqtt://HOST:1883\""),
    ("hostname", "url", "url = \"mqtt://HOST:1883\""),
    ("server", "url", "url = \"mqtt://HOST:1883\""),
    ("address", "url", "url = \"mqtt://HOST:1883\""),
    ("uri", "url", "url = \"mqtt://HOST:1883\""),
    ("port", "url", "url = \"mqtt://HOST:PORT\""),
    ("tls", "url", "url = \"mqtts://HOST\""),
    ("user", "username", "username = \"NAME\""),
    (
        "password",
        "password_file",
        "password_file = \"FILE\", or the variable MQTT_PASSWORD; a secret does not belong in this file",
    ),
    (
        "pass",
        "password_file",
        "password_file = \"FILE\", or the variable MQTT_PASSWORD; a secret does not belong in this file",
    ),
    ("topic", "filter", "filter = \"plant/{device}/telemetry\""),
    ("topics", "filter", "filter = \"plant/{device}/telemetry\", one [[stream]] for each"),
    ("interval", "expect_every", "expect_every = \"60s\""),
    ("timeout", "connect_timeout", "connect_timeout = \"10s\""),
    ("ttl", "forget_after", "forget_after = \"30d\""),
    ("min", "range", "range = [MIN, MAX]"),
    ("max", "range", "range = [MIN, MAX]"),
    ("ca", "ca_file", "ca_file = \"FILE\""),
    ("cert", "cert_file", "cert_file = \"FILE\""),
    ("key", "key_file", "key_file = \"FILE\""),
    ("max_payload", "payload_bytes_max", "payload_bytes_max = \"256KiB\""),
    ("max_devices", "devices_max", "devices_max = 100000"),
    ("token", "api_token_file", "api_token_file = \"FILE\""),
    ("api_token", "api_token_file", "api_token_file = \"FILE\""),
];

/// The cure for a key that is not among `known`.
pub(crate) fn key(unknown: &str, path: &str, known: &[&'static str]) -> String {
    let renamed = RENAMED.iter().find(|(old, new, _)| *old == unknown && known.contains(new));
    if let Some((_, new, written)) = renamed {
        return format!("did you mean «{new}»? Write {written}");
    }
    if let Some(near) = nearest(unknown, known) {
        return format!("did you mean «{near}»?");
    }
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    let place = if path.is_empty() { "here".to_owned() } else { format!("in [{path}]") };
    format!("remove it; {place} are known: {}", known.join(", "))
}

/// The cure for a word that is not among `known`.
pub(crate) fn word(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known) {
        Some(near) => format!("did you mean «{near}»?"),
        None => format!("write one of: {}", known.join(", ")),
    }
}

/// The word that differs by the fewest keystrokes, if that is few for its length.
pub(crate) fn nearest<'a>(unknown: &str, known: &[&'a str]) -> Option<&'a str> {
    let unknown = unknown.to_lowercase().replace('-', "_");
    let distance = |word: &str| strsim::damerau_levenshtein(&unknown, &word.to_lowercase());
    let near = known.iter().copied().min_by_key(|word| distance(word))?;
    (distance(near) <= (near.chars().count() / 3).min(3)).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word() {
        for (typed, meant) in [
            ("pasword_file", "password_file"),
            ("keep-alive", "keep_alive"),
            ("Filter", "filter"),
            ("ulr", "url"),
            ("brokers", "broker"),
        ] {
            let known = ["password_file", "keep_alive", "filter", "url", "broker"];
            assert_eq!(nearest(typed, &known), Some(meant), "{typed}");
        }
        assert_eq!(nearest("colour", &["url", "name"]), None);
        assert_eq!(nearest("x", &[]), None);
    }

    #[test]
    fn a_renamed_key_says_what_to_write() {
        assert!(key("host", "broker[0]", &["name", "url"]).contains("url = \"mqtt://HOST:1883\""));
        assert!(key("host", "limits", &["devices_max"]).contains("devices_max"));
        assert!(word("xml", &["json", "text"]).contains("json, text"));
    }
}
