//! The last values of the points of devices that somebody looks at. The fleet keeps the newest value of each point and
//! no more, so that 100,000 devices fit; here a few devices have a ring of samples, begun by the first look and dropped
//! some minutes after the last. Everything is bounded, nothing is saved, and nothing here may slow an arrival: samples
//! are taken with the tick.

use serde::Serialize;
use std::collections::VecDeque;
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, Wall};

/// Devices that are sampled at a time; one more takes the place of the one that was looked at least recently.
pub(crate) const DEVICES_MAX: usize = 16;

/// Points of a device that are sampled: those of the page that was looked at.
pub(crate) const POINTS_MAX: usize = 50;

/// Samples of a point, at most one a second.
pub(crate) const SAMPLES_MAX: usize = 120;

/// A device that nobody looked at for so long is sampled no longer.
pub(crate) const KEPT_FOR: Micros = 600 * SECOND;

/// A page of the points of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Looked {
    /// How many points the device has.
    pub(crate) total: usize,
    /// The place of the first one that is here.
    pub(crate) from: usize,
    /// The first and the last moment of the samples; none where there is none.
    #[serde(skip)]
    pub(crate) span: Option<(Wall, Wall)>,
    /// The points, in the order in which they were first heard.
    pub(crate) points: Vec<Point>,
}

/// A point.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Point {
    /// Its stream.
    pub(crate) stream: String,
    /// The name it is shown by.
    pub(crate) name: String,
    /// The newest value.
    pub(crate) value: f64,
    /// Since when it stands still; none where it does not.
    #[serde(skip)]
    pub(crate) stuck_since: Option<Wall>,
    /// The last values, oldest first; the newest is among them.
    pub(crate) values: Vec<f64>,
}

/// The devices that are looked at.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    devices: Vec<Sampled>,
}

#[derive(Debug)]
struct Sampled {
    broker: usize,
    id: Box<str>,
    from: usize,
    looked: Mono,
    /// Messages of the device at the last sample: without a new one there is nothing to sample.
    messages: u64,
    times: VecDeque<Wall>,
    series: Vec<Series>,
}

#[derive(Debug)]
struct Series {
    stream: String,
    name: String,
    /// As many as there are times; not a number where the point was not there yet.
    values: VecDeque<f64>,
}

impl Recent {
    /// A page of points, beginning at `from`; from now on it is sampled. None when nobody knows the device.
    pub(crate) fn look(&mut self, watched: &[Watched], id: &str, from: usize, now: Now) -> Option<Looked> {
        let (broker, fleet, device) = watched
            .iter()
            .enumerate()
            .find_map(|(at, one)| one.fleet.device(id).map(|device| (at, &one.fleet, device)))?;
        let from = from.min(device.roster.stuck.points().saturating_sub(1)) / POINTS_MAX * POINTS_MAX;
        let place = |one: &Sampled| one.broker == broker && &*one.id == id && one.from == from;
        let at = self.devices.iter().position(place).unwrap_or_else(|| self.begin(broker, id, from));
        let sampled = &mut self.devices[at];
        sampled.looked = now.mono;
        sampled.sample(fleet, device, now.wall);
        Some(sampled.shown(fleet, device))
    }

    /// Samples those that have spoken since the last time.
    pub(crate) fn tick(&mut self, watched: &[Watched], now: Now) {
        self.devices.retain_mut(|one| {
            let Some(fleet) = watched.get(one.broker).map(|one| &one.fleet) else { return false };
            let Some(device) = fleet.device(&one.id) else { return false };
            one.sample(fleet, device, now.wall);
            now.mono.since(one.looked) < KEPT_FOR
        });
    }

    fn begin(&mut self, broker: usize, id: &str, from: usize) -> usize {
        if self.devices.len() >= DEVICES_MAX {
            let oldest = self.devices.iter().enumerate().min_by_key(|(_, one)| one.looked);
            if let Some((at, _)) = oldest {
                self.devices.swap_remove(at);
            }
        }
        self.devices.push(Sampled {
            broker,
            id: id.into(),
            from,
            looked: Mono::default(),
            messages: 0,
            times: VecDeque::new(),
            series: Vec::new(),
        });
        self.devices.len() - 1
    }
}

impl Sampled {
    fn sample(&mut self, fleet: &Fleet, device: &Device, at: Wall) {
        let messages = device.roster.cadence.messages();
        if messages == self.messages {
            return;
        }
        self.messages = messages;
        let before = self.times.len();
        let names = fleet.names();
        for (place, (stream, name, point)) in
            device.roster.stuck.named(&names).skip(self.from).take(POINTS_MAX).enumerate()
        {
            let stream = fleet.stream(stream).map_or("", |rules| &*rules.name);
            self.place(place, stream, &name, before).values.push_back(point.value);
        }
        self.times.push_back(at);
        let now = self.times.len();
        for series in &mut self.series {
            series.values.resize(now, f64::NAN);
        }
        if now > SAMPLES_MAX {
            self.times.pop_front();
            self.series.iter_mut().for_each(|series| _ = series.values.pop_front());
        }
    }

    /// Points stay in their order, and a new one comes last: what is at a place seldom changes.
    fn place(&mut self, place: usize, stream: &str, name: &str, before: usize) -> &mut Series {
        let is_it = |one: &Series| one.name == name && one.stream == stream;
        if !self.series.get(place).is_some_and(is_it) {
            let fresh = || Series {
                stream: stream.to_owned(),
                name: name.to_owned(),
                values: std::iter::repeat_n(f64::NAN, before).collect(),
            };
            let found = self.series.iter().position(is_it).map(|at| self.series.remove(at));
            self.series.insert(place.min(self.series.len()), found.unwrap_or_else(fresh));
            self.series.truncate(POINTS_MAX);
        }
        let last = self.series.len() - 1;
        &mut self.series[place.min(last)]
    }

    fn shown(&self, fleet: &Fleet, device: &Device) -> Looked {
        let names = fleet.names();
        let points = device.roster.stuck.named(&names).skip(self.from).take(POINTS_MAX).enumerate();
        let points = points.map(|(place, (stream, name, point))| {
            let stream = fleet.stream(stream).map_or("", |rules| &*rules.name);
            let series = self.series.get(place).filter(|one| one.name == name && one.stream == stream);
            let values = series.iter().flat_map(|one| &one.values).copied();
            Point {
                stream: stream.to_owned(),
                name: name.into_owned(),
                value: point.value,
                stuck_since: point.stuck_since().map(|since| fleet.link().wall(since)),
                values: values.filter(|value| value.is_finite()).collect(),
            }
        });
        Looked {
            total: device.roster.stuck.points(),
            from: self.from,
            span: self.times.front().copied().zip(self.times.back().copied()),
            points: points.collect(),
        }
    }
}

#[cfg(test)]
mod tests;
