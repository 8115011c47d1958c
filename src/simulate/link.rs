//! One connection to the broker, shared by several devices. It must lose nothing silently: what a broken connection
//! took with it is sent again and counted, and `close` says what was never confirmed.

use super::truth::LinkTruth;
use super::{Settings, SimulateError};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS, Request, SubscribeFilter,
};
use secrecy::ExposeSecret as _;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

/// A 100,000-bracket payload must fit.
const PACKET_MAX: usize = 1 << 20;
/// Requests on their way to the connection's task.
const REQUESTS: usize = 64;
/// messages that may wait for their PUBACK. Well below the client's own limit, because after a reconnect that limit
/// is not observed and packet identifiers would collide.
const WINDOW: u64 = 200;
const INFLIGHT_MAX: u16 = 1000;
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const CONNECT: Duration = Duration::from_secs(10);
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Filters of one SUBSCRIBE.
const FILTERS: usize = 500;

/// An open connection. Dropped without `close`, it is cut.
#[derive(Debug)]
pub(crate) struct Link {
    publisher: Publisher,
    poll: JoinSet<()>,
}

/// Puts messages onto a connection; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    client: AsyncClient,
    progress: Arc<Progress>,
}

/// What the connection's task has seen.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    published: AtomicU64,
    acked: AtomicU64,
    subacks: AtomicU64,
    lost: AtomicU64,
    resent: AtomicU64,
    unread: AtomicU64,
    /// The task has ended.
    gone: AtomicBool,
    changed: Notify,
}

/// What a connection is for, besides publishing.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    /// Subscribed, with acknowledgement, on every new connection.
    pub(crate) filters: Vec<String>,
    /// Where messages go; one that finds no room is counted.
    pub(crate) to: Option<mpsc::Sender<Publish>>,
}

impl Link {
    /// Connects, and returns once the broker has accepted connection and subscriptions.
    pub(crate) async fn open(
        settings: &Settings,
        id: String,
        listening: Listening,
    ) -> Result<Self, SimulateError> {
        let fails = |why: String| SimulateError::Connect { broker: settings.broker(), why };
        let (client, mut events) = AsyncClient::new(options(settings, id), REQUESTS);
        // The client library would try again at once and for ever; a wrong address must be an error instead.
        match tokio::time::timeout(CONNECT, events.poll()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(fails(error.to_string())),
            Err(_) => return Err(fails("no answer for 10 s".into())),
        }
        let publisher = Publisher { client, progress: Arc::default() };
        let subscribes = listening.filters.len().div_ceil(FILTERS) as u64;
        subscribe(&publisher.client, &listening.filters);
        let task = Task { publisher: publisher.clone(), listening, saved: VecDeque::new() };
        let mut poll = JoinSet::new();
        poll.spawn(task.run(events));
        let granted = publisher.reach(|p| p.subacks.load(Relaxed) >= subscribes);
        if tokio::time::timeout(CONNECT, granted).await.is_err() {
            return Err(fails("no answer to the subscription for 10 s".into()));
        }
        Ok(Self { publisher, poll })
    }

    /// What publishes on this connection.
    pub(crate) fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Waits until every message is with the broker, and hangs up.
    pub(crate) async fn close(mut self, round_trip: bool, patience: Duration) -> LinkTruth {
        let Publisher { client, progress } = &self.publisher;
        let wanted = progress.subacks.load(Relaxed) + 1;
        // The broker reads in order: the answer to a SUBSCRIBE says that it has read every PUBLISH before it.
        let asked = round_trip && client.try_subscribe("watchkeeper/simulate/done", QoS::AtMostOnce).is_ok();
        let confirmed = self.publisher.reach(|p| {
            p.acked.load(Relaxed) >= p.published.load(Relaxed)
                && (!asked || p.subacks.load(Relaxed) >= wanted)
        });
        let in_time = tokio::time::timeout(patience, confirmed).await.is_ok() && !progress.gone.load(Relaxed);
        let _ = client.try_disconnect();
        let _ = tokio::time::timeout(patience, self.poll.join_next()).await;
        let open = progress.published.load(Relaxed).saturating_sub(progress.acked.load(Relaxed));
        LinkTruth {
            lost: progress.lost.load(Relaxed),
            resent: progress.resent.load(Relaxed),
            unconfirmed: if in_time && asked == round_trip { 0 } else { open.max(1) },
            responses: 0,
            responses_refused: progress.unread.load(Relaxed),
        }
    }
}

