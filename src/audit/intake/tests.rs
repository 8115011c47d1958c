//! Stories of audited messages between a scripted broker and a log whose disk does what the story says.

use super::clerk::{Clerk, Terms};
use super::counts::Counts;
use super::memory::Memory;
use super::notes::Notes;
use super::{WINDOW, filters};
use crate::audit::marks::paper::Paper;
use crate::config::{Broker, Version};
use crate::ingest::fake::{Fake, Peer, broker, local};
use crate::ingest::status::LinkStatus;
use crate::ingest::{self, Role};
use rumqttc::{self as v4, v5::mqttbytes::v5};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use watchkeeper_audit::line::{Format, encode};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Value};
use watchkeeper_core::names::Pattern;
use watchkeeper_core::rules::{FleetRules, Kind, StreamRules};

/// So long nothing must happen where nothing is to happen.
const QUIET: Duration = Duration::from_millis(60);

fn rules() -> FleetRules {
    let stream = |name: &str, filter: &str, kind| {
        let mut rules = StreamRules::new(name, Pattern::parse(filter).unwrap());
        rules.kind = kind;
        rules
    };
    let streams = vec![
        stream("command", "p/{device}/cmd/{what}", Kind::Command),
        stream("quiet", "p/{device}/cmd/quiet", Kind::Telemetry),
        stream("telemetry", "p/{device}/t", Kind::Telemetry),
    ];
    FleetRules { broker: "test".into(), streams, ..FleetRules::default() }
}

/// An intake under test, with the log that it writes.
struct Intake {
    paper: Arc<Paper>,
    counts: Arc<Counts>,
    status: Arc<LinkStatus>,
    notes: Arc<Notes>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Intake {
    fn start(broker: &Broker, folder: &TempDir, room: usize) -> Self {
        Self::after(broker, folder, room, &rules(), &[])
    }

    fn after(broker: &Broker, folder: &TempDir, room: usize, rules: &FleetRules, tail: &[String]) -> Self {
        let (paper, marks) = Paper::new(room);
        let (counts, status) = (Arc::<Counts>::default(), Arc::<LinkStatus>::default());
        let notes = Arc::new(Notes::open(folder.path()));
        let mut memory = notes.open_since("test").0.map_or_else(Memory::new, Memory::settled_before);
        for line in tail {
            memory.read("test", line);
        }
        let role = Role::Audit { filters: filters(rules), window: WINDOW };
        let terms = Terms {
            broker: "test".into(),
            client_id: ingest::client_id_of(broker, &role),
            filters: filters(rules),
            patience: Duration::from_millis(400),
            echo: Arc::new(crate::audit::echo::Echo::new(Arc::default(), None)),
        };
        let mask = Arc::new(Mask::default());
        let clerk = Clerk::new(terms, rules, marks, mask, Arc::clone(&notes), Arc::clone(&counts), memory);
        let (stop, stopped) = watch::channel(false);
        let connection = ingest::connect_kept(broker, role, clerk, Arc::clone(&status), stopped);
        let task = tokio::task::spawn_local(connection);
        Self { paper, counts, status, notes, stop, task }
    }

    /// Waits until so many records were handed over.
    async fn has(&self, records: usize) -> Vec<Draft> {
        loop {
            let drafts = self.paper.drafts();
            if drafts.len() >= records {
                assert_eq!(drafts.len(), records, "{drafts:?}");
                return drafts;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

fn text(draft: &Draft, key: Key) -> &str {
    match draft.get(key) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn is_dup(draft: &Draft) -> bool {
    draft.get(Key::Dup) == Some(&Value::Bool(true))
}

mod content;
mod remembered;
mod sessions;

#[tokio::test]
async fn nothing_is_acknowledged_before_it_is_safe_and_then_in_the_order_of_arrival() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let (mut peer, subscribe) = fake.accept_v4(false).await;
        assert_eq!(subscribe.filters.len(), 1);
        assert_eq!(subscribe.filters[0].path, "p/+/cmd/+");
        assert_eq!(subscribe.filters[0].qos, v4::QoS::AtLeastOnce);
        peer.grant(&subscribe).await;
        for pkid in [7, 3, 9] {
            peer.deliver("p/d1/cmd/run", pkid.to_string().as_bytes(), pkid, false).await;
        }
        // Nobody's, between two that wait: it must not overtake them.
        peer.deliver("p/d1/cmd/quiet", b"1", 4, false).await;
        peer.deliver("p/d2/cmd/run", b"x", 5, false).await;
        let drafts = intake.has(4).await;
        assert_eq!([&drafts[0], &drafts[3]].map(|draft| text(draft, Key::Device)), ["d1", "d2"]);
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.sync(1);
        assert_eq!(peer.acknowledged().await, 7);
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.sync(4);
        for pkid in [3, 9, 4, 5] {
            assert_eq!(peer.acknowledged().await, pkid);
        }
        assert_eq!((intake.counts.messages.get(), intake.counts.passed.get()), (4, 1));
        assert!(intake.status.get().connected);
    })
    .await;
}

#[tokio::test]
async fn while_the_log_has_no_room_nothing_is_acknowledged_and_the_connection_lives() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let mut broker = broker(port);
        broker.keep_alive = Duration::from_secs(1);
        let intake = Intake::start(&broker, &folder, 1);
        let mut peer = fake.accept_up().await;
        for pkid in 1..=5 {
            peer.deliver("p/d1/cmd/run", pkid.to_string().as_bytes(), pkid, false).await;
        }
        intake.has(1).await;
        intake.paper.sync_all();
        assert_eq!(peer.acknowledged().await, 1);
        let (mut pings, until) = (0, tokio::time::Instant::now() + Duration::from_millis(2500));
        while let Ok(packet) = tokio::time::timeout_at(until, peer.read()).await {
            let packet = packet.unwrap();
            assert!(!matches!(packet, v4::Packet::PubAck(_)), "acknowledged without room");
            pings += u32::from(matches!(packet, v4::Packet::PingReq));
            peer.answer(&packet).await;
        }
        assert!(pings >= 1);
        intake.paper.make_room(100);
        intake.has(5).await;
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.sync_all();
        for pkid in 2..=5 {
            assert_eq!(peer.acknowledged().await, pkid);
        }
    })
    .await;
}

