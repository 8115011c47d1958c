//! A very small HTTP/1.1 client, for the commands that speak to a running sidecar. One request a connection,
//! plain or with TLS, everything bounded; it must never grow into a browser.

use super::args::Remote;
use crate::ingest::dial::tls;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// From the connection to the last byte.
const WITHIN: Duration = Duration::from_secs(10);

/// The largest answer: a page of a thousand devices is far below.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// What may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Delete,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("--url {0}: {1}")]
    Url(String, &'static str),
    #[error("cannot reach {address}: {why}; check --url and that the sidecar runs")]
    Connect { address: String, why: std::io::Error },
    #[error("{0} did not answer in time; it is overloaded, or it is no sidecar")]
    Timeout(String),
    #[error("{0} broke off: {1}")]
    Broken(String, std::io::Error),
    #[error("no TLS with {address}: {why}")]
    Tls { address: String, why: String },
    #[error("{0} gave no proper HTTP answer; is it the sidecar, and does it want https:// or http://?")]
    NotHttp(String),
}

/// How one proves who one is.
enum Proof<'a> {
    None,
    Token(SecretString),
    User(&'a str, SecretString),
}

/// A secret in a file, without the line break that editors put at its end.
fn secret(flag: &str, path: &Path) -> anyhow::Result<SecretString> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!("{flag} {}: cannot be read; check the path and its permissions", path.display())
    })?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

/// A sidecar to be asked.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    prefix: String,
    authorization: Option<SecretString>,
    /// The name that its certificate must have, where there is TLS.
    host: Option<String>,
    /// Authorities to trust instead of those of the system.
    ca_file: Option<PathBuf>,
}

impl Client {
    /// As the arguments have it; their files are read here.
    pub(crate) fn of(remote: &Remote) -> anyhow::Result<Self> {
        let proof = match (&remote.token_file, &remote.user, &remote.password_file) {
            (Some(token), ..) => Proof::Token(secret("--token-file", token)?),
            (None, Some(user), Some(password)) => Proof::User(user, secret("--password-file", password)?),
            (None, ..) => Proof::None,
        };
        let client = Self::new(&remote.url, &proof)?;
        Ok(Self { ca_file: remote.ca_file.clone(), ..client })
    }

    /// For `http[s]://[user:password@]host[:port][/prefix]`; what is proved otherwise goes before a user in there.
    fn new(url: &str, proof: &Proof) -> Result<Self, AskError> {
        let shown = || url.rsplit_once('@').map_or(url, |(_, host)| host).to_owned();
        let refuse = |why| Err(AskError::Url(shown(), why));
        let (rest, port) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
            (Some(rest), _) => (rest, 80),
            (None, Some(rest)) => (rest, 443),
            (None, None) => return refuse("must begin with http:// or https://"),
        };
        let (authority, prefix) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let safe = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || !safe(host) || !safe(prefix) {
            return refuse("needs a host, and no blanks; such as http://127.0.0.1:10883");
        }
        let authorization = match (proof, user) {
            (Proof::Token(token), _) => Some(format!("Bearer {}", token.expose_secret().trim())),
            (Proof::User(name, _), _) if name.contains(':') => return refuse("a user name has no colon"),
            (Proof::User(name, password), _) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.expose_secret()))))
            }
            (Proof::None, Some(user)) => {
                let user = percent_encoding::percent_decode_str(user).collect::<Vec<u8>>();
                Some(format!("Basic {}", STANDARD.encode(user)))
            }
            (Proof::None, None) => None,
        };
        if authorization.as_deref().is_some_and(|text| text.bytes().any(|byte| byte.is_ascii_control())) {
            return refuse("the token holds a line break or another control character");
        }
        Ok(Self {
            host: (port == 443).then(|| bare(host).to_owned()),
            ca_file: None,
            address: with_port(host, port),
            prefix: prefix.trim_end_matches('/').to_owned(),
            authorization: authorization.map(SecretString::from),
        })
    }

    /// For tests: without a proof.
    #[cfg(test)]
    pub(crate) fn to(address: std::net::SocketAddr) -> Self {
        Self::new(&format!("http://{address}"), &Proof::None).unwrap()
    }

    /// One request; `path` begins with `/` and is percent-encoded.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, AskError> {
        match tokio::time::timeout(WITHIN, self.exchange(&self.request(method, path, body))).await {
            Ok(answer) => answer,
            Err(_) => Err(AskError::Timeout(self.address.clone())),
        }
    }

    fn request(&self, method: Method, path: &str, body: Option<&str>) -> String {
        let method = match method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let (address, prefix) = (&self.address, &self.prefix);
        let mut request =
            format!("{method} {prefix}{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        if let Some(authorization) = &self.authorization {
            let _ = write!(request, "Authorization: {}\r\n", authorization.expose_secret());
        }
        if let Some(body) = body {
            let head = "Content-Type: application/json\r\nContent-Length:";
            let _ = write!(request, "{head} {}\r\n\r\n{body}", body.len());
        } else {
            request += "\r\n";
        }
        request
    }

    async fn exchange(&self, request: &str) -> Result<Answer, AskError> {
        let broken = |why| AskError::Broken(self.address.clone(), why);
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|why| AskError::Connect { address: self.address.clone(), why })?;
        let answer = match &self.host {
            None => exchange(stream, request).await,
            Some(host) => {
                let stream = tls::to_server(host, self.ca_file.as_deref(), stream).await;
                let stream = stream.map_err(|why| AskError::Tls { address: self.address.clone(), why })?;
                exchange(stream, request).await
            }
        };
        parse(&answer.map_err(broken)?).ok_or_else(|| AskError::NotHttp(self.address.clone()))
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await {
        // Whoever hangs up without a goodbye of TLS has said everything or not, which its length tells.
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(answer),
    }
}

