//! The data source name of PostgreSQL, read option by option: what is not supported is said, rather than passed over or
//! taken for something else. Nothing here may repeat what stands in it but the names of options that are known: there may
//! be a password anywhere.

use crate::queues::source::{Trouble, dial};
use percent_encoding::percent_decode_str;
use std::net::IpAddr;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

const CURE: &str = "write it as postgres://user:password@host:5432/database, with what is no letter or digit in a password \
                    as %NN; of options sslmode=disable, prefer or require is enough";

/// Options that libpq knows and we do not, and what to do without each.
const UNKNOWN: [(&[&str], &str); 4] = [
    (
        &["sslrootcert", "sslcrl", "sslcrldir"],
        "take it out: what the system trusts is trusted, and SSL_CERT_FILE names further authorities",
    ),
    (
        &["sslcert", "sslkey", "sslpassword", "sslcertmode", "sslnegotiation"],
        "take it out: client certificates and direct TLS are not supported; use a password",
    ),
    (
        &["gssencmode", "krbsrvname", "gsslib", "gssdelegation", "require_auth", "requirepeer"],
        "take it out: neither Kerberos nor this check is supported; use a password, and sslmode=require",
    ),
    (&["passfile", "service", "servicefile"], "write host, user, password and database into the dsn"),
];

/// The configuration, and how the server is shown.
pub(super) fn parse(dsn: &str) -> Result<(Config, String), Trouble> {
    // Up to the first `@` there are user and password, whatever characters they have.
    let from = dsn.find('@').unwrap_or(0);
    let at = dsn[from..].find('?').map_or(dsn.len(), |at| from + at);
    let (place, options) = (&dsn[..at], dsn[at..].trim_start_matches('?'));
    let (mut kept, mut mode) = (Vec::new(), None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        match decoded(key).as_str() {
            "sslmode" => mode = Some(ssl_mode(&decoded(value))?),
            // That is what is done anyway.
            "sslrootcert" if value == "system" => {}
            "channel_binding" if value == "require" => {
                return Err(unknown(
                    "channel_binding",
                    "take it out: it is not supported; sslmode=require verifies",
                ));
            }
            key => {
                let found = UNKNOWN.iter().find_map(|(names, cure)| {
                    names.iter().find(|name| **name == key).map(|name| unknown(name, cure))
                });
                found.map_or(Ok(()), Err)?;
                kept.push(option);
            }
        }
    }
    // What the parser has to complain about may repeat a password.
    let read = format!("{place}?{}", kept.join("&")).parse();
    let mut config: Config = read.map_err(|_| Trouble::new("the dsn of PostgreSQL cannot be read", CURE))?;
    if config.get_hosts().is_empty() {
        // A certificate is then for the address.
        for address in config.get_hostaddrs().to_vec() {
            config.host(address.to_string());
        }
    }
    if config.get_hosts().is_empty() {
        return Err(Trouble::new("the dsn of PostgreSQL names no host", CURE));
    }
    let is_here = places(&config).all(|(host, address)| is_here(host, address));
    // Who says nothing has TLS where it is offered, but not on this machine.
    let default = if is_here { SslMode::Disable } else { SslMode::Prefer };
    config.ssl_mode(mode.unwrap_or(default));
    config.connect_timeout(dial::CONNECT_MAX).application_name("watchkeeper");
    let shown = shown(&config);
    Ok((config, shown))
}

fn unknown(option: &str, cure: &str) -> Trouble {
    Trouble::new(format!("the dsn of PostgreSQL asks for {option}, which is not supported"), cure)
}

/// A certificate that is taken is always verified, host name and all; so the three that take one are one.
fn ssl_mode(value: &str) -> Result<SslMode, Trouble> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(Trouble::new(
            "the dsn of PostgreSQL has an sslmode that is not known",
            "say disable (no TLS), prefer (where the server offers it) or require; a certificate is always verified",
        )),
    }
}

