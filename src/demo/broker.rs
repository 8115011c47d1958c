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
