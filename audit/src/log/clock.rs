//! Where the log gets its time from: both clocks, read together. Nothing else in the log may read one, so that a
//! test can let a day pass.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use watchkeeper_core::time::{Mono, Now, Wall, micros};

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// The clocks of this machine.
pub fn real() -> Clock {
    let origin = Instant::now();
    Arc::new(move || Now { mono: Mono(micros(origin.elapsed())), wall: wall() })
}

fn wall() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
