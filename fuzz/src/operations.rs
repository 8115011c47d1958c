//! A list of operations on a fleet, read from bytes: whatever happens, the accounts close, what is said of each
//! device makes sense, and a restored fleet is the one that was saved.

use std::collections::HashMap;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::presets;
use watchkeeper_core::report::{Walk, Watched};
use watchkeeper_core::rules::{FleetRules, Limits};
use watchkeeper_core::sample::{Exposition, Writer};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::{Mono, Now, SECOND, Wall};

/// What is known of a fleet from outside.
struct Watch {
    fleet: Fleet,
    micros: u64,
    arrivals: u64,
    /// For each device that is there: the last moment that was said of it, and whether it is online.
    told: HashMap<Box<str>, (Mono, bool)>,
}

/// Operations of one byte each, with their arguments behind them.
pub fn operations(bytes: &[u8]) {
    let mut watch = Watch { fleet: Fleet::new(rules()), micros: 0, arrivals: 0, told: HashMap::new() };
    let mut rest = bytes;
    while let Some((operation, after)) = rest.split_first() {
        rest = watch.operate(*operation, after);
        watch.hear();
    }
    watch.close();
}

fn rules() -> FleetRules {
    let mut streams = presets::streams("plant").unwrap_or_default();
    // The second of the streams with sequence numbers has some that wrap.
    streams
        .iter_mut()
        .filter(|stream| stream.sequence.is_some())
        .skip(1)
        .for_each(|stream| stream.sequence_modulus = 8);
    streams.push(presets::generic());
    FleetRules {
        streams,
        labels: vec!["area".into(), "line".into()],
        expected: vec!["d1".into(), "missing".into()],
        forget_after: Some(500 * SECOND),
        limits: Limits {
            devices_max: 4,
            points_per_device_max: 5,
            device_series_max: 3,
            payload_bytes_max: 300,
            ..Limits::default()
        },
        values: true,
        ..FleetRules::default()
    }
}

impl Watch {
    fn now(&self) -> Now {
        let wall = 1_777_622_400_000_000 + i64::try_from(self.micros).unwrap_or(0);
        Now { mono: Mono(self.micros), wall: Wall(wall) }
    }

