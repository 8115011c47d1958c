//! What was observed, in figures and lists: for `/api/mqtt/status`, the report, and what waits for a device. What a
//! subscriber cannot know is not in here. Everything is bounded, and nothing is saved: it is of this run.

use super::State;
use crate::audit::specimens::Verdict;
use crate::ingest::Inbound;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use watchkeeper_core::finding::{Command, Finding, What};
use watchkeeper_core::fleet::Device;
use watchkeeper_core::operations::Operation;
use watchkeeper_core::reason::Reason;
use watchkeeper_core::report::Watched;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::specimen::Specimen;
use watchkeeper_core::time::Wall;
use watchkeeper_core::trackers::presence;

/// Bad messages that are kept.
const BAD_MAX: usize = 10;

/// Devices of which is remembered that their broker queues for them.
const QUEUED_FOR_MAX: usize = 65_536;

/// Bytes of a topic that are shown.
const TOPIC_BYTES_MAX: usize = 256;

/// Devices that are listed.
const LISTED_MAX: usize = 1000;

/// What a run observes beside what the fleets keep.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// Messages and bytes of each stream of each broker when the run began, by the name of the stream.
    began: Vec<HashMap<Box<str>, (u64, u64)>>,
    /// Devices that answered, after they were back, what was asked while they were away: how often, and whether it
    /// was in order the last time.
    queued_for: HashMap<Box<str>, (u64, bool)>,
    /// The last bad messages that were looked at.
    bad: VecDeque<Bad>,
}

/// A bad message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// When it arrived.
    pub(crate) at: Wall,
    /// Label of its broker.
    pub(crate) broker: String,
    /// `malformed` or `invalid`.
    pub(crate) kind: &'static str,
    /// Its reasons, with commas.
    pub(crate) reason: String,
    /// Whose it is, where that is known.
    pub(crate) device: Option<String>,
    /// What is wrong, for people; without a character of the payload.
    pub(crate) details: String,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// How many devices are online.
    pub(crate) online: usize,
    /// Their ids in order, as many as are listed.
    pub(crate) ids: Vec<String>,
    /// Commands that were seen, each once.
    pub(crate) commands_sent: u64,
    /// Those that were refused, or not answered in time.
    pub(crate) commands_failed: u64,
    /// The lowest quality of service at which one arrived here.
    pub(crate) qos: Option<u8>,
    /// Of how many devices is known that their broker queues for them.
    pub(crate) queued_for: usize,
    /// Messages of this run, by what they are.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
    /// Bytes of their payloads.
    pub(crate) bytes: u64,
    /// The last bad messages, oldest first.
    pub(crate) bad: Vec<Bad>,
}

impl Observed {
    /// A run begins.
    pub(crate) fn new(watched: &[Watched]) -> Self {
        let counts = |one: &Watched| {
            let streams = one.fleet.rules().streams.iter().zip(&one.fleet.stats.streams);
            streams
                .map(|(rules, counts)| (rules.name.to_string().into(), (counts.messages, counts.bytes)))
                .collect()
        };
        Self { began: watched.iter().map(counts).collect(), ..Self::default() }
    }

    /// Something became true.
    pub(crate) fn note_finding(&mut self, finding: &Finding) {
        if let What::Command(Command::Delivered { answered: 1.., in_order, .. }) = finding.what
            && (self.queued_for.len() < QUEUED_FOR_MAX || self.queued_for.contains_key(&finding.device))
        {
            let (count, last) = self.queued_for.entry(finding.device.clone()).or_default();
            (*count, *last) = (*count + 1, in_order);
        }
    }

    /// How often what waited for a device was answered, and whether that was in order the last time.
    pub(super) fn delivered(&self, device: &str) -> Option<(u64, bool)> {
        self.queued_for.get(device).copied()
    }

    /// A bad message was looked at.
    pub(crate) fn note_bad(
        &mut self,
        rules: &FleetRules,
        specimen: &Specimen,
        message: &Inbound,
        verdict: &Verdict,
        at: Wall,
    ) {
        if self.bad.len() == BAD_MAX {
            self.bad.pop_front();
        }
        let reasons = || specimen.reasons.iter();
        let meaning = reasons().map(Reason::meaning).collect::<Vec<_>>().join("; ");
        let place = Some(verdict.place()).filter(|place| !place.is_empty());
        let topic = String::from_utf8_lossy(&message.topic[..message.topic.len().min(TOPIC_BYTES_MAX)]);
        self.bad.push_back(Bad {
            at,
            broker: rules.broker.to_string(),
            kind: if specimen.malformed.is_some() { "malformed" } else { "invalid" },
            reason: reasons().map(Reason::as_str).collect::<Vec<_>>().join(","),
            device: specimen.device.as_deref().map(str::to_owned),
            // What is wrong may be all that the reason says.
            details: match place {
                Some(place) if place.starts_with(&meaning) => format!("{topic}: {place}"),
                Some(place) => format!("{topic}: {meaning}: {place}"),
                None => format!("{topic}: {meaning}"),
            },
        });
    }
}

