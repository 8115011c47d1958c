//! The life of a sidecar: bind, restore, serve, connect, run, drain, stop. HTTP is up before any broker is asked
//! and answers until the end; only this file knows the order, and it must not know how a room works.

use crate::audit::clients::ClientLog;
use crate::audit::echo::Echo;
use crate::audit::outages::Outages;
use crate::audit::recall::recall;
use crate::audit::receiving::{self, AuditLink, Receiving};
use crate::audit::{self, Window, journal::Feed};
use crate::config::{self, Broker, Config};
use crate::engine::handle::EngineHandle;
use crate::engine::inbox::{DevicesSink, Inbox, SysSink};
use crate::engine::twins::Twins;
use crate::engine::{Brokers, Engine, Progress, handle::Question};
use crate::ingest::status::LinkStatus;
use crate::ingest::{self, Role};
use crate::out::{self, BrokerLink, Subject};
use crate::own::Own;
use crate::probe;
use crate::queues;
use crate::state::{DataDir, Saver, StateFile};
use crate::{clock, logging};
use anyhow::Context;
use sd_notify::NotifyState;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, LocalSet};
use watchkeeper_core::broker::dialects;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::names::subscriptions;
use watchkeeper_core::report::Watched;
use watchkeeper_core::rules::FleetRules;

/// Questions that may wait for the engine.
const QUESTIONS_MAX: usize = 64;

/// The part of the grace that the engine may take: the log must be sealed whatever becomes of the engine.
const ENGINE_SHARE: f64 = 0.6;

/// What becomes known while the sidecar starts, for those who announce it.
pub(crate) struct Started<'a> {
    /// Where HTTP is served.
    pub(crate) addresses: &'a [std::net::SocketAddr],
}

/// Runs until SIGINT or SIGTERM. `announce` is called once HTTP is served.
pub(crate) fn run(
    config: Config,
    announce: &mut dyn FnMut(&Started) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let stop = signals()?;
        run_until(config, stop, announce).await
    });
    // A look-up of a name that hangs, or an engine that missed the grace, must not hold up the exit.
    runtime.shutdown_background();
    done
}

/// Runs until the receiver says so.
pub(crate) async fn run_until(
    config: Config,
    stop: watch::Receiver<bool>,
    announce: &mut dyn FnMut(&Started) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    logging::start(&config.log)?;
    let data = DataDir::open(&config.data_dir)?;
    let own = Own::new().context("our own metrics cannot be registered")?;
    let audit = audit::open(&config.audit, &own)?;
    let (handle, asked) = EngineHandle::new(QUESTIONS_MAX);
    let brokers = named(&config.brokers, &data.id);
    let links: Vec<BrokerLink> = brokers.iter().map(|broker| link(&config, broker)).collect();
    let (halt, halted) = watch::channel(false);
    let queues = queues::Room::start(&config, &handle, halted.clone())?;
    let window = queues.as_ref().map(|room| room.window.clone()).unwrap_or_default();
    let subject = subject(handle.clone(), &own, (audit.window.clone(), window), links.clone());
    let server = out::http::start(&config.web, subject)?;
    audit.started();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    announce(&Started { addresses: server.addresses() })?;
    tracing::info!(
        addresses = ?server.addresses(), data_dir = %config.data_dir.display(), version = crate::cli::args::VERSION, "started"
    );
    let grace = config.grace;
    let feeds = brokers.iter().map(|broker| feed(&config, broker)).collect::<Vec<_>>();
    let heard = Arc::<Notify>::default();
    let echoes = brokers.iter().map(|broker| echo(&own, broker, &heard)).collect::<Vec<_>>();
    // What is recorded from now on is told to the engine, and what was before is for it to read.
    let recorded = audit.window.status().map_or(0, |status| status.next);
    let receiving = receive(&config, &brokers, &links, (&feeds, &echoes), &audit)?;
    let probe = probe::Room::start(&config, &brokers, &links, &handle, &own, halted)?;
    let desk = Desk {
        config,
        brokers,
        links,
        feeds,
        own,
        audit: audit.window.clone(),
        heard: (heard, echoes),
        recorded,
        progress: audit.intake(),
        asked,
        file: data.state_file(),
    };
    let engine = std::thread::Builder::new().name("engine".to_owned()).spawn({
        let stop = stop.clone();
        move || desk.run(stop)
    })?;
    notify(&[NotifyState::Ready]);
    let died = until_stopped(stop, &engine, &handle).await;
    notify(&[NotifyState::Stopping]);
    let deadline = Instant::now() + grace;
    if let Some(receiving) = &receiving {
        // It leaves the brokers while the engine does.
        receiving.leave();
    }
    // What is under way is written; the engine still answers.
    halt.send_replace(true);
    let drained = join(engine, grace.mul_f64(ENGINE_SHARE)).await;
    let kept = keep(queues, deadline).await && stand_down(probe, deadline).await;
    let received = finish(receiving, deadline).await;
    let reason = if died { "the engine ended by itself" } else { "as asked" };
    let recorded = seal(audit, reason, deadline).await && received;
    let answered = server.stop(deadline.saturating_duration_since(Instant::now())).await;
    if drained && kept && recorded && answered {
        tracing::info!("stopped");
    } else {
        tracing::warn!(?grace, "stopped before everything was finished; raise --grace if that happens often");
    }
    drop(data);
    anyhow::ensure!(!died, "the engine ended by itself; the lines above say why, if anything does");
    Ok(())
}

