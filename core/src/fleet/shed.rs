//! Messages that were shed before they came here: nobody is late, silent or has lost something for it. Nothing here may
//! count as heard what was not.

use super::Fleet;
use super::passing::when;
use crate::rules::DeviceFrom;
use crate::time::{Micros, Mono, SECOND};
use crate::topics::{Found, identity};
use crate::tracker::Context;

impl Fleet {
    /// Messages were shed before they came here: what is missing now is not the devices' loss.
    pub fn shed(&mut self) {
        self.link.miss();
    }

    /// One of them was on this topic and was read at `at`, on the shell's clock; that may be ahead of the last arrival.
    /// Whoever speaks there has the time of one message from then on, and is kept.
    pub fn spare(&mut self, topic: &[u8], at: Mono) {
        if self.topics.make_room(topic) {
            self.shapes.clear();
        }
        let known = *self.topics.get(topic);
        let (Found::Stream(stream)
        | Found::Announced(stream)
        | Found::Perhaps(stream, _)
        | Found::Unless(stream, _)) = known.found
        else {
            return;
        };
        let rules = &self.rules.streams[usize::from(stream)];
        // Where payloads name their devices, any of them may have spoken.
        if !matches!(rules.device, DeviceFrom::Topic(_)) {
            return self.spare_all(at);
        }
        let text = std::str::from_utf8(topic).unwrap_or_default();
        // A device that is not known yet has nothing to be blamed for.
        let is_announced = matches!(known.found, Found::Announced(_) | Found::Unless(..));
        let named = || match self.topics.announced(topic).filter(|_| is_announced) {
            Some(announced) => self.find(&announced.device),
            None => self.find(&identity(rules, text)),
        };
        let remembered = known.slot.and_then(|guess| self.devices.still(guess));
        if let Some(slot) = remembered.or_else(named) {
            self.spare_slot(slot, at);
        }
    }

    /// The same, where it is not known on which topics.
    pub fn spare_all(&mut self, at: Mono) {
        // A flood tears many gaps, and each of a hundred thousand devices is to be looked at here.
        const LEAST: Micros = SECOND / 10;
        if self.spared_all.is_some_and(|last| at.since(last) < LEAST) {
            return;
        }
        self.spared_all = Some(at);
        for slot in 0..self.due.len() {
            self.spare_slot(u32::try_from(slot).unwrap_or(u32::MAX), at);
        }
    }

    /// The device, and the one through which it speaks.
    fn spare_slot(&mut self, slot: u32, at: Mono) {
        self.spare_one(slot, at);
        let parent =
            self.devices.get(slot as usize).and_then(Option::as_ref).and_then(|device| device.parent_slot);
        if let Some(parent) = parent {
            self.spare_one(parent, at);
        }
    }

    fn spare_one(&mut self, slot: u32, at: Mono) {
        let at = self.link.moment(at);
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(slot) else { return };
        device.roster.spare(&context, at);
        device.touched = device.touched.max(at);
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
    }
}

#[cfg(test)]
mod tests {
    use crate::arrival::Arrival;
    use crate::finding::What;
    use crate::fleet::Fleet;
    use crate::names::Pattern;
    use crate::rules::{Expect, FleetRules, StreamRules};
    use crate::time::{Mono, Now, SECOND, Wall};

    fn now(tenths: u64) -> Now {
        let micros = tenths * SECOND / 10;
        Now { mono: Mono(micros), wall: Wall(micros.cast_signed()) }
    }

    /// Two devices that must speak every second, both heard at 0 and the second one no more.
    fn fleet() -> Fleet {
        let mut stream = StreamRules::new("t", Pattern::parse("f/{device}/t").unwrap());
        stream.expect = Expect::Every(SECOND);
        stream.offline_after = Some(2 * SECOND);
        stream.hold_off = SECOND / 2;
        let rules =
            FleetRules { streams: vec![stream], forget_after: Some(30 * SECOND), ..FleetRules::default() };
        let mut fleet = Fleet::new(rules);
        fleet.link_up(now(0));
        for tenths in [0, 10, 20] {
            fleet.arrival(&Arrival::live("f/a/t", b"1"), now(tenths));
            fleet.arrival(&Arrival::live("f/b/t", b"1"), now(tenths));
        }
        fleet
    }

    fn blamed(fleet: &mut Fleet) -> Vec<Box<str>> {
        let found = fleet.take_findings();
        let bad = |what: &What| matches!(what.event(), "late" | "offline" | "forgotten");
        found.into_iter().filter(|finding| bad(&finding.what)).map(|finding| finding.device).collect()
    }

    #[test]
    fn a_device_whose_messages_were_shed_is_not_blamed_and_one_that_is_silent_is() {
        let mut fleet = fleet();
        for second in 3..60 {
            let at = now(second * 10);
            fleet.shed();
            fleet.spare(b"f/a/t", at.mono);
            fleet.alive(at.mono);
            fleet.tick(at);
        }
        let blamed = blamed(&mut fleet);
        assert!(blamed.iter().all(|device| &**device == "b") && blamed.len() >= 2, "{blamed:?}");
        // As soon as nothing of it is shed any more, its silence is its own again.
        fleet.alive(now(700).mono);
        fleet.tick(now(700));
        assert!(self::blamed(&mut fleet).contains(&"a".into()));
    }

    #[test]
    fn where_topics_are_not_known_nobody_is_blamed() {
        let mut fleet = fleet();
        for second in 3..20 {
            let at = now(second * 10);
            fleet.spare(b"never/heard", at.mono);
            fleet.spare_all(at.mono);
            fleet.alive(at.mono);
            fleet.tick(at);
        }
        assert_eq!(blamed(&mut fleet), Vec::<Box<str>>::new());
    }
}
