//! The exporter-toolkit's web configuration file: TLS, users, headers. What we do not support is an error that
//! says so; nothing in the file may be passed over in silence.

use super::rate_limit::Rule;
use super::tls::{Clients, Pem, Tls};
use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use watchkeeper_core::time::SECOND;

/// The file as meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebConfig {
    /// Names and bcrypt hashes; empty: nobody is asked.
    pub(crate) users: BTreeMap<String, String>,
    /// Added to every answer.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// HTTP/2 is offered; only with TLS.
    pub(crate) http2: bool,
    /// None: plain HTTP.
    pub(crate) tls: Option<Tls>,
    /// None: no limit.
    pub(crate) rate_limit: Option<Rule>,
}

impl WebConfig {
    /// Whether a stranger is turned away.
    pub(crate) fn asks_who(&self) -> bool {
        !self.users.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.clients == Clients::Required)
    }
}

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebConfigError {
    #[error("{}: cannot be read: {why}; check the path and its permissions", path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    #[error("{}: {place}", path.display())]
    Yaml { path: PathBuf, place: String },
    #[error("{}: {key} is not supported; {cure}", path.display())]
    Unsupported { path: PathBuf, key: &'static str, cure: &'static str },
    #[error("{}: {key}: {why}", path.display())]
    Invalid { path: PathBuf, key: String, why: String },
    #[error("{}: TLS cannot be switched on or off while running; restart", path.display())]
    Restart { path: PathBuf },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    tls_server_config: Option<RawTls>,
    http_server_config: Option<RawHttp>,
    basic_auth_users: Option<BTreeMap<String, String>>,
    rate_limit: Option<RawRate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawTls {
    cert_file: Option<String>,
    key_file: Option<String>,
    client_ca_file: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
    client_auth_type: Option<String>,
    min_version: Option<String>,
    max_version: Option<String>,
    prefer_server_cipher_suites: Option<bool>,
    client_allowed_sans: Option<IgnoredAny>,
    cipher_suites: Option<IgnoredAny>,
    curve_preferences: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawHttp {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    interval: String,
    burst: u32,
}

/// Reads and checks the file; relative paths in it are relative to it.
pub(crate) fn load(path: &Path) -> Result<WebConfig, WebConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|why| WebConfigError::Unreadable { path: path.to_owned(), why })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<WebConfig, WebConfigError> {
    let raw: Option<Raw> = serde_saphyr::from_str(text)
        .map_err(|error| WebConfigError::Yaml { path: path.to_owned(), place: error.to_string() })?;
    let Raw { tls_server_config, http_server_config, basic_auth_users, rate_limit } = raw.unwrap_or_default();
    let at = At(path);
    let http = http_server_config.unwrap_or_default();
    Ok(WebConfig {
        users: users(at, basic_auth_users.unwrap_or_default())?,
        headers: headers(at, http.headers.unwrap_or_default())?,
        http2: http.http2.unwrap_or(true),
        tls: tls_server_config.map(|raw| tls(at, raw)).transpose()?,
        rate_limit: rate_limit.map(|raw| rate(at, &raw)).transpose()?,
    })
}

/// The file, for messages and for relative paths.
#[derive(Clone, Copy)]
struct At<'a>(&'a Path);

impl At<'_> {
    fn invalid(self, key: impl Into<String>, why: impl Into<String>) -> WebConfigError {
        WebConfigError::Invalid { path: self.0.to_owned(), key: key.into(), why: why.into() }
    }

    fn unsupported(self, key: &'static str, cure: &'static str) -> WebConfigError {
        WebConfigError::Unsupported { path: self.0.to_owned(), key, cure }
    }

    fn pem(
        self,
        key: &str,
        file: Option<String>,
        inline: Option<String>,
    ) -> Result<Option<Pem>, WebConfigError> {
        // The toolkit takes an empty name for an absent one.
        match (file.filter(|name| !name.is_empty()), inline.filter(|text| !text.is_empty())) {
            (Some(_), Some(_)) => Err(self.invalid(key, "give the file or the text, not both")),
            (Some(name), None) => Ok(Some(Pem::File(self.0.parent().unwrap_or(Path::new("")).join(name)))),
            (None, text) => Ok(text.map(Pem::Inline)),
        }
    }
}

