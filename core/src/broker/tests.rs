//! What is kept of what a broker says: over its restarts and ours, of several nodes, and before its make is known.

use super::clients::{Cause, Change};
use super::*;
use crate::time::{Mono, SECOND};

fn at(seconds: u64) -> Now {
    Now { mono: Mono(seconds * SECOND), wall: Wall(0) }
}

fn say(broker: &mut Broker, topic: &str, payload: &str, second: u64) -> Vec<ClientEvent> {
    broker.take(&Said { topic, payload: payload.as_bytes(), retain: false }, at(second))
}

#[test]
fn a_restarted_broker_voids_what_it_said_before() {
    let mut broker = Broker::default();
    broker.connected();
    say(&mut broker, "$SYS/broker/uptime", "100 seconds", 0);
    say(&mut broker, "$SYS/broker/bytes/sent", "5000", 0);
    say(&mut broker, "$SYS/broker/clients/connected", "7", 0);
    broker.connected();
    say(&mut broker, "$SYS/broker/bytes/sent", "12", 20);
    say(&mut broker, "$SYS/broker/uptime", "3 seconds", 20);
    assert_eq!(broker.value(Value::BytesSent), Some(12.0));
    assert_eq!(broker.value(Value::ClientsConnected), None);
}

#[test]
fn our_own_reconnection_voids_nothing() {
    let mut broker = Broker::default();
    broker.connected();
    say(&mut broker, "$SYS/broker/uptime", "100 seconds", 0);
    say(&mut broker, "$SYS/broker/clients/connected", "7", 0);
    broker.connected();
    say(&mut broker, "$SYS/broker/uptime", "130 seconds", 30);
    assert_eq!(broker.value(Value::ClientsConnected), Some(7.0));
    assert_eq!(broker.value(Value::Heap), None);
}

#[test]
fn what_comes_before_the_make_is_known_is_read_then() {
    let mut broker = Broker::default();
    say(&mut broker, "$SYS/broker/clients/connected", "7", 0);
    assert_eq!((broker.value(Value::ClientsConnected), broker.last_update()), (None, None));
    assert!(broker.dialect().is_none());
    say(&mut broker, "$SYS/broker/version", "mosquitto version 2.0.11", 0);
    assert_eq!(broker.value(Value::ClientsConnected), Some(7.0));
    assert_eq!(broker.dialect().map(|dialect| dialect.word), Some("mosquitto"));
    // Of the make, too, for which the same topic means something else.
    let mut broker = Broker::default();
    say(&mut broker, "$SYS/broker/clients/total", "7", 0);
    say(&mut broker, "$SYS/broker/network/socketconnects/total", "90", 0);
    assert_eq!((broker.value(Value::ClientsTotal), broker.value(Value::ClientsConnected)), (None, Some(7.0)));
}

#[test]
fn of_an_unknown_make_nothing_is_believed_and_little_kept() {
    let mut broker = Broker::default();
    for count in 0..10_000 {
        say(&mut broker, "$SYS/broker/clients/connected", &count.to_string(), 0);
        assert!(say(&mut broker, "$SYS/brokers/x/clients/d/connected", "{}", 0).is_empty());
    }
    assert!(broker.waiting.len() <= WAITING_MAX);
    say(&mut broker, "$SYS/broker/uptime", &"9".repeat(WAITING_BYTES_MAX), 0);
    assert_eq!(broker.value(Value::ClientsConnected), None);
}

#[test]
fn the_configuration_is_believed_more_than_what_is_seen() {
    let mut broker = Broker::of(dialects::named("amqtt"));
    say(&mut broker, "$SYS/broker/version", "mosquitto version 2.0.11", 0);
    say(&mut broker, "$SYS/broker/clients/total", "7", 0);
    say(&mut broker, "$SYS/broker/clients/connected", "3", 0);
    assert_eq!(broker.dialect().map(|dialect| dialect.word), Some("amqtt"));
    assert_eq!((broker.value(Value::ClientsTotal), broker.version()), (None, None));
    assert_eq!(broker.value(Value::ClientsConnected), Some(3.0));
}

#[test]
fn another_make_at_the_same_address_voids_everything_and_only_on_a_new_connection() {
    let mut broker = Broker::default();
    say(&mut broker, "$SYS/broker/version", "mosquitto version 2.0.11", 0);
    say(&mut broker, "$SYS/broker/heap/current", "7", 0);
    say(&mut broker, "$SYS/broker/version", "aMQTT version 0.12.1", 1);
    assert_eq!(broker.dialect().map(|dialect| dialect.word), Some("mosquitto"));
    broker.connected();
    say(&mut broker, "$SYS/broker/version", "aMQTT version 0.12.1", 2);
    assert_eq!(broker.dialect().map(|dialect| dialect.word), Some("amqtt"));
    assert_eq!((broker.value(Value::Heap), broker.version()), (None, Some("0.12.1")));
}

#[test]
fn counters_of_refusals_are_events_without_a_name() {
    let mut broker = Broker::of(dialects::named("emqx"));
    let topic = "$SYS/brokers/emqx@10.0.0.1/metrics/packets/connack/auth_error";
    assert!(say(&mut broker, topic, "40", 0).is_empty());
    let events = say(&mut broker, topic, "43", 60);
    let [event] = &*events else { panic!("{events:?}") };
    assert_eq!((event.times, &event.client), (3, &None));
    event.count(&mut broker.clients);
    assert_eq!(broker.clients.auth_failures().next(), Some(("not_authorized", 3)));
    assert!(broker.clients.events().all(|(change, cause, count)| {
        count == if (change, cause) == (Change::Refused, Cause::NotAuthorized) { 3 } else { 0 }
    }));
}

#[test]
fn a_moment_that_cannot_be_is_left_out() {
    let mut broker = Broker::of(dialects::named("nanomq"));
    let payload = r#"{"status":"online","ts":32503680000000,"return_code":"0","client_id":"d"}"#;
    let events = say(&mut broker, "$SYS/brokers/client_status/d", payload, 0);
    assert_eq!((events.len(), events[0].at), (1, None));
}