/// What was observed up to now.
pub(super) fn facts(state: &State) -> Facts {
    let observed = &state.observed;
    let mut facts = Facts {
        queued_for: observed.queued_for.len(),
        bad: observed.bad.iter().cloned().collect(),
        ..Facts::default()
    };
    let mut ids: Vec<&str> = Vec::new();
    for (at, one) in state.watched.iter().enumerate() {
        count_messages(one, observed.began.get(at), &mut facts);
        count_commands(one, &mut facts);
        let is_online = |device: &&Device| device.roster.presence.state() == presence::State::Online;
        ids.extend(one.fleet.devices().filter(is_online).map(|device| &*device.id));
    }
    facts.online = ids.len();
    facts.ids = listed(ids);
    facts
}

/// The first in order, without putting all of them in order: there may be a hundred thousand.
fn listed(mut ids: Vec<&str>) -> Vec<String> {
    if ids.len() > LISTED_MAX {
        ids.select_nth_unstable(LISTED_MAX);
        ids.truncate(LISTED_MAX);
    }
    ids.sort_unstable();
    ids.into_iter().map(str::to_owned).collect()
}

fn count_messages(one: &Watched, began: Option<&HashMap<Box<str>, (u64, u64)>>, facts: &mut Facts) {
    for (counts, rules) in one.fleet.stats.streams.iter().zip(&one.fleet.rules().streams) {
        let (messages, bytes) = began.and_then(|began| began.get(&*rules.name)).copied().unwrap_or_default();
        let messages = counts.messages.saturating_sub(messages);
        facts.bytes += counts.bytes.saturating_sub(bytes);
        if messages > 0 {
            *facts.by_kind.entry(rules.kind.word()).or_default() += messages;
        }
    }
}

fn count_commands(one: &Watched, facts: &mut Facts) {
    let by_name = &one.fleet.stats.tally.commands.by_name;
    let sent: u64 = by_name.values().map(|counts| counts.sent).sum();
    let carelessly: u64 = by_name.values().map(|counts| counts.qos0).sum();
    let lowest = (sent > 0).then(|| u8::from(carelessly == 0));
    facts.commands_sent += sent;
    facts.commands_failed += one.fleet.judge.operations(Operation::Command).totals(Operation::Command).failed;
    facts.qos = facts.qos.into_iter().chain(lowest).min();
}

/// What waits for a device, as the API shows it; of several brokers that know it, the first one's.
pub(super) fn queue(state: &State, id: &str, now: Wall) -> Option<Value> {
    let persistent = state.observed.queued_for.contains_key(id);
    let known = state.watched.iter().find_map(|one| one.fleet.device(id).map(|device| (one, device)));
    let message = if persistent {
        "Commands that are sent while this device is offline are queued: it answered such commands when it was back"
    } else {
        "Whether commands are queued while this device is offline is not known: none was answered later in this run"
    };
    let (online, pending, depth, oldest, commands) = match known {
        Some((one, device)) => {
            let (commands, online) = (&device.roster.commands, device.roster.presence.state());
            let online = (online != presence::State::Unknown).then_some(online == presence::State::Online);
            let mut queued = commands.waiting().map(|(_, command)| command).filter(|it| it.is_queued());
            let oldest = queued.next().map(|command| one.fleet.link().wall(command.sent).rfc3339());
            let depth = usize::from(oldest.is_some()) + queued.count();
            (online, commands.pending().unwrap_or(0), depth, oldest, one.fleet.view_commands(device))
        }
        None if state.watched.iter().any(|one| one.fleet.never_seen().any(|missing| missing == id)) => {
            (None, 0, 0, None, Vec::new())
        }
        None => return None,
    };
    Some(json!({
        "node_id": id,
        "persistent_session": persistent.then_some(true),
        "message": message,
        "timestamp": now.rfc3339(),
        "online": online,
        "pending": pending,
        "queue": {"depth": depth, "source": "inferred", "oldest": oldest},
        "commands": commands,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_devices_the_first_thousand_are_listed_in_order() {
        let all: Vec<String> = (0..3000).rev().map(|n| format!("{n:04}")).collect();
        let shown = listed(all.iter().map(String::as_str).collect());
        assert_eq!((shown.len(), &*shown[0], &*shown[999]), (1000, "0000", "0999"));
        assert!(shown.is_sorted());
        assert_eq!(listed(vec!["b", "a"]), ["a", "b"]);
    }
}