impl Publisher {
    /// Publishes; waits while too many messages are unconfirmed. False when the connection's task is gone.
    pub(crate) async fn publish(&self, topic: &str, qos: u8, retain: bool, payload: Vec<u8>) -> bool {
        let level = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        if qos > 0 {
            self.reach(|p| p.published.load(Relaxed).saturating_sub(p.acked.load(Relaxed)) < WINDOW).await;
            self.progress.published.fetch_add(1, Relaxed);
        }
        self.client.publish(topic, level, retain, payload).await.is_ok()
    }

    async fn reach(&self, there: impl Fn(&Progress) -> bool) {
        loop {
            let changed = self.progress.changed.notified();
            if there(&self.progress) || self.progress.gone.load(Relaxed) {
                return;
            }
            // The task notifies one waiter at a time, and there may be two: look again soon in any case.
            let _ = tokio::time::timeout(LOOK_AGAIN, changed).await;
        }
    }
}

fn options(settings: &Settings, id: String) -> MqttOptions {
    let mut options = MqttOptions::new(id, settings.host.clone(), settings.port);
    options.set_keep_alive(Duration::from_secs(30));
    options.set_max_packet_size(PACKET_MAX, PACKET_MAX).set_inflight(INFLIGHT_MAX);
    if let Some((user, password)) = &settings.credentials {
        options.set_credentials(user.clone(), password.expose_secret());
    }
    options
}

fn subscribe(client: &AsyncClient, filters: &[String]) {
    for some in filters.chunks(FILTERS) {
        let filters = some.iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
        // There is room: the channel is empty after a connect but for what the devices put there, and a device
        // that is not subscribed shows up as a command without an answer.
        let _ = client.try_subscribe_many(filters);
    }
}

/// What the connection's own task owns.
struct Task {
    publisher: Publisher,
    listening: Listening,
    /// What a broken connection took with it.
    saved: VecDeque<Request>,
}

impl Task {
    async fn run(mut self, mut events: EventLoop) {
        self.poll(&mut events).await;
        self.publisher.progress.gone.store(true, Relaxed);
    }

    async fn poll(&mut self, events: &mut EventLoop) {
        let mut pause = PAUSE_MIN;
        loop {
            match events.poll().await {
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(Event::Incoming(packet)) => {
                    pause = PAUSE_MIN;
                    self.take(packet, events);
                }
                Ok(Event::Outgoing(_)) => {}
                Err(_) => {
                    // The client library forgets what is pending when the broker has no session for us.
                    self.saved.extend(events.pending.drain(..));
                    self.publisher.progress.lost.fetch_add(1, Relaxed);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    fn take(&mut self, packet: Packet, events: &mut EventLoop) {
        let progress = &self.publisher.progress;
        let count = match packet {
            Packet::PubAck(_) => &progress.acked,
            Packet::SubAck(_) => &progress.subacks,
            Packet::ConnAck(_) => return self.resume(events),
            Packet::Publish(publish) => return self.hand_over(publish),
            _ => return,
        };
        count.fetch_add(1, Relaxed);
        progress.changed.notify_one();
    }

    fn resume(&mut self, events: &mut EventLoop) {
        for request in &mut self.saved {
            if let Request::Publish(publish) = request
                && publish.pkid != 0
            {
                // It was on its way; the old identifier means nothing on the new connection.
                publish.pkid = 0;
                self.publisher.progress.resent.fetch_add(1, Relaxed);
            }
        }
        events.pending.extend(self.saved.drain(..));
        subscribe(&self.publisher.client, &self.listening.filters);
    }

    fn hand_over(&self, publish: Publish) {
        let refused = self.listening.to.as_ref().is_none_or(|to| to.try_send(publish).is_err());
        self.publisher.progress.unread.fetch_add(u64::from(refused), Relaxed);
    }
}
