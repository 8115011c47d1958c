//! `ca_file`, `cert_file`, `key_file`, `alpn` and `insecure_skip_verification` of a broker. The files are read and tried
//! here, so that a wrong one is known before anything runs; nothing of a key may get into a message.

use super::files::Files;
use crate::config::problem::fault;
use crate::config::raw::{At, Table};
use crate::config::{Broker, BrokerTls, words};
use crate::ingest::dial::tls::{self, Role};

/// Protocols to offer; more would only make the hello of TLS long.
const ALPN_MAX: usize = 8;

/// What the broker's URLs need, checked. Settings that no URL of it makes use of are told.
pub(super) fn read(table: &mut Table<'_>, broker: &Broker, files: &Files) -> BrokerTls {
    let mut set = |key| table.get(key, words::text).filter(|file| !file.value.is_empty());
    let (ca, cert, key) = (set("ca_file"), set("cert_file"), set("key_file"));
    let alpn = alpn(table);
    let skip = table.get("insecure_skip_verification", words::boolean);
    match (&cert, &key) {
        (Some(alone), None) => alone.refuse(table.ledger, "a certificate needs its key", "set key_file too"),
        (None, Some(alone)) => alone.refuse(table.ledger, "a key needs its certificate", "set cert_file too"),
        _ => {}
    }
    let insecure = skip.as_ref().is_some_and(|skip| skip.value);
    if let (Some(skip), Some(ca)) = (skip.as_ref().filter(|_| insecure), &ca) {
        let cause = format!("{} names whom to trust, and this trusts everybody", ca.key);
        skip.refuse(table.ledger, cause, "keep ca_file and take insecure_skip_verification away");
    } else if insecure {
        table.ledger.warn(format!(
            "{}: insecure_skip_verification is on: whoever answers is taken for the broker, and gets its password; \
             set ca_file instead",
            table.path
        ));
    }
    let unused = [&ca, &cert, &key].into_iter().flatten().map(|file| file.key.clone());
    if !broker.urls.iter().any(|url| url.scheme.is_tls()) {
        for key in unused.chain(alpn.first().map(|_| table.key("alpn"))) {
            table.ledger.warn(format!("{key} has no effect: no URL of this broker is mqtts:// or wss://"));
        }
    }
    let client = cert.as_ref().zip(key.as_ref()).map(|(cert, key)| (files.path(cert), files.path(key)));
    let read = BrokerTls {
        ca_file: ca.as_ref().map(|ca| files.path(ca)),
        client,
        alpn,
        insecure_skip_verification: insecure,
    };
    tried(table, &read, &[(Role::Authorities, &ca), (Role::Certificate, &cert), (Role::Key, &key)]);
    read
}

fn alpn(table: &mut Table<'_>) -> Vec<String> {
    let named = table.list("alpn", |node| {
        let name = words::name(node)?;
        if name.len() > 255 {
            return Err(fault("a protocol has at most 255 bytes", "write a name such as \"mqtt\""));
        }
        Ok(name)
    });
    let named = named.unwrap_or_default();
    if let Some(further) = named.get(ALPN_MAX) {
        further.refuse(
            table.ledger,
            "too many protocols are offered",
            "offer the one that the broker asks for",
        );
    }
    named.into_iter().map(|at| at.value).collect()
}

/// Reads the files as an attempt to connect would, and puts what is wrong where the file is named.
fn tried(table: &Table<'_>, tls: &BrokerTls, named: &[(Role, &Option<At<String>>)]) {
    let Err(wrong) = tls::check(tls) else { return };
    for (role, file) in named {
        if let (true, Some(file)) = (*role == wrong.role, file) {
            file.refuse(table.ledger, wrong.cause.clone(), wrong.cure);
        }
    }
}
