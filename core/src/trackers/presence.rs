//! Whether a device is there: fused from what its status topic and its last will say, from what the broker tells of its
//! client, and from what is heard of it. `docs/presence.md` has the precedence for people; it is this:
//!
//! - A sign of life is the strongest: whoever speaks, is said to be there by a live status message, or is let in by the
//!   broker, is online.
//! - Who is said to be gone, by a will, a status message or the broker, is gone unless it is heard within the hold-off.
//!   Of several causes of one departure the one that says most is kept.
//! - Silence counts where nobody vouches for the device: as long as a live statement stands that it is there, only a
//!   silence that the configuration names makes it offline, and not one that was learned.
//! - A retained message is no sign of life. As a statement it counts for the time before we watched, and never against
//!   what was heard since.
//!
//! Our own outage pauses the timers and ends what statements vouch for; after it every device has the time of one message
//! to be heard again. A stream that has stopped while another goes on is late, not gone. Flaps are counted apart.

use crate::event::Event;
use crate::finding::What;
use crate::lean;
use crate::route::StreamId;
use crate::rules::{Origin, Statement, StreamRules};
use crate::time::{Micros, Mono};
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};

mod departure;
mod stated;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_stated;

pub use departure::Departure;
pub use stated::Told;

/// What is known of a device's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Never heard live.
    #[default]
    Unknown,
    /// It is there.
    Online,
    /// It is gone.
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
    /// The silence or the statement at which it is suspected, and the moment from which it is gone.
    suspect: Option<(Mono, Mono)>,
    /// Why it is suspected; none: it is silent.
    stated: Option<Departure>,
    /// Why it went last.
    reason: Option<Departure>,
    /// Somebody who knows says that it is there, and would say if it were not.
    vouched: bool,
    /// It said that it will be silent.
    asleep: bool,
    /// When the broker let it in last.
    admitted: Option<Mono>,
    /// The streams on which it is heard.
    streams: Vec<Heard>,
    /// Times it came.
    pub connects: u32,
    /// Times it went.
    pub disconnects: u32,
    /// Times it was silent for too long, or said to be gone, and came back within the hold-off.
    pub flaps: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Heard {
    stream: StreamId,
    topic: u32,
    last: Mono,
    /// Silence that its class allows; none while no interval is known.
    window: Option<Micros>,
    /// Its silence says nothing of the device.
    is_mute: bool,
    /// The silence is configured or announced, and neither learned nor that of a preset.
    is_named: bool,
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

    /// Why it went, while it is gone.
    pub fn reason(&self) -> Option<Departure> {
        self.reason.filter(|_| self.state == State::Offline)
    }

    /// It is gone, or said to be.
    pub fn is_leaving(&self) -> bool {
        self.state == State::Offline || self.stated.is_some()
    }

    /// It said that it will be silent for a while.
    pub fn is_asleep(&self) -> bool {
        self.asleep && self.state == State::Online
    }

    fn note(&mut self, event: &Event, now: Mono) {
        let rules = event.rules;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a tolerance is between 0 and 1"
        )]
        let one = event.expected.map(|every| every + (every as f64 * rules.tolerance) as Micros);
        let known = self.streams.iter_mut().find(|of| (of.stream, of.topic) == (event.stream, event.topic));
        // An empty message has no point, and says nothing of what silence says.
        let before = known.as_ref().filter(|_| event.payload.is_empty() && rules.offline_with.is_some());
        let is_mute = before.map_or_else(|| !counts_silence(event), |before| before.is_mute);
        let heard = Heard {
            stream: event.stream,
            topic: event.topic,
            last: now,
            window: event.expires.or_else(|| rules.offline_after(event.expected).filter(|_| !is_mute)),
            is_mute,
            is_named: event.expires.is_some()
                || rules.offline_after.is_some() && rules.origin == Origin::Configured,
            one,
            hold_off: rules.hold_off,
        };
        match known {
            Some(known) => *known = heard,
            None => lean::push(&mut self.streams, heard),
        }
    }

    /// An interval has become known for a stream on which nothing was expected so far. The silence before that
    /// does not count.
    pub fn expect(&mut self, stream: StreamId, rules: &StreamRules, every: Micros, now: Mono) {
        let mut waits = false;
        for heard in
            self.streams.iter_mut().filter(|of| of.stream == stream && of.window.is_none() && !of.is_mute)
        {
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
        let counts = |heard: &&Heard| !self.asleep && (heard.is_named || !self.vouched);
        self.streams
            .iter()
            .filter(counts)
            .filter_map(|heard| heard.window.map(|window| (window, heard)))
            .filter(|(window, heard)| heard.last.plus(*window) >= now)
            .min_by_key(|(window, _)| *window)
    }

    /// What it said at `now`, or may have said until then, did not get here: it has the time of one message from there on.
    pub(super) fn spare(&mut self, now: Mono) {
        let (Some((suspect, gone)), Some(heard)) = (self.suspect, self.heard) else { return };
        let hold_off = gone.since(suspect);
        // By the stream that it was judged by when it last spoke: one that was silent too long when our outage
        // began has the time of one message too.
        let grace =
            self.judge(heard).map_or(0, |(window, heard)| heard.one.map_or(window, |one| one.min(window)));
        let suspect = suspect.max(now.plus(grace));
        self.suspect = Some((suspect, suspect.plus(hold_off)));
    }

    /// Waits for the next sign of life, from this one on.
    fn wait(&mut self, now: Mono) {
        self.stated = None;
        self.suspect = self.judge(now).map(|(window, heard)| {
            let suspect = now.plus(window);
            (suspect, suspect.plus(heard.hold_off))
        });
    }

    /// A sign of life.
    fn come(&mut self, now: Mono, edges: &mut Edges) {
        if let (State::Online, Some((suspect, _))) = (self.state, self.suspect)
            && (now > suspect || self.stated.is_some())
        {
            self.flaps += 1;
            let silent = now.since(self.heard.unwrap_or(self.since));
            edges.push((now, What::Flap { silent, reason: self.stated.unwrap_or_default() }));
        }
        self.turn_online(now, edges);
        self.heard = Some(now);
    }

    fn turn_online(&mut self, now: Mono, edges: &mut Edges) {
        if self.state == State::Online {
            return;
        }
        let after = (self.state == State::Offline).then(|| now.since(self.since));
        (self.state, self.since, self.reason) = (State::Online, now, None);
        self.connects += 1;
        edges.push((now, What::Online { after }));
    }
}

