//! Whether a device is there. Online when it speaks; offline when it is silent for longer than its class
//! allows and does not come back within the hold-off; unknown while it was only heard of.
//!
//! A retained message is no sign of life. Our own outage pauses the timers, and after it every device has the
//! time of one message to be heard again. A stream that has stopped while another goes on is late, not gone.
//! Flaps are counted apart from departures.

use crate::event::Event;
use crate::finding::What;
use crate::lean;
use crate::route::StreamId;
use crate::rules::StreamRules;
use crate::time::{Micros, Mono};
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What is known of a device's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Never heard live.
    #[default]
    Unknown,
    /// It speaks.
    Online,
    /// It is silent.
    Offline,
}

impl State {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Online => "online",
            State::Offline => "offline",
        }
    }
}

/// The presence of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    state: State,
    /// When the state began.
    since: Mono,
    /// The last sign of life.
    heard: Option<Mono>,
    /// The silence at which it is suspected, and the moment from which it is gone.
    suspect: Option<(Mono, Mono)>,
    /// The streams on which it is heard.
    streams: Vec<Heard>,
    /// Times it came.
    pub connects: u32,
    /// Times it went.
    pub disconnects: u32,
    /// Times it was silent for too long and came back within the hold-off.
    pub flaps: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Heard {
    stream: StreamId,
    topic: u32,
    last: Mono,
    /// Silence that its class allows; none while no interval is known.
    window: Option<Micros>,
    /// One message and its tolerance.
    one: Option<Micros>,
    hold_off: Micros,
}

impl Presence {
    /// What is known.
    pub fn state(&self) -> State {
        self.state
    }

    /// When that began.
    pub fn since(&self) -> Mono {
        self.since
    }

    /// The last sign of life.
    pub fn heard(&self) -> Option<Mono> {
        self.heard
    }

    fn note(&mut self, event: &Event, now: Mono) {
        let rules = event.rules;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a tolerance is between 0 and 1"
        )]
        let one = event.expected.map(|every| every + (every as f64 * rules.tolerance) as Micros);
        let heard = Heard {
            stream: event.stream,
            topic: event.topic,
            last: now,
            window: rules.offline_after(event.expected),
            one,
            hold_off: rules.hold_off,
        };
        match self.streams.iter_mut().find(|known| known.stream == heard.stream && known.topic == heard.topic)
        {
            Some(known) => *known = heard,
            None => lean::push(&mut self.streams, heard),
        }
    }

    /// An interval has become known for a stream on which nothing was expected so far. The silence before that
    /// does not count.
    pub fn expect(&mut self, stream: StreamId, rules: &StreamRules, every: Micros, now: Mono) {
        let mut waits = false;
        for heard in self.streams.iter_mut().filter(|of| of.stream == stream && of.window.is_none()) {
            heard.window = rules.offline_after(Some(every));
            waits = true;
        }
        if let (true, None, State::Online, Some(heard)) = (waits, self.suspect, self.state, self.heard) {
            self.suspect = self.judge(heard).map(|(window, heard)| {
                let suspect = now.max(heard.last).plus(window);
                (suspect, suspect.plus(heard.hold_off))
            });
        }
    }

    /// The stream by which the device is judged: of those that have not themselves stopped, the quickest.
    fn judge(&self, now: Mono) -> Option<(Micros, &Heard)> {
        self.streams
            .iter()
            .filter_map(|heard| heard.window.map(|window| (window, heard)))
            .filter(|(window, heard)| heard.last.plus(*window) >= now)
            .min_by_key(|(window, _)| *window)
    }
}

impl Presence {
    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        self.streams.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
    }
}

impl Tracker for Presence {
    fn observe(&mut self, _: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        if !event.rules.kind.is_heartbeat() {
            return;
        }
        if let (State::Online, Some((suspect, _)), Some(heard)) = (self.state, self.suspect, self.heard)
            && now > suspect
        {
            self.flaps += 1;
            edges.push((now, What::Flap { silent: now.since(heard) }));
        }
        if self.state != State::Online {
            let after = (self.state == State::Offline).then(|| now.since(self.since));
            self.state = State::Online;
            self.since = now;
            self.connects += 1;
            edges.push((now, What::Online { after }));
        }
        self.heard = Some(now);
        self.note(event, now);
        self.suspect = self.judge(now).map(|(window, heard)| {
            let suspect = now.plus(window);
            (suspect, suspect.plus(heard.hold_off))
        });
    }

    fn tick(&mut self, _: &Context, now: Mono, edges: &mut Edges) {
        let (State::Online, Some((_, gone)), Some(heard)) = (self.state, self.suspect, self.heard) else {
            return;
        };
        if now > gone {
            self.state = State::Offline;
            self.since = gone;
            self.disconnects += 1;
            self.suspect = None;
            edges.push((gone, What::Offline { silent: gone.since(heard) }));
        }
    }

    fn due(&self, _: &Context) -> Mono {
        // Gone is later than the last moment of the hold-off, not at it.
        self.suspect.map_or(Mono::NEVER, |(_, gone)| gone.plus(1))
    }

    fn resume(&mut self, _: &Context, now: Mono) {
        let (Some((suspect, gone)), Some(heard)) = (self.suspect, self.heard) else { return };
        let hold_off = gone.since(suspect);
        // By the stream that it was judged by when it last spoke: one that was silent too long when our outage
        // began has the time of one message too.
        let grace =
            self.judge(heard).map_or(0, |(window, heard)| heard.one.map_or(window, |one| one.min(window)));
        let suspect = suspect.max(now.plus(grace));
        self.suspect = Some((suspect, suspect.plus(hold_off)));
    }
}
