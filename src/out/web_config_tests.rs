//! The cases of the exporter-toolkit's own test data, written anew: which files are good, and what is said of
//! those that are not.

use super::*;

const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuWc8uVb6GJeS9oUKbeyPFcVkzgUbUoYa";

fn read(text: &str) -> Result<WebConfig, String> {
    parse(Path::new("/etc/wk/web.yml"), text).map_err(|error| error.to_string())
}

#[track_caller]
fn check_bad(text: &str, parts: &[&str]) {
    let error = read(text).unwrap_err();
    for part in parts.iter().chain(&["/etc/wk/web.yml"]) {
        assert!(error.contains(part), "{error:?} lacks {part:?}");
    }
}

#[test]
fn an_empty_file_asks_nobody() {
    for text in ["", "# nothing\n", "{}\n", "tls_server_config:\nbasic_auth_users:\n"] {
        let config = read(text).unwrap();
        assert!(config.users.is_empty() && config.tls.is_none() && config.http2 && !config.asks_who());
    }
}

#[test]
fn a_full_file_is_read_and_its_paths_are_relative_to_it() {
    let text = format!(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: /keys/server.key\n  client_auth_type: RequireAndVerifyClientCert\n  \
         client_ca_file: ca.crt\n  min_version: TLS13\n\
         http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: SameOrigin\n    X-XSS-Protection: ''\n\
         basic_auth_users:\n  ann: {HASH}\n\
         rate_limit:\n  interval: 1s\n  burst: 5\n"
    );
    let config = read(&text).unwrap();
    let tls = config.tls.as_ref().unwrap();
    assert_eq!(tls.cert, Pem::File("/etc/wk/server.crt".into()));
    assert_eq!(tls.key, Pem::File("/keys/server.key".into()));
    assert_eq!(tls.versions.len(), 1);
    assert!(!config.http2 && config.asks_who());
    assert_eq!(config.headers.len(), 1);
    assert_eq!(config.rate_limit, Some(Rule { interval: SECOND, burst: 5 }));
}

#[test]
fn an_unknown_key_is_an_error_with_its_place() {
    check_bad("tls_server_config:\n  cert_files: x\n", &["cert_files", "line 2"]);
    check_bad("basic_auth:\n  a: b\n", &["basic_auth", "line 1"]);
    check_bad("http_server_config:\n  http3: true\n", &["http3"]);
    check_bad("a: [", &[]);
}

#[test]
fn what_is_not_supported_says_so() {
    let tls = |line: &str| format!("tls_server_config:\n  cert_file: c\n  key_file: k\n  {line}\n");
    check_bad(&tls("cipher_suites: [TLS_RSA]"), &["cipher_suites is not supported"]);
    check_bad(&tls("curve_preferences: [X25519]"), &["curve_preferences is not supported"]);
    check_bad(&tls("client_allowed_sans: [a]"), &["client_allowed_sans is not supported"]);
    check_bad(&tls("min_version: TLS10"), &["min_version is not supported", "TLS12"]);
    check_bad(&tls("client_auth_type: RequestClientCert"), &["not supported", "RequireAndVerifyClientCert"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let tls = |line: &str| format!("tls_server_config:\n  {line}\n");
    check_bad(&tls("cert_file: c"), &["key_file: missing"]);
    check_bad(&tls("key_file: k"), &["cert_file: missing"]);
    check_bad(&tls("cert_file: c\n  cert: x"), &["not both"]);
    check_bad(&tls("cert_file: c\n  key_file: k\n  min_version: TLS14"), &["min_version: must be"]);
    check_bad(&tls("cert_file: c\n  key_file: k\n  min_version: TLS13\n  max_version: TLS12"), &["above"]);
    check_bad(&tls("cert_file: c\n  key_file: k\n  client_ca_file: a"), &["client_auth_type"]);
    check_bad(&tls("cert_file: c\n  key_file: k\n  client_auth_type: Nonsense"), &["client_auth_type"]);
    check_bad("basic_auth_users:\n  ann: secret\n", &["basic_auth_users.ann", "bcrypt"]);
    check_bad("http_server_config:\n  headers:\n    Server: x\n", &["headers.Server", "only"]);
    check_bad("http_server_config:\n  headers:\n    X-Frame-Options: maybe\n", &["deny or sameorigin"]);
    check_bad("rate_limit:\n  interval: soon\n  burst: 1\n", &["rate_limit"]);
    check_bad("rate_limit:\n  interval: 1s\n  burst: 0\n", &["rate_limit"]);
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("/nowhere/web.yml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/web.yml: cannot be read"), "{error}");
}
