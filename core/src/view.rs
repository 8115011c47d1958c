//! One device as people and programs see it: a plain structure that serialises to the API's JSON. What is not
//! known is null, never zero.

use crate::fleet::{Device, Fleet};
use crate::time::{Micros, Wall, seconds};
use crate::tracker::Context;
use crate::trackers::cadence::Pace;
use crate::trackers::presence::{Departure, State};
use serde::Serialize;
use std::collections::BTreeMap;

mod envelope;
mod sequence;

pub use envelope::{AlarmView, CommandView};
pub use sequence::{PositionView, SequenceView};

/// One device.
#[derive(Debug, Serialize)]
pub struct DeviceView<'a> {
    /// Its identity.
    pub id: &'a str,
    /// The broker it speaks through.
    pub broker: &'a str,
    /// `online`, `offline`, `unknown` or `never_seen`.
    pub state: &'static str,
    /// Since when.
    pub since: Option<String>,
    /// Why it went, while it is offline: `silence`, `will`, `disconnect`, `keepalive_timeout`, …
    pub reason: Option<&'static str>,
    /// It said that it will be silent for a while.
    pub asleep: bool,
    /// The device through which it speaks.
    pub parent: Option<&'a str>,
    /// The client id with which it connects, where its stream says.
    pub client_id: Option<&'a str>,
    /// When it was first heard of.
    pub first_seen: Option<String>,
    /// When it last spoke.
    pub last_seen: Option<String>,
    /// The same, in seconds since the epoch.
    pub last_seen_timestamp: Option<f64>,
    /// Captures of its topics.
    pub labels: BTreeMap<&'a str, &'a str>,
    /// Live messages on all streams.
    pub messages: u64,
    /// Messages a minute on all topics, by the last few intervals and the silence since.
    pub rate_per_minute: Option<f64>,
    /// What it says, and how often.
    pub streams: Vec<StreamView<'a>>,
    /// Messages with an error, by reason.
    pub errors: BTreeMap<&'static str, u64>,
    /// Share of bad messages in the window.
    pub error_ratio: Option<f64>,
    /// The share is above the threshold.
    pub error_ratio_high: bool,
    /// How many points it has.
    pub points: usize,
    /// How many stand still.
    pub stuck_points: u32,
    /// Those that do.
    pub stuck: Vec<StuckView<'a>>,
    /// Times it came.
    pub connects: u32,
    /// Times it went.
    pub disconnects: u32,
    /// Times it was nearly called offline.
    pub flaps: u32,
    /// Messages lost; null while no sequence number was seen.
    pub lost: Option<u64>,
    /// An operator has muted it; null: nobody has.
    pub muted: Option<MuteView<'a>>,
    /// What its sequence numbers say; null while none was seen.
    pub sequence: Option<SequenceView<'a>>,
    /// How far its clock is ahead of ours, in seconds; null before the third timestamp.
    pub clock_skew_seconds: Option<f64>,
    /// Commands that wait for an answer.
    pub pending_commands: Option<u64>,
    /// Alarms that are active.
    pub alarms: Vec<AlarmView<'a>>,
    /// What it says of its own health.
    pub system: BTreeMap<String, f64>,
    /// Times it started anew; null: it gives no sign of it.
    pub restarts: Option<u32>,
}

/// A mute.
#[derive(Debug, Serialize)]
pub struct MuteView<'a> {
    /// When it was said.
    pub since: String,
    /// When it ends.
    pub until: String,
    /// Why.
    pub reason: &'a str,
}

/// One stream of a device.
#[derive(Debug, Serialize)]
pub struct StreamView<'a> {
    /// Its name.
    pub stream: &'a str,
    /// Live messages.
    pub messages: u64,
    /// Intervals counted.
    pub intervals: u64,
    /// Their mean, in seconds.
    pub interval_seconds: Option<f64>,
    /// Their standard deviation.
    pub interval_deviation_seconds: Option<f64>,
    /// The shortest.
    pub interval_min_seconds: Option<f64>,
    /// The longest.
    pub interval_max_seconds: Option<f64>,
    /// What is expected, once that is known.
    pub interval_expected_seconds: Option<f64>,
    /// Messages that came early.
    pub early: u32,
    /// Messages that were late.
    pub late: u32,
    /// The next message is overdue.
    pub overdue: bool,
}

/// A point that stands still.
#[derive(Debug, Serialize)]
pub struct StuckView<'a> {
    /// Its stream.
    pub stream: &'a str,
    /// Its name.
    pub point: String,
    /// The value.
    pub value: f64,
    /// Since when.
    pub since: String,
    /// How often it was repeated.
    pub repeats: u32,
}