/// The host without its port and brackets.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

fn with_port(host: &str, port: u16) -> String {
    let bare = host.rsplit_once(']').map_or(host, |(_, after)| after);
    if bare.contains(':') { host.to_owned() } else { format!("{host}:{port}") }
}

/// None where it is no whole HTTP answer.
fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?.to_ascii_lowercase();
    let body = &answer[end + 4..];
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("http/1.")?.split(' ').nth(1)?.parse().ok()?;
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| *key == name))
            .map(|(_, value)| value.trim())
    };
    let body = if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        chunks(body)?
    } else if let Some(length) = header("content-length") {
        body.get(..length.parse().ok()?)?.to_vec()
    } else {
        body.to_vec()
    };
    Some(Answer { status, body })
}

/// The body without its chunk marks; none where the last chunk is missing.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_in_each_of_its_forms_or_not_at_all() {
        let check = |raw: &str, expected: Option<(u16, &str)>| {
            let parsed = parse(raw.as_bytes()).map(|a| (a.status, String::from_utf8(a.body).unwrap()));
            assert_eq!(parsed.as_ref().map(|(status, body)| (*status, body.as_str())), expected, "{raw:?}");
        };
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Some((200, "ok")));
        check("HTTP/1.1 503 Service Unavailable\r\n\r\nall of it", Some((503, "all of it")));
        check(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;x=y\r\n!\r\n0\r\n\r\n",
            Some((200, "ok!")),
        );
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", None);
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nok", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", None);
        check("SSH-2.0\r\n\r\n", None);
        check("", None);
    }

    #[test]
    fn an_address_is_understood_or_refused_without_showing_secrets() {
        let client = Client::new("http://ann:p%20w@host/base/", &Proof::None).unwrap();
        assert_eq!((client.address.as_str(), client.prefix.as_str()), ("host:80", "/base"));
        assert!(client.request(Method::Get, "/x", None).contains("Authorization: Basic YW5uOnAgdw==\r\n"));
        assert_eq!(Client::new("http://[::1]", &Proof::None).unwrap().address, "[::1]:80");
        let token = Proof::Token(SecretString::from("t"));
        let request = Client::new("http://[::1]:9", &token).unwrap().request(Method::Post, "/x", Some("{}"));
        assert!(
            request.starts_with("POST /x HTTP/1.1\r\nHost: [::1]:9\r\n") && request.ends_with("\r\n\r\n{}")
        );
        assert!(request.contains("Authorization: Bearer t\r\n"));
        let secure = Client::new("https://ann:pw@host/base/", &Proof::None).unwrap();
        assert_eq!((secure.address.as_str(), secure.host.as_deref()), ("host:443", Some("host")));
        let secure = Client::new("https://[::1]:9", &Proof::None).unwrap();
        assert_eq!((secure.address.as_str(), secure.host.as_deref()), ("[::1]:9", Some("::1")));
        for bad in ["ftp://ann:secret@host", "http://", "http://a b", "host:1", "http://h/\r\nX: y"] {
            assert!(!Client::new(bad, &Proof::None).unwrap_err().to_string().contains("secret"), "{bad}");
        }
        assert!(Client::new("http://h", &Proof::Token(SecretString::from("a\r\nb"))).is_err());
    }

    #[test]
    fn user_and_password_or_a_token_come_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "p w:x\r\n").unwrap();
        let mut remote = Remote {
            url: "http://bob:other@host".to_owned(),
            token_file: None,
            user: Some("ann".to_owned()),
            password_file: Some(file.clone()),
            ca_file: None,
        };
        let asked = |remote: &Remote| Client::of(remote).unwrap().request(Method::Get, "/x", None);
        let basic = format!("Authorization: Basic {}\r\n", STANDARD.encode("ann:p w:x"));
        assert!(asked(&remote).contains(&basic));
        remote.user = Some("a:b".to_owned());
        assert!(Client::of(&remote).unwrap_err().to_string().contains("no colon"));
        (remote.user, remote.password_file, remote.token_file) = (None, None, Some(file));
        assert!(asked(&remote).contains("Authorization: Bearer p w:x\r\n"));
        remote.token_file = Some(folder.path().join("none"));
        assert!(format!("{:#}", Client::of(&remote).unwrap_err()).contains("--token-file"));
    }
}
