//! Stories of one connection against a scripted broker: what arrives, what breaks, what comes back.

use super::fake::{Fake, Peer, Trial, broker, local};
use crate::config::{Scheme, Version};
use rumqttc::{self as v4, v5::mqttbytes::v5};
use std::time::Duration;

#[tokio::test]
async fn a_large_message_arrives_and_the_connection_stays() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["plant/#"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        for size in [0, 10_300, 3_000_000] {
            peer.publish("plant/a", &vec![7; size]).await;
            let message = trial.message().await;
            assert_eq!((message.topic.as_ref(), message.payload.len()), (&b"plant/a"[..], size));
        }
        assert!(trial.alive.get() >= 5);
        assert!(trial.status.last_message().is_some());
        assert!(trial.status.get().connected);
    })
    .await;
}

/// Answers pings, as long as nothing else comes; that there are not many of them is the point.
async fn one_ping_at_most(peer: &mut Peer) {
    let (until, mut pings) = (tokio::time::Instant::now() + Duration::from_millis(200), 0);
    while let Ok(packet) = tokio::time::timeout_at(until, peer.read_v5()).await {
        assert!(matches!(packet, Some(v5::Packet::PingReq(_))), "{packet:?}");
        pings += 1;
        peer.write_bytes(&[0xd0, 0]).await;
    }
    assert!(pings <= 1, "{pings} pings");
}

#[tokio::test]
async fn a_large_message_arrives_in_mqtt_5_with_its_flags() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(port);
        broker.version = Version::Auto;
        let mut trial = Trial::devices(&broker, &["a", "b"]);
        let mut peer = fake.accept().await;
        let Some(v5::Packet::Connect(connect, ..)) = peer.read_v5().await else { panic!() };
        let announced = connect.properties.expect("properties");
        assert!(connect.clean_start && announced.topic_alias_max.is_none());
        assert!(announced.max_packet_size > Some(200_000_000));
        // A Server Keep Alive of 0 must not make the library ping without a pause.
        peer.write_bytes(&[0x20, 6, 0, 0, 3, 0x13, 0, 0]).await;
        let subscribe = loop {
            match peer.read_v5().await {
                Some(v5::Packet::Subscribe(subscribe)) => break subscribe,
                Some(v5::Packet::PingReq(_)) => peer.write_bytes(&[0xd0, 0]).await,
                other => panic!("{other:?}"),
            }
        };
        let id = subscribe.pkid.to_be_bytes();
        peer.write_bytes(&[0x90, 5, id[0], id[1], 0, 1, 0x87]).await;
        trial.up().await;
        one_ping_at_most(&mut peer).await;
        let qos = rumqttc::v5::mqttbytes::QoS::AtLeastOnce;
        let mut publish = v5::Publish::new("t", qos, vec![0; 20_000], None);
        (publish.pkid, publish.retain, publish.dup) = (9, true, true);
        peer.write_v5(v5::Packet::Publish(publish)).await;
        let message = trial.message().await;
        assert_eq!(
            (message.qos, message.retain, message.dup, message.payload.len()),
            (1, true, true, 20_000)
        );
        while !matches!(peer.read_v5().await, Some(v5::Packet::PubAck(ack)) if ack.pkid == 9) {}
        let state = trial.status.get();
        assert_eq!((state.protocol, state.connected), (Some("5"), true));
        assert_eq!(state.filters[1].granted, Some(Err(0x87)));
    })
    .await;
}