/// Everything the engine's thread is given.
struct Desk {
    config: Config,
    brokers: Vec<Broker>,
    links: Vec<BrokerLink>,
    /// Where the log of a broker is counted that is read from its file.
    feeds: Vec<Option<Arc<Feed>>>,
    own: Own,
    audit: Window,
    /// What the connections for audited messages tell, and who is woken by it.
    heard: (Arc<Notify>, Vec<Arc<Echo>>),
    /// Number of the first record of this run.
    recorded: u64,
    progress: Option<Progress>,
    asked: mpsc::Receiver<Question>,
    file: StateFile,
}

impl Desk {
    /// The engine and the connections, on a thread and a runtime of their own: what arrives is handed over
    /// without locks, and a busy HTTP side never delays a message.
    fn run(self, stop: watch::Receiver<bool>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "the engine cannot start"),
        };
        LocalSet::new().block_on(&runtime, self.work(stop));
        runtime.shutdown_background();
    }

    async fn work(self, stop: watch::Receiver<bool>) {
        let Self { config, brokers, links, feeds, own, audit, heard, recorded, progress, asked, file } = self;
        let desk = audit.desk().clone();
        let wake = Rc::new(Notify::new());
        let mut before = file.load(&desk);
        let (heard, echoes) = heard;
        let (mut rooms, mut connections) = (Brokers { heard, progress, ..Brokers::default() }, Vec::new());
        for (((broker, link), feed), echo) in brokers.iter().zip(&links).zip(feeds).zip(echoes) {
            let mut one = Watched::new(Fleet::new(rules(&config, broker)));
            one.broker = watchkeeper_core::broker::Broker::of(dialects::named(&broker.kind));
            if let Some(at) = before.iter().position(|saved| saved.broker() == broker.name) {
                one.restore(before.swap_remove(at));
            }
            let recalled = audit.dir().map(|dir| recall(dir, recorded, &mut one, clock::wall()));
            let (drafts, said) = recalled.unwrap_or_default();
            desk.note_all(drafts);
            rooms.said.push(said);
            let is_kept = link.audit.is_some();
            rooms.twins.push(Twins::new(is_kept.then_some(echo), &one.logged));
            let inbox = Rc::new(Inbox::new(&own, &broker.name, Rc::clone(&wake)));
            connections.extend(connect(broker, link, &one.fleet, &inbox, &own, &stop));
            rooms.watched.push(one);
            rooms.inboxes.push(inbox);
            rooms.clients.push(ClientLog::new(feed));
            rooms.outages.push(Outages::new(&broker.name, Arc::clone(&link.devices), clock::now()));
        }
        let ended = after(stop, connections);
        let saver = Saver::new(file, own.clone(), before);
        Engine::new(rooms, wake, asked, own, desk, saver).run(ended).await;
    }
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

