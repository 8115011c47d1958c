//! The sections that this version reads and checks but does not act on yet: a file that is right today stays
//! right. Nothing here may change what the program does; each section that is written is warned about.

use super::warn_later;
use crate::config::problem::{Fault, fault};
use crate::config::raw::Table;
use crate::config::tree::Node;
use crate::config::{Broker, words};

const SOURCES: &[(&str, &[&str])] = &[
    ("mosquitto-db", &["path"]),
    ("emqx", &["url"]),
    ("rmqtt", &["url"]),
    ("rabbitmq", &["url"]),
    ("nats", &["url"]),
    ("vernemq", &["url"]),
    ("monstermq", &["dsn"]),
    ("sql", &["dsn", "query"]),
    ("redis", &["url"]),
    ("sys", &[]),
    ("inferred", &[]),
];

/// `[queues]`, `[probe]` and `[shard]`.
pub(super) fn all(root: &mut Table<'_>, brokers: &[Broker]) {
    for (key, read) in [("probe", probe as fn(&mut Table<'_>)), ("shard", shard)] {
        with(root, key, read);
    }
    with(root, "queues", |table| queues(table, brokers));
}

fn with(root: &mut Table<'_>, key: &'static str, read: impl FnOnce(&mut Table<'_>)) {
    let mut table = root.section(key);
    if table.is_set {
        warn_later(table.ledger, &format!("[{key}]"));
    }
    read(&mut table);
    table.finish();
}

fn queues(table: &mut Table<'_>, brokers: &[Broker]) {
    table.get("every", words::duration);
    table.get("keep_for", words::duration);
    for mut source in table.sections("source") {
        queue_source(&mut source, brokers);
        source.finish();
    }
}

fn queue_source(table: &mut Table<'_>, brokers: &[Broker]) {
    if !table.has("kind") {
        table.refuse(fault("the source has no kind", "add kind = \"sys\", or another of the manual"));
    }
    let none: &[&str] = &[];
    let needed = table.or("kind", none, words::choice(SOURCES));
    for key in needed.iter().filter(|key| !table.has(key)) {
        table.refuse(fault(format!("this kind of source needs {key}"), format!("add {key} = \"…\"")));
    }
    for key in ["path", "url", "username", "password_file", "vhost", "dsn", "query", "pattern"] {
        table.get(key, words::text);
    }
    table.get("name", words::name);
    table.get("every", words::duration);
    table.get("limit", words::count(1..=100_000_000));
    let Some(broker) = table.get("broker", words::text) else { return };
    if !brokers.iter().any(|known| known.name == broker.value) {
        let known: Vec<&str> = brokers.iter().map(|known| known.name.as_str()).collect();
        let cause = format!("there is no broker «{}»", broker.value);
        broker.refuse(table.ledger, cause, crate::config::suggest::word(&broker.value, &known));
    }
}

fn probe(table: &mut Table<'_>) {
    table.get("every", words::duration_or_zero);
    table.values("qos", qos);
    table.get("session_every", words::duration_or_zero);
}

fn qos(node: &Node) -> Result<u64, Fault> {
    words::integer(0..=2)(node)
}

fn shard(table: &mut Table<'_>) {
    let index = table.get("index", words::integer(0..=1023));
    let total = table.or("total", 1, words::integer(1..=1024));
    if let Some(index) = index.filter(|index| index.value >= total) {
        let cause = format!("shard {} of {total} does not exist", index.value);
        index.refuse(table.ledger, cause, "shards are counted from 0 to total - 1");
    }
}