fn users(at: At, users: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, WebConfigError> {
    for (name, hash) in &users {
        if hash.parse::<bcrypt::HashParts>().is_err() {
            let why = "not a bcrypt hash; make one with `htpasswd -nBC 10 \"\"`";
            return Err(at.invalid(format!("basic_auth_users.{name}"), why));
        }
    }
    Ok(users)
}

fn headers(
    at: At,
    headers: BTreeMap<String, String>,
) -> Result<Vec<(HeaderName, HeaderValue)>, WebConfigError> {
    let mut checked = Vec::new();
    for (name, value) in headers {
        let key = || format!("http_server_config.headers.{name}");
        let lower = name.to_ascii_lowercase();
        let known: &[&str] = match lower.as_str() {
            "strict-transport-security" | "x-xss-protection" | "content-security-policy" => &[],
            "x-content-type-options" => &["nosniff"],
            "x-frame-options" => &["deny", "sameorigin"],
            _ => {
                return Err(at.invalid(
                    key(),
                    "only Strict-Transport-Security, X-Content-Type-Options, \
                X-Frame-Options, X-XSS-Protection and Content-Security-Policy can be set",
                ));
            }
        };
        if value.is_empty() {
            continue;
        }
        if !known.is_empty() && !known.contains(&value.to_ascii_lowercase().as_str()) {
            return Err(at.invalid(key(), format!("must be {}", known.join(" or "))));
        }
        let name =
            HeaderName::from_bytes(lower.as_bytes()).map_err(|_| at.invalid(key(), "not a header name"))?;
        let value = HeaderValue::from_str(&value).map_err(|_| at.invalid(key(), "not a header value"))?;
        checked.push((name, value));
    }
    Ok(checked)
}

fn tls(at: At, raw: RawTls) -> Result<Tls, WebConfigError> {
    refuse_unsupported(at, &raw)?;
    let cert = at.pem("tls_server_config.cert", raw.cert_file, raw.cert)?;
    let key = at.pem("tls_server_config.key", raw.key_file, raw.key)?;
    let client_ca = at.pem("tls_server_config.client_ca", raw.client_ca_file, raw.client_ca)?;
    let clients = clients(at, raw.client_auth_type.as_deref())?;
    if client_ca.is_some() != (clients != Clients::NotAsked) {
        let why = "VerifyClientCertIfGiven and RequireAndVerifyClientCert need client_ca_file, and only they";
        return Err(at.invalid("tls_server_config.client_auth_type", why));
    }
    let versions = versions(at, raw.min_version.as_deref(), raw.max_version.as_deref())?;
    Ok(Tls {
        cert: cert.ok_or_else(|| at.invalid("tls_server_config.cert_file", "missing"))?,
        key: key.ok_or_else(|| at.invalid("tls_server_config.key_file", "missing"))?,
        client_ca,
        clients,
        versions,
        server_order: raw.prefer_server_cipher_suites.unwrap_or(true),
    })
}

fn refuse_unsupported(at: At, raw: &RawTls) -> Result<(), WebConfigError> {
    let keys = [
        (
            &raw.client_allowed_sans,
            "tls_server_config.client_allowed_sans",
            "let the client CA sign only who may ask",
        ),
        (
            &raw.cipher_suites,
            "tls_server_config.cipher_suites",
            "leave it out: only modern suites are offered",
        ),
        (
            &raw.curve_preferences,
            "tls_server_config.curve_preferences",
            "leave it out: only modern curves are offered",
        ),
    ];
    match keys.into_iter().find(|(given, ..)| given.is_some()) {
        Some((_, key, cure)) => Err(at.unsupported(key, cure)),
        None => Ok(()),
    }
}

fn clients(at: At, name: Option<&str>) -> Result<Clients, WebConfigError> {
    let key = "tls_server_config.client_auth_type";
    match name.unwrap_or_default() {
        "" | "NoClientCert" => Ok(Clients::NotAsked),
        "VerifyClientCertIfGiven" => Ok(Clients::IfGiven),
        "RequireAndVerifyClientCert" => Ok(Clients::Required),
        "RequestClientCert" | "RequireClientCert" | "RequireAnyClientCert" => {
            Err(at.unsupported("a client_auth_type that does not verify", "use RequireAndVerifyClientCert"))
        }
        _ => {
            Err(at
                .invalid(key, "must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"))
        }
    }
}

fn versions(
    at: At,
    min: Option<&str>,
    max: Option<&str>,
) -> Result<Vec<&'static rustls::SupportedProtocolVersion>, WebConfigError> {
    let number = |key: &'static str, name: Option<&str>, default| match name {
        None | Some("") => Ok(default),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some("TLS10" | "TLS11") => Err(at.unsupported(key, "TLS 1.0 and 1.1 are broken: use TLS12 or TLS13")),
        Some(_) => Err(at.invalid(key, "must be TLS12 or TLS13")),
    };
    let min = number("tls_server_config.min_version", min, 12)?;
    let max = number("tls_server_config.max_version", max, 13)?;
    if min > max {
        return Err(at.invalid("tls_server_config.min_version", "is above max_version"));
    }
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    Ok(all
        .into_iter()
        .filter(|(number, _)| (min..=max).contains(number))
        .map(|(_, version)| version)
        .collect())
}

fn rate(at: At, raw: &RawRate) -> Result<Rule, WebConfigError> {
    let interval =
        match raw.interval.find(|c: char| c.is_ascii_alphabetic()).map(|end| raw.interval.split_at(end)) {
            Some((number, unit)) => number.parse::<u64>().ok().zip(match unit {
                "ms" => Some(SECOND / 1000),
                "s" => Some(SECOND),
                "m" => Some(60 * SECOND),
                _ => None,
            }),
            None => None,
        };
    match interval.and_then(|(number, unit)| number.checked_mul(unit)) {
        Some(interval) if interval > 0 && raw.burst > 0 => Ok(Rule { interval, burst: raw.burst }),
        _ => Err(at.invalid("rate_limit", "interval must be like 100ms, 1s or 1m, and burst at least 1")),
    }
}

#[cfg(test)]
#[path = "web_config_tests.rs"]
mod tests;
