//! Stories of sessions: kept, lost, given back, and what is known after a restart.

use super::*;

/// Reads until the next UNSUBSCRIBE of a filter, and answers it.
async fn unsubscribed(peer: &mut Peer) -> Vec<String> {
    match peer.read().await {
        Some(v4::Packet::Unsubscribe(ask)) => {
            peer.write(&v4::Packet::UnsubAck(v4::UnsubAck::new(ask.pkid))).await;
            ask.topics
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn after_a_restart_the_log_itself_says_what_is_a_duplicate() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"a", 1, false).await;
        let line = encode(&intake.has(1).await[0], Format::Pipe).line(41);
        intake.notes.save_if_due(crate::clock::now());
        // As if killed: nobody says goodbye.
        intake.task.abort();
        drop(peer);
        let tail = [line.trim_end().to_owned()];
        let intake = Intake::after(&broker(port), &folder, 100, &rules(), &tail);
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        peer.deliver("p/d1/cmd/run", b"a", 1, true).await;
        peer.grant(&subscribe).await;
        let drafts = intake.has(1).await;
        assert!(is_dup(&drafts[0]));
        assert_eq!(drafts[0].get(Key::DuplicateOf), Some(&Value::Int(41)));
        intake.paper.sync_all();
        assert_eq!(peer.acknowledged().await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_answer_behind_an_acknowledgement_proves_that_the_message_cannot_come_again() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"on", 1, false).await;
        let line = encode(&intake.has(1).await[0], Format::Json).line(7);
        intake.paper.sync_all();
        assert_eq!(peer.acknowledged().await, 1);
        // The broker has the acknowledgement, as it says by its answer. Then it sends the same as a message of its own,
        // which is lost with the connection, and sends that one again.
        unsubscribed(&mut peer).await;
        while intake.notes.open_since("test") == (None, 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(peer);
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        peer.grant(&subscribe).await;
        peer.deliver("p/d1/cmd/run", b"on", 1, true).await;
        let drafts = intake.has(2).await;
        assert!(!is_dup(&drafts[1]), "{:?}", drafts[1]);
        // It is not acknowledged, and a kill forgets what is not on disk: after it the log says the same.
        intake.notes.save_if_due(crate::clock::now());
        intake.task.abort();
        drop(peer);
        let later = drafts[1].clone();
        let lines = [line, encode(&later, Format::Json).line(8)].map(|line| line.trim_end().to_owned());
        let intake = Intake::after(&broker(port), &folder, 100, &rules(), &lines);
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        peer.grant(&subscribe).await;
        peer.deliver("p/d1/cmd/run", b"on", 1, true).await;
        let drafts = intake.has(1).await;
        assert_eq!(drafts[0].get(Key::DuplicateOf), Some(&Value::Int(8)));
    })
    .await;
}

#[tokio::test]
async fn what_is_delivered_again_while_the_disk_refuses_is_marked() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 0);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"a", 1, false).await;
        peer.deliver("p/d1/cmd/run", b"b", 2, false).await;
        // Some brokers do not wait for the next connection.
        peer.deliver("p/d1/cmd/run", b"a", 1, true).await;
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.make_room(9);
        let drafts = intake.has(3).await;
        assert_eq!(drafts.iter().map(is_dup).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(intake.counts.duplicates.get(), 1);
        intake.paper.sync_all();
        for pkid in [1, 2, 1] {
            assert_eq!(peer.acknowledged().await, pkid);
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_broker_did_not_keep_is_told_with_the_time_it_may_have_cost() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"a", 1, false).await;
        intake.has(1).await;
        drop(peer);
        let (mut peer, subscribe) = fake.accept_v4(false).await;
        assert_eq!(subscribe.filters[0].path, "p/+/cmd/+");
        peer.grant(&subscribe).await;
        peer.deliver("p/d1/cmd/run", b"a", 1, true).await;
        let drafts = intake.has(3).await;
        assert_eq!((&*drafts[1].event, text(&drafts[1], Key::Broker)), ("session_lost", "test"));
        let Some(Value::Float(seconds)) = drafts[1].get(Key::Seconds) else { panic!("{drafts:?}") };
        assert!(*seconds > 0.0 && *seconds < 20.0, "{seconds}");
        // Of a session that is gone nothing can come again.
        assert!(!is_dup(&drafts[2]));
        assert_eq!(intake.counts.sessions_lost.get(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_lost_session_is_told_even_when_the_log_has_no_room_at_first() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 0);
        drop(fake.accept_up().await);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"a", 1, false).await;
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.make_room(9);
        intake.has(2).await;
        assert_eq!(intake.paper.events()[0], "session_lost");
    })
    .await;
}

