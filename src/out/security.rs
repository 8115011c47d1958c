//! Who may ask what. Every request passes here first; what is not allowed is refused with the reason and the
//! cure. It must never go by the peer's address, which a proxy or a container network makes meaningless.

use super::basic_auth::Verdict;
use super::routes::BODY_BYTES_MAX;
use super::web_config::WebConfig;
use super::{Desk, Shared};
use crate::clock;
use crate::out::problem::Problem;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::net::SocketAddr;
use watchkeeper_audit::sources::life::Asker;

const HEADERS: [(HeaderName, &str); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "deny"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// The address a request came in through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    /// Other machines reach it, and nobody said who may ask: only the open paths answer.
    pub(crate) locked: bool,
}

impl Listener {
    /// The rule for one address; `asked` is whether the operator gave a web config file or an API token.
    pub(crate) fn new(address: SocketAddr, asked: bool) -> Self {
        Self { locked: is_exposed(address) && !asked }
    }
}

/// Whether other machines can reach the address.
pub(crate) fn is_exposed(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Who sent a request, for the records about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The user whose password was right; empty where nobody had to say one.
    pub(crate) user: String,
    /// The peer's address, which may be that of a proxy.
    pub(crate) ip: String,
}

impl Sender {
    /// As records have it.
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { user: &self.user, source_ip: &self.ip }
    }
}

/// What a request may see besides its own path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// It may read the API; otherwise the page leaves the devices out.
    pub(crate) api: bool,
}

/// The API token, kept as a MAC: comparing takes the same time however much of it is right.
#[derive(Debug)]
pub(crate) struct Token {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Token {
    /// Takes over the configured token.
    pub(crate) fn new(key: hmac::Key, token: &SecretString) -> Self {
        let tag = hmac::sign(&key, token.expose_secret().as_bytes());
        Self { key, tag }
    }

    fn is(&self, given: &str) -> bool {
        hmac::verify(&self.key, given.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// Lets a request through or refuses it, and adds the security headers to whatever is answered.
pub(crate) async fn guard(State(desk): State<Desk>, mut request: Request, next: Next) -> Response {
    let config = desk.shared.web_config();
    let admitted = admit(&desk, config.as_deref(), request.method(), request.uri(), request.headers()).await;
    let mut response = match admitted {
        Ok((access, user)) => {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let ip = peer.map(|peer| peer.0.ip().to_canonical().to_string()).unwrap_or_default();
            request.extensions_mut().insert(access);
            request.extensions_mut().insert(Sender { user, ip });
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    for (name, value) in config.iter().flat_map(|config| &config.headers) {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

async fn admit(
    desk: &Desk,
    config: Option<&WebConfig>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(Access, String), Problem> {
    let shared = &*desk.shared;
    // A probe that needs a password, or is told to ask less often, ends the process that it was to watch over.
    if method.is_safe() && ALIVE.contains(&uri.path()) {
        return Ok((Access { api: false }, String::new()));
    }
    if config
        .and_then(|config| config.rate_limit)
        .is_some_and(|rule| !shared.rate_limit.take(rule, clock::mono()))
    {
        let detail = "the rate_limit of the web config file is used up; ask less often";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail));
    }
    let bearer = token_given(shared, headers);
    let mut name = String::new();
    if let Some(config) = config
        && !config.users.is_empty()
        && bearer != Some(true)
    {
        name = user(shared, config, headers).await?;
    }
    let access = Access { api: !desk.listener.locked && bearer != Some(false) };
    if !is_open(uri.path(), &shared.telemetry_path) {
        allowed(desk.listener, bearer)?;
    }
    if !method.is_safe() {
        same_site(uri, headers)?;
    }
    small(headers)?;
    Ok((access, name))
}

/// Whether the token was given; none where none is configured.
fn token_given(shared: &Shared, headers: &HeaderMap) -> Option<bool> {
    let token = shared.token.as_ref()?;
    Some(credentials(headers, "bearer").is_some_and(|given| token.is(given)))
}

/// The name of the user whose password is right.
async fn user(shared: &Shared, config: &WebConfig, headers: &HeaderMap) -> Result<String, Problem> {
    let challenge = "Basic realm=\"watchkeeper\", charset=\"UTF-8\"";
    let refused = || {
        Problem::unauthorized(
            challenge,
            "give a user and password of basic_auth_users in the web config file",
        )
    };
    let decoded =
        credentials(headers, "basic").and_then(|text| STANDARD.decode(text).ok()).ok_or_else(refused)?;
    let text = String::from_utf8(decoded).map_err(|_| refused())?;
    let (user, password) = text.split_once(':').ok_or_else(refused)?;
    match shared.basic_auth.compare(&config.users, user, password).await {
        Verdict::Right => Ok(user.to_owned()),
        Verdict::Wrong => Err(refused()),
        Verdict::Busy => Err(Problem::unavailable("too many passwords are being compared; ask again later")),
    }
}

/// The rest of `Authorization` after its scheme.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (given, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// They say nothing but that the process lives, and answer without a question.
const ALIVE: [&str; 4] = ["/livez", "/readyz", "/-/healthy", "/-/ready"];

/// Metrics, health and the landing page, with its files, answer on every listener and need no token.
fn is_open(path: &str, telemetry_path: &str) -> bool {
    const OPEN: [&str; 6] = ["/", "/page.js", "/page.svg", "/api/health", "/api/health/", "/api/health/mqtt"];
    path == telemetry_path || OPEN.contains(&path) || ALIVE.contains(&path)
}

fn allowed(listener: Listener, bearer: Option<bool>) -> Result<(), Problem> {
    if listener.locked {
        return Err(Problem::forbidden(
            "other machines reach this address and nothing says who may ask, so that only the metrics, health and \
             the landing page answer here; set --web.config.file or web.api_token_file, or ask on a loopback address",
        ));
    }
    if bearer == Some(false) {
        let detail =
            "the API needs the token of web.api_token_file; send it as Authorization: Bearer <token>";
        return Err(Problem::unauthorized("Bearer realm=\"watchkeeper\"", detail));
    }
    Ok(())
}

/// A browser sends the credentials of its user along with what another site makes it send. Programs that are
/// no browsers send neither header, and pass.
fn same_site(uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or_else(|| text(header::HOST));
    let same = match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) => site == "same-origin" || site == "none",
        None => match text(header::ORIGIN) {
            Some(origin) => origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host),
            None => true,
        },
    };
    if same {
        return Ok(());
    }
    Err(Problem::forbidden(
        "another web site made the browser send this; change things from this site or a program",
    ))
}

/// A body that announces to be too large is refused with a problem; one that turns out so is cut off further in.
fn small(headers: &HeaderMap) -> Result<(), Problem> {
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX as u64) {
        let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes; send less");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_by_the_address_of_the_listener() {
        let table = [
            ("127.0.0.1:1", false),
            ("127.9.9.9:1", false),
            ("[::1]:1", false),
            ("[::ffff:127.0.0.1]:1", false),
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("192.168.1.2:1", true),
        ];
        for (address, exposed) in table {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(Listener::new(address, false).locked, exposed, "{address}");
            assert!(!Listener::new(address, true).locked);
        }
    }

    #[test]
    fn only_another_site_in_a_browser_is_refused() {
        let check = |pairs: &[(&'static str, &str)], expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "here:1".parse().unwrap());
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(same_site(&Uri::from_static("/x"), &headers).is_ok(), expected, "{pairs:?}");
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "http://here:1")], false);
        check(&[("origin", "http://here:1")], true);
        check(&[("origin", "http://here:2")], false);
        check(&[("origin", "null")], false);
    }
}
