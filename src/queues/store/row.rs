//! One client's row, as the database has it. Nothing here may turn what is not known into a number.

use rusqlite::Row as Found;
use watchkeeper_core::queues::Queue;
use watchkeeper_core::time::Wall;

/// The columns after the key, in their order.
pub(crate) const COLUMNS: &str = "depth, inflight, bytes, limit_messages, oldest_at_ms, connected, dropped";
const COUNT: usize = 7;

/// What is known of a queue; what is not is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row(pub(super) [Option<i64>; COUNT]);

impl Row {
    /// As it is stored. Moments lose what is below a millisecond, and numbers beyond the range are the largest there is.
    pub(crate) fn of(queue: &Queue) -> Self {
        let number = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        Self([
            number(queue.depth),
            number(queue.inflight),
            number(queue.bytes),
            number(queue.limit_messages),
            queue.oldest.map(|at| at.0.div_euclid(1000)),
            queue.connected.map(i64::from),
            number(queue.dropped),
        ])
    }

    /// Nothing is known: the source no longer tells of the client.
    pub(crate) fn is_gone(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The columns from this place on.
    pub(super) fn read(found: &Found<'_>, from: usize) -> rusqlite::Result<Self> {
        let mut row = Self::default();
        for (at, column) in row.0.iter_mut().enumerate() {
            *column = found.get(from + at)?;
        }
        Ok(row)
    }

    /// As the core has it.
    pub(crate) fn queue(&self, client_id: impl Into<String>) -> Queue {
        let [depth, inflight, bytes, limit, oldest, connected, dropped] = self.0;
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        Queue {
            client_id: client_id.into(),
            depth: number(depth),
            inflight: number(inflight),
            bytes: number(bytes),
            limit_messages: number(limit),
            oldest: oldest.map(|ms| Wall(ms.saturating_mul(1000))),
            connected: connected.map(|flag| flag != 0),
            dropped: number(dropped),
        }
    }
}
