//! The thread of the engine: what was saved and what the log has since are brought together, and every connection begins.
//! HTTP never waits for it, nor it for HTTP. Nothing here may know the order of a start or a stop.

use super::places::{about_itself, rules};
use crate::audit::Window;
use crate::audit::clients::ClientLog;
use crate::audit::echo::Echo;
use crate::audit::journal::Feed;
use crate::audit::outages::Outages;
use crate::audit::recall::recall;
use crate::clock;
use crate::config::{Broker, Config};
use crate::engine::handed::Handed;
use crate::engine::inbox::{DevicesSink, Inbox, SysSink};
use crate::engine::pace::Pace;
use crate::engine::twins::Twins;
use crate::engine::{Brokers, Engine, Progress};
use crate::ingest::{self, Role};
use crate::out::BrokerLink;
use crate::own::Own;
use crate::saver::Saver;
use crate::state::StateFile;
use std::rc::Rc;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, LocalSet};
use watchkeeper_core::broker::dialects;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::names::subscriptions;
use watchkeeper_core::report::Watched;

/// Everything the engine's thread is given.
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) brokers: Vec<Broker>,
    pub(super) links: Vec<BrokerLink>,
    /// Where the log of a broker is counted that is read from its file.
    pub(super) feeds: Vec<Option<Arc<Feed>>>,
    pub(super) own: Own,
    pub(super) audit: Window,
    /// What the connections for audited messages tell, and who is woken by it.
    pub(super) heard: (Arc<Notify>, Vec<Arc<Echo>>),
    /// Number of the first record of this run.
    pub(super) recorded: u64,
    pub(super) progress: Option<Progress>,
    pub(super) handed: Handed,
    pub(super) file: StateFile,
}

impl Desk {
    /// The engine and the connections, on a thread and a runtime of their own: what arrives is handed over
    /// without locks, and a busy HTTP side never delays a message.
    ///
    /// Gives what the next one is to be given.
    pub(super) fn run(self, stop: watch::Receiver<bool>) -> Handed {
        let pace = Arc::<Pace>::default();
        let runtime = match runtime(Arc::clone(&pace)) {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!(%error, "the engine cannot start");
                return self.handed;
            }
        };
        let handed = LocalSet::new().block_on(&runtime, self.work(stop, pace));
        runtime.shutdown_background();
        handed
    }

    async fn work(self, stop: watch::Receiver<bool>, pace: Arc<Pace>) -> Handed {
        let Self { config, brokers, links, feeds, own, audit, heard, recorded, progress, handed, file } =
            self;
        let desk = audit.desk().clone();
        let wake = Rc::new(Notify::new());
        let mut before = file.load(&desk);
        let mut left_out = 0;
        let (heard, echoes) = heard;
        let (mut rooms, mut connections) = (Brokers { heard, progress, ..Brokers::default() }, Vec::new());
        for (((broker, link), feed), echo) in brokers.iter().zip(&links).zip(feeds).zip(echoes) {
            let mut one = Watched::new(Fleet::new(rules(&config, broker)));
            one.broker = watchkeeper_core::broker::Broker::of(dialects::named(&broker.kind));
            if let Some(at) = before.iter().position(|saved| saved.broker() == broker.name) {
                left_out += one.restore(before.swap_remove(at));
            }
            let recalled =
                audit.dir().map(|dir| recall(dir, recorded, &mut one, &desk.mask(), clock::wall()));
            let (drafts, said) = recalled.unwrap_or_default();
            desk.note_all(drafts);
            rooms.said.push(said);
            let is_kept = link.audit.is_some();
            rooms.twins.push(Twins::new(is_kept.then_some(echo), &one.logged));
            let inbox = Rc::new(Inbox::new(&own, one.fleet.rules(), Rc::clone(&wake), Arc::clone(&pace)));
            connections.extend(connect(broker, link, &one.fleet, &inbox, &own, &stop));
            rooms.watched.push(one);
            rooms.inboxes.push(inbox);
            rooms.clients.push(ClientLog::new(feed, config.shard.is_first()));
            rooms.outages.push(Outages::new(&broker.name, Arc::clone(&link.devices), clock::now()));
        }
        if left_out > 0 {
            // Nothing is saved before this: what was left out is still in the file.
            file.keep_before(config.shard, left_out);
        }
        let ended = after(stop, connections);
        let saver = Saver::new(file, own.clone(), &before);
        Engine::new(rooms, (wake, pace), handed, own, desk, saver).run(ended).await
    }
}

/// It rests before it waits, where that is worth it.
fn runtime(pace: Arc<Pace>) -> std::io::Result<Runtime> {
    let rest = move || {
        if let Some(rest) = pace.idle(clock::mono()) {
            std::thread::sleep(rest);
        }
    };
    tokio::runtime::Builder::new_current_thread().enable_all().on_thread_park(rest).build()
}

/// Turns true when we were asked to stop and every connection has said goodbye: only they hear the signal, and the
/// engine deals with what they handed over last.
fn after(mut stop: watch::Receiver<bool>, connections: Vec<JoinHandle<()>>) -> watch::Receiver<bool> {
    let (end, ended) = watch::channel(false);
    tokio::task::spawn_local(async move {
        // A sender that is gone is a stop as well.
        drop(stop.wait_for(|stop| *stop).await);
        for connection in connections {
            if let Err(error) = connection.await {
                tracing::error!(%error, "a connection ended badly");
            }
        }
        // Nobody listens when the engine has ended by itself.
        let _ = end.send(true);
    });
    ended
}

fn connect(
    broker: &Broker,
    link: &BrokerLink,
    fleet: &Fleet,
    inbox: &Rc<Inbox>,
    own: &Own,
    stop: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let filters = subscriptions(fleet.rules().streams.iter().map(|stream| &stream.pattern));
    let devices = ingest::connect(
        broker,
        Role::Devices { filters },
        Rc::new(DevicesSink(Rc::clone(inbox))),
        Arc::clone(&link.devices),
        own.clone(),
        stop.clone(),
    );
    let mut connections = vec![tokio::task::spawn_local(devices)];
    if let Some(status) = &link.sys {
        let sys = ingest::connect(
            broker,
            Role::Sys { filters: about_itself(broker) },
            Rc::new(SysSink(Rc::clone(inbox))),
            Arc::clone(status),
            own.clone(),
            stop.clone(),
        );
        connections.push(tokio::task::spawn_local(sys));
    }
    connections
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::time::Mono;

    /// Later than this, by far, whoever was never idle is behind.
    const LATE: Mono = Mono(60_000_000);

    #[test]
    fn a_thread_with_something_to_do_is_never_idle_and_one_that_waits_is() {
        let pace = Arc::<Pace>::default();
        let runtime = runtime(Arc::clone(&pace)).unwrap();
        LocalSet::new().block_on(&runtime, async {
            assert!(!pace.is_behind(true, Mono(0)));
            let wake = Rc::new(Notify::new());
            let other = Rc::clone(&wake);
            // As a connection and the engine do.
            let task = tokio::task::spawn_local(async move {
                loop {
                    other.notify_one();
                    tokio::task::yield_now().await;
                }
            });
            for _ in 0..1_000 {
                wake.notified().await;
            }
            assert!(pace.is_behind(true, LATE));
            task.abort();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            assert!(!pace.is_behind(true, LATE));
        });
    }
}
