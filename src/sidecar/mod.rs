//! The life of a sidecar: bind, restore, serve, connect, run, drain, stop. HTTP is up before any broker is asked
//! and answers until the end; only this file knows the order, and it must not know how a room works.

mod desk;
mod places;
pub(crate) mod reload;
mod signals;
mod watching;

pub(crate) use places::rules;

use crate::audit::marks::Marks;
use crate::audit::{self, Window};
use crate::config::Config;
use crate::engine::handed::Handed;
use crate::engine::handle::EngineHandle;
use crate::out::{self, BrokerLink, Subject};
use crate::own::Own;
use crate::probe;
use crate::queues;
use crate::state::DataDir;
use crate::{clock, logging};
use anyhow::Context;
use places::Places;
use reload::{Reloaded, Reread, Wish};
use sd_notify::NotifyState;
use signals::{notify, notify_reloading, signals, watchdog_every};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use watching::Watching;
use watchkeeper_audit::sources::life;
use watchkeeper_core::shard::Shard;

/// Questions that may wait for the engine.
const QUESTIONS_MAX: usize = 64;

/// The part of the grace that the engine may take: the log must be sealed whatever becomes of the engine.
const ENGINE_SHARE: f64 = 0.6;

/// What becomes known while the sidecar starts, for those who announce it.
pub(crate) struct Started<'a> {
    /// Where HTTP is served.
    pub(crate) addresses: &'a [std::net::SocketAddr],
}

/// State and log are written within this time, or not now.
const WRITE_MAX: Duration = Duration::from_secs(5);

/// Wishes to read the configuration again that may wait.
const WISHES_MAX: usize = 4;

/// What stays while rules come and go.
struct Station {
    data: DataDir,
    own: Own,
    audit: audit::Opened,
    marks: Option<Arc<Marks>>,
    places: Places,
}

/// Runs until SIGINT or SIGTERM. `announce` is called once HTTP is served. Without `reread` there is no configuration that
/// could be read again.
pub(crate) fn run(
    config: Config,
    reread: Option<Reread>,
    announce: &mut dyn FnMut(&Started) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(run_until(config, reread, announce));
    // A look-up of a name that hangs, or an engine that missed the grace, must not hold up the exit.
    runtime.shutdown_background();
    done
}

