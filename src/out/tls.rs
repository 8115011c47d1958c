//! TLS of the server: from the settings of the web config file to what rustls wants. Keys must never be shown,
//! not even in a debug print.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `tls_server_config`.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    pub(crate) cert: Pem,
    pub(crate) key: Pem,
    /// There exactly when clients are asked for certificates.
    pub(crate) client_ca: Option<Pem>,
    pub(crate) clients: Clients,
    pub(crate) versions: Vec<&'static SupportedProtocolVersion>,
    /// Our order of cipher suites goes before the client's.
    pub(crate) server_order: bool,
}

/// Whether clients show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    NotAsked,
    IfGiven,
    Required,
}

/// Where PEM text is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Pem {
    File(PathBuf),
    Inline(String),
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.fmt(f),
            Self::Inline(_) => f.write_str("[inline]"),
        }
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{what} {from:?}: {why}; it must be a readable PEM file")]
    Pem { what: &'static str, from: Pem, why: String },
    #[error("certificate {cert:?} and key {key:?} do not work: {why}; check that they belong together")]
    Pair { cert: Pem, key: Pem, why: String },
    #[error("client CA {from:?}: {why}; it must hold the certificates of authorities")]
    ClientCa { from: Pem, why: String },
}

impl Tls {
    /// The files whose change means a reload.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().filter_map(|pem| {
            match pem {
                Pem::File(path) => Some(path.as_path()),
                Pem::Inline(_) => None,
            }
        })
    }

    /// Reads the files and builds what serves.
    pub(crate) fn server_config(&self, http2: bool) -> Result<ServerConfig, TlsError> {
        let pair = |error: rustls::Error| TlsError::Pair {
            cert: self.cert.clone(),
            key: self.key.clone(),
            why: error.to_string(),
        };
        let certificates = certificates("certificate", &self.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes("key", &self.key)?)
            .map_err(|error| refused("key", &self.key, &error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions)
            .map_err(pair)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(from) => {
                let ca = |why: String| TlsError::ClientCa { from: from.clone(), why };
                let mut roots = RootCertStore::empty();
                for certificate in self::certificates("client CA", from)? {
                    roots.add(certificate).map_err(|error| ca(error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if self.clients == Clients::IfGiven {
                    verifier.allow_unauthenticated()
                } else {
                    verifier
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| ca(error.to_string()))?)
            }
        };
        let mut config = builder.with_single_cert(certificates, key).map_err(pair)?;
        config.ignore_client_order = self.server_order;
        config.alpn_protocols =
            if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
        Ok(config)
    }
}

fn certificates(what: &'static str, from: &Pem) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes(what, from)?)
        .collect::<Result<_, _>>()
        .map_err(|error| refused(what, from, &error))?;
    if certificates.is_empty() {
        return Err(refused(what, from, &"no certificate in it"));
    }
    Ok(certificates)
}

fn bytes(what: &'static str, from: &Pem) -> Result<Vec<u8>, TlsError> {
    match from {
        Pem::File(path) => std::fs::read(path).map_err(|error| refused(what, from, &error)),
        Pem::Inline(text) => Ok(text.clone().into_bytes()),
    }
}

fn refused(what: &'static str, from: &Pem, why: &dyn fmt::Display) -> TlsError {
    TlsError::Pem { what, from: from.clone(), why: why.to_string() }
}

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tests;
