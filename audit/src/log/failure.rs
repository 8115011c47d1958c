//! What can go wrong while the log is written, and how long to wait before the next attempt. Nothing here retries.

use super::status::Cause;
use rustix::io::Errno;
use std::fmt;
use std::io;
use watchkeeper_core::time::{Micros, Mono, SECOND, Wall};

/// Something that the disk refused.
#[derive(Debug)]
pub(super) struct Failure {
    /// What it would have been good for, as «writing audit-….log».
    pub doing: String,
    pub error: io::Error,
}

impl Failure {
    pub(super) fn cause(&self) -> Cause {
        match self.error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOSPC | Errno::DQUOT) => return Cause::NoSpace,
            Some(Errno::ROFS) => return Cause::ReadOnly,
            _ => {}
        }
        match self.error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Cause::NoSpace,
            io::ErrorKind::ReadOnlyFilesystem => Cause::ReadOnly,
            io::ErrorKind::PermissionDenied => Cause::Denied,
            io::ErrorKind::ResourceBusy => Cause::Taken,
            _ => Cause::Disk,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.error)
    }
}

/// Says what a call was good for.
pub(super) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure { doing: what(), error })
    }
}

/// A time in which nothing can be written.
#[derive(Debug)]
pub(super) struct Trouble {
    pub cause: Cause,
    /// What was said first, for the record that is written when it is over.
    pub detail: String,
    pub since: Wall,
    pub began: Mono,
    /// Attempts that failed.
    pub count: u64,
    /// No attempt is made before.
    pub retry_at: Mono,
    pause: Micros,
}

const PAUSE_MIN: Micros = SECOND / 20;
const PAUSE_MAX: Micros = SECOND;

impl Trouble {
    pub(super) fn new(failure: &Failure, since: Wall, began: Mono) -> Self {
        let (cause, detail) = (failure.cause(), failure.to_string());
        Self { cause, detail, since, began, count: 0, retry_at: began, pause: PAUSE_MIN }
    }

    /// One more attempt has failed.
    pub(super) fn again(&mut self, failure: &Failure, now: Mono) {
        self.cause = failure.cause();
        self.detail = failure.to_string();
        self.count += 1;
        self.retry_at = now.plus(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
    }
}

/// What is complained about, each by itself.
#[derive(Debug, Default)]
pub(super) struct Hushes {
    pub write: Hush,
    pub look: Hush,
    pub sign: Hush,
    pub link: Hush,
}

/// Lets one of many equal complaints through a minute.
#[derive(Debug, Default)]
pub(super) struct Hush(Option<Mono>);

impl Hush {
    pub(super) fn speak(&mut self, now: Mono) -> bool {
        let quiet = self.0.is_some_and(|last| now.since(last) < 60 * SECOND);
        if !quiet {
            self.0 = Some(now);
        }
        !quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_says_is_told_by_what_cures_it() {
        for (errno, cause) in [
            (Errno::NOSPC, Cause::NoSpace),
            (Errno::DQUOT, Cause::NoSpace),
            (Errno::ROFS, Cause::ReadOnly),
            (Errno::ACCESS, Cause::Denied),
            (Errno::PERM, Cause::Denied),
            (Errno::IO, Cause::Disk),
            (Errno::NOENT, Cause::Disk),
        ] {
            let failure = Failure { doing: "writing".into(), error: errno.into() };
            assert_eq!(failure.cause(), cause, "{failure}");
        }
    }

    #[test]
    fn pauses_double_from_fifty_milliseconds_to_one_second() {
        let failure = Failure { doing: "writing".into(), error: Errno::IO.into() };
        let mut trouble = Trouble::new(&failure, Wall(0), Mono(0));
        let pauses: Vec<_> = (0..7)
            .map(|_| {
                let now = trouble.retry_at;
                trouble.again(&failure, now);
                trouble.retry_at.since(now) / 1_000
            })
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000]);
    }

    #[test]
    fn a_complaint_is_heard_once_a_minute() {
        let mut hush = Hush::default();
        let heard = [0, 1, 59, 60, 61, 121].map(|second| hush.speak(Mono(second * SECOND)));
        assert_eq!(heard, [true, false, false, true, false, true]);
    }
}
