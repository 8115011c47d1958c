//! The broker of the demo, in this process: MQTT 3.1.1 and 5 on one port, retained messages, persistent sessions, and
//! `$SYS` topics. Why this crate: docs/demo-broker.md. It must never write a file, and never be offered for anything
//! but a demo and tests.

use anyhow::Context as _;
use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often the broker publishes its statistics.
const SYS_EVERY: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(5);
const STOP: Duration = Duration::from_secs(5);
/// A sidecar that is away must not make the demo's memory grow for ever.
const QUEUED_BYTES_MAX: usize = 16 << 20;
const QUEUED_MESSAGES_MAX: usize = 1000;
const PACKET_MAX: usize = 1 << 20;

/// A running broker.
pub(crate) struct EmbeddedBroker {
    /// Where it listens, with the real port.
    pub(crate) addr: SocketAddr,
    stop: BrokerShutdownHandle,
    run: JoinHandle<()>,
}

/// Starts a broker at an address such as `127.0.0.1:0`; it accepts connections when this returns.
pub(crate) async fn start(listen: &str) -> anyhow::Result<EmbeddedBroker> {
    let listen: SocketAddr =
        listen.parse().with_context(|| format!("{listen} is not an address and port"))?;
    let mut broker = MqttBroker::with_config(config(listen))
        .await
        .with_context(|| format!("the demo's broker cannot listen on {listen}"))?;
    let addr = broker.local_addr().context("the demo's broker has no listener")?;
    let stop = broker.shutdown_handle();
    let mut ready = broker.ready_receiver();
    let run = tokio::spawn(async move {
        if let Err(error) = broker.run().await {
            tracing::error!(%error, "the demo's broker ended");
        }
    });
    tokio::time::timeout(START, ready.wait_for(|ready| *ready))
        .await
        .context("the demo's broker did not start in time")?
        .context("the demo's broker ended at its start")?;
    Ok(EmbeddedBroker { addr, stop, run })
}

fn config(listen: SocketAddr) -> BrokerConfig {
    BrokerConfig {
        bind_addresses: vec![listen],
        max_packet_size: PACKET_MAX,
        sys_topics_interval: SYS_EVERY,
        storage_config: StorageConfig::default()
            .with_backend(StorageBackend::Memory)
            .with_max_queued_messages_per_client(QUEUED_MESSAGES_MAX)
            .with_max_queued_bytes_per_client(QUEUED_BYTES_MAX),
        ..BrokerConfig::default()
    }
}

impl EmbeddedBroker {
    /// Hangs up on every client and ends.
    pub(crate) async fn stop(self) {
        self.stop.shutdown();
        let _ = tokio::time::timeout(STOP, self.run).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rumqttc::v5;
    use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

    /// The payload of the first message under a filter, retained before the subscription.
    async fn first(broker: SocketAddr, filter: &str) -> String {
        let options = MqttOptions::new("old", broker.ip().to_string(), broker.port());
        let (client, mut events) = AsyncClient::new(options, 10);
        client.try_subscribe(filter, QoS::AtLeastOnce).unwrap();
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return String::from_utf8(publish.payload.to_vec()).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn both_protocols_meet_on_one_port_and_statistics_are_served() {
        let broker = start("127.0.0.1:0").await.unwrap();
        let options = v5::MqttOptions::new("new", broker.addr.ip().to_string(), broker.addr.port());
        let (client, mut events) = v5::AsyncClient::new(options, 10);
        let qos = v5::mqttbytes::QoS::AtLeastOnce;
        client.try_publish("demo/a", qos, true, "hello").unwrap();
        while !matches!(events.poll().await.unwrap(), v5::Event::Incoming(v5::Incoming::PubAck(_))) {}
        // A retained message of an MQTT 5 client reaches one of 3.1.1 without a byte of properties in it.
        assert_eq!(first(broker.addr, "#").await, "hello");
        assert_eq!(first(broker.addr, "$SYS/broker/implementation").await, "mqtt-v5");
        broker.stop().await;
    }

    #[tokio::test]
    async fn an_address_in_use_or_none_at_all_is_an_error() {
        let broker = start("127.0.0.1:0").await.unwrap();
        assert!(start(&broker.addr.to_string()).await.is_err());
        assert!(start("localhost").await.is_err());
        broker.stop().await;
    }
}
