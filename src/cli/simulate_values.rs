//! Reads the values of `simulate`'s flags. Each refusal says what would be right.

use std::time::Duration;

/// A span such as `300ms`, `10s`, `5m`, `24h`, `7d`, or `0`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time span: write 300ms, 10s, 5m, 24h, 7d or 0");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let milliseconds: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 0,
        _ => return Err(wrong()),
    };
    let longest = 365 * 86_400_000;
    match number.checked_mul(milliseconds) {
        Some(span) if span <= longest => Ok(Duration::from_millis(span)),
        _ => Err(format!("'{text}' is longer than 365d")),
    }
}

/// Host and port of `mqtt://HOST[:PORT]`. A user in the URL is refused: it would be seen in every process list.
pub(super) fn broker(url: &str) -> Result<(String, u16), String> {
    let address = match url.split_once("://") {
        None => url,
        Some(("mqtt" | "tcp", address)) => address,
        Some((scheme, _)) => {
            return Err(format!("{scheme}:// is not supported here, only mqtt://HOST[:PORT]"));
        }
    };
    let address = address.trim_end_matches('/');
    if address.contains('@') {
        return Err("no user in the URL, please: set MQTT_USERNAME and MQTT_PASSWORD".into());
    }
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong_port(port))?),
        _ => (address, 1883),
    };
    if host.is_empty() || host.contains('/') || (host.contains(':') && !host.starts_with('[')) {
        return Err(format!("'{address}' is no HOST[:PORT]; an IPv6 address stands in brackets"));
    }
    Ok((host.to_owned(), port))
}

fn wrong_port(port: &str) -> String {
    format!("'{port}' is no port: 1 to 65535")
}

/// A share of the interval that cannot carry a message out of the tolerance of 10 %.
pub(super) fn jitter(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if (0.0..=0.04).contains(&share) { Ok(share) } else { Err("0 to 0.04, please".into()) }
}

/// Messages per second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().map_err(|_| format!("'{text}' is no number"))?;
    if (0.001..=1e7).contains(&rate) {
        Ok(rate)
    } else {
        Err("0.001 to 10000000 messages a second, please".into())
    }
}

/// One or more topic levels without wildcards.
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let bad_level = |level: &str| level.is_empty() || level.contains(['+', '#', '\0']);
    if text.split('/').any(bad_level) || text.starts_with('$') || text.len() > 1000 {
        return Err(format!(
            "'{text}' cannot begin a topic: levels must not be empty and have no +, # or leading $"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_with_their_unit_and_nothing_else() {
        for (text, ms) in [("0", 0), ("300ms", 300), ("10s", 10_000), ("5m", 300_000), ("7d", 604_800_000)] {
            assert_eq!(span(text), Ok(Duration::from_millis(ms)));
        }
        for bad in ["", "10", "s", "-1s", "1.5s", "10 s", "99999999999999999999s", "366d", "ä"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_broker_is_host_and_port_without_secrets() {
        let ok = |url: &str, host: &str, port| assert_eq!(broker(url), Ok((host.to_owned(), port)), "{url}");
        ok("mqtt://127.0.0.1", "127.0.0.1", 1883);
        ok("mqtt://broker.plant:1884/", "broker.plant", 1884);
        ok("[::1]:1885", "[::1]", 1885);
        ok("mqtt://[::1]", "[::1]", 1883);
        for bad in ["mqtts://h", "mqtt://", "mqtt://h:x", "mqtt://u:secret@h", "::1", "mqtt://h/path"] {
            let error = broker(bad).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn numbers_and_prefixes_keep_within_their_bounds() {
        assert!(jitter("0.04").is_ok() && jitter("0.05").is_err() && jitter("NaN").is_err());
        assert!(rate("500").is_ok() && rate("0").is_err() && rate("inf").is_err());
        assert!(prefix("plant/a").is_ok());
        assert!(["", "a//b", "a/#", "+", "$SYS", "/a"].iter().all(|bad| prefix(bad).is_err()));
    }
}