/// The same inside a runtime.
pub(crate) async fn run_until(
    config: Config,
    reread: Option<Reread>,
    announce: &mut dyn FnMut(&Started) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (wishes, mut requested) = mpsc::channel(WISHES_MAX);
    let mut stop = signals(wishes.clone())?;
    logging::start(&config.log)?;
    let data = DataDir::open(&config.data_dir)?;
    let own = Own::new().context("our own metrics cannot be registered")?;
    own.show_shard(config.shard);
    let audit = audit::open(&config.audit, &own)?;
    let (handle, asked) = EngineHandle::new(QUESTIONS_MAX);
    let places = Places::new(&config, &data.id);
    let (halt, halted) = watch::channel(false);
    let queues = queues::Room::start(&config, &handle, &own, halted.clone())?;
    let window = queues.as_ref().map(|room| room.window.clone()).unwrap_or_default();
    let mut subject = subject(handle.clone(), &own, (audit.window.clone(), window), places.links.clone());
    subject.shard = config.shard;
    subject.reload = (config.web.enable_lifecycle && reread.is_some()).then_some(wishes);
    let server = out::http::start(&config.web, subject)?;
    audit.started();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    announce(&Started { addresses: server.addresses() })?;
    tracing::info!(
        addresses = ?server.addresses(), data_dir = %config.data_dir.display(), version = crate::cli::args::VERSION, "started"
    );
    if !config.shard.is_whole() {
        let (index, total) = (config.shard.index(), config.shard.total());
        tracing::info!(
            index,
            total,
            "this is one of several shards; the first one asks the sources of queues, probes, and records clients"
        );
    }
    let marks = audit.intake().map(|(log, safe)| Arc::new(Marks::new(Box::new(log), safe)));
    let station = Station { data, own, audit, marks, places };
    let grace = config.grace;
    let Places { brokers, links, .. } = &station.places;
    let probe = probe::Room::start(&config, brokers, links, &handle, &station.own, halted)?;
    let mut life = Life { config, reread, watching: None };
    life.watching = Some(Watching::start(&station, &life.config, Handed::first(asked))?);
    notify(&[NotifyState::Ready]);
    let died = life.until_stopped(&station, &server, &mut stop, &mut requested, &handle).await?;
    notify(&[NotifyState::Stopping]);
    let deadline = Instant::now() + grace;
    if let Some(watching) = &life.watching {
        watching.leave();
    }
    // What is under way is written; the engine still answers.
    halt.send_replace(true);
    let kept = async { keep(queues, deadline).await && stand_down(probe, deadline).await };
    let ended = async {
        let Some(watching) = life.watching else { return (false, false) };
        let ended = watching.end(grace).await;
        (ended.handed.is_some(), ended.received)
    };
    let ((drained, received), kept) = tokio::join!(ended, kept);
    let reason = if died { "the engine ended by itself" } else { "as asked" };
    let Station { data, audit, .. } = station;
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

/// What changes while a sidecar lives.
struct Life {
    config: Config,
    reread: Option<Reread>,
    /// None: what watched did not end in time, so that nobody can take its place.
    watching: Option<Watching>,
}

impl Life {
    /// Waits for the stop, and does what is wished meanwhile. Feeds the watchdog of the service manager as long as the
    /// engine answers; true when the engine ended by itself.
    async fn until_stopped(
        &mut self,
        station: &Station,
        server: &out::http::Server,
        stop: &mut watch::Receiver<bool>,
        requested: &mut mpsc::Receiver<Wish>,
        handle: &EngineHandle,
    ) -> anyhow::Result<bool> {
        let every = watchdog_every();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(false),
                Some(wish) = requested.recv() => self.reload(station, server, wish, handle).await?,
                () = tokio::time::sleep(every.unwrap_or(Duration::from_secs(5))) => {}
            }
            if self.watching.as_ref().is_none_or(Watching::is_over) {
                return Ok(true);
            }
            let Some(every) = every else { continue };
            // Bounded, so that a stop is heard in time. Who hangs is not fed, and the service manager ends it.
            if tokio::time::timeout(every, handle.findings(0)).await.is_ok_and(|answer| answer.is_ok()) {
                notify(&[NotifyState::Watchdog]);
            }
        }
    }

    /// Reads the configuration again. What is wrong with it is told, and changes nothing.
    async fn reload(
        &mut self,
        station: &Station,
        server: &out::http::Server,
        wish: Wish,
        handle: &EngineHandle,
    ) -> anyhow::Result<()> {
        let read = self.reread.as_ref().map_or_else(
            || Err("there is no configuration file that could be read again".to_owned()),
            |reread| reread(),
        );
        let merged = read
            .and_then(|new| reload::merged(&self.config, new, &station.places.brokers))
            .and_then(|merged| server.reload().map(|()| merged).map_err(|error| error.to_string()));
        let own = &station.own;
        let (config, reloaded) = match merged {
            Ok(merged) => merged,
            Err(why) => {
                Self::refuse(station, why, wish);
                return Ok(());
            }
        };
        if let Err(why) = may_change(station, handle).await {
            Self::refuse(station, why, wish);
            return Ok(());
        }
        notify_reloading();
        self.take_over(station, config).await?;
        if self.watching.is_none() {
            Self::refuse(station, "the engine did not end in time; the program ends".to_owned(), wish);
            return Ok(());
        }
        own.reload_successful.set(1.0);
        let Reloaded { left } = &reloaded;
        let details = if left.is_empty() {
            "configuration".to_owned()
        } else {
            format!("configuration; what needs a restart stays as it was: {}", left.join(", "))
        };
        tracing::info!(left = left.join(", "), "the configuration was read again");
        station.audit.window.note(life::config_reloaded(clock::wall(), None, &details));
        notify(&[NotifyState::Ready]);
        wish.tell(Ok(reloaded));
        Ok(())
    }

    /// Nothing changes, and everybody is told.
    fn refuse(station: &Station, why: String, wish: Wish) {
        station.own.reload_successful.set(0.0);
        tracing::error!(%why, "the configuration is not taken over; the old one stays in force");
        station.audit.window.note(life::config_reloaded(clock::wall(), Some(&why), "configuration"));
        wish.tell(Err(why));
    }

    /// Ends what watches, and begins anew with what it knew.
    async fn take_over(&mut self, station: &Station, config: Config) -> anyhow::Result<()> {
        let Some(watching) = self.watching.take() else { return Ok(()) };
        let Some(handed) = watching.end(self.config.grace).await.handed else {
            tracing::error!("the engine did not end in time for the new configuration");
            return Ok(());
        };
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        self.watching = Some(Watching::start(station, &config, handed)?);
        self.config = config;
        Ok(())
    }
}

/// What watches next goes on from the state and from the log: while one of them cannot be written, it would forget.
async fn may_change(station: &Station, handle: &EngineHandle) -> Result<(), String> {
    let saved = tokio::time::timeout(WRITE_MAX, handle.saved()).await;
    if !matches!(saved, Ok(Ok(Ok(())))) {
        return Err(
            "the state cannot be saved now, and what is known of devices would be lost; see the log for the \
                    cause, and ask again"
                .to_owned(),
        );
    }
    let Some(marks) = &station.marks else { return Ok(()) };
    let (last, mut steps) = (marks.last(), marks.steps());
    let safe = tokio::time::timeout(WRITE_MAX, steps.wait_for(|safe| *safe >= last)).await;
    if matches!(safe, Ok(Ok(_))) {
        return Ok(());
    }
    Err("the audit log does not take records now; see `/api/health` for the cause, and ask again".to_owned())
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
        reload: None,
        shard: Shard::default(),
        started: clock::now(),
        version: env!("CARGO_PKG_VERSION"),
        revision: env!("WATCHKEEPER_REVISION"),
    }
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
