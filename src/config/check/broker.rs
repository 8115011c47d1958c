//! `[[broker]]`: addresses, credentials and times of each connection. Nothing here may open a connection, or
//! leave a password where it could be shown.

use super::credentials::{self, yields_to_classic};
use super::files::Files;
use super::tls;
use crate::config::env::{Classic, Variable};
use crate::config::problem::{Ledger, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::{Members, Place};
use crate::config::url::{self, GivenUrl};
use crate::config::{Broker, BrokerTls, BrokerUrl, Scheme, Version, words};
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::Duration;

/// The largest payload that MQTT can carry.
const PAYLOAD_BYTES_MAX: u64 = 268_435_455;

/// Brokers whose `$SYS` has a dialect, and `auto`.
const KINDS: &[(&str, &str)] = &[
    ("auto", "auto"),
    ("mosquitto", "mosquitto"),
    ("emqx", "emqx"),
    ("vernemq", "vernemq"),
    ("nanomq", "nanomq"),
    ("hivemq", "hivemq"),
    ("rabbitmq", "rabbitmq"),
    ("nats", "nats"),
    ("rmqtt", "rmqtt"),
    ("flashmq", "flashmq"),
    ("monstermq", "monstermq"),
    ("aedes", "aedes"),
    ("amqtt", "amqtt"),
    ("mochi", "mochi"),
    ("mqtt5", "mqtt5"),
    ("aws", "aws"),
    ("artemis", "artemis"),
    ("bifromq", "bifromq"),
    ("other", "other"),
];

/// The client id where none is configured; the caller knows the id of the data folder.
pub(crate) fn default_client_id(folder_id: &str) -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match read.trim() {
        "" => "host",
        host => host,
    };
    format!("watchkeeper-{host}-{folder_id}")
}

/// Every `[[broker]]`; at least one is demanded.
pub(super) fn all(root: &mut Table<'_>, classic: &Classic, files: &Files) -> Vec<Broker> {
    let (ledger, is_written) = (root.ledger, root.has("broker"));
    let mut tables = root.sections("broker");
    if tables.is_empty() && (classic.host.is_some() || classic.port.is_some()) {
        tables.push(Table::new("broker[0]".to_owned(), Place::Nowhere, Members::new(), ledger));
    } else if tables.is_empty() && !is_written {
        let cure = "add [[broker]] with url = \"mqtt://HOST:1883\", or pass --broker mqtt://HOST, or set MQTT_BROKER_HOST";
        ledger.refuse(&Place::Nowhere, "broker", fault("no broker is configured", cure));
    }
    if tables.len() > 1 && (classic.username.is_some() || classic.password.is_some()) {
        ledger.warn("MQTT_USERNAME and MQTT_PASSWORD are used for the first broker only");
    }
    let mut brokers: Vec<Broker> = Vec::new();
    for (at, table) in tables.into_iter().enumerate() {
        let none = Classic::default();
        let begin = table.place.clone();
        let (broker, named) = one(table, if at == 0 { classic } else { &none }, files);
        let taken = |name: &str| brokers.iter().any(|other| other.name == name);
        let name = match broker.urls.first() {
            Some(url) if named.is_none() && taken(&broker.name) => format!("{}:{}", url.host, url.port),
            _ => broker.name.clone(),
        };
        if taken(&name) {
            let fault =
                fault(format!("two brokers are called «{name}»"), "give each [[broker]] a name of its own");
            ledger.refuse(&named.map_or(begin, |named| named.place), &format!("broker[{at}].name"), fault);
        }
        brokers.push(Broker { name, ..broker });
    }
    brokers
}

fn one(mut table: Table<'_>, classic: &Classic, files: &Files) -> (Broker, Option<At<String>>) {
    let ledger = table.ledger;
    let url = address(&mut table, classic);
    let failover = failover(&mut table);
    let (username, password) = credentials::read(&mut table, &url, classic, files);
    let named = table.get("name", words::name);
    let versions = [("auto", Version::Auto), ("5", Version::V5), ("3.1.1", Version::V311)];
    let pauses = pauses(&mut table);
    let name = named.as_ref().map_or_else(|| url.value.url.host.clone(), |named| named.value.clone());
    let broker = Broker {
        name,
        urls: std::iter::once(url.value.url).chain(failover).collect(),
        version: table.or("version", Version::Auto, words::choice(&versions)),
        client_id: client_id(&mut table),
        username,
        password,
        keep_alive: keep_alive(&mut table),
        connect_timeout: connect_timeout(&mut table, classic, ledger),
        reconnect_min: pauses.0,
        reconnect_max: pauses.1,
        idle_after: table.or("idle_after", Duration::from_secs(300), words::duration),
        payload_bytes_max: usize::try_from(table.or(
            "payload_bytes_max",
            256 * 1024,
            words::size(1..=PAYLOAD_BYTES_MAX),
        ))
        .unwrap_or(usize::MAX),
        log_file: None,
        kind: table.or("kind", "auto", words::choice(KINDS)).to_owned(),
        tls: BrokerTls::default(),
    };
    let broker = Broker { log_file: log_file(&mut table, &broker.kind, files), ..broker };
    let broker = Broker { tls: tls::read(&mut table, &broker, files), ..broker };
    table.finish();
    (broker, named)
}

