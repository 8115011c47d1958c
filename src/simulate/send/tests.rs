//! A whole fleet through the embedded broker to a subscriber that counts.

use super::super::Settings;
use super::super::fault::FaultCounts;
use super::run;
use crate::demo;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Subscribes and reports every message's topic; returns once the subscription stands.
async fn subscriber(broker: SocketAddr, filter: &str) -> mpsc::UnboundedReceiver<String> {
    let mut options = MqttOptions::new("counter", broker.ip().to_string(), broker.port());
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, 10);
    client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
    let (seen, topics) = mpsc::unbounded_channel();
    let (ready, subscribed) = tokio::sync::oneshot::channel();
    let mut ready = Some(ready);
    tokio::spawn(async move {
        let _client = client;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::SubAck(_))) => drop(ready.take().map(|ready| ready.send(()))),
                Ok(Event::Incoming(Packet::Publish(publish))) => drop(seen.send(publish.topic)),
                Ok(_) => {}
                // The broker stops at the end of the test.
                Err(_) => return,
            }
        }
    });
    subscribed.await.unwrap();
    topics
}

async fn count(topics: &mut mpsc::UnboundedReceiver<String>) -> HashMap<String, u64> {
    let mut counts = HashMap::new();
    while let Ok(Some(topic)) = tokio::time::timeout(Duration::from_millis(500), topics.recv()).await {
        *counts.entry(topic).or_default() += 1;
    }
    counts
}

fn settings(broker: SocketAddr, qos: u8) -> Settings {
    let interval = Duration::ZERO;
    let faults = FaultCounts { late: 0, early: 0, ..FaultCounts::mix(20, 40) };
    Settings {
        port: broker.port(),
        devices: 20,
        messages: Some(40),
        interval,
        qos,
        faults,
        ..Settings::default()
    }
}

#[tokio::test]
async fn what_the_truth_says_is_what_a_subscriber_gets() {
    let broker = demo::start_broker("127.0.0.1:0").await.unwrap();
    for qos in [1, 0] {
        let mut topics = subscriber(broker.addr, "plant/+/+/+/telemetry/#").await;
        let (_stop, stopped) = watch::channel(false);
        let truth = run(settings(broker.addr, qos), stopped).await.unwrap();
        assert!(truth.exact && !truth.stopped, "{:?}", truth.connections);
        let counts = count(&mut topics).await;
        assert_eq!(counts.values().sum::<u64>(), truth.totals.sent, "QoS {qos}");
        assert!(truth.devices.iter().all(|device| counts[&device.topic] == device.sent));
        assert!(truth.devices.is_sorted_by_key(|device| &device.device));
    }
    broker.stop().await;
}

#[tokio::test]
async fn devices_answer_every_command_and_a_stopped_run_still_tells_the_truth() {
    let broker = demo::start_broker("127.0.0.1:0").await.unwrap();
    let mut topics = subscriber(broker.addr, "plant/#").await;
    let (stop, stopped) = watch::channel(false);
    let endless = Settings {
        messages: None,
        interval: Duration::from_millis(20),
        commands: 200,
        respond: true,
        faults: FaultCounts::default(),
        ..settings(broker.addr, 1)
    };
    let fleet = tokio::spawn(run(endless, stopped));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stop.send(true).unwrap();
    let truth = fleet.await.unwrap().unwrap();
    assert!(truth.exact && truth.stopped && truth.totals.sent > 200, "{:?}", truth.connections);
    assert_eq!((truth.commands.sent, truth.commands.answered, truth.connections.responses), (200, 200, 200));
    let counts = count(&mut topics).await;
    let ending = |end: &str| counts.iter().filter(|(t, _)| t.ends_with(end)).map(|(_, n)| n).sum::<u64>();
    assert_eq!(ending("/telemetry/temperature"), truth.totals.sent);
    assert_eq!((ending("/command/request"), ending("/command/response")), (200, 200));
    broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error_and_not_a_wait() {
    let (_stop, stopped) = watch::channel(false);
    let nowhere = Settings { port: 1, ..Settings::default() };
    assert!(run(nowhere, stopped).await.unwrap_err().to_string().contains("127.0.0.1:1"));
}

#[tokio::test]
async fn a_broken_connection_is_made_anew_and_the_truth_admits_it() {
    let broker = demo::start_broker("127.0.0.1:0").await.unwrap();
    let addr = broker.addr;
    let (_stop, stopped) = watch::channel(false);
    let steady = Settings {
        messages: Some(100),
        interval: Duration::from_millis(20),
        faults: FaultCounts::default(),
        ..settings(addr, 1)
    };
    let fleet = tokio::spawn(run(steady, stopped));
    tokio::time::sleep(Duration::from_millis(500)).await;
    broker.stop().await;
    let broker = demo::start_broker(&addr.to_string()).await.unwrap();
    let mut topics = subscriber(addr, "plant/#").await;
    let truth = fleet.await.unwrap().unwrap();
    assert!(truth.connections.lost > 0 && truth.connections.unconfirmed == 0, "{:?}", truth.connections);
    assert_eq!((truth.totals.sent, truth.exact), (2000, truth.connections.resent == 0));
    assert!(!count(&mut topics).await.is_empty());
    broker.stop().await;
}