#[tokio::test]
async fn what_becomes_safe_after_a_cut_acknowledges_nothing_on_the_next_connection() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"old", 1, false).await;
        intake.has(1).await;
        drop(peer);
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        // A message of its own with the packet id of the other, and before SUBACK.
        peer.deliver("p/d1/cmd/run", b"new", 1, false).await;
        let drafts = intake.has(2).await;
        intake.paper.sync(1);
        peer.grant(&subscribe).await;
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.sync(2);
        assert_eq!(peer.acknowledged().await, 1);
        assert!(!is_dup(&drafts[1]));
        assert_eq!(intake.counts.sessions_lost.get(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_delivered_again_is_recorded_again_and_marked() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 100);
        let mut peer = fake.accept_up().await;
        // The mark of a repetition alone makes no duplicate: we may never have had the first.
        peer.deliver("p/d1/cmd/run", b"a", 1, true).await;
        peer.deliver("p/d1/cmd/run", b"b", 2, false).await;
        intake.has(2).await;
        intake.paper.sync(1);
        assert_eq!(peer.acknowledged().await, 1);
        drop(peer);
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        peer.grant(&subscribe).await;
        peer.deliver("p/d1/cmd/run", b"a", 1, true).await;
        // Some brokers do not mark what they repeat.
        peer.deliver("p/d1/cmd/run", b"b", 2, false).await;
        peer.deliver("p/d1/cmd/run", b"c", 3, true).await;
        let drafts = intake.has(5).await;
        assert_eq!(drafts.iter().map(is_dup).collect::<Vec<_>>(), [false, false, true, true, false]);
        assert_eq!(intake.counts.duplicates.get(), 2);
        intake.paper.sync_all();
        assert_eq!(
            [peer.acknowledged().await, peer.acknowledged().await, peer.acknowledged().await],
            [1, 2, 3]
        );
    })
    .await;
}

#[tokio::test]
async fn a_stop_waits_until_what_was_taken_is_safe_and_takes_nothing_more() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 2);
        let mut peer = fake.accept_up().await;
        for pkid in 1..=3 {
            peer.deliver("p/d1/cmd/run", pkid.to_string().as_bytes(), pkid, false).await;
        }
        intake.has(2).await;
        intake.stop.send(true).unwrap();
        peer.deliver("p/d1/cmd/run", b"late", 4, false).await;
        assert!(peer.is_unacknowledged(QUIET).await);
        intake.paper.make_room(9);
        intake.paper.sync_all();
        assert_eq!([peer.acknowledged().await, peer.acknowledged().await], [1, 2]);
        assert!(matches!(peer.read().await, Some(v4::Packet::Disconnect)));
        intake.task.await.unwrap();
        assert_eq!(intake.paper.events().len(), 2, "what had no room is left to the broker");
    })
    .await;
}

#[tokio::test]
async fn a_stop_waits_no_longer_than_it_may() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 9);
        let mut peer = fake.accept_up().await;
        peer.deliver("p/d1/cmd/run", b"a", 1, false).await;
        intake.has(1).await;
        intake.stop.send(true).unwrap();
        loop {
            match peer.read().await {
                Some(v4::Packet::Disconnect) => break,
                Some(v4::Packet::PubAck(_)) => panic!("it is not safe"),
                Some(other) => peer.answer(&other).await,
                None => panic!("no goodbye"),
            }
        }
        intake.task.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_broker_that_does_not_wait_for_acknowledgements_is_left_before_memory_is() {
    local(async {
        let (fake, port) = Fake::listen().await;
        let folder = tempfile::tempdir().unwrap();
        let intake = Intake::start(&broker(port), &folder, 0);
        let mut peer = fake.accept_up().await;
        for pkid in (1..=u16::MAX).chain(1..=500) {
            let mut publish = v4::Publish::new("p/d1/cmd/run", v4::QoS::AtLeastOnce, pkid.to_string());
            publish.pkid = pkid;
            let mut bytes = bytes::BytesMut::new();
            v4::Packet::Publish(publish).write(&mut bytes, usize::MAX).unwrap();
            // The other end may be gone by now.
            if !peer.try_write(&bytes).await {
                break;
            }
        }
        while peer.fill().await {}
        assert_eq!(intake.status.get().failure.map(|failure| failure.reason), Some("backlog"));
        assert_eq!(intake.counts.backlogs.get(), 1);
        assert!(intake.paper.events().is_empty());
        let (mut peer, subscribe) = fake.accept_v4(true).await;
        intake.paper.make_room(9);
        peer.grant(&subscribe).await;
        peer.deliver("p/d1/cmd/run", b"1", 1, true).await;
        let drafts = intake.has(1).await;
        assert!(!is_dup(&drafts[0]), "it never reached the log");
    })
    .await;
}
