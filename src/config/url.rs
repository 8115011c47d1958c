//! Broker URLs: `mqtt://user:pa%40ss@host:1883`. User and password are taken out at once and kept apart from
//! the address, so that an address can be logged. Nothing here may quote a URL with its password in it.

use super::mask;
use super::problem::{Fault, fault};
use super::{BrokerUrl, Scheme};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use std::fmt;

/// A URL, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct GivenUrl {
    /// Where it leads.
    pub(crate) url: BrokerUrl,
    /// The user in it.
    pub(crate) username: Option<String>,
    /// The password in it.
    pub(crate) password: Option<SecretString>,
}

const CURE: &str = "write mqtt://HOST:PORT, such as mqtt://127.0.0.1:1883; mqtts:// is MQTT over TLS, ws:// and wss:// \
                    over a websocket, unix:///PATH over a socket file";
/// Where brokers take websockets when the URL names no path.
const WEBSOCKET_PATH: &str = "/mqtt";
/// The path of a socket that fits into an address of the system.
const SOCKET_PATH_MAX: usize = 107;

/// Reads a URL.
pub(crate) fn parse(text: &str) -> Result<GivenUrl, Fault> {
    let bad = |why: &str, cure: &str| fault(format!("«{}» is no broker URL: {why}", mask::text(text)), cure);
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(bad("the scheme is missing", &format!("write mqtt://{}", mask::text(text))));
    };
    let scheme = match scheme {
        "mqtt" => Scheme::Mqtt,
        "mqtts" => Scheme::Mqtts,
        "ws" => Scheme::Ws,
        "wss" => Scheme::Wss,
        "unix" => return socket(rest).map_err(|(why, cure)| bad(why, cure)),
        "tcp" => return Err(bad("tcp:// is called mqtt:// here", CURE)),
        "ssl" | "tls" => return Err(bad(&format!("{scheme}:// is called mqtts:// here"), CURE)),
        "http" | "https" => return Err(bad("this is the address of a web page", CURE)),
        _ => return Err(bad("the scheme is unknown", CURE)),
    };
    // Only a websocket has a path, in which an @ may stand; elsewhere a slash may be part of a password.
    let websocket = matches!(scheme, Scheme::Ws | Scheme::Wss);
    let (rest, path) = rest.find('/').filter(|_| websocket).map_or((rest, ""), |slash| rest.split_at(slash));
    let (userinfo, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let (authority, path) = rest.find('/').map_or((rest, path), |slash| rest.split_at(slash));
    let path = path_of(scheme, path).map_err(|why| bad(why, CURE))?;
    let (host, port) = host_and_port(authority).map_err(|why| bad(why, CURE))?;
    let (username, password) = userinfo.map_or(Ok((None, None)), credentials).map_err(|why| {
        bad(why, "write mqtt://USER:PASSWORD@HOST with %XX for special characters, such as %40 for @")
    })?;
    let url = BrokerUrl { scheme, host: host.to_owned(), port: port.unwrap_or(scheme.port()), path };
    Ok(GivenUrl { url, username, password })
}

/// The path of a websocket; nothing else has one.
fn path_of(scheme: Scheme, path: &str) -> Result<String, &'static str> {
    match scheme {
        Scheme::Ws | Scheme::Wss if path.is_empty() => Ok(WEBSOCKET_PATH.to_owned()),
        // It goes into the first line of an HTTP request as it is.
        Scheme::Ws | Scheme::Wss if path.bytes().all(|b| b.is_ascii_graphic() && b != b'#') => {
            Ok(path.to_owned())
        }
        Scheme::Ws | Scheme::Wss => Err("the path holds a character that must be written as %XX"),
        _ if path.trim_matches('/').is_empty() => Ok(String::new()),
        _ => Err("a path has no meaning here"),
    }
}

/// `unix:///run/mosquitto.sock`: an absolute path, and nothing else.
fn socket(path: &str) -> Result<GivenUrl, (&'static str, &'static str)> {
    const ABSOLUTE: &str = "write unix:///PATH with three slashes, such as unix:///run/mosquitto/mqtt.sock";
    if !path.starts_with('/') {
        return Err(("the path of the socket is not absolute", ABSOLUTE));
    }
    if path.len() > SOCKET_PATH_MAX || path.contains('\0') {
        return Err(("no socket can have this path", "choose a path of at most 107 bytes for the socket"));
    }
    let url = BrokerUrl { scheme: Scheme::Unix, host: path.to_owned(), port: 0, path: String::new() };
    Ok(GivenUrl { url, username: None, password: None })
}

/// Reads a port number.
pub(crate) fn port(text: &str) -> Result<u16, &'static str> {
    match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err("the port is no number from 1 to 65535"),
    }
}