/// Each server: its name, and its address where that is given, which then is where it is.
fn places(config: &Config) -> impl Iterator<Item = (&Host, Option<IpAddr>)> {
    let addresses = config.get_hostaddrs();
    config.get_hosts().iter().enumerate().map(|(at, host)| (host, addresses.get(at).copied()))
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let each = places(config).enumerate().map(|(at, (host, address))| {
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let host = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let address = address.map(|address| address.to_string()).filter(|address| *address != host);
        address.map_or_else(|| format!("{host}:{port}"), |address| format!("{host}({address}):{port}"))
    });
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{database}", each.collect::<Vec<_>>().join(","))
}

/// On this machine nothing is gained by TLS, and Debian's server has a certificate that nobody signed.
fn is_here(host: &Host, address: Option<IpAddr>) -> bool {
    match (address, host) {
        (Some(address), _) => address.is_loopback(),
        (None, Host::Tcp(name)) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        (None, Host::Unix(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dsn: &str) -> (SslMode, String) {
        let (config, shown) = parse(dsn).unwrap();
        (config.get_ssl_mode(), shown)
    }

    #[test]
    fn tls_is_what_was_asked_for_and_where_nothing_was_by_where_the_server_is() {
        for (dsn, mode, shown) in [
            ("postgres://me@db/a", SslMode::Prefer, "postgres://db:5432/a"),
            ("postgres://me@localhost/a", SslMode::Disable, "postgres://localhost:5432/a"),
            ("postgres://me@localhost/a?sslmode=prefer", SslMode::Prefer, "postgres://localhost:5432/a"),
            ("postgres://me@db/a?sslmode=verify-full", SslMode::Require, "postgres://db:5432/a"),
            ("postgres://me@db/a?ssl%6Dode=verify-ca", SslMode::Require, "postgres://db:5432/a"),
            ("postgres://me@db/a?sslmode=disable", SslMode::Disable, "postgres://db:5432/a"),
            // The address says where it is, not the name.
            (
                "postgres://me@localhost/a?hostaddr=10.0.0.5",
                SslMode::Prefer,
                "postgres://localhost(10.0.0.5):5432/a",
            ),
            (
                "postgres://me@db:6432/a?hostaddr=127.0.0.1",
                SslMode::Disable,
                "postgres://db(127.0.0.1):6432/a",
            ),
            ("postgres:///a?hostaddr=10.0.0.5&user=me", SslMode::Prefer, "postgres://10.0.0.5:5432/a"),
            ("postgres://me@one,two:6432/a", SslMode::Prefer, "postgres://one:5432,two:6432/a"),
        ] {
            assert_eq!(read(dsn), (mode, shown.to_owned()), "{dsn}");
        }
    }

    #[test]
    fn a_password_is_not_taken_for_an_option() {
        let (config, _) = parse("postgres://me:a?sslmode=verify-full&b@db/a").unwrap();
        assert_eq!(config.get_password(), Some(&b"a?sslmode=verify-full&b"[..]));
        assert_eq!(config.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn what_is_not_supported_is_said_with_a_cure_and_without_what_stands_there() {
        for (option, cause, cure) in [
            ("sslrootcert=/s3cret", "asks for sslrootcert", "SSL_CERT_FILE"),
            ("sslcert=s3cret", "asks for sslcert", "use a password"),
            ("channel_binding=require", "asks for channel_binding", "take it out"),
            ("passfile=s3cret", "asks for passfile", "into the dsn"),
            ("sslmode=s3cret", "an sslmode that is not known", "prefer"),
            ("s3cret=1", "cannot be read", "postgres://"),
            ("hostaddr=s3cret", "cannot be read", "postgres://"),
        ] {
            let trouble = parse(&format!("postgres://me@db/a?{option}")).unwrap_err();
            assert!(trouble.cause.contains(cause) && trouble.cure.contains(cure), "{option}: {trouble}");
            assert!(!trouble.to_string().contains("s3cret"), "{trouble}");
        }
        assert!(parse("postgres://me@db/a?sslrootcert=system&sslmode=verify-full").is_ok());
        assert!(parse("postgres://me@/a").unwrap_err().cause.contains("names no host"));
    }
}
