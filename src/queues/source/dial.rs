//! The way to a server: an address, TCP, and TLS where it is asked for. Nothing here may know what is spoken on it, and
//! no certificate is taken unverified.
//!
//! TLS is rustls with ring, like everywhere in the program; whom to trust is what the system trusts, or what
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name.

use super::Trouble;
use hyper::Uri;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Until a connection stands, TLS included.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A password is a line; a file that is longer is another file.
const PASSWORD_BYTES_MAX: u64 = 64 * 1024;

/// Bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) scheme: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// Begins with a slash, ends without one.
    pub(super) path: String,
}

impl Place {
    /// Of a URL with one of these schemes, each with its port.
    pub(super) fn parse(url: &str, schemes: &[(&str, u16)]) -> Result<Self, Trouble> {
        let known: Vec<String> = schemes.iter().map(|(scheme, _)| format!("{scheme}://host:port")).collect();
        let cure = format!("write it as {}", known.join(" or "));
        // A URL that cannot be read is not repeated: there may be a password in it.
        let uri: Uri =
            url.parse().map_err(|_| Trouble::new("the URL of the source is none", cure.as_str()))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let port = schemes.iter().find(|(known, _)| *known == scheme).map(|(_, port)| *port);
        let (Some(port), Some(authority)) = (port, uri.authority()) else {
            return Err(Trouble::new("the URL of the source is of another kind", cure));
        };
        if authority.as_str().contains('@') {
            return Err(Trouble::new(
                format!("the URL of {scheme}://{} has a name or a password in it", authority.host()),
                "say username and password_file instead: URLs are shown",
            ));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: authority.host().to_owned(),
            port: authority.port_u16().unwrap_or(port),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// As it is shown.
    pub(super) fn shown(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }

    /// Connects; with TLS where a configuration is given.
    pub(super) async fn dial(&self, tls: Option<Arc<ClientConfig>>) -> Result<Box<dyn Stream>, Trouble> {
        let Ok(stream) = timeout(CONNECT_MAX, self.connect(tls)).await else {
            return Err(Trouble::new(
                format!("{} does not take a connection within {} s", self.shown(), CONNECT_MAX.as_secs()),
                "check host and port, and the firewall between",
            ));
        };
        stream
    }

    async fn connect(&self, tls: Option<Arc<ClientConfig>>) -> Result<Box<dyn Stream>, Trouble> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.port)).await.map_err(|error| {
            let cure = match error.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    "nobody listens there: check the port, and that the server runs"
                }
                _ => "check host and port, and the network",
            };
            Trouble::new(format!("{} cannot be reached: {error}", self.shown()), cure)
        })?;
        let Some(tls) = tls else { return Ok(Box::new(stream)) };
        let trouble = |error: String| {
            Trouble::new(
                format!("no TLS with {}: {error}", self.shown()),
                "the certificate must be valid for this host and signed by whom the system trusts: SSL_CERT_FILE names \
                 further authorities; a port without TLS takes another scheme",
            )
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| trouble(error.to_string()))?;
        let stream = TlsConnector::from(tls).connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| trouble(error.to_string()))?))
    }
}

/// Whom to trust, looked up when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Trust(OnceLock<Arc<ClientConfig>>);

impl Trust {
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Trouble> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config));
        }
        let config = system()?;
        Ok(Arc::clone(self.0.get_or_init(|| config)))
    }

    #[cfg(test)]
    pub(super) fn of(config: ClientConfig) -> Self {
        Self(OnceLock::from(Arc::new(config)))
    }
}

/// Trusts whom the system trusts.
fn system() -> Result<Arc<ClientConfig>, Trouble> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
        return Err(Trouble::new(
            format!("no authority to trust for TLS was found: {why}"),
            "install the package ca-certificates, or name a file in SSL_CERT_FILE",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions of TLS");
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// The password in a file, without the end of its line.
pub(super) async fn password(file: Option<&PathBuf>) -> Result<Option<secrecy::SecretString>, Trouble> {
    let Some(file) = file else { return Ok(None) };
    let text = read_short(file).await.map_err(|error| {
        Trouble::new(
            format!("the password file {} cannot be read: {error}", file.display()),
            "it must be a file of one line that this user may read",
        )
    })?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).into()))
}

async fn read_short(file: &Path) -> std::io::Result<String> {
    use tokio::io::AsyncReadExt;
    let mut text = String::new();
    if !tokio::fs::metadata(file).await?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    tokio::fs::File::open(file).await?.take(PASSWORD_BYTES_MAX).read_to_string(&mut text).await?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &[(&str, u16)] = &[("http", 80), ("https", 443)];

    #[test]
    fn a_url_is_a_place_and_keeps_no_password() {
        let place = Place::parse("http://[::1]:8222/base/", WEB).unwrap();
        assert_eq!((place.shown().as_str(), place.path.as_str()), ("http://[::1]:8222", "/base"));
        assert_eq!(Place::parse("https://h", WEB).unwrap().port, 443);
        for wrong in ["", "h:80", "ftp://h/", "http://", "http://s3cret:s3cret@h/", "http://s3cret w@h"] {
            let trouble = Place::parse(wrong, WEB).unwrap_err().to_string();
            assert!(!trouble.contains("s3cret"), "{trouble}");
        }
    }

    #[tokio::test]
    async fn a_password_is_a_line_and_a_missing_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret pass\r\n").unwrap();
        let read = password(Some(&file)).await.unwrap().unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&read), "s3cret pass");
        assert!(password(None).await.unwrap().is_none());
        let trouble = password(Some(&folder.path().join("none"))).await.unwrap_err();
        assert!(trouble.cause.contains("none cannot be read"), "{trouble}");
    }
}
