//! Signals, and what the service manager is told. Nothing here may decide what becomes of the sidecar.

use super::reload::Wish;
use sd_notify::NotifyState;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A receiver that turns true with the first SIGINT or SIGTERM; each SIGHUP becomes a wish to read the configuration
/// again.
pub(super) fn signals(wishes: mpsc::Sender<Wish>) -> anyhow::Result<watch::Receiver<bool>> {
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
                // Where several wait already, the last of them reads what this one would.
                _ = hangup.recv() => drop(wishes.try_send(Wish { answer: None })),
            }
        }
        // Nobody listens when the sidecar has already stopped.
        let _ = stop.send(true);
    });
    Ok(stopped)
}

/// A third of `WATCHDOG_USEC`, so that pause and answer fit in, if the service manager watches us.
pub(super) fn watchdog_every() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros((micros / 3).max(1)))
}

/// Tells the service manager, if there is one.
pub(super) fn notify(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}

/// Tells it that we read the configuration again, and are ready afterwards.
pub(super) fn notify_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager could not be told"),
    }
}
