//! How the other rooms ask the engine. Every answer is made by the engine's own task between two slices of
//! arrivals, so that a question never stalls ingest and never sees half an update.

use super::overview::More;
use super::probe::Told;
use super::queues::QueueAsk;
use super::recent::Looked;
use super::status::Facts;
use super::trend::Sum;
use crate::saver::{NotSaved, Waiting};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};
use watchkeeper_core::mutes::MuteRefused;
use watchkeeper_core::sample::Exposition;
use watchkeeper_core::time::Wall;

/// The engine did not answer: it is stopping.
#[derive(Debug, thiserror::Error)]
#[error("the engine is stopping")]
pub(crate) struct Stopping;

/// A handle that can be cloned freely.
#[derive(Clone, Debug)]
pub(crate) struct EngineHandle {
    ask: mpsc::Sender<Question>,
}

/// What can be asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// The fleet's part of the exposition, in pieces, without the final `# EOF`; the last piece is empty.
    Exposition(Exposition, mpsc::Sender<Bytes>),
    /// A page of devices.
    Nodes(NodesQuery, oneshot::Sender<NodesPage>),
    /// One device, everything known.
    Node(String, oneshot::Sender<Option<serde_json::Value>>),
    /// Forget a device.
    Forget(String, oneshot::Sender<bool>),
    /// Set the sequence number that a device is expected to send next.
    SetNext(NextNumber, oneshot::Sender<Option<bool>>),
    /// Mute a device; false when it is not known.
    Mute(MuteWish, oneshot::Sender<Result<bool, MuteRefused>>),
    /// Let it be heard again; false when it was not muted, none when nobody knows it.
    Unmute(String, oneshot::Sender<Option<bool>>),
    /// Save what is so now, and tell when it is on the disk.
    Save(Waiting),
    /// The fleet in a few numbers.
    Overview(oneshot::Sender<Overview>),
    /// The newest findings, newest first.
    Findings(usize, oneshot::Sender<Vec<serde_json::Value>>),
    /// A page of a device's points with their last values, from the given place on.
    Look(String, usize, oneshot::Sender<Option<Looked>>),
    /// What was observed, for the status and the report.
    Observed(oneshot::Sender<Facts>),
    /// What waits for a device.
    Queue(String, oneshot::Sender<Option<serde_json::Value>>),
    /// The busiest topics.
    Topics(TopicsQuery, oneshot::Sender<serde_json::Value>),
    /// What the room of queues asks and tells.
    Queues(QueueAsk),
    /// What the probe found.
    Probe(Told, oneshot::Sender<()>),
}

/// `POST /api/nodes/{id}/sequence`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextNumber {
    /// The device, which the path names.
    #[serde(skip)]
    pub(crate) device: String,
    /// Name of the stream.
    pub(crate) stream: String,
    /// The number that is expected next.
    pub(crate) next: u64,
}

/// `POST /api/nodes/{id}/mute`.
#[derive(Clone, Debug)]
pub(crate) struct MuteWish {
    /// The device.
    pub(crate) device: String,
    /// When the mute ends by itself.
    pub(crate) until: Wall,
    /// Why.
    pub(crate) reason: String,
}

/// `GET /api/nodes`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodesQuery {
    /// Only devices in this state: `online`, `offline`, `unknown` or `never_seen`.
    pub(crate) state: Option<String>,
    /// Only devices whose id contains this text.
    pub(crate) q: Option<String>,
    /// `id`, `last_seen`, `error_ratio`, `stuck`, `messages`, `lost`; a leading `-` reverses.
    pub(crate) sort: Option<String>,
    /// At most so many; 1 to 1000, 100 when not given.
    pub(crate) limit: Option<usize>,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
}

/// `GET /api/topics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicsQuery {
    /// At most so many.
    pub(crate) top: usize,
    /// What to sort by.
    pub(crate) by: watchkeeper_core::busiest::By,
}

/// A page of devices.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct NodesPage {
    /// The devices of this page, as JSON objects.
    pub(crate) nodes: Vec<serde_json::Value>,
    /// How many match over all pages.
    pub(crate) total: usize,
    /// Pass this as `cursor` for the next page.
    pub(crate) next_cursor: Option<String>,
    /// The first device of this page, as a cursor: for the page before.
    #[serde(skip)]
    pub(crate) first: Option<String>,
    /// How many match and stand before this page.
    #[serde(skip)]
    pub(crate) before: usize,
}

/// The fleet in a few numbers, per broker.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Overview {
    /// One entry a broker.
    pub(crate) brokers: Vec<BrokerOverview>,
    /// Messages of late, over all brokers, oldest first.
    #[serde(skip)]
    pub(crate) trend: Vec<Sum>,
}

/// Since when something is wrong with a fleet; none where it is not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    /// The first of the devices that send too many faulty messages.
    pub(crate) error_ratio_high: Option<Wall>,
    /// The first of the promises that are broken.
    pub(crate) sla_broken: Option<Wall>,
    /// The first of the types of operations of which too many fail.
    pub(crate) failing: Option<Wall>,
    /// The first device for which there was no room, of those that come now.
    pub(crate) devices_refused: Option<Wall>,
}

