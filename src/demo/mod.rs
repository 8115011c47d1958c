//! What the demo needs and nobody has to install: a broker in this process and a fleet with faults.
//!
//! Nothing here may be of use to `run`: the sidecar of the demo is the ordinary one, and it learns of broker and fleet
//! through MQTT alone.

mod broker;

pub(crate) use broker::start as start_broker;

use crate::simulate::{self, FaultCounts, Settings, SimulateError, Truth};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Devices of the demo.
const DEVICES: usize = 40;
/// Short, so that a point is stuck after 24 s and a device offline after the least time there is, 30 s.
const INTERVAL: Duration = Duration::from_secs(2);

/// A fleet that sends until it is stopped.
#[derive(Debug)]
pub(crate) struct DemoFleet {
    stop: watch::Sender<bool>,
    run: JoinHandle<Result<Truth, SimulateError>>,
}

/// The demo's fleet: within the first minute devices go offline and one comes back, points get stuck, messages are
/// late, malformed, out of range, lost, doubled and swapped; then it all comes again every minute.
pub(crate) fn settings(broker: SocketAddr, seed: u64) -> Settings {
    let host = if broker.is_ipv6() { format!("[{}]", broker.ip()) } else { broker.ip().to_string() };
    Settings {
        host,
        port: broker.port(),
        devices: DEVICES,
        interval: INTERVAL,
        jitter: 0.02,
        seed,
        connections: 4,
        respond: true,
        faults: FaultCounts {
            stuck_points: 6,
            silent_devices: 2,
            pausing_devices: 2,
            malformed: 10,
            out_of_range: 3,
            bad_status: 2,
            too_few_points: 2,
            stale_timestamps: 2,
            bad_timestamps: 1,
            summary_mismatch: 3,
            gaps: 4,
            duplicates: 3,
            reorders: 3,
            restarts: 1,
            late: 8,
            early: 4,
        },
        ..Settings::default()
    }
}

impl DemoFleet {
    /// Starts the fleet; an error of its start is reported by `stop`.
    pub(crate) fn start(settings: Settings) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, run: tokio::spawn(simulate::run(settings, stopped)) }
    }

    /// Stops the fleet; gives what it really sent.
    pub(crate) async fn stop(self) -> anyhow::Result<Truth> {
        let _ = self.stop.send(true);
        Ok(self.run.await??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_fleet_of_the_demo_runs_until_it_is_stopped() {
        let broker = start_broker("127.0.0.1:0").await.unwrap();
        let fleet = DemoFleet::start(settings(broker.addr, 1));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let truth = fleet.stop().await.unwrap();
        assert!(truth.exact && truth.stopped && truth.totals.sent > 0, "{:?}", truth.connections);
        broker.stop().await;
    }

    #[test]
    fn every_seed_gives_a_fleet_whose_faults_fit() {
        let broker = SocketAddr::from(([127, 0, 0, 1], 1883));
        for seed in 0..200 {
            simulate::check(&settings(broker, seed)).unwrap();
        }
    }
}
