//! Which closed segments may go: at least so many files and days stay, and never more bytes. Pure: it is told what
//! there is and what time it is.

use super::config::Config;
use super::segment::Closed;
use watchkeeper_core::time::{Wall, micros};

/// Why a segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There are more files than have to stay, and it is older than has to stay.
    Age,
    /// All of them together take too many bytes.
    Bytes,
}

impl Why {
    pub(super) fn word(self) -> &'static str {
        match self {
            Why::Age => "age",
            Why::Bytes => "bytes",
        }
    }
}

/// How many of the oldest go, each with its reason. The one that is being written never goes, and counts as long as
/// it may become, so that the bound holds while it grows.
pub(super) fn victims(closed: &[Closed], live_bytes: u64, now: Wall, config: &Config) -> Vec<Why> {
    let young = now.minus(micros(config.keep_for));
    let mut bytes: u64 = closed.iter().map(|segment| segment.bytes).sum();
    bytes += live_bytes.max(config.rotate_bytes);
    let mut whys = Vec::new();
    for (gone, segment) in closed.iter().enumerate() {
        let spare = closed.len() - gone > config.keep_files;
        let why = match () {
            () if bytes > config.keep_bytes => Why::Bytes,
            () if spare && segment.span.1 < young => Why::Age,
            () => break,
        };
        bytes -= segment.bytes;
        whys.push(why);
    }
    whys
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const DAY: i64 = 86_400_000_000;

    /// Segments of 10 bytes each, their last records so many days old.
    fn closed(days_old: &[i64]) -> Vec<Closed> {
        let segment = |(at, days): (usize, &i64)| Closed {
            first: at as u64,
            last: at as u64,
            span: (Wall(0), Wall((1_000 - days) * DAY)),
            bytes: 10,
            entry: None,
            going: false,
        };
        days_old.iter().enumerate().map(segment).collect()
    }

    #[test]
    fn so_many_files_and_days_stay_and_never_more_bytes() {
        use Why::{Age, Bytes};
        for (files, days, bytes, live, old, gone) in [
            // Fewer files than have to stay: none goes, however old.
            (3, 1, 1_000, 0, &[90, 80, 70][..], &[][..]),
            // More files, but young: none goes.
            (1, 30, 1_000, 0, &[29, 3, 2], &[]),
            // More files, and old: down to so many.
            (1, 30, 1_000, 0, &[90, 80, 70], &[Age, Age]),
            // Only those that are old; one in between that is young keeps those after it.
            (0, 30, 1_000, 0, &[90, 31, 30, 90], &[Age, Age]),
            // Bytes come before files and days; the one being written counts in full.
            (10, 30, 45, 5, &[3, 2, 1], &[]),
            (10, 30, 44, 5, &[3, 2, 1], &[Bytes]),
            (10, 30, 44, 30, &[3, 2, 1], &[Bytes, Bytes]),
            (10, 30, 0, 0, &[3, 2, 1], &[Bytes, Bytes, Bytes]),
            (0, 2, 25, 0, &[3, 3, 1], &[Bytes, Bytes]),
            (0, 0, 1_000, 0, &[], &[]),
        ] {
            let mut config = Config::new("");
            (config.keep_files, config.keep_bytes, config.rotate_bytes) = (files, bytes, 15);
            config.keep_for = Duration::from_secs(days * 86_400);
            let found = victims(&closed(old), live, Wall(1_000 * DAY), &config);
            assert_eq!(found, gone, "files {files} days {days} bytes {bytes} live {live} old {old:?}");
        }
    }
}
