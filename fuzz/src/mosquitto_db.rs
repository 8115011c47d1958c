//! Mosquitto's persistence file: whatever bytes it has, reading it never panics, and the pieces in which it comes change
//! nothing.

use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::mosquitto_db::{Damage, PersistenceFile};

/// A whole file.
pub fn mosquitto_db(bytes: &[u8]) {
    let whole = read(bytes, bytes.len().max(1));
    for size in [1, 7, 64] {
        assert_eq!(read(bytes, size), whole, "in pieces of {size}");
    }
    if let Ok(reading) = whole {
        assert!(reading.queues.len() <= 50);
        assert!(reading.queues.iter().all(|queue| queue.depth.is_some() && queue.limit_messages.is_none()));
    }
}

fn read(bytes: &[u8], size: usize) -> Result<Reading, Damage> {
    let mut file = PersistenceFile::default();
    for piece in bytes.chunks(size) {
        file.feed(piece)?;
    }
    file.finish(50, None)
}