/// Whether silence after this message says anything of its device, where its stream asks for a point that tells.
fn counts_silence(event: &Event) -> bool {
    let told = |name: &str| event.points().iter().any(|point| event.point_name(point) == name);
    event.rules.offline_with.as_deref().is_none_or(told)
}

impl Presence {
    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        self.streams.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
    }
}

impl Tracker for Presence {
    fn observe(&mut self, _: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        let is_heartbeat = event.rules.kind.is_heartbeat();
        match event.statement {
            Some(Statement::Gone(why)) => return self.leave(why, event.rules.hold_off, now),
            Some(statement) => self.vouch(statement),
            None if is_heartbeat => {}
            None => return,
        }
        self.come(now, edges);
        if is_heartbeat {
            self.note(event, now);
        }
        self.wait(now);
    }

    fn tick(&mut self, _: &Context, now: Mono, edges: &mut Edges) {
        let (State::Online, Some((_, gone))) = (self.state, self.suspect) else { return };
        if now > gone {
            self.state = State::Offline;
            let silent = gone.since(self.heard.unwrap_or(self.since));
            self.since = gone;
            self.disconnects += 1;
            let reason = self.stated.take().unwrap_or_default();
            (self.reason, self.suspect, self.vouched, self.asleep) = (Some(reason), None, false, false);
            edges.push((gone, What::Offline { silent, reason }));
        }
    }

    fn due(&self, _: &Context) -> Mono {
        // Gone is later than the last moment of the hold-off, not at it.
        self.suspect.map_or(Mono::NEVER, |(_, gone)| gone.plus(1))
    }

    fn resume(&mut self, _: &Context, now: Mono) {
        // Whoever vouches for it may have taken that back while we were away.
        if std::mem::take(&mut self.vouched) && self.suspect.is_none() && self.state == State::Online {
            let judged = self.judge(self.heard.unwrap_or(now));
            self.suspect =
                judged.map(|(window, heard)| (now.plus(window), now.plus(window).plus(heard.hold_off)));
            return;
        }
        self.spare(now);
    }
}
