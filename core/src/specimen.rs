//! Bad messages that are worth a record each: a few of each kind, so that whoever looks for the cause has some in
//! hand, while a flood of them stays a number. Bounded in time and memory; what is passed over is in the counts of
//! errors all the same. Nothing here keeps a payload: who asks has it.

use crate::decode::Malformed;
use crate::reason::{Reason, Reasons};
use crate::route::StreamId;
use crate::time::{Micros, Mono, SECOND};
use hashbrown::HashMap;

/// The same device and reason again: not before so long.
pub const AGAIN_AFTER: Micros = 60 * SECOND;

/// Of the whole fleet at most so many a second.
pub const PER_SECOND: u32 = 10;

/// More than can be taken within `AGAIN_AFTER`, each for every reason there is.
const REMEMBERED: usize = 16_384;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specimen {
    /// Its stream; none where the topic is no text, or is only nearly one that a stream takes.
    pub stream: Option<StreamId>,
    /// Whose it is, where that is known.
    pub device: Option<Box<str>>,
    /// What is wrong.
    pub reasons: Reasons,
    /// The first byte that could not be read, where it could not be read at all.
    pub malformed: Option<Malformed>,
}

/// Decides which.
#[derive(Debug, Default)]
pub(crate) struct Chooser {
    /// By a number for the device, and the reason.
    taken: HashMap<(u64, Reason), Mono, foldhash::fast::RandomState>,
    second: Mono,
    of_second: u32,
    /// The one that the last message was, until somebody takes it.
    pub(crate) chosen: Option<Specimen>,
}

impl Chooser {
    /// Whether a message of this device is wanted; if so, it counts as taken.
    pub(crate) fn wants(&mut self, device: u64, reasons: Reasons, now: Mono) -> bool {
        let old = |then: &Mono| now.since(*then) >= AGAIN_AFTER;
        if !reasons.iter().any(|reason| self.taken.get(&(device, reason)).is_none_or(old)) {
            return false;
        }
        if now.since(self.second) >= SECOND {
            (self.second, self.of_second) = (now, 0);
        }
        if self.of_second == PER_SECOND {
            return false;
        }
        self.of_second += 1;
        if self.taken.len() >= REMEMBERED {
            self.taken.retain(|_, then| !old(then));
        }
        self.taken.extend(reasons.iter().map(|reason| ((device, reason), now)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Arrival;
    use crate::testing::{Bench, now};

    fn wants(chooser: &mut Chooser, at: u64, device: u64, reason: Reason) -> bool {
        chooser.wants(device, reason.into(), Mono(at))
    }

    #[test]
    fn a_device_and_reason_is_taken_once_a_minute() {
        let chooser = &mut Chooser::default();
        assert!(wants(chooser, SECOND, 1, Reason::Json));
        assert!(!wants(chooser, 2 * SECOND, 1, Reason::Json));
        assert!(wants(chooser, 2 * SECOND, 1, Reason::Range) && wants(chooser, 2 * SECOND, 2, Reason::Json));
        let mut both = Reasons::from(Reason::Json);
        both.add(Reason::Type);
        assert!(chooser.wants(1, both, Mono(3 * SECOND)) && !wants(chooser, 4 * SECOND, 1, Reason::Type));
        assert!(!wants(chooser, 60 * SECOND, 1, Reason::Json));
        assert!(wants(chooser, 63 * SECOND, 1, Reason::Json));
    }

    #[test]
    fn a_flood_is_ten_a_second_and_its_memory_is_bounded() {
        let chooser = &mut Chooser::default();
        let mut all = Reasons::default();
        for reason in Reason::ALL {
            all.add(reason);
        }
        let mut taken = 0;
        for device in 0..400_000_u64 {
            // A thousand a second, each of a device of its own and wrong in every way.
            taken += u32::from(chooser.wants(device, all, Mono(SECOND + device * SECOND / 1000)));
        }
        assert_eq!(taken, 400 * PER_SECOND);
        assert!(chooser.taken.len() <= REMEMBERED + Reason::ALL.len(), "{}", chooser.taken.len());
    }

    #[test]
    fn a_bad_message_is_there_to_be_taken_until_the_next() {
        let mut bench = Bench::stream(|_| {});
        bench.say(1.0, "d/t", "1.5");
        assert_eq!(bench.fleet.take_specimen(), None);
        bench.say(2.0, "d/t", "x");
        let specimen = bench.fleet.take_specimen().unwrap();
        assert_eq!((specimen.stream, specimen.device.as_deref()), (Some(0), Some("d")));
        assert_eq!(specimen.reasons, Reasons::from(Reason::Type));
        assert_eq!(specimen.malformed, Some(Malformed { reason: Reason::Type, at: 0 }));
        assert_eq!(bench.fleet.take_specimen(), None);
        bench.say(70.0, "d/t", "x");
        bench.say(71.0, "d/t", "2.5");
        assert_eq!(bench.fleet.take_specimen(), None, "nobody asked in time");
    }

    #[test]
    fn a_topic_that_is_nearly_one_of_a_stream_is_there_once_a_minute_and_others_are_not() {
        let streams = crate::presets::streams("plant").unwrap();
        let mut bench = Bench::new(crate::rules::FleetRules { streams, ..Default::default() });
        let mut taken = |at: f64, topic: &str| {
            bench.say(at, topic, "1");
            bench.fleet.take_specimen().map(|specimen| (specimen.stream, specimen.reasons))
        };
        let stray = Some((None, Reasons::from(Reason::Topic)));
        assert_eq!(taken(1.0, "hall/2/tc01/telemetri/flow"), stray);
        assert_eq!(taken(2.0, "hall/2/tc01/telemetri/flow"), None);
        assert_eq!(taken(3.0, "hall/2/tc02/telemetri/flow"), stray);
        assert_eq!(taken(4.0, "house/lamp"), None);
        assert_eq!(taken(62.0, "hall/2/tc01/telemetri/flow"), stray);
        assert_eq!(bench.fleet.stats.unmatched, 5);
    }

    #[test]
    fn what_is_retained_is_none_and_a_topic_that_is_no_text_is_one() {
        let mut bench = Bench::stream(|_| {});
        let retained = Arrival { retain: true, ..Arrival::live("d/t", b"x") };
        bench.fleet.arrival(&retained, now(1.0));
        assert_eq!(bench.fleet.take_specimen(), None);
        bench.fleet.arrival(&Arrival { topic: b"\xFF/t", ..Arrival::live("", b"1") }, now(1.0));
        let specimen = bench.fleet.take_specimen().unwrap();
        assert_eq!((specimen.stream, specimen.device), (None, None));
        assert_eq!(specimen.reasons, Reasons::from(Reason::Topic));
    }
}
