//! What can tell the depth of queues: one file a source, behind one trait. Each says what it knows and leaves the rest
//! absent. None may guess, write to what it reads, or wait for ever: who asks sets a limit of time.

use std::future::Future;
use std::pin::Pin;
use watchkeeper_core::queues::Reading;
use watchkeeper_core::time::Wall;

/// Why a source could not tell, and what to do about it. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}; {cure}")]
pub(crate) struct Trouble {
    /// Names the place.
    pub(crate) cause: String,
    pub(crate) cure: String,
}

/// A reading under way.
pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Reading, Trouble>> + Send + 'a>>;

/// One source, opened. It may keep a connection between readings.
pub(crate) trait Source: Send {
    /// Asks once. May be dropped half-way.
    fn read(&mut self, now: Wall) -> Asked<'_>;
}

/// Opens a source outside; none where there is none of this kind.
pub(crate) fn open(_setting: &super::setting::Setting) -> Option<Result<Box<dyn Source>, Trouble>> {
    None
}
