//! Stories of brokers that refuse: a version, a filter, a client, `$SYS`.

use super::fake::{Fake, Peer, Trial, broker, local};
use super::status::LinkState;
use crate::config::Version;
use rumqttc as v4;
use std::time::Duration;

#[tokio::test]
async fn a_refused_filter_is_recorded_and_the_others_serve() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["a", "#"]);
        let (mut peer, subscribe) = fake.accept_v4(false).await;
        peer.write_bytes(&[0x90, 4, 0, u8::try_from(subscribe.pkid).unwrap(), 1, 0x80]).await;
        trial.up().await;
        let state = trial.status.get();
        assert!(state.connected);
        assert_eq!(state.client_id, "base-devices");
        let granted: Vec<_> = state.filters.iter().map(|filter| (filter.qos, filter.granted)).collect();
        assert_eq!(granted, [(1, Some(Ok(1))), (1, Some(Err(0x80)))]);
        assert_eq!(state.protocol, Some("3.1.1"));
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_refuses_every_filter_is_not_watched() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["#"]);
        let (mut peer, subscribe) = fake.accept_v4(false).await;
        peer.write_bytes(&[0x90, 3, 0, u8::try_from(subscribe.pkid).unwrap(), 0x80]).await;
        while trial.status.get().filters.iter().all(|filter| filter.granted.is_none()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(trial.status.get().filters[0].granted, Some(Err(0x80)));
        assert!(trial.is_silent(), "the fleet is not told that it is watched");
    })
    .await;
}

#[tokio::test]
async fn a_suback_that_never_comes_ends_the_connection() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["a"]);
        let (mut peer, _) = fake.accept_v4(false).await;
        let state = trial.until_failure("suback").await;
        assert!(!state.connected);
        while peer.fill().await {}
        assert!(trial.is_silent(), "never up, so never down");
        fake.accept_up().await;
        trial.up().await;
    })
    .await;
}

#[tokio::test]
async fn a_connack_that_never_comes_ends_the_attempt() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let trial = Trial::devices(&broker(port), &["a"]);
        let _peer = fake.accept().await;
        let state = trial.until_failure("silent").await;
        assert!(state.attempts >= 1);
        assert!(trial.own.connect_failures.with_label_values(&["test", "silent"]).get() >= 1);
    })
    .await;
}

#[tokio::test]
async fn a_port_without_a_broker_is_named_as_such() {
    local(async {
        let (fake, port) = Fake::listen().await;
        drop(fake);
        let trial = Trial::devices(&broker(port), &["a"]);
        let state = trial.until_failure("refused").await;
        assert!(state.failure.unwrap().cure.contains("start the broker"));
        trial.until(|state| state.attempts >= 3).await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_named_as_such() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(port);
        broker.username = Some("user".into());
        broker.password = Some("hunter2".to_owned().into());
        let trial = Trial::devices(&broker, &["a"]);
        let mut peer = fake.accept().await;
        let Some(v4::Packet::Connect(connect)) = peer.read().await else { panic!() };
        assert_eq!(connect.login.map(|login| login.password), Some("hunter2".to_owned()));
        let ack = v4::ConnAck::new(v4::ConnectReturnCode::BadUserNamePassword, false);
        peer.write(&v4::Packet::ConnAck(ack)).await;
        let state = trial.until_failure("bad_credentials").await;
        assert!(!format!("{state:?}").contains("hunter2"));
    })
    .await;
}

/// Plays a broker of 3.1.1 alone: `refuse` is what it does with a CONNECT of version 5.
async fn falls_back(refuse: impl AsyncFn(&mut Peer)) {
    let (fake, port) = Fake::listen().await;
    let mut broker = broker(port);
    broker.version = Version::Auto;
    let mut trial = Trial::devices(&broker, &["a"]);
    let mut peer = fake.accept().await;
    assert!(peer.read_v5().await.is_some());
    refuse(&mut peer).await;
    drop(peer);
    let peer = fake.accept_up().await;
    trial.up().await;
    assert_eq!(trial.status.get().protocol, Some("3.1.1"));
    drop(peer);
    trial.down().await;
    // Remembered: no second try with version 5.
    fake.accept_up().await;
    trial.up().await;
}

