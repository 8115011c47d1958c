//! The web config file and the certificates, read again while we serve: when asked, and when a file has changed,
//! because those who renew certificates tell nobody. What cannot be read must leave the old in force.

use super::Shared;
use super::tls::{Tls, TlsError};
use super::web_config::{self, WebConfig, WebConfigError};
use crate::clock;
use axum_server::tls_rustls::RustlsConfig;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use watchkeeper_audit::sources::life;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(30);

/// Why the files could not be taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error(transparent)]
    WebConfig(#[from] WebConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Puts new settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Reloader {
    path: PathBuf,
    shared: Arc<Shared>,
    tls: Option<RustlsConfig>,
    seen: Arc<Mutex<Vec<Stamp>>>,
}

/// Enough of a file to see that it changed.
type Stamp = Option<(SystemTime, u64)>;

impl Reloader {
    /// For a server that began with the file as it is.
    pub(crate) fn new(path: PathBuf, shared: Arc<Shared>, tls: Option<RustlsConfig>) -> Self {
        let reloader = Self { path, shared, tls, seen: Arc::default() };
        reloader.changed();
        reloader
    }

    /// Reads everything again and takes over all of it or nothing.
    pub(crate) fn reload(&self) -> Result<(), ReloadError> {
        let config = web_config::load(&self.path)?;
        match (&self.tls, &config.tls) {
            (Some(serving), Some(tls)) => serving.reload_from_config(built(tls, config.http2)?),
            (None, None) => {}
            _ => return Err(WebConfigError::Restart { path: self.path.clone() }.into()),
        }
        if let Some(place) = &self.shared.web_config
            && let Ok(mut place) = place.write()
        {
            *place = Arc::new(config);
        }
        self.changed();
        Ok(())
    }

    /// Looks for changes until it is dropped.
    pub(crate) async fn watch(self) {
        let mut pause = tokio::time::interval(EVERY);
        loop {
            pause.tick().await;
            if !self.changed() {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    tracing::info!(file = %self.path.display(), "web config and certificates read again");
                    self.record(None);
                }
                Err(error) => {
                    tracing::error!(%error, "web config not taken over; the old one stays in force");
                    self.record(Some(&error.to_string()));
                }
            }
        }
    }

    fn record(&self, refused: Option<&str>) {
        let details = format!("web config {}", self.path.display());
        self.shared.subject.audit.note(life::config_reloaded(clock::wall(), refused, &details));
    }

    /// Whether a file differs from the last look.
    fn changed(&self) -> bool {
        let config: Option<Arc<WebConfig>> = self.shared.web_config();
        let tls = config.iter().filter_map(|config| config.tls.as_ref()).flat_map(Tls::files);
        let now: Vec<Stamp> = std::iter::once(self.path.as_path()).chain(tls).map(stamp).collect();
        self.seen.lock().is_ok_and(|mut seen| std::mem::replace(&mut *seen, now.clone()) != now)
    }
}

/// What rustls serves with.
pub(crate) fn built(tls: &Tls, http2: bool) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    tls.server_config(http2).map(Arc::new)
}

fn stamp(path: &Path) -> Stamp {
    let file = std::fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}
