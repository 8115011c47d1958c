//! Which certificates a connection showed. The verifier here judges nothing itself: it notes what it is given and asks
//! the real one, or nobody where the operator switched verification off by name.

use crate::ingest::reasons::Cause;
use rustls::DigitallySignedStruct;
use rustls::SignatureScheme;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use watchkeeper_core::certificate::Certificate;

/// Certificates of one chain that are read.
const CHAIN_MAX: usize = 8;

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Which {
    /// The broker's own.
    Server,
    /// The first to expire among those that signed it, as the broker sent them or as `ca_file` holds them.
    Authority,
    /// Ours.
    Client,
}

impl Which {
    /// Every one.
    pub(crate) const ALL: [Which; 3] = [Which::Server, Which::Authority, Which::Client];

    /// Value of the label `certificate`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Which::Server => "server",
            Which::Authority => "authority",
            Which::Client => "client",
        }
    }
}

/// What was seen; shared by all that have to do with one attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    certificates: Arc<Mutex<Vec<(Which, Certificate)>>>,
    connected: Arc<AtomicBool>,
}

impl Seen {
    /// One of each kind at most: of several, the one that expires first.
    pub(crate) fn soonest(&self) -> Vec<(Which, Certificate)> {
        let mut all = self.certificates.lock().map(|seen| seen.clone()).unwrap_or_default();
        all.sort_by_key(|(which, certificate)| (*which, certificate.not_after));
        all.dedup_by_key(|(which, _)| *which);
        all
    }

    /// TCP was accepted: silence from here on is that of whoever listens there.
    pub(super) fn connected(&self) {
        self.connected.store(true, Ordering::Relaxed);
    }

    /// What it is when the time is over.
    pub(crate) fn late(&self) -> Cause {
        if self.connected.load(Ordering::Relaxed) { Cause::Silent } else { Cause::ConnectTimeout }
    }

    /// Notes a chain, its first certificate being the one it is about.
    pub(super) fn note<'a>(&self, first: Which, chain: impl IntoIterator<Item = &'a CertificateDer<'a>>) {
        let Ok(mut seen) = self.certificates.lock() else { return };
        for (at, der) in chain.into_iter().take(CHAIN_MAX).enumerate() {
            let which = if at == 0 { first } else { Which::Authority };
            // What cannot be read is the verifier's to complain of.
            seen.extend(Certificate::parse(der).map(|certificate| (which, certificate)));
        }
    }
}

/// See the head of this file.
pub(super) struct Noting {
    pub(super) seen: Seen,
    /// None: whoever answers is taken for the broker.
    pub(super) judge: Option<Arc<dyn ServerCertVerifier>>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Noting").field("verifies", &self.judge.is_some()).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.seen.note(Which::Server, std::iter::once(end_entity).chain(intermediates));
        match &self.judge {
            Some(judge) => {
                judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
