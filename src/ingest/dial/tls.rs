//! TLS to a broker: from the files that the configuration names to a connection. The files are read anew each time, so
//! that a renewed certificate is taken by the next connection. Nothing of a key may get into a message.

use super::seen::{Noting, Seen, Which};
use super::{Bytes2, cause_of_handshake};
use crate::config::{BrokerTls, BrokerUrl};
use crate::ingest::reasons::Cause;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A file of certificates that is larger is another file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `ca_file`, or what the system trusts where there is none.
    Authorities,
    /// `cert_file`.
    Certificate,
    /// `key_file`.
    Key,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Which.
    pub(crate) role: Role,
    /// Path and reason.
    pub(crate) cause: String,
    /// What to do.
    pub(crate) cure: &'static str,
}

/// Reads the files as a connection would. What the system trusts is not asked for: it may be there when we run.
pub(crate) fn check(tls: &BrokerTls) -> Result<(), Wrong> {
    if let Some(file) = &tls.ca_file {
        authorities(file)?;
    }
    identity(tls).map(|_| ())
}

/// The hand-shake.
pub(crate) async fn connect(
    tls: &BrokerTls,
    url: &BrokerUrl,
    tcp: TcpStream,
    seen: &Seen,
) -> Result<TlsStream<TcpStream>, Cause> {
    let config = config(tls, seen).map_err(|wrong| Cause::Files(wrong.cause, wrong.cure))?;
    let name = ServerName::try_from(url.host.clone())
        .map_err(|_| Cause::Dns(format!("{} is no name that a certificate can have", url.host)))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    connected.map_err(|error| cause_of_handshake(&error))
}

/// To a server of ours instead of a broker: its certificate must be of these authorities, or of those that the system
/// trusts. The error says what to do.
pub(crate) async fn to_server(
    host: &str,
    ca_file: Option<&Path>,
    tcp: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let tls = BrokerTls { ca_file: ca_file.map(Path::to_owned), ..BrokerTls::default() };
    let config =
        config(&tls, &Seen::default()).map_err(|wrong| format!("{}; {}", wrong.cause, wrong.cure))?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| format!("{host} is no name that a certificate can have; use the one that is in it"))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    connected.map_err(|error| {
        format!(
            "{error}; name the authority of its certificate with --ca-file, and ask by a name that is in it"
        )
    })
}

/// The same over any stream, for a look at what speaks there.
pub(super) async fn greets(url: &BrokerUrl, stream: Bytes2) -> bool {
    let anybody = BrokerTls { insecure_skip_verification: true, ..BrokerTls::default() };
    let (Ok(config), Ok(name)) = (config(&anybody, &Seen::default()), ServerName::try_from(url.host.clone()))
    else {
        return false;
    };
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) => true,
        // Only who speaks TLS complains in TLS.
        Err(error) => error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>())
            .is_some_and(|fault| matches!(fault, rustls::Error::AlertReceived(_))),
    }
}

fn config(tls: &BrokerTls, seen: &Seen) -> Result<ClientConfig, Wrong> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let judge: Option<Arc<dyn rustls::client::danger::ServerCertVerifier>> = if tls.insecure_skip_verification
    {
        None
    } else {
        let roots = match &tls.ca_file {
            Some(file) => authorities(file)?,
            None => system()?,
        };
        let built =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        Some(built.map_err(|error| wrong(Role::Authorities, tls.ca_file.as_deref(), &error.to_string()))?)
    };
    let client = identity(tls)?;
    if let Some((chain, _)) = &client {
        seen.note(Which::Client, chain.iter().take(1));
    }
    let noting = Arc::new(Noting { seen: seen.clone(), judge, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for both versions of TLS")
        .dangerous()
        .with_custom_certificate_verifier(noting);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            builder.with_client_auth_cert(chain, key).map_err(|error| unfit(tls, &error))?
        }
    };
    config.alpn_protocols = tls.alpn.iter().map(|name| name.clone().into_bytes()).collect();
    Ok(config)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Our certificate and its key, tried on each other.
fn identity(tls: &BrokerTls) -> Result<Option<Identity>, Wrong> {
    let Some((cert, key_file)) = &tls.client else { return Ok(None) };
    let chain = certificates(Role::Certificate, cert)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes(Role::Key, key_file)?).map_err(|error| {
        let why = match error {
            rustls::pki_types::pem::Error::NoItemsFound => {
                "there is no private key in PEM form in it".to_owned()
            }
            other => other.to_string(),
        };
        wrong(Role::Key, Some(key_file), &why)
    })?;
    let provider = rustls::crypto::ring::default_provider();
    let signer = provider.key_provider.load_private_key(key.clone_key());
    let signer = signer.map_err(|error| wrong(Role::Key, Some(key_file), &error.to_string()))?;
    rustls::sign::CertifiedKey::new(chain.clone(), signer)
        .keys_match()
        .or_else(|error| match error {
            // A key that does not tell its other half cannot be tried; the broker will.
            rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown) => Ok(()),
            other => Err(unfit(tls, &other)),
        })
        .map(|()| Some((chain, key)))
}

fn unfit(tls: &BrokerTls, error: &rustls::Error) -> Wrong {
    let (cert, key) = tls.client.clone().unwrap_or_default();
    Wrong {
        role: Role::Key,
        cause: format!(
            "the key {} does not belong to the certificate {}: {error}",
            key.display(),
            cert.display()
        ),
        cure: "name the key that the certificate was made with",
    }
}

fn authorities(file: &Path) -> Result<RootCertStore, Wrong> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(Role::Authorities, file)? {
        roots.add(certificate).map_err(|error| wrong(Role::Authorities, Some(file), &error.to_string()))?;
    }
    Ok(roots)
}

fn system() -> Result<RootCertStore, Wrong> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let why = found.errors.first().map_or_else(|| "none is there".to_owned(), ToString::to_string);
    Err(Wrong {
        role: Role::Authorities,
        cause: format!("the system names no authority to trust for TLS: {why}"),
        cure: "install the package ca-certificates, or set ca_file",
    })
}

fn certificates(role: Role, file: &Path) -> Result<Vec<CertificateDer<'static>>, Wrong> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes(role, file)?).collect();
    let found = found.map_err(|error| wrong(role, Some(file), &error.to_string()))?;
    if found.is_empty() {
        return Err(wrong(role, Some(file), "there is no certificate in PEM form in it"));
    }
    Ok(found)
}

fn bytes(role: Role, file: &Path) -> Result<Vec<u8>, Wrong> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let open =
        std::fs::File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
    open.map(|_| bytes).map_err(|error| wrong(role, Some(file), &error.to_string()))
}

fn wrong(role: Role, file: Option<&Path>, why: &str) -> Wrong {
    let file = file.map_or_else(|| "what the system trusts".to_owned(), |file| file.display().to_string());
    let cure = match role {
        Role::Authorities => {
            "name a PEM file with the certificates of the authorities to trust, readable by this user"
        }
        Role::Certificate => {
            "name a PEM file with our certificate, then those that signed it, readable by this user"
        }
        Role::Key => {
            "name a PEM file with the private key of cert_file, not encrypted, readable by this user"
        }
    };
    Wrong { role, cause: format!("{file} cannot be used: {why}"), cure }
}