#[tokio::test]
async fn a_broker_that_refuses_version_5_gets_3_1_1() {
    local(async {
        // In words of version 5, in words of 3.1.1, and without a word.
        falls_back(async |peer| peer.write_bytes(&[0x20, 3, 0, 0x84, 0]).await).await;
        falls_back(async |peer| peer.write_bytes(&[0x20, 2, 0, 1]).await).await;
        falls_back(async |_| ()).await;
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_never_answers_version_5_gets_3_1_1() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(port);
        broker.version = Version::Auto;
        let mut trial = Trial::devices(&broker, &["a"]);
        let mut silent = fake.accept().await;
        silent.fill().await;
        assert_eq!(silent.level(), 5);
        // One that only asks whether anybody accepts comes in between.
        let mut next = fake.accept().await;
        next.fill().await;
        while !next.is_connect() {
            next = fake.accept().await;
            next.fill().await;
        }
        assert_eq!(next.level(), 4);
        next.write(&v4::Packet::ConnAck(v4::ConnAck::new(v4::ConnectReturnCode::Success, false))).await;
        assert!(matches!(next.read().await, Some(v4::Packet::Connect(_))));
        let subscribe = next.read_subscribe().await;
        next.grant(&subscribe).await;
        trial.up().await;
        assert_eq!(trial.status.get().protocol, Some("3.1.1"));
    })
    .await;
}

#[tokio::test]
async fn when_neither_version_works_it_starts_over_with_5() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(port);
        broker.version = Version::Auto;
        let _trial = Trial::devices(&broker, &["a"]);
        let mut levels = Vec::new();
        while levels.len() < 4 {
            let mut peer = fake.accept().await;
            peer.fill().await;
            // After both versions there is a look at what else may be spoken here.
            if peer.is_connect() {
                levels.push(peer.level());
            }
        }
        assert_eq!(levels, [5, 4, 5, 4]);
    })
    .await;
}

#[tokio::test]
async fn the_next_url_takes_over_when_the_first_one_fails() {
    local(async {
        let (gone, dead) = Fake::listen().await;
        drop(gone);
        let (fake, port) = Fake::listen().await;
        let mut broker = broker(dead);
        broker.urls.push(broker.urls[0].clone());
        broker.urls[1].port = port;
        let mut trial = Trial::devices(&broker, &["a"]);
        let _peer = fake.accept_up().await;
        trial.up().await;
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_hangs_up_on_sys_twice_is_not_asked_again() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::sys(&broker(port));
        for _ in 0..2 {
            let (peer, subscribe) = fake.accept_v4(false).await;
            assert_eq!(subscribe.filters[0].path, "$SYS/#");
            assert_eq!(subscribe.filters[0].qos, v4::QoS::AtMostOnce);
            drop(peer);
        }
        (&mut trial.task).await.unwrap();
        let state = trial.status.get();
        assert!(state.given_up && !state.connected);
        assert_eq!(state.client_id, "base-sys");
        assert_eq!(trial.own.connect_attempts.with_label_values(&["test"]).get(), 0, "only devices count");
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_refuses_sys_is_not_asked_again() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::sys(&broker(port));
        let (mut peer, _) = fake.accept_v4(false).await;
        peer.write_bytes(&[0x90, 3, 0, 1, 0x80]).await;
        assert!(matches!(peer.read().await, Some(v4::Packet::Disconnect)));
        (&mut trial.task).await.unwrap();
        let state = trial.status.get();
        assert!(state.given_up && trial.is_silent());
        assert_eq!(state.filters[0].granted, Some(Err(0x80)));
    })
    .await;
}

#[tokio::test]
async fn sys_is_kept_when_messages_came_before_the_cut() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::sys(&broker(port));
        for _ in 0..3 {
            let mut peer = fake.accept_up().await;
            peer.publish("$SYS/broker/uptime", b"1 seconds").await;
            trial.up().await;
            trial.message().await;
            drop(peer);
            trial.down().await;
        }
        assert!(!trial.status.get().given_up);
    })
    .await;
}

#[tokio::test]
async fn the_outage_grows_while_it_lasts() {
    local(async {
        let (fake, port) = Fake::listen().await;
        drop(fake);
        let mut broker = broker(port);
        (broker.reconnect_min, broker.reconnect_max) = (Duration::from_secs(300), Duration::from_secs(300));
        let trial = Trial::devices(&broker, &["a"]);
        let outage = trial.own.outage_seconds.with_label_values(&["test"]);
        while outage.get() < 1.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let state = trial.status.get();
        assert!(state.next_attempt.is_some() && state.away_since.is_some());
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_turns_us_away_right_after_we_left_may_not_be_done_with_us() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let mut trial = Trial::devices(&broker(port), &["a"]);
        let peer = fake.accept_up().await;
        trial.up().await;
        drop(peer);
        trial.down().await;
        drop(fake.accept().await);
        let cured = |state: &LinkState| {
            state.failure.as_ref().is_some_and(|failure| failure.cure.contains("turn a client id away"))
        };
        assert_eq!(trial.until(cured).await.failure.unwrap().reason, "closed");
    })
    .await;
}