    fn operate<'a>(&mut self, operation: u8, rest: &'a [u8]) -> &'a [u8] {
        match operation % 12 {
            0 => self.fleet.link_up(self.now()),
            1 => {
                self.fleet.alive(self.now().mono);
                self.fleet.link_down(self.now());
            }
            2 => self.fleet.tick(self.now()),
            3 if operation >= 192 => self.fleet.shed(),
            3 if operation >= 128 => {
                let next = if operation >= 160 { u64::MAX } else { operation.into() };
                self.fleet.set_next("d1", "temperature", next, self.now());
            }
            3 => self.fleet.alive(self.now().mono),
            4 => {
                let device = format!("d{}", operation / 12 % 6);
                self.hear();
                assert_eq!(self.fleet.forget(&device), self.told.remove(&*device).is_some());
            }
            5 => self.restart(),
            6 => {
                let (first, rest) = rest.split_first().unwrap_or((&1, rest));
                self.micros += u64::from(*first) * u64::from(*first) * SECOND / 50;
                return rest;
            }
            7 => self.expose(),
            _ => return self.arrive(operation, rest),
        }
        rest
    }

    /// A message: what it is about in one byte, its payload up to the next NUL.
    fn arrive<'a>(&mut self, operation: u8, rest: &'a [u8]) -> &'a [u8] {
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        let (payload, rest) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
        let device = operation / 12 % 6;
        let topic = match operation % 12 {
            8 => format!("p/a/l/d{device}/telemetry/temperature").into_bytes(),
            9 if device == 4 => b"p/a/l/d1/command/request".to_vec(),
            9 if device == 5 => b"p/a/l/d1/command/response".to_vec(),
            9 => format!("p/a/l/d{device}/telemetry/x").into_bytes(),
            10 => format!("g/d{device}/x").into_bytes(),
            _ => payload.to_vec(),
        };
        let (retain, dup) = (operation >= 216, (200..216).contains(&operation));
        let arrival = Arrival { topic: &topic, payload, qos: 1, retain, dup, ..Arrival::live("", b"") };
        self.fleet.arrival(&arrival, self.now());
        self.arrivals += 1;
        rest
    }

    /// Saves, and goes on with what is restored.
    fn restart(&mut self) {
        let bytes = postcard::to_stdvec(&self.fleet.save()).expect("a fleet can be saved");
        let saved: Saved<Device> = postcard::from_bytes(&bytes).expect("what was saved can be read");
        let mut fleet = Fleet::new(rules());
        fleet.restore(saved);
        let again = postcard::to_stdvec(&fleet.save()).expect("a fleet can be saved");
        self.hear();
        std::mem::swap(&mut self.fleet, &mut fleet);
        self.hear();
        // What was due when it was saved is said by now; without that, a second copy is the first.
        let copy: Saved<Device> = postcard::from_bytes(&again).expect("what was saved can be read");
        let mut fleet = Fleet::new(rules());
        fleet.restore(copy);
        let third = postcard::to_stdvec(&fleet.save()).expect("a fleet can be saved");
        assert_eq!(again, third);
    }

    /// What is found makes sense, device by device.
    fn hear(&mut self) {
        for Finding { at, device, what, .. } in self.fleet.take_findings() {
            if let What::Service(_) = what {
                assert!(device.is_empty(), "it is of the fleet as a whole: {what:?}");
                continue;
            }
            if what == What::FirstSeen {
                assert!(self.told.insert(device, (at, false)).is_none());
                continue;
            }
            let told =
                self.told.get_mut(&device).unwrap_or_else(|| panic!("{device} is not known: {what:?}"));
            assert!(at >= told.0, "{device} {what:?} goes back in time");
            told.0 = at;
            match what {
                What::Online { .. } => assert!(!std::mem::replace(&mut told.1, true)),
                What::Offline { .. } => assert!(std::mem::replace(&mut told.1, false)),
                What::Forgotten => _ = self.told.remove(&device),
                _ => assert!(told.1 || !matches!(what, What::Flap { .. } | What::Stuck { .. })),
            }
        }
        assert_eq!(self.fleet.devices().count(), self.told.len());
        assert!(self.told.len() <= 4);
    }

    fn expose(&mut self) {
        let fleet = std::mem::replace(&mut self.fleet, Fleet::new(FleetRules::default()));
        let mut watched = [Watched::new(fleet)];
        let mut writer = Writer::new(Exposition::OpenMetrics, 40);
        assert!(!Walk::new().step(&mut watched, self.now(), &mut writer, usize::MAX));
        let text = String::from_utf8(writer.buffer).expect("an exposition is text");
        let mut series: Vec<&str> =
            text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
        series.retain(|name| !name.starts_with('#'));
        let all = series.len();
        series.sort_unstable();
        series.dedup();
        assert_eq!(series.len(), all, "a series comes twice");
        std::mem::swap(&mut self.fleet, &mut watched[0].fleet);
    }

    /// In the end every arrival is in the accounts, and the levels are what the findings say.
    fn close(mut self) {
        let stats = &self.fleet.stats;
        let messages: u64 = stats.streams.iter().map(|stream| stream.messages).sum();
        assert_eq!(messages + stats.unmatched + stats.bad_topics, self.arrivals);
        assert_eq!(self.fleet.count_states().online, self.told.values().filter(|told| told.1).count());
        for device in self.fleet.devices() {
            let still = device.roster.stuck.iter().filter(|(_, point)| point.stuck_since().is_some()).count();
            assert_eq!(still, device.roster.stuck.stuck() as usize);
            assert!(device.roster.stuck.points() <= 5);
            let counts = device.roster.sequence.counts().copied().unwrap_or_default();
            assert!(counts.lost >= counts.gaps && u64::from(counts.restarts) <= counts.resets);
            serde_json::to_string(&self.fleet.view(device, self.now().wall)).expect("a device can be shown");
        }
        self.expose();
    }
}
