//! What real brokers said, recorded message by message, and what becomes of it: every value at the moment at which it
//! changes, and every event of a client. To write the golden files anew after a change that is meant, delete them and run
//! the test twice.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use watchkeeper_core::broker::dialects::{Said, named};
use watchkeeper_core::broker::event::ClientEvent;
use watchkeeper_core::broker::{Broker, Value};
use watchkeeper_core::time::{Mono, Now, Wall, micros};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

/// Plays a recording; `kind` is what the configuration says.
fn played(capture: &str, kind: &str) -> String {
    let text = std::fs::read_to_string(folder().join(format!("{capture}.tsv"))).unwrap();
    let mut broker = Broker::of(named(kind));
    let (mut out, mut before) = (String::new(), [None; Value::ALL.len()]);
    broker.connected();
    for line in text.lines().skip(1) {
        let mut columns = line.splitn(5, '\t');
        let mut column = || columns.next().unwrap();
        let (second, retain, _qos, topic) = (column(), column() == "1", column(), column());
        let payload = columns.next().unwrap_or_default();
        let since = Duration::from_secs_f64(second.parse().unwrap());
        let now = Now { mono: Mono(micros(since)), wall: Wall(0) };
        for event in broker.take(&Said { topic, payload: payload.as_bytes(), retain }, now) {
            writeln!(out, "{second} {}", shown(&event)).unwrap();
            event.count(&mut broker.clients);
        }
        for (value, before) in Value::ALL.into_iter().zip(&mut before) {
            let now = broker.value(value);
            if now != *before {
                writeln!(out, "{second} {value:?} {}", now.map_or("gone".into(), |now| now.to_string()))
                    .unwrap();
                *before = now;
            }
        }
    }
    let kind = broker.dialect().map_or("unknown", |dialect| dialect.word);
    writeln!(out, "kind {kind} version {}", broker.version().unwrap_or("unknown")).unwrap();
    for (change, cause, count) in broker.clients.events() {
        writeln!(out, "counted {} {} {count}", change.word(), cause.word()).unwrap();
    }
    out
}

fn shown(event: &ClientEvent) -> String {
    let ClientEvent { what, times, client, user, .. } = event;
    format!("{what:?} times {times} client {client:?} user {user:?}")
}

fn check(capture: &str, kind: &str) {
    let (text, golden) = (played(capture, kind), folder().join(format!("{capture}.{kind}.golden")));
    match std::fs::read_to_string(&golden) {
        Ok(expected) => assert_eq!(text, expected, "{} is not what {capture} becomes", golden.display()),
        Err(_) => std::fs::write(&golden, &text).unwrap(),
    }
}

#[test]
fn mosquitto_becomes_what_it_said() {
    check("mosquitto-2.0.11", "auto");
    check("mosquitto-2.1.2", "auto");
}

#[test]
fn aedes_becomes_what_it_said() {
    check("aedes-1.2.0", "auto");
}

#[test]
fn amqtt_becomes_what_it_said() {
    check("amqtt-0.12.1", "auto");
}

#[test]
fn what_says_nothing_of_itself_becomes_nothing() {
    check("nats-2.9.10-mqtt", "auto");
    check("rabbitmq-3.10.8", "auto");
    check("rabbitmq-3.10.8-event-exchange-bound", "auto");
    // A recording is of one make only.
    for kind in ["nats", "hivemq", "other"] {
        assert_eq!(played("mosquitto-2.0.11", kind), format!("kind {kind} version unknown\n"));
    }
}

#[test]
fn rabbitmq_tells_its_events_where_the_configuration_names_it() {
    check("rabbitmq-3.10.8-event-exchange-bound", "rabbitmq");
}
