//! The gate in front of the queue: so many records and bytes may wait, and whoever finds it full is told so at once.
//! The queue behind it counts messages only and blocks when it is full; the gate is why it never is. Nothing here
//! may block, but for those who ask to wait.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Too many wait already; there is room again when the disk has taken some.
    #[error("the audit log has no room until the disk has taken what waits")]
    NoRoom,
    /// The log is being stopped, or its thread has died.
    #[error("the audit log is stopped")]
    Stopped,
}

/// Bytes stand in the low bits, records above them, so that both change in one step.
const RECORD: u64 = 1 << 40;
const BYTES: u64 = RECORD - 1;

#[derive(Debug)]
pub(super) struct Gate {
    inside: AtomicU64,
    shut: AtomicBool,
    records_max: u64,
    bytes_max: u64,
    waiting: Mutex<()>,
    left: Condvar,
}

impl Gate {
    pub(super) fn new(records_max: usize, bytes_max: usize) -> Self {
        Self {
            inside: AtomicU64::new(0),
            shut: AtomicBool::new(false),
            records_max: records_max as u64,
            bytes_max: bytes_max as u64,
            waiting: Mutex::new(()),
            left: Condvar::new(),
        }
    }

    /// Takes room for a record. One that is larger than all the room there is enters when it is alone.
    pub(super) fn enter(&self, bytes: usize) -> Result<(), Full> {
        if self.shut.load(Ordering::Acquire) {
            return Err(Full::Stopped);
        }
        let bytes = bytes as u64;
        let step = |inside: u64| {
            let fits = inside / RECORD < self.records_max && (inside & BYTES) + bytes <= self.bytes_max;
            (fits || inside == 0).then_some(inside + RECORD + bytes)
        };
        match self.inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, step) {
            Ok(_) => Ok(()),
            Err(_) => Err(Full::NoRoom),
        }
    }

    /// As `enter`, but waits for room.
    pub(super) fn enter_within(&self, bytes: usize, within: Duration) -> Result<(), Full> {
        let until = Instant::now() + within;
        loop {
            match self.enter(bytes) {
                Err(Full::NoRoom) => {}
                done => return done,
            }
            let waiting = self.lock();
            // Who left between the attempt and the lock would not be noticed.
            if self.enter(bytes).is_ok() {
                return Ok(());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Full::NoRoom);
            }
            drop(self.left.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Gives room back.
    pub(super) fn leave(&self, records: usize, bytes: usize) {
        if records > 0 {
            self.inside.fetch_sub(records as u64 * RECORD + bytes as u64, Ordering::AcqRel);
        }
        drop(self.lock());
        self.left.notify_all();
    }

    /// Nobody enters any more.
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.leave(0, 0);
    }

    /// Waits until everybody has left; false when somebody is inside still.
    pub(super) fn empty_within(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut waiting = self.lock();
        while self.inside.load(Ordering::Acquire) != 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            waiting = self.left.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Whether the longest record would find room.
    pub(super) fn room(&self) -> bool {
        let (records, bytes) = self.inside();
        !self.shut.load(Ordering::Acquire)
            && records < self.records_max
            && bytes + crate::line::LINE_BYTES_MAX as u64 <= self.bytes_max
    }

    /// How many records are inside, and their bytes.
    pub(super) fn inside(&self) -> (u64, u64) {
        let inside = self.inside.load(Ordering::Acquire);
        (inside / RECORD, inside & BYTES)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn it_is_full_by_records_or_by_bytes_and_leaving_makes_room() {
        let gate = Gate::new(3, 1_000);
        assert_eq!([gate.enter(500), gate.enter(500), gate.enter(1)], [Ok(()), Ok(()), Err(Full::NoRoom)]);
        gate.leave(1, 500);
        assert_eq!([gate.enter(1), gate.enter(1), gate.enter(1)], [Ok(()), Ok(()), Err(Full::NoRoom)]);
        assert_eq!(gate.inside(), (3, 502));
        gate.leave(3, 502);
        assert_eq!([gate.enter(70_000), gate.enter(1)], [Ok(()), Err(Full::NoRoom)]);
    }

    #[test]
    fn who_waits_is_let_in_when_another_leaves_and_sent_away_when_it_shuts() {
        let gate = Arc::new(Gate::new(1, 1_000));
        gate.enter(1).unwrap();
        let waiter =
            |gate: Arc<Gate>| std::thread::spawn(move || gate.enter_within(2, Duration::from_secs(60)));
        let first = waiter(Arc::clone(&gate));
        gate.leave(1, 1);
        assert_eq!(first.join().unwrap(), Ok(()));
        let second = waiter(Arc::clone(&gate));
        gate.shut();
        assert_eq!(second.join().unwrap(), Err(Full::Stopped));
        assert!(!gate.empty_within(Duration::from_millis(1)));
        gate.leave(1, 2);
        assert!(gate.empty_within(Duration::ZERO));
        assert!(!gate.room());
    }

    #[test]
    fn nobody_waits_longer_than_he_said() {
        let gate = Gate::new(1, 1_000);
        gate.enter(1).unwrap();
        assert_eq!(gate.enter_within(1, Duration::from_millis(5)), Err(Full::NoRoom));
    }
}