/// The URL of the flag or the variable, else that of the file as `MQTT_BROKER_HOST` and `_PORT` correct it.
fn address(table: &mut Table<'_>, classic: &Classic) -> At<GivenUrl> {
    let local =
        BrokerUrl { scheme: Scheme::Mqtt, host: "127.0.0.1".to_owned(), port: 1883, path: String::new() };
    let none = GivenUrl { url: local, username: None, password: None };
    let default = At { value: none, place: Place::Nowhere, key: table.key("url") };
    let mut given = table.get("url", |node| url::parse(&words::text(node)?)).unwrap_or(default);
    if !yields_to_classic(&given.place) {
        return given;
    }
    let refuse = |variable: &Variable, name: &str, why: &str, cure: &str| {
        table.ledger.refuse(&variable.place, name, fault(why, cure));
    };
    if let Some(host) = &classic.host {
        let bare = host.text.parse::<Ipv6Addr>().map(|_| Ok((&*host.text, None)));
        match bare.unwrap_or_else(|_| url::host_and_port(&host.text)) {
            Ok((name, port)) => {
                name.clone_into(&mut given.value.url.host);
                given.value.url.port = port.unwrap_or(given.value.url.port);
            }
            Err(why) => {
                refuse(
                    host,
                    "MQTT_BROKER_HOST",
                    why,
                    "set it to a host name or address; a URL belongs in WATCHKEEPER_BROKER__0__URL",
                );
            }
        }
    }
    if let Some(port) = &classic.port {
        match url::port(&port.text) {
            Ok(port) => given.value.url.port = port,
            Err(why) => {
                refuse(port, "MQTT_BROKER_PORT", why, "set it to a number from 1 to 65535, such as 1883");
            }
        }
    }
    given
}

fn failover(table: &mut Table<'_>) -> Vec<BrokerUrl> {
    let given = table.list("failover", |node| {
        let given = url::parse(&words::text(node)?)?;
        if given.username.is_some() {
            return Err(fault(
                "a fail-over has no user of its own",
                "write the user once, in url or username",
            ));
        }
        Ok(given.url)
    });
    given.unwrap_or_default().into_iter().map(|at| at.value).collect()
}

fn client_id(table: &mut Table<'_>) -> String {
    table.or("client_id", String::new(), |node| {
        let id = words::text(node)?;
        if id.chars().any(char::is_control) || id.len() > 200 {
            return Err(fault(
                "a client id has at most 200 bytes and no control characters",
                "write a short name such as watchkeeper-plant1",
            ));
        }
        Ok(id)
    })
}

fn keep_alive(table: &mut Table<'_>) -> Duration {
    table.or("keep_alive", Duration::from_secs(30), |node| {
        let span = words::duration(node)?;
        if !(5..=65_535).contains(&span.as_secs()) || span.subsec_nanos() > 0 {
            return Err(fault(
                "MQTT counts the keep-alive in whole seconds from 5s to 65535s",
                "write a duration such as \"30s\"",
            ));
        }
        Ok(span)
    })
}

fn connect_timeout(table: &mut Table<'_>, classic: &Classic, ledger: &Ledger<'_>) -> Duration {
    let own = table.get("connect_timeout", words::duration);
    let decided = own.as_ref().is_some_and(|own| !yields_to_classic(&own.place));
    let configured = own.map_or(Duration::from_secs(10), |own| own.value);
    let Some(variable) = classic.timeout.as_ref().filter(|_| !decided) else { return configured };
    match variable.text.parse::<u32>() {
        Ok(seconds) if seconds > 0 => Duration::from_secs(seconds.into()),
        _ => {
            let cause = format!("«{}» is no number of seconds", variable.text);
            let cure = "set it to whole seconds without a unit, such as 10";
            ledger.refuse(&variable.place, "MQTT_CONNECTION_TIMEOUT", fault(cause, cure));
            configured
        }
    }
}

fn pauses(table: &mut Table<'_>) -> (Duration, Duration) {
    let min = table.get("reconnect_min", words::duration);
    let max = table.get("reconnect_max", words::duration);
    let shortest = min.as_ref().map_or(Duration::from_secs(1), |min| min.value);
    let longest = max.as_ref().map_or(Duration::from_secs(300), |max| max.value);
    if let Some(wrong) = min.as_ref().or(max.as_ref()).filter(|_| shortest > longest) {
        wrong.refuse(
            table.ledger,
            "reconnect_min is longer than reconnect_max",
            "write reconnect_min <= reconnect_max",
        );
    }
    (shortest, longest)
}

/// Whether it is there is not asked: brokers make their logs when they start, and rotate them.
fn log_file(table: &mut Table<'_>, kind: &str, files: &Files) -> Option<PathBuf> {
    let named = table.get("log_file", words::text).filter(|file| !file.value.is_empty())?;
    if !matches!(kind, "auto" | "mosquitto") {
        let cause = format!("the log of {kind} is not understood, only that of mosquitto");
        named.refuse(table.ledger, &cause, "leave log_file out");
        return None;
    }
    let path = files.resolve(&named);
    if path.is_dir() {
        let cause = format!("{} is a folder", path.display());
        named.refuse(table.ledger, &cause, "write the path of log_dest file, with its name");
        return None;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::KINDS;
    use watchkeeper_core::broker::dialects;

    #[test]
    fn every_make_can_be_configured_and_every_kind_is_a_make() {
        let mut kinds: Vec<&str> =
            KINDS.iter().map(|(word, _)| *word).filter(|word| *word != "auto").collect();
        let mut makes: Vec<&str> = dialects::ALL.iter().map(|dialect| dialect.word).collect();
        kinds.sort_unstable();
        makes.sort_unstable();
        assert_eq!(kinds, makes);
    }
}
