//! The only reader of clocks. Everything else is told the time.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use watchkeeper_core::time::{Mono, Now, Wall, micros};

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Microseconds since the first reading of this process.
pub(crate) fn mono() -> Mono {
    Mono(micros(ORIGIN.get_or_init(Instant::now).elapsed()))
}

/// The calendar.
pub(crate) fn wall() -> Wall {
    let now = SystemTime::now();
    Wall(match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    })
}

/// Both clocks.
pub(crate) fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}