/// Where the broker speaks of itself, as far as its make is known; nowhere where it does not.
fn about_itself(broker: &Broker) -> Vec<String> {
    let filters = dialects::named(&broker.kind).map_or(dialects::ANY, |dialect| dialect.filters);
    filters.iter().map(|filter| (*filter).to_owned()).collect()
}

/// Starts what comes into the log from brokers.
fn receive(
    config: &Config,
    brokers: &[Broker],
    links: &[BrokerLink],
    (feeds, echoes): (&[Option<Arc<Feed>>], &[Arc<Echo>]),
    audit: &audit::Opened,
) -> std::io::Result<Option<Receiving>> {
    let each = brokers.iter().zip(links).zip(feeds.iter().zip(echoes));
    let each = each.map(|((broker, link), (feed, echo))| receiving::Watched {
        broker,
        rules: rules(config, broker),
        link: link.audit.clone().unwrap_or_default(),
        feed: feed.clone(),
        echo: Arc::clone(echo),
    });
    Receiving::start(config, each.collect(), audit)
}

/// What the configuration means for the fleet of one broker.
pub(crate) fn rules(config: &Config, broker: &Broker) -> FleetRules {
    let mut limits = config.limits;
    limits.payload_bytes_max = broker.payload_bytes_max;
    FleetRules {
        broker: broker.name.as_str().into(),
        streams: config.streams.clone(),
        labels: config.fleet.labels.clone(),
        expected: config.fleet.expected.clone(),
        forget_after: Some(watchkeeper_core::time::micros(config.fleet.forget_after)),
        errors: config.errors,
        commands: config.commands.clone(),
        limits,
        values: config.values,
        publish: probe::promised(config),
        secrets: Arc::new(watchkeeper_core::secrets::Secrets::new(
            config.audit.redact.iter().map(String::as_str),
        )),
    }
}

/// The brokers with their client ids made sure: two sidecars must never evict each other.
fn named(brokers: &[Broker], folder: &str) -> Vec<Broker> {
    let mut brokers = brokers.to_vec();
    for broker in &mut brokers {
        if broker.client_id.is_empty() {
            broker.client_id = config::default_client_id(folder);
        }
    }
    brokers
}

fn echo(own: &Own, broker: &Broker, heard: &Arc<Notify>) -> Arc<Echo> {
    let refused = own.refused.with_label_values(&[&*broker.name, "commands"]);
    Arc::new(Echo::new(Arc::clone(heard), Some(refused)))
}

fn feed(config: &Config, broker: &Broker) -> Option<Arc<Feed>> {
    (config.audit.enabled && broker.log_file.is_some()).then(Arc::default)
}

fn link(config: &Config, broker: &Broker) -> BrokerLink {
    let audited = config.audit.enabled && receiving::has_audited(&rules(config, broker));
    BrokerLink {
        name: broker.name.clone(),
        devices: Arc::new(LinkStatus::default()),
        sys: (!about_itself(broker).is_empty()).then(Arc::default),
        audit: audited.then(AuditLink::default),
        probe: config.probe.is_on().then(Arc::default),
        unverified: broker.tls.insecure_skip_verification
            && broker.urls.iter().any(|url| url.scheme.is_tls()),
    }
}

