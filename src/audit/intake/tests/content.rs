//! Stories of what is in a message: size, protection, what the broker kept, settings.

use super::*;
use watchkeeper_core::shard::Shard;

#[tokio::test]
async fn a_large_message_is_recorded_and_acknowledged() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        for (pkid, size) in [(1, 10_300), (2, 3_000_000)] {
            peer.deliver("p/d1/cmd/run", &vec![7; size], pkid, false).await;
            let drafts = intake.has(usize::from(pkid)).await;
            let bytes = drafts.last().and_then(|draft| draft.get(Key::PayloadBytes)).cloned();
            assert_eq!(bytes, Some(Value::Int(i64::try_from(size).unwrap())));
            intake.paper.sync_all();
            assert_eq!(peer.acknowledged().await, pkid);
        }
    })
    .await;
}

#[tokio::test]
async fn what_another_shard_records_is_acknowledged_in_its_turn_and_not_recorded() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let rules = FleetRules { shard: Shard::new(0, 2).unwrap(), ..rules() };
        let intake = Intake::after(&broker(port), &folder, 100, &rules, &[]);
        let mut peer = fake.accept_up().await;
        // Of these, the second shard has d3.
        for (pkid, device) in [(1, "d1"), (2, "d3"), (3, "d2")] {
            peer.deliver(&format!("p/{device}/cmd/run"), b"x", pkid, false).await;
        }
        let drafts = intake.has(2).await;
        assert_eq!([&drafts[0], &drafts[1]].map(|draft| text(draft, Key::Device)), ["d1", "d2"]);
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.sync_all();
        for pkid in 1..=3 {
            assert_eq!(peer.acknowledged().await, pkid);
        }
        assert_eq!((intake.counts.messages.get(), intake.counts.skipped.get()), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn what_comes_without_protection_is_recorded_and_counted() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 9);
        let mut peer = fake.accept_up().await;
        peer.publish("p/d1/cmd/run", b"x").await;
        peer.deliver("p/d1/cmd/run", b"y", 1, false).await;
        let drafts = intake.has(2).await;
        assert_eq!(drafts[0].get(Key::Qos), Some(&Value::Int(0)));
        assert!(drafts[0].get(Key::Mid).is_none());
        intake.paper.sync_all();
        assert_eq!(peer.acknowledged().await, 1);
        assert_eq!((intake.counts.unprotected.get(), intake.counts.lost.get()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn what_the_broker_keeps_is_recorded_unless_the_log_has_it() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 9);
        let mut peer = fake.accept_up().await;
        let retained = |payload: &[u8], pkid| {
            let mut publish = v4::Publish::new("p/d1/cmd/run", v4::QoS::AtLeastOnce, payload);
            (publish.pkid, publish.retain) = (pkid, true);
            v4::Packet::Publish(publish)
        };
        peer.write(&retained(b"a", 1)).await;
        peer.deliver("p/d1/cmd/run", b"b", 2, false).await;
        peer.write(&retained(b"b", 3)).await;
        peer.write(&retained(b"a", 4)).await;
        let drafts = intake.has(3).await;
        let retain: Vec<bool> = drafts.iter().map(|draft| draft.get(Key::Retain).is_some()).collect();
        assert_eq!(retain, [true, false, true]);
        intake.paper.sync_all();
        for pkid in 1..=4 {
            assert_eq!(peer.acknowledged().await, pkid);
        }
        assert_eq!(intake.counts.kept.get(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_a_document_of_settings_changes_is_told_and_acknowledged_with_it() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let mut rules = FleetRules { streams: Vec::new(), ..rules() };
        let pattern = Pattern::parse("p/{device}/cfg").unwrap();
        rules.streams.push(StreamRules { kind: Kind::Config, ..StreamRules::new("config", pattern) });
        let intake = Intake::after(&broker(port), &folder, 3, &rules, &[]);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cfg", br#"{"a": 1}"#, 1, false).await;
        // There is room for the message and not for what it changes.
        peer.deliver("p/d1/cfg", br#"{"a": 2}"#, 2, false).await;
        intake.has(3).await;
        intake.paper.sync_all();
        assert_eq!([peer.acknowledged().await, peer.acknowledged().await], [1, 2]);
        intake.paper.make_room(9);
        peer.deliver("p/d1/cfg", br#"{"a": 1}"#, 1, true).await;
        intake.has(5).await;
        let events = ["config_message", "config_seen", "config_message", "config_changed", "config_message"];
        assert_eq!(intake.paper.events(), events, "a repetition changes nothing back");
        assert_eq!(intake.counts.duplicates.get(), 1);
    })
    .await;
}