impl Fleet {
    /// A device as people see it.
    pub fn view<'a>(&'a self, device: &'a Device, now: Wall) -> DeviceView<'a> {
        let roster = &device.roster;
        let presence = &roster.presence;
        let context = self.context();
        DeviceView {
            id: &device.id,
            broker: &self.rules.broker,
            state: presence.state().as_str(),
            since: (presence.state() != State::Unknown).then(|| self.link.wall(presence.since()).rfc3339()),
            reason: presence.reason().map(Departure::as_str),
            asleep: presence.is_asleep(),
            parent: device.parent.as_deref(),
            client_id: device.client.as_deref(),
            first_seen: Some(device.first_seen.rfc3339()),
            last_seen: device.last_message.map(Wall::rfc3339),
            last_seen_timestamp: device.last_message.map(Wall::seconds),
            labels: self.rules.labels.iter().map(|name| &**name).zip(device.labels.iter()).collect(),
            messages: roster.cadence.messages(),
            rate_per_minute: roster.cadence.rate_per_minute(self.link.known()),
            streams: roster.cadence.streams().iter().filter_map(|pace| stream(&context, pace)).collect(),
            errors: roster.errors.reasons().iter().map(|(reason, count)| (reason.as_str(), *count)).collect(),
            error_ratio: roster.errors.ratio(),
            error_ratio_high: roster.errors.is_high(),
            points: roster.stuck.points(),
            stuck_points: roster.stuck.stuck(),
            stuck: self.stuck(device),
            connects: presence.connects,
            disconnects: presence.disconnects,
            flaps: presence.flaps,
            muted: self.mute_view(&device.id, now),
            lost: roster.sequence.counts().map(|counts| counts.lost),
            sequence: self.sequence(device),
            clock_skew_seconds: roster.skew.seconds(),
            pending_commands: Some(roster.commands.pending().unwrap_or(0) as u64),
            alarms: self.view_alarms(device),
            system: self.view_system(device),
            restarts: roster.starts(),
        }
    }

    /// A device that must exist and was never heard of.
    pub fn view_missing<'a>(&'a self, id: &'a str, now: Wall) -> DeviceView<'a> {
        DeviceView {
            id,
            broker: &self.rules.broker,
            state: "never_seen",
            since: None,
            reason: None,
            asleep: false,
            parent: None,
            client_id: None,
            first_seen: None,
            last_seen: None,
            last_seen_timestamp: None,
            labels: BTreeMap::new(),
            messages: 0,
            rate_per_minute: None,
            streams: Vec::new(),
            errors: BTreeMap::new(),
            error_ratio: None,
            error_ratio_high: false,
            points: 0,
            stuck_points: 0,
            stuck: Vec::new(),
            connects: 0,
            disconnects: 0,
            flaps: 0,
            muted: self.mute_view(id, now),
            lost: None,
            sequence: None,
            clock_skew_seconds: None,
            pending_commands: None,
            alarms: Vec::new(),
            system: BTreeMap::new(),
            restarts: None,
        }
    }

    fn mute_view(&self, id: &str, now: Wall) -> Option<MuteView<'_>> {
        let mute = self.mutes.of(id, now)?;
        Some(MuteView { since: mute.since.rfc3339(), until: mute.until.rfc3339(), reason: &mute.reason })
    }

    fn stuck<'a>(&'a self, device: &'a Device) -> Vec<StuckView<'a>> {
        let names = self.names();
        let stuck = device.roster.stuck.named(&names).filter_map(|(stream, name, point)| {
            let since = point.stuck_since()?;
            Some(StuckView {
                stream: &self.stream(stream)?.name,
                point: name.into_owned(),
                value: point.value,
                since: self.link.wall(since).rfc3339(),
                repeats: point.repeats(),
            })
        });
        stuck.collect()
    }
}

fn stream<'a>(context: &Context<'a>, pace: &Pace) -> Option<StreamView<'a>> {
    let rules = context.stream(pace.stream)?;
    let known = |span: Micros| (pace.intervals > 0).then(|| seconds(span));
    Some(StreamView {
        stream: &rules.name,
        messages: pace.messages,
        intervals: pace.intervals,
        interval_seconds: (pace.intervals > 0).then_some(pace.mean / 1e6),
        interval_deviation_seconds: pace.deviation().map(|deviation| deviation / 1e6),
        interval_min_seconds: known(pace.min),
        interval_max_seconds: known(pace.max),
        interval_expected_seconds: pace.expected(rules).map(seconds),
        early: pace.early,
        late: pace.late,
        overdue: pace.is_late(),
    })
}