fn subject(
    engine: EngineHandle,
    own: &Own,
    (audit, queues): (Window, queues::Window),
    brokers: Vec<BrokerLink>,
) -> Subject {
    Subject {
        engine,
        own: own.clone(),
        audit,
        queues,
        brokers,
        started: clock::now(),
        version: env!("CARGO_PKG_VERSION"),
        revision: env!("WATCHKEEPER_REVISION"),
    }
}

/// A receiver that turns true with the first SIGINT or SIGTERM. SIGHUP is caught, so that it does not end us.
pub(crate) fn signals() -> anyhow::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (stop, stopped) = watch::channel(false);
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => tracing::warn!("SIGHUP: this version reads its configuration at start only"),
            }
        }
        // Nobody listens when the sidecar has already stopped.
        let _ = stop.send(true);
    });
    Ok(stopped)
}

/// Waits for the stop, feeding the watchdog of the service manager as long as the engine answers; true when the
/// engine ended by itself.
async fn until_stopped(
    mut stop: watch::Receiver<bool>,
    engine: &std::thread::JoinHandle<()>,
    handle: &EngineHandle,
) -> bool {
    let every = watchdog_every();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return false,
            () = tokio::time::sleep(every.unwrap_or(Duration::from_secs(5))) => {}
        }
        if engine.is_finished() {
            return true;
        }
        let Some(every) = every else { continue };
        // Bounded, so that a stop is heard in time. Who hangs is not fed, and the service manager ends it.
        if tokio::time::timeout(every, handle.findings(0)).await.is_ok_and(|answer| answer.is_ok()) {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// A third of `WATCHDOG_USEC`, so that pause and answer fit in, if the service manager watches us.
fn watchdog_every() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros((micros / 3).max(1)))
}

fn notify(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// Waits until what was taken from the brokers is safe and they have heard goodbye.
async fn finish(receiving: Option<Receiving>, deadline: Instant) -> bool {
    let Some(receiving) = receiving else { return true };
    let within = deadline.saturating_duration_since(Instant::now()).mul_f64(0.6);
    let finished = tokio::task::spawn_blocking(move || receiving.finish(within)).await;
    let finished = finished.unwrap_or(false);
    if !finished {
        tracing::warn!(
            "audited messages were on their way when we stopped; the broker will deliver them again"
        );
    }
    finished
}

/// Waits until the last snapshot of queues is written.
async fn keep(queues: Option<queues::Room>, deadline: Instant) -> bool {
    let Some(queues) = queues else { return true };
    let within = deadline.saturating_duration_since(Instant::now()).mul_f64(0.3);
    let ended = tokio::time::timeout(within, tokio::task::spawn_blocking(move || queues.join())).await;
    matches!(ended, Ok(Ok(true)))
}

/// Waits until the probe has let go of its connection.
async fn stand_down(probe: Option<probe::Room>, deadline: Instant) -> bool {
    let Some(probe) = probe else { return true };
    let within = deadline.saturating_duration_since(Instant::now()).mul_f64(0.3);
    let ended = tokio::time::timeout(within, tokio::task::spawn_blocking(move || probe.join())).await;
    matches!(ended, Ok(Ok(true)))
}

/// Brings the log to its end: everything on disk and signed. True when that was possible within the grace, of which
/// a little is left for HTTP.
async fn seal(audit: audit::Opened, reason: &'static str, deadline: Instant) -> bool {
    let within = deadline.saturating_duration_since(Instant::now()).mul_f64(0.8);
    let sealed = tokio::task::spawn_blocking(move || audit.stop(reason, within)).await;
    let sealed = sealed.unwrap_or(false);
    if !sealed {
        tracing::warn!("not every record is on disk and signed; what the broker sent was not acknowledged");
    }
    sealed
}

/// True when the engine ended within the grace.
async fn join(engine: std::thread::JoinHandle<()>, grace: Duration) -> bool {
    let ended = tokio::time::timeout(grace, tokio::task::spawn_blocking(move || engine.join())).await;
    matches!(ended, Ok(Ok(Ok(()))))
}
