//! Carries what the devices say to the broker, in time. A device stays on one connection, so that its messages keep
//! their order. Nothing here may decide what is sent.

use super::commands::{self, Backend};
use super::device::Device;
use super::link::{Link, Listening, Publisher};
use super::truth::{CommandTruth, DeviceTruth, LinkTruth, SettingsTruth, Totals, Truth};
use super::{Settings, SimulateError};
use crate::clock;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use watchkeeper_core::time::{Micros, Mono, SECOND, micros};

/// How long a message in hand may take once the run was asked to stop.
const GRACE: Duration = Duration::from_secs(5);
/// How long the last confirmations may take.
const CONFIRM: Duration = Duration::from_secs(30);

/// Runs the fleet to its end, or until `stop` becomes true. What was sent is in the truth either way.
pub(crate) async fn run(settings: Settings, stop: watch::Receiver<bool>) -> Result<Truth, SimulateError> {
    let started = clock::wall();
    let id = format!("simulate-{:x}", started.0);
    let fleet = settings.fleet()?;
    let backend = match settings.commands {
        0 => None,
        _ => Some(Backend::open(&settings, format!("{id}-backend"), &fleet).await?),
    };
    let mut crew = Crew::default();
    let mut groups = Vec::new();
    for (n, devices) in split(fleet, settings.connections).into_iter().enumerate() {
        groups.push((crew.connect(&settings, format!("{id}-{n}"), &devices).await?, devices));
    }
    let origin = clock::mono();
    for (publisher, devices) in groups {
        let pace = Pace::new(&settings, devices.len());
        let feed = Feed { publisher, settings: settings.clone(), origin, pace, stop: stop.clone() };
        crew.feeds.push(tokio::spawn(feed.run(devices)));
    }
    let commands = match backend {
        Some(backend) => ask(backend, &settings, &id, stop.clone()).await,
        None => CommandTruth::default(),
    };
    let (devices, connections) = crew.finish(settings.qos == 0, &stop).await;
    Ok(Truth {
        format: 1,
        seed: settings.seed,
        exact: connections.resent == 0
            && connections.unconfirmed == 0
            && (settings.qos > 0 || connections.lost == 0),
        stopped: *stop.borrow(),
        started: started.rfc3339(),
        ended: clock::wall().rfc3339(),
        totals: Totals::of(&devices),
        settings: told(settings),
        connections,
        commands,
        devices,
    })
}

async fn ask(
    backend: Backend,
    settings: &Settings,
    id: &str,
    mut stop: watch::Receiver<bool>,
) -> CommandTruth {
    tokio::select! {
        commands = backend.send(settings.commands, id) => commands,
        () = async { stopped(&mut stop).await; tokio::time::sleep(GRACE).await } => CommandTruth::default(),
    }
}

fn told(settings: Settings) -> SettingsTruth {
    SettingsTruth {
        broker: settings.broker(),
        rounds: settings.rounds(),
        prefix: settings.prefix,
        devices: settings.devices,
        points: settings.points,
        interval_seconds: settings.interval.as_secs_f64(),
        jitter: settings.jitter,
        qos: settings.qos,
        retain: settings.retain,
        faults: settings.faults,
    }
}

/// Deals the devices out to the connections.
fn split(fleet: Vec<Device>, connections: usize) -> Vec<Vec<Device>> {
    let connections = connections.clamp(1, fleet.len().max(1));
    let mut groups: Vec<Vec<Device>> = (0..connections).map(|_| Vec::new()).collect();
    for (n, device) in fleet.into_iter().enumerate() {
        groups[n % connections].push(device);
    }
    groups
}

/// Everything that runs for a fleet.
#[derive(Default)]
struct Crew {
    links: Vec<Link>,
    feeds: Vec<JoinHandle<(Vec<Device>, bool)>>,
    responders: Vec<JoinHandle<u64>>,
}

impl Crew {
    async fn connect(
        &mut self,
        settings: &Settings,
        id: String,
        devices: &[Device],
    ) -> Result<Publisher, SimulateError> {
        let mut listening = Listening::default();
        let mut requests = None;
        if settings.respond {
            let (to, from) = mpsc::channel(commands::WAITING);
            let filter = |device: &Device| commands::request_filter(&settings.prefix, device.name());
            listening = Listening { filters: devices.iter().map(filter).collect(), to: Some(to) };
            requests = Some(from);
        }
        let link = Link::open(settings, id, listening).await?;
        let publisher = link.publisher();
        self.links.push(link);
        self.responders.extend(requests.map(|from| tokio::spawn(commands::answer(publisher.clone(), from))));
        Ok(publisher)
    }