/// One broker's fleet in a few numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct BrokerOverview {
    /// Its label.
    pub(crate) broker: String,
    /// Devices by state.
    pub(crate) online: usize,
    /// Devices by state.
    pub(crate) offline: usize,
    /// Devices by state.
    pub(crate) unknown: usize,
    /// Devices by state.
    pub(crate) never_seen: usize,
    /// Points that stand still.
    pub(crate) points_stuck: usize,
    /// Messages since the state began.
    pub(crate) messages: u64,
    /// Messages refused because our own queue was full.
    pub(crate) shed: u64,
    /// Since when that goes on; none when it is over.
    pub(crate) shedding: Option<Wall>,
    /// Devices refused because of `devices_max`; 0 when none was during the last ten minutes.
    pub(crate) devices_refused: u64,
    /// Devices whose error ratio is above the threshold.
    pub(crate) error_ratio_high: usize,
    /// Promises about answers that are broken, in words.
    pub(crate) sla_broken: Vec<String>,
    /// Types of operations of which too many fail.
    pub(crate) failing: Vec<&'static str>,
    /// Since when there are such devices, such promises and such operations.
    #[serde(skip)]
    pub(crate) since: Since,
    /// Commands without an answer.
    pub(crate) pending: u64,
    /// The devices that have most of them.
    pub(crate) pending_by_device: BTreeMap<String, u64>,
    /// Whether broker statistics (`$SYS`) were seen.
    pub(crate) sys_seen: bool,
    /// What only the page shows.
    #[serde(skip)]
    pub(crate) more: More,
}

impl EngineHandle {
    /// A handle and the engine's end of it.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Question>) {
        let (ask, asked) = mpsc::channel(capacity);
        (Self { ask }, asked)
    }

    /// The fleet's part of the exposition, in pieces.
    pub(crate) async fn exposition(&self, exposition: Exposition) -> Result<mpsc::Receiver<Bytes>, Stopping> {
        let (pieces, receiver) = mpsc::channel(4);
        self.ask.send(Question::Exposition(exposition, pieces)).await.map_err(|_| Stopping)?;
        Ok(receiver)
    }

    /// A page of devices.
    pub(crate) async fn nodes(&self, query: NodesQuery) -> Result<NodesPage, Stopping> {
        self.ask(|reply| Question::Nodes(query, reply)).await
    }

    /// One device.
    pub(crate) async fn node(&self, id: String) -> Result<Option<serde_json::Value>, Stopping> {
        self.ask(|reply| Question::Node(id, reply)).await
    }

    /// Forgets a device; false when it was not known.
    pub(crate) async fn forget(&self, id: String) -> Result<bool, Stopping> {
        self.ask(|reply| Question::Forget(id, reply)).await
    }

    /// Sets the number that a device is expected to send next; none when the device is not known, false when no
    /// numbers of that stream are.
    pub(crate) async fn set_next(&self, next: NextNumber) -> Result<Option<bool>, Stopping> {
        self.ask(|reply| Question::SetNext(next, reply)).await
    }

    /// Mutes a device; false when it is not known.
    pub(crate) async fn mute(&self, wish: MuteWish) -> Result<Result<bool, MuteRefused>, Stopping> {
        self.ask(|reply| Question::Mute(wish, reply)).await
    }

    /// Lets a device be heard again; false when it was not muted, none when nobody knows it.
    pub(crate) async fn unmute(&self, id: String) -> Result<Option<bool>, Stopping> {
        self.ask(|reply| Question::Unmute(id, reply)).await
    }

    /// Waits until what is so now is on the disk, where a kill does not take it back.
    pub(crate) async fn saved(&self) -> Result<Result<(), NotSaved>, Stopping> {
        self.ask(Question::Save).await
    }

    /// The fleet in a few numbers.
    pub(crate) async fn overview(&self) -> Result<Overview, Stopping> {
        self.ask(Question::Overview).await
    }

    /// The newest findings, newest first.
    pub(crate) async fn findings(&self, limit: usize) -> Result<Vec<serde_json::Value>, Stopping> {
        self.ask(|reply| Question::Findings(limit, reply)).await
    }

    /// A page of a device's points, which are sampled from now on; none when it was never heard.
    pub(crate) async fn look(&self, id: String, from: usize) -> Result<Option<Looked>, Stopping> {
        self.ask(|reply| Question::Look(id, from, reply)).await
    }

    /// What was observed, for the status and the report.
    pub(crate) async fn observed(&self) -> Result<Facts, Stopping> {
        self.ask(Question::Observed).await
    }

    /// The commands that wait for a device; none when it is not known.
    pub(crate) async fn queue(&self, id: String) -> Result<Option<serde_json::Value>, Stopping> {
        self.ask(|reply| Question::Queue(id, reply)).await
    }

    /// The busiest topics.
    pub(crate) async fn topics(&self, query: TopicsQuery) -> Result<serde_json::Value, Stopping> {
        self.ask(|reply| Question::Topics(query, reply)).await
    }

    /// What the room of queues asks and tells.
    pub(crate) async fn queues<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<T>) -> QueueAsk,
    ) -> Result<T, Stopping> {
        self.ask(|reply| Question::Queues(ask(reply))).await
    }

    /// What the probe found.
    pub(crate) async fn probed(&self, told: Told) -> Result<(), Stopping> {
        self.ask(|reply| Question::Probe(told, reply)).await
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Stopping> {
        let (reply, answer) = oneshot::channel();
        self.ask.send(question(reply)).await.map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }
}
