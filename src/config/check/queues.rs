//! `[queues]`: which sources are asked, how often, and for how long their snapshots are kept. Nothing here may open what
//! it names: a database that is away today is a source that fails, not a mistake in the file.

use super::files::Files;
use crate::config::problem::{Fault, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::Node;
use crate::config::{Broker, QueueSource, Queues, suggest, words};
use crate::queues::setting::{Kind, Setting, Web};
use secrecy::SecretString;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(30);
const KEEP_FOR: Duration = Duration::from_secs(7 * 86_400);
const LIMIT: usize = 100_000;

/// A broker that is asked more often does little else.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// The kinds, and what each cannot do without.
const KINDS: &[(&str, &[&str])] = &[
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

/// `[queues]`.
pub(super) fn queues(mut table: Table<'_>, brokers: &[Broker], files: &Files) -> Queues {
    let every = table.or("every", EVERY, every);
    let keep_for = table.or("keep_for", KEEP_FOR, words::duration);
    let written = table.sections("source");
    let has_none = written.is_empty();
    let mut sources: Vec<QueueSource> = Vec::new();
    for mut one in written {
        let names: Vec<&str> = sources.iter().map(|source| &*source.setting.name).collect();
        let read = source(&mut one, brokers, files, (every, &names));
        one.finish();
        sources.extend(read);
    }
    table.finish();
    if has_none {
        sources = default_sources(brokers, every);
    }
    // What is only inferred gives way to every source that was asked.
    sources.sort_by_key(|source| matches!(source.setting.kind, Kind::Inferred));
    Queues { keep_for, sources }
}

/// `sys` and `inferred` of each broker.
fn default_sources(brokers: &[Broker], every: Duration) -> Vec<QueueSource> {
    let mut sources: Vec<QueueSource> = Vec::new();
    for broker in brokers {
        for (word, kind) in [("sys", Kind::Sys), ("inferred", Kind::Inferred)] {
            let names: Vec<&str> = sources.iter().map(|source| &*source.setting.name).collect();
            let (name, broker) = (free_name(word, &names), broker.name.clone());
            let setting = Setting { name, broker, every, limit: LIMIT, kind };
            sources.push(QueueSource { setting, limit_messages: None });
        }
    }
    sources
}

/// The word itself, or with the first number that is free.
fn free_name(word: &str, taken: &[&str]) -> String {
    let numbered = (2..).map(|number| format!("{word}-{number}"));
    std::iter::once(word.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(&name.as_str()))
        .expect("there is no end of numbers")
}

fn every(node: &Node) -> Result<Duration, Fault> {
    let span = words::duration(node)?;
    if span < EVERY_MIN {
        return Err(fault(
            format!("{span:?} is less than a second"),
            "write a second or more, such as \"30s\"",
        ));
    }
    Ok(span)
}

fn source(
    table: &mut Table<'_>,
    brokers: &[Broker],
    files: &Files,
    (default_every, names): (Duration, &[&str]),
) -> Option<QueueSource> {
    if !table.has("kind") {
        table.refuse(fault("the source has no kind", "add kind = \"sys\", or another of the manual"));
    }
    let words: Vec<(&str, &str)> = KINDS.iter().map(|(word, _)| (*word, *word)).collect();
    let word = table.get("kind", words::choice(&words)).map(|at| at.value);
    let needed = KINDS.iter().find(|(known, _)| Some(*known) == word).map_or(&[][..], |(_, needed)| *needed);
    let is_whole = needed.iter().filter(|key| !table.has(key)).fold(true, |_, key| {
        table.refuse(fault(format!("this kind of source needs {key}"), format!("add {key} = \"…\"")));
        false
    });
    let name = table.get("name", words::name);
    let every = table.or("every", default_every, every);
    let limit = table.or("limit", LIMIT, words::count(1..=100_000_000));
    let limit_messages = table.get("limit_messages", words::integer(1..=1 << 53)).map(|at| at.value);
    let broker = broker(table, brokers);
    let kind = kind(table, word, files);
    if let Some(name) = name.as_ref().filter(|name| names.contains(&name.value.as_str())) {
        let cause = format!("another source is called «{}» already", name.value);
        name.refuse(table.ledger, cause, "give each source a name of its own");
    }
    let (word, broker, kind) = (word?, broker?, kind?);
    let name = name.map_or_else(|| free_name(word, names), |name| name.value);
    is_whole.then_some(QueueSource { setting: Setting { name, broker, every, limit, kind }, limit_messages })
}

/// The broker that is named, by default the first.
fn broker(table: &mut Table<'_>, brokers: &[Broker]) -> Option<String> {
    let Some(named) = table.get("broker", words::text) else {
        return brokers.first().map(|broker| broker.name.clone());
    };
    if brokers.iter().any(|known| known.name == named.value) {
        return Some(named.value);
    }
    let known: Vec<&str> = brokers.iter().map(|known| known.name.as_str()).collect();
    let cause = format!("there is no broker «{}»", named.value);
    named.refuse(table.ledger, cause, suggest::word(&named.value, &known));
    None
}

/// Every key of every kind is read, so that one that belongs to another kind is told to be that.
fn kind(table: &mut Table<'_>, word: Option<&str>, files: &Files) -> Option<Kind> {
    let path = table.get("path", words::text);
    let dsn = table.get("dsn", words::text);
    let query = table.get("query", words::text);
    let vhost = table.get("vhost", words::text);
    let pattern = table.get("pattern", words::text);
    let web = web(table, files);
    let told = [("path", &path), ("dsn", &dsn), ("query", &query), ("vhost", &vhost), ("pattern", &pattern)];
    let has_url = web.is_some();
    for (key, at) in told.into_iter().filter_map(|(key, at)| Some((key, at.as_ref()?))) {
        if word.is_some_and(|word| !takes(word, key)) {
            let cause = format!("a source of kind {} has no {key}", word.unwrap_or_default());
            at.refuse(table.ledger, cause, "take it away, or choose the kind that it belongs to");
        }
    }
    if let Some(word) = word.filter(|word| has_url && !takes(word, "url")) {
        let cause = format!("a source of kind {word} has no url");
        table.refuse(fault(cause, "take it away, or choose the kind that it belongs to"));
    }
    let secret = |at: At<String>| SecretString::from(at.value);
    Some(match word? {
        "mosquitto-db" => Kind::MosquittoDb { path: files.resolve(&path?) },
        "emqx" => Kind::Emqx(web?),
        "rmqtt" => Kind::Rmqtt(web?),
        "rabbitmq" => Kind::Rabbitmq { web: web?, vhost: vhost.map(|at| at.value) },
        "nats" => Kind::Nats(web?),
        "vernemq" => Kind::Vernemq(web?),
        "monstermq" => Kind::Monstermq { dsn: secret(dsn?) },
        "sql" => Kind::Sql { dsn: secret(dsn?), query: query?.value },
        "redis" => Kind::Redis { web: web?, pattern: pattern.map_or_else(|| "*".to_owned(), |at| at.value) },
        "sys" => Kind::Sys,
        _ => Kind::Inferred,
    })
}

/// Whether a kind has a use for a key.
fn takes(kind: &str, key: &str) -> bool {
    let needed = KINDS.iter().any(|(known, needed)| *known == kind && needed.contains(&key));
    needed || matches!((kind, key), ("rabbitmq", "vhost") | ("redis", "pattern"))
}

/// Where to ask, and as whom. A password in a URL would be shown wherever the URL is.
fn web(table: &mut Table<'_>, files: &Files) -> Option<Web> {
    let url = table.get("url", words::text);
    let username = table.get("username", words::text).map(|at| at.value).filter(|user| !user.is_empty());
    let password_file = table.get("password_file", words::text).filter(|file| !file.value.is_empty());
    let url = url?;
    let authority = url.value.split_once("://").map_or(&*url.value, |(_, rest)| rest);
    if authority.split('/').next().is_some_and(|host| host.contains('@')) {
        let cure = "write username and password_file beside it";
        url.refuse(table.ledger, "the URL holds a user or a password", cure);
    }
    Some(Web { url: url.value, username, password_file: password_file.map(|file| files.secret_path(&file)) })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Flags, Problems, Sources};

    fn read(text: &str) -> Result<Config, Problems> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, text).unwrap();
        Sources::gather(Some(&path), Vec::new(), Flags::default())?.read()
    }

    #[track_caller]
    fn names(text: &str) -> Vec<String> {
        let config = read(text).unwrap_or_else(|problems| panic!("{problems}"));
        let sources = config.queues.sources.iter();
        sources.map(|source| format!("{}@{}", source.setting.name, source.setting.broker)).collect()
    }

    #[test]
    fn each_broker_has_both_built_in_sources_when_none_is_written() {
        assert_eq!(names("[[broker]]\nname = 'a'"), ["sys@a", "inferred@a"]);
        let two = "[[broker]]\nname = 'a'\n[[broker]]\nname = 'b'\n";
        assert_eq!(names(two), ["sys@a", "sys-2@b", "inferred@a", "inferred-2@b"]);
    }

    #[test]
    fn a_source_is_called_by_its_kind_and_the_inferred_one_comes_last() {
        let text = "[[broker]]\nname = 'a'\n[[queues.source]]\nkind = 'inferred'\n[[queues.source]]\nkind = 'sys'\n\
                    [[queues.source]]\nkind = 'sys'\n";
        assert_eq!(names(text), ["sys@a", "sys-2@a", "inferred@a"]);
    }

    #[test]
    fn no_secret_of_a_source_is_shown() {
        let text =
            "[[broker]]\n[[queues.source]]\nkind = 'sql'\ndsn = 'postgres://u:hunter2@h/d'\nquery = 'q'\n";
        let config = read(text).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        for line in ["url = 'http://u:hunter2@h'\nkind = 'emqx'", "dsn = 'hunter2'\nkind = 'sql'"] {
            let told = read(&format!("[[broker]]\n[[queues.source]]\n{line}\n")).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (lines, part) in [
            ("kind = 'sys'\nurl = 'http://h'", "has no url"),
            ("kind = 'emqx'\nurl = 'http://h'\npath = 'p'", "has no path"),
            ("kind = 'sys'\nevery = '10ms'", "less than a second"),
            ("kind = 'sys'\nname = 'x'\n[[queues.source]]\nkind = 'sys'\nname = 'x'", "already"),
            ("kind = 'sys'\nlimit = 0", "outside"),
        ] {
            let told = read(&format!("[[broker]]\n[[queues.source]]\n{lines}\n")).unwrap_err().to_string();
            assert!(told.contains(part), "{told}");
        }
    }
}
