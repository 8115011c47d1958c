//! Questions about the devices of a fleet: who is there, how many are in each state, and who is muted. Nothing
//! here changes what is known of a device.

use super::{Device, Fleet};
use crate::mutes::MuteRefused;
use crate::time::Wall;
use crate::trackers::presence::State;

impl Fleet {
    /// Every device.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().flatten()
    }

    /// How many there are.
    pub fn population(&self) -> usize {
        self.devices.len() - self.free.len()
    }

    /// One device.
    pub fn device(&self, id: &str) -> Option<&Device> {
        self.find(id).and_then(|slot| self.devices[slot as usize].as_ref())
    }

    /// Devices that must exist and were never heard of.
    pub fn never_seen(&self) -> impl Iterator<Item = &str> {
        self.rules.expected.iter().map(|id| &**id).filter(|id| self.find(id).is_none())
    }

    /// Mutes a device that is known, or that must exist; false when it is neither.
    pub fn mute(&mut self, id: &str, until: Wall, reason: &str, now: Wall) -> Result<bool, MuteRefused> {
        if !self.knows(id) {
            return Ok(false);
        }
        self.mutes.set(id, until, reason, now).map(|()| true)
    }

    /// Whether a device was heard of, or must exist.
    pub fn knows(&self, id: &str) -> bool {
        self.find(id).is_some() || self.expected.contains(id)
    }

    /// Whether a device is muted.
    pub fn is_muted(&self, id: &str, now: Wall) -> bool {
        self.mutes.of(id, now).is_some()
    }

    /// The muted devices that are known, or that must exist.
    pub fn muted(&self, now: Wall) -> impl Iterator<Item = &str> {
        self.mutes.devices(now).filter(|id| self.find(id).is_some() || self.expected.contains(*id))
    }

    /// How many of the muted devices are in each state.
    pub fn count_muted(&self, now: Wall) -> States {
        let mut states = States::default();
        for id in self.muted(now) {
            match self.device(id) {
                Some(device) => states.note(device.roster.presence.state()),
                None => states.never_seen += 1,
            }
        }
        states
    }

    /// How many devices are in each state.
    pub fn count_states(&self) -> States {
        let mut states = States { never_seen: self.never_seen().count(), ..States::default() };
        for device in self.devices() {
            states.note(device.roster.presence.state());
        }
        states
    }
}

/// Devices by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// They speak.
    pub online: usize,
    /// They are silent.
    pub offline: usize,
    /// Only heard of.
    pub unknown: usize,
    /// They must exist, and were never heard of.
    pub never_seen: usize,
}

impl States {
    /// Counts a device that was heard of.
    pub fn note(&mut self, state: State) {
        match state {
            State::Online => self.online += 1,
            State::Offline => self.offline += 1,
            State::Unknown => self.unknown += 1,
        }
    }
}