/// Takes `host`, `host:port`, `[::1]` or `[::1]:port` apart.
pub(crate) fn host_and_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, rest) = if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or("[ is never closed")?;
        host.parse::<std::net::Ipv6Addr>().map_err(|_| "between [ and ] stands no IPv6 address")?;
        (host, rest)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        text.split_at(end)
    };
    if rest.matches(':').count() > 1 {
        return Err("an IPv6 address stands in brackets, such as [::1]");
    }
    if host.is_empty() {
        return Err("the host is missing");
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c)) {
        return Err("the host contains a character that no host name has");
    }
    let port = match rest.strip_prefix(':') {
        Some(text) => Some(port(text)?),
        None if rest.is_empty() => None,
        None => return Err("after the host comes :PORT"),
    };
    Ok((host, port))
}

type Credentials = (Option<String>, Option<SecretString>);

fn credentials(userinfo: &str) -> Result<Credentials, &'static str> {
    let decode = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| "user or password is no UTF-8")
    };
    let (user, password) = userinfo.split_once(':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
    if user.is_empty() {
        return Err("the user name before @ is empty");
    }
    Ok((Some(decode(user)?), password.map(decode).transpose()?.map(SecretString::from)))
}

impl Scheme {
    /// The port where none is written; a socket has none.
    fn port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Unix => 0,
        }
    }

    /// Whether TLS goes over the wire.
    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Unix => "unix",
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::Unix {
            return write!(f, "unix://{}", self.host);
        }
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{open}{}{close}:{}{}", self.scheme, self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_url_is_taken_apart() {
        for (text, shown, user, password) in [
            ("mqtt://host", "mqtt://host:1883", None, None),
            ("mqtt://host:1884/", "mqtt://host:1884", None, None),
            ("mqtt://[::1]:1883", "mqtt://[::1]:1883", None, None),
            ("mqtt://user@host", "mqtt://host:1883", Some("user"), None),
            ("mqtt://user:pa%40ss@host", "mqtt://host:1883", Some("user"), Some("pa@ss")),
            ("mqtt://u:p@ss:w@host:1", "mqtt://host:1", Some("u"), Some("p@ss:w")),
            ("mqtt://u:@host", "mqtt://host:1883", Some("u"), Some("")),
            ("mqtts://host", "mqtts://host:8883", None, None),
            ("mqtts://u:hunter2@[::1]:1", "mqtts://[::1]:1", Some("u"), Some("hunter2")),
            ("ws://host", "ws://host:80/mqtt", None, None),
            ("wss://u@host/", "wss://host:443/", Some("u"), None),
            ("wss://host:8884/a/b?c=d", "wss://host:8884/a/b?c=d", None, None),
            ("unix:///run/mqtt.sock", "unix:///run/mqtt.sock", None, None),
        ] {
            let given = parse(text).unwrap();
            assert_eq!(given.url.to_string(), shown);
            assert_eq!(given.username.as_deref(), user);
            assert_eq!(given.password.as_ref().map(ExposeSecret::expose_secret), password);
            assert!(password.is_none_or(|p| p.is_empty() || !format!("{given:?}").contains(p)));
        }
    }

    #[test]
    fn a_bad_url_says_why_and_hides_its_password() {
        for (text, why) in [
            ("host:1883", "mqtt://host:1883"),
            ("", "scheme"),
            ("mqtt://", "host is missing"),
            ("mqtt://h:0", "65535"),
            ("mqtt://h:65536", "65535"),
            ("mqtt://h:+1", "65535"),
            ("mqtt://h:", "65535"),
            ("mqtt://h/path", "path"),
            ("mqtt://::1:1883", "brackets"),
            ("mqtt://[::1", "closed"),
            ("mqtt://[nonsense]", "IPv6"),
            ("mqtt://a b", "character"),
            ("mqtt://:hunter2@h", "user name"),
            ("mqtt://u:hunter2@h:x", "65535"),
            ("mqtt://u:%ff@h", "UTF-8"),
            ("mqtts://u:hunter2@h/path", "path"),
            ("ws://h/a b", "%XX"),
            ("ws://h/a\r\nX: y", "%XX"),
            ("unix://run/mqtt", "three slashes"),
            ("unix://u:hunter2@run", "three slashes"),
            ("tcp://h", "mqtt://"),
            ("ssl://h", "mqtts://"),
            ("http://h", "web page"),
            ("amqp://h", "unknown"),
        ] {
            let fault = parse(text).unwrap_err();
            let shown = format!("{} {}", fault.cause, fault.cure);
            assert!(shown.contains(why) && !shown.contains("hunter2"), "{text}: {shown}");
        }
    }
}
