//! Certificates made by the test: authorities that nobody else trusts, and what they sign, good and bad.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use std::fs;
use std::path::{Path, PathBuf};

/// When a certificate holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    /// From long ago until long after.
    Now,
    /// It did.
    Before,
    /// It will.
    Later,
    /// Until so many days from now.
    Days(i64),
}

/// See the head of this file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) file: PathBuf,
    folder: PathBuf,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Keeps its files in `folder`.
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no name is no bad name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let file = folder.join(format!("{name}.pem"));
        let certificate = params.self_signed(&key).expect("it can sign itself");
        fs::write(&file, certificate.pem()).expect("the folder can be written");
        Self { issuer: Issuer::new(params, key), file, folder: folder.to_owned() }
    }

    /// A certificate for these names or addresses.
    pub(crate) fn sign(&self, file: &str, names: &[&str], holds: Holds) -> Signed {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are good");
        params.distinguished_name.push(DnType::CommonName, file);
        match holds {
            Holds::Now => {}
            Holds::Before => params.not_after = date_time_ymd(2020, 1, 1),
            Holds::Later => params.not_before = date_time_ymd(4000, 1, 1),
            Holds::Days(days) => {
                let now = std::time::SystemTime::now();
                let since = now.duration_since(std::time::UNIX_EPOCH).expect("it is after 1970").as_secs();
                let since = i64::try_from(since).expect("seconds since 1970 fit");
                params.not_after = date_time_ymd(1970, 1, 1) + whole_days(since / 86_400 + days);
            }
        }
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can sign");
        let path = |end: &str| self.folder.join(format!("{file}.{end}"));
        let signed = Signed { cert: path("crt"), key: path("key") };
        fs::write(&signed.cert, certificate.pem()).expect("the folder can be written");
        fs::write(&signed.key, key.serialize_pem()).expect("the folder can be written");
        signed
    }
}

fn whole_days(days: i64) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(days).expect("after 1970") * 86_400)
}