    /// Waits for every feed, then hangs up: a device must answer commands until the whole fleet is done.
    async fn finish(self, round_trip: bool, stop: &watch::Receiver<bool>) -> (Vec<DeviceTruth>, LinkTruth) {
        let mut sum = LinkTruth::default();
        let mut groups = Vec::new();
        for feed in self.feeds {
            let (devices, whole) = feed.await.unwrap_or_default();
            sum.unconfirmed += u64::from(!whole);
            groups.push(devices.into_iter());
        }
        let patience = if *stop.borrow() { GRACE } else { CONFIRM };
        let mut closing = JoinSet::new();
        for link in self.links {
            closing.spawn(link.close(round_trip, patience));
        }
        for link in closing.join_all().await {
            sum.add(link);
        }
        for responder in self.responders {
            sum.responses += responder.await.unwrap_or(0);
        }
        // Back into the order in which the devices were dealt out.
        let (width, total) = (groups.len(), groups.iter().map(ExactSizeIterator::len).sum::<usize>());
        let in_order = (0..total).filter_map(|n| groups[n % width].next());
        (in_order.map(Device::into_truth).collect(), sum)
    }
}

/// Keeps one connection's share of the fleet's rate.
struct Pace {
    step: Micros,
    next: Micros,
}

impl Pace {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and clamped by `as`"
    )]
    fn new(settings: &Settings, devices: usize) -> Self {
        let share = |rate: f64| rate * devices as f64 / settings.devices as f64;
        let step = settings.rate.map_or(0, |rate| (SECOND as f64 / share(rate)) as Micros);
        Self { step, next: 0 }
    }

    /// When a message that is due may really go.
    fn admit(&mut self, due: Micros, now: Micros, messages: usize) -> Micros {
        let at = due.max(self.next);
        self.next = at.max(now.saturating_sub(SECOND / 10)) + self.step * messages as u64;
        at
    }
}

/// Sends what the devices of one connection say.
struct Feed {
    publisher: Publisher,
    settings: Settings,
    origin: Mono,
    pace: Pace,
    stop: watch::Receiver<bool>,
}

impl Feed {
    async fn run(mut self, mut devices: Vec<Device>) -> (Vec<Device>, bool) {
        let deadline = self.settings.duration.map_or(Micros::MAX, micros);
        let mut queue = BinaryHeap::new();
        for (n, device) in devices.iter_mut().enumerate() {
            queue.extend(device.due().map(|due| Reverse((due, device.round(), n))));
        }
        let mut whole = true;
        while let Some(Reverse((due, _, n))) = queue.pop() {
            let at = self.pace.admit(due, self.now(), 1);
            if at >= deadline || self.now() >= deadline || !self.wait_until(at).await {
                break;
            }
            let device = &mut devices[n];
            for payload in device.speak(due, clock::wall()) {
                whole &= self.publish(device.topic(), payload).await;
            }
            if !whole {
                break;
            }
            queue.extend(device.due().map(|due| Reverse((due, device.round(), n))));
        }
        (devices, whole)
    }

    fn now(&self) -> Micros {
        clock::mono().since(self.origin)
    }

    /// False when the run is to stop.
    async fn wait_until(&mut self, at: Micros) -> bool {
        let pause = Duration::from_micros(at.saturating_sub(self.now()));
        if pause.is_zero() {
            return !*self.stop.borrow();
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = stopped(&mut self.stop) => false,
        }
    }

    /// False when it is not known whether the message went out.
    async fn publish(&mut self, topic: &str, payload: Vec<u8>) -> bool {
        let Settings { qos, retain, .. } = self.settings;
        tokio::select! {
            sent = self.publisher.publish(topic, qos, retain, payload) => sent,
            () = async { stopped(&mut self.stop).await; tokio::time::sleep(GRACE).await } => false,
        }
    }
}

/// Returns when the run is to stop; never when nobody can ask for it any more.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