#[tokio::test]
async fn the_session_outlives_the_connection_in_both_versions() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 9);
        let mut peer = fake.accept().await;
        let Some(v4::Packet::Connect(connect)) = peer.read().await else { panic!() };
        assert!(!connect.clean_session);
        assert_eq!(connect.client_id, "base-audit");
        intake.task.abort();
        let mut five = broker(port);
        five.version = Version::V5;
        let intake = Intake::start(&five, &folder, 9);
        let mut peer = fake.accept().await;
        let Some(v5::Packet::Connect(connect, ..)) = peer.read_v5().await else { panic!() };
        let properties = connect.properties.unwrap();
        assert!(!connect.clean_start);
        assert_eq!(properties.session_expiry_interval, Some(604_800));
        assert_eq!(properties.receive_maximum, Some(1_000));
        assert!(properties.max_packet_size > Some(200_000_000) && properties.topic_alias_max.is_none());
        peer.write_bytes(&[0x20, 3, 1, 0, 0]).await;
        let Some(v5::Packet::Subscribe(subscribe)) = peer.read_v5().await else { panic!() };
        let qos = rumqttc::v5::mqttbytes::QoS::AtLeastOnce;
        let mut publish = v5::Publish::new("p/d1/cmd/run", qos, &b"x"[..], None);
        publish.pkid = 9;
        peer.write_v5(v5::Packet::Publish(publish)).await;
        let id = subscribe.pkid.to_be_bytes();
        peer.write_bytes(&[0x90, 4, id[0], id[1], 0, 1]).await;
        intake.has(1).await;
        intake.paper.sync_all();
        loop {
            match peer.read_v5().await {
                Some(v5::Packet::PubAck(ack)) => break assert_eq!(ack.pkid, 9),
                Some(v5::Packet::Unsubscribe(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn filters_that_nobody_wants_any_more_are_given_back() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let mut before = rules();
        before
            .streams
            .push(StreamRules { audit: true, ..StreamRules::new("x", Pattern::parse("x/#").unwrap()) });
        let intake = Intake::after(&broker(port), &folder, 9, &before, &[]);
        let (mut peer, subscribe) = fake.accept_v4(false).await;
        assert_eq!(subscribe.filters.len(), 2);
        peer.grant(&subscribe).await;
        intake.stop.send(true).unwrap();
        intake.task.await.unwrap();
        intake.notes.save_if_due(crate::clock::now());
        let intake = Intake::start(&broker(port), &folder, 9);
        let mut peer = fake.accept().await;
        assert!(matches!(peer.read().await, Some(v4::Packet::Connect(_))));
        let ack = v4::ConnAck::new(v4::ConnectReturnCode::Success, true);
        peer.write(&v4::Packet::ConnAck(ack)).await;
        assert_eq!(unsubscribed(&mut peer).await, ["x/#"]);
        let subscribe = peer.read_subscribe().await;
        peer.grant(&subscribe).await;
        // The first round trip comes after the notes were made.
        assert_eq!(unsubscribed(&mut peer).await, ["watchkeeper/round-trip/base-audit"]);
        assert!(intake.notes.unwanted("test", &["p/+/cmd/+".to_owned()]).is_empty());
    })
    .await;
}
