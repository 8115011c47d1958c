//! The probe: messages of our own that go to each broker and come back, and a session that is left and come back to. A
//! thread of its own with a task for each broker; it knows its own ids only, and publishes below its own topics only.
//! Nothing here may hold up anybody, or go on when it was told to stop.

mod done;
mod left;
pub(crate) mod meters;
mod retained;
mod round;
mod session;
pub(crate) mod status;
mod way;
mod worker;

use crate::config::{Broker, Config};
use crate::engine::handle::EngineHandle;
use crate::out::BrokerLink;
use crate::own::Own;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio::task::LocalSet;
use watchkeeper_core::rules::Sla;
use watchkeeper_core::sla::{Promise, SlaRules};
use watchkeeper_core::time::micros;
use worker::{Plan, Worker};

/// Rounds over which promises are judged, at least.
const ROUNDS: u64 = 60;

/// The room while it runs.
pub(crate) struct Room {
    thread: JoinHandle<()>,
}

impl Room {
    /// Starts it; none where the probe is off. It ends with `stop`.
    pub(crate) fn start(
        config: &Config,
        brokers: &[Broker],
        links: &[BrokerLink],
        engine: &EngineHandle,
        own: &Own,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Option<Self>> {
        let worker = |(broker, link): (&Broker, &BrokerLink)| {
            let status = link.probe.clone()?;
            own.probe.begin(&broker.name, &config.probe);
            let (setting, devices) = (config.probe.clone(), Arc::clone(&link.devices));
            let plan = Plan { broker: Arc::new(broker.clone()), setting, grace: config.grace };
            Some(Worker::new(plan, devices, engine.clone(), own.probe.clone(), status))
        };
        let workers: Vec<Worker> = brokers.iter().zip(links).filter_map(worker).collect();
        if workers.is_empty() {
            return Ok(None);
        }
        let thread = std::thread::Builder::new().name("probe".to_owned());
        Ok(Some(Self { thread: thread.spawn(move || run(workers, &stop))? }))
    }

    /// Waits for the end; `stop` must have been said.
    pub(crate) fn join(self) -> bool {
        self.thread.join().is_ok()
    }
}

/// What is promised about the probe's messages: over an hour of rounds at the usual pace, since they are few.
pub(crate) fn promised(config: &Config) -> SlaRules {
    let Some(every) = config.probe.every else { return SlaRules::default() };
    let promise = |sla: &Sla| Promise { quantile: sla.quantile, limit: sla.within };
    SlaRules {
        promises: config.probe.sla.iter().map(promise).collect(),
        window: config.errors.window.max(micros(every).saturating_mul(ROUNDS)),
        minimum: usize::try_from(config.errors.minimum).unwrap_or(usize::MAX),
    }
}

fn run(workers: Vec<Worker>, stop: &watch::Receiver<bool>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "brokers cannot be probed"),
    };
    LocalSet::new().block_on(&runtime, async {
        let start = |worker: Worker| tokio::task::spawn_local(worker.run(stop.clone()));
        let tasks: Vec<_> = workers.into_iter().map(start).collect();
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the probe of a broker ended badly");
            }
        }
    });
    // The look-up of a name that hangs must not hold up the exit.
    runtime.shutdown_background();
}