#[tokio::test]
async fn after_a_cut_it_reconnects_and_subscribes_again_even_when_the_broker_kept_a_session() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x/#", "y"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        peer.publish("x/1", b"first").await;
        peer.publish("x/1", b"last words").await;
        drop(peer);
        assert_eq!(trial.message().await.payload.as_ref(), b"first");
        assert_eq!(trial.message().await.payload.as_ref(), b"last words");
        let (at, last_alive) = trial.down().await;
        assert!(last_alive <= at);
        let state = trial.until_failure("closed").await;
        assert!(!state.connected && state.away_since.is_some());
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        let asked: Vec<_> = subscribe.filters.iter().map(|filter| filter.path.as_str()).collect();
        assert_eq!(asked, ["x/#", "y"]);
        peer.publish("x/2", b"before suback").await;
        peer.grant(&subscribe).await;
        assert_eq!(trial.message().await.payload.as_ref(), b"before suback");
        trial.up().await;
        let state = trial.status.get();
        assert!(state.connected && state.away_since.is_none());
        assert!(trial.is_silent(), "nothing of the dead connection is handed out again");
        assert_eq!(trial.own.connect_failures.with_label_values(&["test", "closed"]).get(), 1);
        assert_eq!(trial.own.connect_attempts.with_label_values(&["test"]).get(), 2);
        assert!(trial.own.outage_seconds.with_label_values(&["test"]).get() > 0.0);
        assert_eq!(trial.own.connected.with_label_values(&["test"]).get(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_frozen_broker_is_noticed_and_left() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x"]);
        let peer = fake.accept_up().await;
        trial.up().await;
        let (at, last_alive) = trial.down().await;
        let silent = at.since(last_alive);
        // Quiet for 400 ms, then asked for 400 ms.
        assert!((750_000..2_000_000).contains(&silent), "{silent}");
        let failure = trial.status.get().failure.unwrap();
        assert_eq!(failure.reason, "frozen");
        assert!(failure.summary.contains("mqtt://127.0.0.1:"), "{failure:?}");
        drop(peer);
        fake.accept_up().await;
        trial.up().await;
        assert!(trial.own.outage_seconds.with_label_values(&["test"]).get() >= 0.75);
    })
    .await;
}

#[tokio::test]
async fn a_quiet_broker_that_answers_round_trips_is_kept() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        for _ in 0..3 {
            let Some(v4::Packet::Unsubscribe(ask)) = peer.read().await else { panic!() };
            assert_eq!(ask.topics, ["watchkeeper/round-trip/base-devices"]);
            peer.write(&v4::Packet::UnsubAck(v4::UnsubAck::new(ask.pkid))).await;
        }
        assert!(trial.is_silent() && trial.status.get().connected);
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_ignores_the_round_trip_is_asked_by_subscribe() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        assert!(matches!(peer.read().await, Some(v4::Packet::Unsubscribe(_))));
        for _ in 0..3 {
            let subscribe = peer.read_subscribe().await;
            peer.grant(&subscribe).await;
        }
        assert!(trial.is_silent() && trial.status.get().connected);
    })
    .await;
}

#[tokio::test]
async fn a_subscription_that_is_idle_and_not_confirmed_is_left() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(port);
        broker.idle_after = Duration::from_millis(100);
        let mut trial = Trial::devices(&broker, &["x"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        let verify = peer.read_subscribe().await;
        peer.grant(&verify).await;
        peer.read_subscribe().await;
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            peer.write(&v4::Packet::PingResp).await;
        }
        trial.down().await;
        assert_eq!(trial.status.get().failure.unwrap().reason, "idle");
    })
    .await;
}

#[tokio::test]
async fn a_stop_says_goodbye() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x"]);
        let mut peer = fake.accept_up().await;
        trial.up().await;
        trial.stop.send(true).unwrap();
        assert!(matches!(peer.read().await, Some(v4::Packet::Disconnect)));
        assert!(peer.read().await.is_none());
        (&mut trial.task).await.unwrap();
        assert!(trial.is_silent() && !trial.status.get().connected);
    })
    .await;
}

#[tokio::test]
async fn a_stop_while_away_or_connecting_is_immediate() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut slow = broker(port);
        (slow.reconnect_min, slow.connect_timeout) = (Duration::from_secs(60), Duration::from_secs(60));
        let trial = Trial::devices(&slow, &["x"]);
        let _peer = fake.accept().await;
        trial.stop.send(true).unwrap();
        trial.task.await.unwrap();
        // Nor a hand-shake that nobody answers.
        slow.urls[0].scheme = Scheme::Wss;
        let trial = Trial::devices(&slow, &["x"]);
        let _peer = fake.accept().await;
        trial.stop.send(true).unwrap();
        drop(trial.stop);
        trial.task.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_flood_without_end_starves_neither_others_nor_the_stop() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["x"]);
        let peer = fake.accept_up().await;
        trial.up().await;
        // From another thread, so that there is always more to read.
        let flood = std::thread::spawn(move || peer.flood("x"));
        let row = trial.row.clone();
        let other = tokio::task::spawn_local(async move {
            loop {
                row.0.set(0);
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..10_000 {
            trial.message().await;
        }
        other.abort();
        let longest = trial.row.1.get();
        // A few turns may pass before the other task has its own; without making room it is ten thousand.
        assert!(longest < 1000, "{longest} messages while others waited");
        trial.stop.send(true).unwrap();
        (&mut trial.task).await.unwrap();
        flood.join().unwrap();
    })
    .await;
}
