//! What watches: the thread of the engine with its connections, and what comes into the log from brokers. It can be ended
//! and begun again with other rules while everything else stays. Nothing here may outlive what it was started with.

use super::desk::Desk;
use super::places::{self, Places};
use super::{ENGINE_SHARE, Station};
use crate::audit::receiving::{self, Receiving};
use crate::config::Config;
use crate::engine::handed::Handed;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// See the head of this file.
pub(super) struct Watching {
    engine: JoinHandle<Handed>,
    receiving: Option<Receiving>,
    halt: watch::Sender<bool>,
}

/// How it ended.
pub(super) struct Ended {
    /// For whoever watches next; none: the engine has not ended.
    pub(super) handed: Option<Handed>,
    /// What was taken from brokers is safe, and they have heard goodbye.
    pub(super) received: bool,
}

impl Watching {
    /// Begins.
    pub(super) fn start(station: &Station, config: &Config, handed: Handed) -> anyhow::Result<Self> {
        let Places { brokers, links, feeds } = &station.places;
        let heard = Arc::<Notify>::default();
        let echoes: Vec<_> =
            brokers.iter().map(|broker| places::echo(&station.own, broker, &heard)).collect();
        // What is recorded from now on is told to the engine, and what was before is for it to read.
        let recorded = station.audit.window.status().map_or(0, |status| status.next);
        let each = brokers.iter().zip(links).zip(feeds.iter().zip(&echoes));
        let each = each.map(|((broker, link), (feed, echo))| receiving::Watched {
            broker,
            rules: places::rules(config, broker),
            link: link.audit.clone().unwrap_or_default(),
            feed: feed.clone(),
            echo: Arc::clone(echo),
        });
        let receiving = Receiving::start(config, each.collect(), station.marks.clone())?;
        let desk = Desk {
            config: config.clone(),
            brokers: brokers.clone(),
            links: links.clone(),
            feeds: feeds.clone(),
            own: station.own.clone(),
            audit: station.audit.window.clone(),
            heard: (heard, echoes),
            recorded,
            progress: station.audit.intake(),
            handed,
            file: station.data.state_file(),
        };
        let (halt, halted) = watch::channel(false);
        let engine = std::thread::Builder::new().name("engine".to_owned()).spawn(move || desk.run(halted))?;
        Ok(Self { engine, receiving, halt })
    }

    /// The engine has ended by itself.
    pub(super) fn is_over(&self) -> bool {
        self.engine.is_finished()
    }

    /// Takes no more from brokers. The engine still answers.
    pub(super) fn leave(&self) {
        if let Some(receiving) = &self.receiving {
            // It leaves the brokers while the engine does.
            receiving.leave();
        }
        self.halt.send_replace(true);
    }

    /// Waits until everything that was taken is dealt with and saved.
    pub(super) async fn end(self, grace: Duration) -> Ended {
        self.leave();
        let deadline = Instant::now() + grace;
        let engine = self.engine;
        let joined = tokio::task::spawn_blocking(move || engine.join());
        let joined = tokio::time::timeout(grace.mul_f64(ENGINE_SHARE), joined).await;
        let handed = joined.ok().and_then(Result::ok).and_then(Result::ok);
        Ended { handed, received: finish(self.receiving, deadline).await }
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
