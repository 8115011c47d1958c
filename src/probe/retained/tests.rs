//! The retained message at a broker that is scripted, for what no real one does on demand.

use super::*;
use crate::config::Broker;
use crate::ingest::{dial, fake, status::LinkState};
use crate::talk::wire::{ConnAck, kind, take};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What became of it at a broker that behaves like this, with this highest quality of service.
async fn tried<Lives: Future<Output = ()>>(
    broker: &Broker,
    qos_max: u8,
    lives: impl FnOnce(DuplexStream) -> Lives,
) -> Retained {
    let way = Way::of(broker, &LinkState::default());
    let (near, far) = tokio::io::duplex(4096);
    let stream = dial::Way { stream: Box::new(near), framed: false };
    let ack = ConnAck { qos_max: Some(qos_max), ..ConnAck::default() };
    let mut entered = Entered { talk: Talk::new(stream, true), ack, url: &broker.urls[0] };
    let left = Left::default();
    let tried = retained(&way, &mut entered, "wk", 7, &left);
    tokio::select! { tried = tried => tried, () = async { lives(far).await; std::future::pending().await } => unreachable!() }
}

/// Reads until a packet of this kind has come.
async fn until(far: &mut DuplexStream, kind: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        while let Ok(Some(packet)) = take(&mut bytes) {
            if packet.kind == kind {
                return packet.body;
            }
        }
        let mut more = [0; 512];
        let length = far.read(&mut more).await.unwrap();
        assert!(length > 0, "we are still there");
        bytes.extend(&more[..length]);
    }
}

#[tokio::test]
async fn a_broker_that_hangs_up_is_noticed_at_quality_of_service_0_as_well() {
    for qos_max in [0, 1] {
        let hangs_up = |mut far: DuplexStream| async move { drop(until(&mut far, kind::PUBLISH).await) };
        let tried = tried(&fake::broker(1), qos_max, hangs_up).await;
        assert_eq!(tried.kept, Kept::HungUp, "QoS {qos_max}: {tried:?}");
    }
}

#[tokio::test]
async fn a_broker_that_hangs_up_with_a_reason_is_believed() {
    for (code, kept, cure) in [
        (0x87, Kept::Failed, "watchkeeper/probe/#"),
        (NOT_SUPPORTED, Kept::Unsupported, "retained = false"),
        (0x82, Kept::HungUp, "broker's log"),
    ] {
        for qos_max in [0, 1] {
            let says = |mut far: DuplexStream| async move {
                until(&mut far, kind::PUBLISH).await;
                far.write_all(&[0xe0, 2, code, 0]).await.unwrap();
                std::future::pending::<()>().await;
            };
            let tried = tried(&fake::broker(1), qos_max, says).await;
            let failure = tried.failure.unwrap();
            assert_eq!(tried.kept, kept, "{code:#04x} at QoS {qos_max}: {failure:?}");
            assert!(failure.cure.contains(cure), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_broker_that_answers_late_each_time_comes_to_an_end() {
    // Each answer comes within its own limit of 400 ms, and the message never.
    let slow = |mut far: DuplexStream| async move {
        let mut bytes = Vec::new();
        loop {
            let mut more = [0; 512];
            let Ok(length @ 1..) = far.read(&mut more).await else { return };
            bytes.extend(&more[..length]);
            while let Ok(Some(packet)) = take(&mut bytes) {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let id = |at: usize| [packet.body[at], packet.body[at + 1]];
                let topic = usize::from(packet.body[1]) + 2;
                let answer = match packet.kind {
                    kind::PUBLISH => [&[0x40, 2][..], &id(topic)].concat(),
                    8 => [&[0x90, 4][..], &id(0), &[0, 1]].concat(),
                    _ => [&[0xb0, 4][..], &id(0), &[0, 0]].concat(),
                };
                far.write_all(&answer).await.unwrap();
            }
        }
    };
    let tried = tried(&fake::broker(1), 1, slow).await;
    assert_eq!((tried.kept, tried.failure.unwrap().reason), (Kept::Failed, "retained_slow"));
}
