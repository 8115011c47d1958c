//! Asks a management interface over HTTP: one GET at a time, each with a limit of time and of bytes. Nothing here may
//! follow a redirect, since it would carry a password to where the operator did not send it, and nothing it says holds
//! one.
//!
//! This is hyper's client for HTTP/1.1, which is in the tree for the server and the demo's broker anyway: ureq or reqwest
//! would add a client beside it. A connection serves one question, which keeps every failure with its question.

use super::Trouble;
use super::dial::{Place, Trust, password};
use super::json::text;
use crate::queues::setting::Web;
use base64::Engine;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Until an answer is whole, from the first byte to connect.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// A longer answer is not read to its end.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A management interface.
#[derive(Debug)]
pub(super) struct Site {
    web: Web,
    trust: Trust,
    /// What its interface begins with, such as `/api/v5`; the URL may have it or not.
    api: &'static str,
}

impl Site {
    pub(super) fn new(web: &Web, api: &'static str) -> Self {
        Self { web: web.clone(), trust: Trust::default(), api }
    }

    /// What the path of the URL ends with, where the operator chose.
    pub(super) fn url_ends_with(&self, end: &str) -> bool {
        self.web.url.split('?').next().unwrap_or_default().trim_end_matches('/').ends_with(end)
    }

    /// The answer to `GET <url><api><rest>` as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, rest: &str) -> Result<T, Trouble> {
        let place = self.place()?;
        let path = rest.split('?').next().unwrap_or_default();
        let url = format!("{}{}{}{path}", place.shown(), self.base(&place), self.api);
        let body = self.get(rest).await?;
        super::json::parse(&body, &url)
    }

    /// The bytes of an answer.
    pub(super) async fn get(&self, rest: &str) -> Result<Vec<u8>, Trouble> {
        let place = self.place()?;
        let path = format!("{}{}{rest}", self.base(&place), self.api);
        // The question is long, and ours: what the operator wrote comes before it.
        let url = format!("{}{}", place.shown(), path.split('?').next().unwrap_or_default());
        let request = self.request(&place, &path).await?;
        let tls = if place.scheme == "https" { Some(self.trust.config()?) } else { None };
        timeout(ANSWER_MAX, ask(&place, tls, request, &url)).await.unwrap_or_else(|_| {
            Err(Trouble::new(
                format!("{url} did not answer within {} s", ANSWER_MAX.as_secs()),
                "look at the load of the server; ask less often with every",
            ))
        })
    }

    fn place(&self) -> Result<Place, Trouble> {
        Place::parse(&self.web.url, &[("http", 80), ("https", 443)])
    }

    /// The path of the URL, less the interface that is added to it.
    fn base(&self, place: &Place) -> String {
        place.path.strip_suffix(self.api).unwrap_or(&place.path).to_owned()
    }

    async fn request(&self, place: &Place, path: &str) -> Result<Request<Empty<Bytes>>, Trouble> {
        let mut request = Request::builder()
            .uri(path)
            .header(HOST, format!("{}:{}", place.host, place.port))
            .header(USER_AGENT, concat!("watchkeeper/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .body(Empty::new())
            .map_err(|error| {
                Trouble::new(format!("{} cannot be asked: {error}", place.shown()), "check the URL")
            })?;
        let password = password(self.web.password_file.as_ref()).await?;
        if let Some(name) = &self.web.username {
            let password = password.as_ref().map_or("", |password| password.expose_secret());
            let both = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
            let mut value = HeaderValue::try_from(format!("Basic {both}")).expect("base64 is visible ASCII");
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

async fn ask(
    place: &Place,
    tls: Option<Arc<ClientConfig>>,
    request: Request<Empty<Bytes>>,
    url: &str,
) -> Result<Vec<u8>, Trouble> {
    let stream = place.dial(tls).await?;
    let broken = |error: hyper::Error| broken(url, &error);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // The connection moves only while it is polled, and ends with the question.
    let answer = async {
        let response = sender.send_request(request).await?;
        match good(&response, url) {
            Ok(()) => whole(response, url).await,
            Err(trouble) => Ok(Err(trouble)),
        }
    };
    let (answer, connection) = (std::pin::pin!(answer), std::pin::pin!(connection));
    match select(connection, answer).await {
        // What has come may be whole all the same; if not, it is the connection that knows why.
        Either::Left((ended, answer)) => match (answer.await, ended) {
            (Ok(answer), _) => answer,
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(broken(error)),
        },
        Either::Right((answer, _)) => answer.map_err(broken)?,
    }
}

/// Refuses what is no answer, each in its own words.
fn good(response: &Response<Incoming>, url: &str) -> Result<(), Trouble> {
    let status = response.status();
    let cure = match status {
        StatusCode::OK => return Ok(()),
        StatusCode::UNAUTHORIZED => "check username and password_file",
        StatusCode::FORBIDDEN => "this user may not ask it: docs/queues-sources.md has the rights it needs",
        StatusCode::NOT_FOUND => {
            "there is no such interface: check the URL, its port, and the version of the broker"
        }
        StatusCode::TOO_MANY_REQUESTS => "ask less often with every",
        status if status.is_redirection() => {
            let to = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let to = to.filter(|to| !to.contains('@')).unwrap_or("elsewhere");
            let to: String = to.chars().take(200).collect();
            return Err(Trouble::new(
                format!("{url} sends on to {to}"),
                "set url to where it leads: redirects are not followed, lest they carry the password elsewhere",
            ));
        }
        status if status.is_server_error() => "the server has trouble of its own: look at its log",
        _ => "check the URL and the version of the broker",
    };
    Err(Trouble::new(format!("{url} answers {status}"), cure))
}

async fn whole(response: Response<Incoming>, url: &str) -> Result<Result<Vec<u8>, Trouble>, hyper::Error> {
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let piece = frame.data_ref().map_or(&[][..], |data| data);
        if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
            return Ok(Err(Trouble::new(
                format!("{url} answers with more than {} MiB", ANSWER_BYTES_MAX / 1024 / 1024),
                "that is no answer about queues: check the URL",
            )));
        }
        bytes.extend_from_slice(piece);
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte));
    if first == Some(&b'<') {
        return Ok(Err(Trouble::new(
            format!("{url} answers with a web page"),
            "the URL leads to a page for people: check port and path of the management interface",
        )));
    }
    Ok(Ok(bytes))
}

fn broken(url: &str, error: &hyper::Error) -> Trouble {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    if error.is_incomplete_message() || error.is_canceled() || source.is_some() {
        return Trouble::new(
            format!("the answer of {url} ends in the middle"),
            "look at the server, and at what stands between",
        );
    }
    if error.is_parse() {
        return Trouble::new(
            format!("{url} does not speak HTTP"),
            "check the port; one that speaks TLS takes https://",
        );
    }
    Trouble::new(format!("{url} broke off: {}", text(error.to_string().as_bytes())), "look at the server")
}

#[cfg(test)]
mod tests;
