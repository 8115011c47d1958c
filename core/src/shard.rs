//! Which of several processes keeps a device: each hears everything, and keeps what a consistent hash of the device's
//! home gives it. Every decision is made of the name alone, so that all processes decide alike without asking each
//! other. Nothing here may depend on what was heard before.

use crate::names::{ID_BYTES_MAX, Pattern, bounded, fnv1a_bytes};
use crate::route::Router;
use crate::rules::{DeviceFrom, FleetRules, Name, Part, StreamRules};
use crate::topics::fill;
use std::borrow::Cow;

/// The most processes that may share a fleet: the sum of 2 to the power of each one's number, by which a missing one is
/// found, is exact in the numbers of metrics up to here.
pub const SHARDS_MAX: u32 = 52;

/// `[shard]`: one of several processes that share a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    total: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, total: 1 }
    }
}

impl Shard {
    /// The one with this number, counted from 0, of so many; none where there is no such one.
    pub fn new(index: u32, total: u32) -> Option<Self> {
        (index < total && total <= SHARDS_MAX).then_some(Self { index, total })
    }

    /// Its number, counted from 0.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub fn total(self) -> u32 {
        self.total
    }

    /// Whether there is no other.
    pub fn is_whole(self) -> bool {
        self.total == 1
    }

    /// Whether it does what only one of them may do.
    pub fn is_first(self) -> bool {
        self.index == 0
    }

    /// Whether what has this name is kept here.
    fn keeps(self, name: &[u8]) -> bool {
        self.is_whole() || jump(fnv1a_bytes(name), self.total) == self.index
    }
}

/// The jump consistent hash of Lamping and Veach (2014): a number below `buckets`, which is not zero. From n to n + 1
/// buckets a key stays or goes to the new one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is too large ends the loop"
)]
fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = (((bucket + 1) << 31) as f64 / ((key >> 33) + 1) as f64) as u64;
    }
    // Below `buckets` by the condition of the loop.
    u32::try_from(bucket).unwrap_or(0)
}

/// Who keeps which device. Devices whose numbers are part of their parent's sequence live where the parent does: apart,
/// each would take the other's numbers for lost messages.
#[derive(Debug)]
pub(crate) struct Homes {
    shard: Shard,
    kin: Vec<Kin>,
}

/// A form of device ids that holds the id of the parent.
#[derive(Debug)]
struct Kin {
    router: Router,
    form: Pattern,
    parent: Box<[Part]>,
}

impl Homes {
    pub(crate) fn new(rules: &FleetRules) -> Self {
        let mut kin: Vec<Kin> = Vec::new();
        let counted = rules.streams.iter().filter(|stream| stream.kin.sequence_with.is_some());
        for one in counted.filter_map(Kin::of) {
            if !rules.shard.is_whole() && kin.iter().all(|known| known.form != one.form) {
                kin.push(one);
            }
        }
        Self { shard: rules.shard, kin }
    }

    /// Whether there is no other shard.
    pub(crate) fn is_whole(&self) -> bool {
        self.shard.is_whole()
    }

    /// Whether this device is kept here.
    pub(crate) fn keeps(&self, device: &str) -> bool {
        self.is_whole() || self.shard.keeps(self.home(&bounded(device, ID_BYTES_MAX)).as_bytes())
    }

    /// Whether what no device can be named for is counted here, by its topic.
    pub(crate) fn keeps_topic(&self, topic: &[u8]) -> bool {
        self.shard.keeps(topic)
    }

    /// The name that decides where a device lives.
    fn home<'a>(&self, device: &'a str) -> Cow<'a, str> {
        let kin = self.kin.iter().find(|kin| kin.router.find(device).is_some());
        kin.map_or(Cow::Borrowed(device), |kin| fill(&kin.parent, &kin.form, device).into())
    }
}

impl Kin {
    /// None where the form of the device's id does not tell its parent's.
    fn of(stream: &StreamRules) -> Option<Self> {
        let (DeviceFrom::Topic(device), Some(Name::Topic(parent))) = (&stream.device, &stream.kin.parent)
        else {
            return None;
        };
        let form = Pattern::parse(&template(device, &stream.pattern)).ok()?;
        let parent = DeviceFrom::parse(&template(parent, &stream.pattern), &form).ok()?;
        let DeviceFrom::Topic(parent) = parent else { return None };
        Some(Self { router: Router::new(std::iter::once(&form)), form, parent })
    }
}

/// An identity as it is written.
fn template(parts: &[Part], pattern: &Pattern) -> String {
    let name = |at: usize| pattern.captures().nth(at).unwrap_or_default();
    let part = |part: &Part| match part {
        Part::Text(text) => text.to_string(),
        Part::Capture(at) => format!("{{{}}}", name(*at)),
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests;
