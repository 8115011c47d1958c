//! A real handshake with a real server: its certificate, its renewal while it serves, and clients that must
//! show one. Certificates are made anew in each run.

use super::*;
use crate::config::Web;
use crate::out::{http, testing};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key for `localhost`.
    fn signed(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn write(&self, dir: &TempDir) {
        let (cert, key) = self.signed();
        std::fs::write(dir.path().join("cert.pem"), cert).unwrap();
        std::fs::write(dir.path().join("key.pem"), key).unwrap();
        std::fs::write(dir.path().join("ca.pem"), &self.pem).unwrap();
    }

    /// A client that trusts this authority and shows a certificate where one is given.
    async fn get(&self, address: SocketAddr, identity: Option<(String, String)>) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = tokio::net::TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

fn start(dir: &TempDir, more: &str) -> Result<http::Server, http::ServeError> {
    let file = dir.path().join("web.yml");
    let text = format!("tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n{more}");
    std::fs::write(&file, text).unwrap();
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    let web = Web {
        listen,
        telemetry_path: "/metrics".to_owned(),
        config_file: Some(file),
        api_token: None,
        enable_lifecycle: false,
    };
    http::start(&web, testing::subject(true))
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let (dir, old, new) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    old.write(&dir);
    let server = start(&dir, "").unwrap();
    let address = server.addresses()[0];
    assert!(old.get(address, None).await.unwrap().ends_with("ok\n"));
    assert!(new.get(address, None).await.is_err());
    new.write(&dir);
    server.reload().unwrap();
    assert!(new.get(address, None).await.unwrap().ends_with("ok\n"));
    std::fs::write(dir.path().join("cert.pem"), "no certificate").unwrap();
    let error = server.reload().unwrap_err().to_string();
    assert!(error.contains("cert.pem") && error.contains("no certificate in it"), "{error}");
    assert!(new.get(address, None).await.is_ok());
    std::fs::write(dir.path().join("web.yml"), "").unwrap();
    assert!(server.reload().unwrap_err().to_string().contains("restart"));
}

#[tokio::test]
async fn clients_must_show_a_certificate_of_the_authority_where_it_is_required() {
    let (dir, ours, theirs) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    ours.write(&dir);
    let server =
        start(&dir, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n").unwrap();
    let address = server.addresses()[0];
    assert!(ours.get(address, Some(ours.signed())).await.unwrap().ends_with("ok\n"));
    assert!(ours.get(address, Some(theirs.signed())).await.is_err());
    assert!(ours.get(address, None).await.is_err());
}

#[tokio::test]
async fn a_key_that_does_not_belong_to_the_certificate_stops_the_start() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.write(&dir);
    std::fs::write(dir.path().join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = start(&dir, "").unwrap_err().to_string();
    assert!(error.contains("belong together") && !error.contains("PRIVATE KEY"), "{error}");
}
