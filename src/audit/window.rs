//! The log as the other rooms see it: where it is, how it is, and where to tell it something. Nothing here may write
//! or read a file.

use super::asked::{Asked, Deed};
use super::desk::Desk;
use crate::clock;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use watchkeeper_audit::log::{LogHandle, Status, Verified};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::life::Asker;
use watchkeeper_core::time::Wall;

/// A handle that can be cloned freely.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    desk: Desk,
    mask: Arc<Mask>,
    inner: Option<Arc<Inner>>,
}

struct Inner {
    dir: PathBuf,
    log: LogHandle,
    asked: Asked,
    /// When the log was last proved, in microseconds; 0: not yet.
    proved: AtomicI64,
}

impl Window {
    /// The log is off. What is shown elsewhere is masked all the same.
    pub(crate) fn off(mask: Mask) -> Self {
        Self { mask: Arc::new(mask), ..Self::default() }
    }

    pub(super) fn new(desk: Desk, dir: PathBuf, log: LogHandle, mask: Mask) -> Self {
        let inner = Inner { dir, log, asked: Asked::default(), proved: AtomicI64::new(0) };
        Self { desk, mask: Arc::new(mask), inner: Some(Arc::new(inner)) }
    }

    /// Where the program's own records go.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Puts a record into the log.
    pub(crate) fn note(&self, draft: Draft) {
        self.desk.note(draft);
    }

    /// The folder; none where the log is off.
    pub(crate) fn dir(&self) -> Option<&Path> {
        self.inner.as_ref().map(|inner| inner.dir.as_path())
    }

    /// How the log is; none where it is off.
    pub(crate) fn status(&self) -> Option<Status> {
        self.inner.as_ref().map(|inner| inner.log.status())
    }

    /// A text as anybody may see it.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.mask.text(text).into_owned()
    }

    /// Somebody asked over HTTP.
    pub(crate) fn asked(&self, deed: Deed, asker: Asker<'_>, query: &str, matches: u64) {
        let Some(inner) = &self.inner else { return };
        let query = self.mask.text(query);
        self.desk_note(inner.asked.note(deed, asker, &query, matches, clock::now()));
    }

    /// What a verification of this process found.
    pub(crate) fn verified(&self, verified: Verified) {
        let Some(inner) = &self.inner else { return };
        inner.log.verified(verified);
        if verified.exit == 0 {
            inner.proved.store(verified.at.0, Ordering::Relaxed);
        }
    }

    /// When the log was last proved.
    pub(crate) fn proved(&self) -> Option<Wall> {
        let at = self.inner.as_ref()?.proved.load(Ordering::Relaxed);
        (at != 0).then_some(Wall(at))
    }

    fn desk_note(&self, draft: Option<Draft>) {
        if let Some(draft) = draft {
            self.desk.note(draft);
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("dir", &self.dir).finish_non_exhaustive()
    }
}
