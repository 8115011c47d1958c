//! Devices that an operator has muted: known trouble, with a reason and an end. What they do goes on into the log,
//! marked; alerts and health leave them out. A mute is a wish about a name, so that it outlives the device's state.

use crate::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// More are refused: somebody who mutes everything wants another switch.
pub const MUTES_MAX: usize = 10_000;
/// A longer reason is refused.
pub const REASON_BYTES_MAX: usize = 512;

/// One mute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// When it was said.
    pub since: Wall,
    /// When it ends by itself.
    pub until: Wall,
    /// Why.
    pub reason: Box<str>,
}

/// Why a mute is refused; each says what to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteRefused {
    /// The end has passed already.
    Past,
    /// The end has no date.
    Never,
    /// No reason was given, or one that is too long.
    Reason,
    /// There are `MUTES_MAX` already.
    Full,
}

impl std::fmt::Display for MuteRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Past => f.write_str("until has passed already; give a moment in the future"),
            Self::Never => {
                f.write_str("until lies beyond the year 9999; give a moment up to 9999-12-31T23:59:59Z")
            }
            Self::Reason => write!(f, "the reason must have 1 to {REASON_BYTES_MAX} bytes"),
            Self::Full => write!(f, "{MUTES_MAX} devices are muted already; lift some of them"),
        }
    }
}

/// All mutes of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutes {
    by_device: BTreeMap<Box<str>, Mute>,
}

impl Mutes {
    /// Mutes a device; one that was muted is muted anew.
    pub fn set(&mut self, device: &str, until: Wall, reason: &str, now: Wall) -> Result<(), MuteRefused> {
        if until <= now {
            return Err(MuteRefused::Past);
        }
        if !until.is_date() {
            return Err(MuteRefused::Never);
        }
        if !(1..=REASON_BYTES_MAX).contains(&reason.trim().len()) {
            return Err(MuteRefused::Reason);
        }
        if self.by_device.len() >= MUTES_MAX && !self.by_device.contains_key(device) {
            return Err(MuteRefused::Full);
        }
        self.by_device.insert(device.into(), Mute { since: now, until, reason: reason.trim().into() });
        Ok(())
    }

    /// Lifts a mute; none when there was none.
    pub fn lift(&mut self, device: &str) -> Option<Mute> {
        self.by_device.remove(device)
    }

    /// The mute of a device, if it is muted at `now`.
    pub fn of(&self, device: &str, now: Wall) -> Option<&Mute> {
        // Nearly always nobody is muted, and this is asked for every device at every scrape.
        if self.by_device.is_empty() {
            return None;
        }
        self.by_device.get(device).filter(|mute| now < mute.until)
    }

    /// The devices that are muted at `now`.
    pub fn devices(&self, now: Wall) -> impl Iterator<Item = &str> {
        self.by_device.iter().filter(move |(_, mute)| now < mute.until).map(|(device, _)| &**device)
    }

    /// True when nobody is muted.
    pub fn is_empty(&self) -> bool {
        self.by_device.is_empty()
    }

    /// Takes those that have ended, in the order of their end.
    pub fn take_ended(&mut self, now: Wall) -> Vec<(Box<str>, Mute)> {
        if !self.by_device.values().any(|mute| mute.until <= now) {
            return Vec::new();
        }
        let (ended, rest) =
            std::mem::take(&mut self.by_device).into_iter().partition(|(_, mute)| mute.until <= now);
        self.by_device = rest;
        let ended: BTreeMap<Box<str>, Mute> = ended;
        let mut ended: Vec<_> = ended.into_iter().collect();
        ended.sort_by_key(|(_, mute)| mute.until);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mute_holds_until_its_end_and_is_said_to_have_ended_once() {
        let mut mutes = Mutes::default();
        mutes.set("tc01", Wall(100), " being moved ", Wall(10)).unwrap();
        mutes.set("tc02", Wall(50), "battery", Wall(10)).unwrap();
        assert_eq!(mutes.of("tc01", Wall(99)).map(|mute| &*mute.reason), Some("being moved"));
        assert_eq!(mutes.of("tc01", Wall(100)), None);
        assert_eq!(mutes.of("tc03", Wall(20)), None);
        assert!(mutes.take_ended(Wall(49)).is_empty());
        let ended: Vec<_> = mutes.take_ended(Wall(100)).into_iter().map(|(device, _)| device).collect();
        assert_eq!(ended, ["tc02".into(), "tc01".into()]);
        assert!(mutes.take_ended(Wall(100)).is_empty() && mutes.is_empty());
    }

    #[test]
    fn a_mute_needs_a_reason_and_an_end_to_come() {
        let mut mutes = Mutes::default();
        assert_eq!(mutes.set("a", Wall(10), "x", Wall(10)), Err(MuteRefused::Past));
        assert_eq!(mutes.set("a", Wall(11), "  ", Wall(10)), Err(MuteRefused::Reason));
        assert_eq!(mutes.set("a", Wall(11), &"x".repeat(513), Wall(10)), Err(MuteRefused::Reason));
        for n in 0..MUTES_MAX {
            mutes.set(&n.to_string(), Wall(11), "x", Wall(10)).unwrap();
        }
        assert_eq!(mutes.set("a", Wall(11), "x", Wall(10)), Err(MuteRefused::Full));
        assert_eq!(mutes.set("7", Wall(12), "longer", Wall(10)), Ok(()));
        assert_eq!(mutes.lift("7").map(|mute| mute.until), Some(Wall(12)));
        assert_eq!(mutes.lift("7"), None);
    }
}
