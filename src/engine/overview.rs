//! The fleet in a few numbers: what health judges and what the page shows at a glance. One walk over the devices, since
//! there may be 100,000 of them; nothing here may change anything.

use super::State;
use super::handle::{BrokerOverview, Overview, Since};
use crate::clock;
use std::collections::BTreeMap;
use watchkeeper_core::finding::Service;
use watchkeeper_core::fleet::{Device, Fleet, States};
use watchkeeper_core::operations::Operation;
use watchkeeper_core::reason::Reason;
use watchkeeper_core::report::Watched;
use watchkeeper_core::rules::Limits;
use watchkeeper_core::service::Judge;
use watchkeeper_core::time::{Mono, Now};

/// Devices whose commands without an answer are listed.
const PENDING_LISTED_MAX: usize = 100;

/// More of a broker's fleet, for the page.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    /// Points that are tracked.
    pub(crate) points: usize,
    /// Messages with an error, since the state began.
    pub(crate) bad: u64,
    /// Errors by reason, those that occurred.
    pub(crate) reasons: Vec<(&'static str, u64)>,
    /// Messages lost, over all devices.
    pub(crate) lost: u64,
    /// Messages on topics that no stream takes.
    pub(crate) unmatched: u64,
    /// Points that were refused because there were too many.
    pub(crate) points_refused: u64,
    /// Commands that were seen, and those without an answer in time.
    pub(crate) commands: (u64, u64),
    /// Devices that are muted.
    pub(crate) muted: usize,
    /// What there may be of all this.
    pub(crate) limits: Limits,
}

/// All brokers.
pub(super) fn of(state: &State) -> Overview {
    let now = clock::now();
    let brokers = state.watched.iter().zip(&state.inboxes);
    Overview {
        brokers: brokers.map(|(one, inbox)| broker(one, inbox.shed(now.mono), now)).collect(),
        trend: state.trend.until(&state.watched, now.wall),
    }
}

fn broker(one: &Watched, (shed, shedding): (u64, Option<Mono>), now: Now) -> BrokerOverview {
    let fleet = &one.fleet;
    let mut seen = Seen::default();
    seen.states.never_seen = fleet.never_seen().count();
    fleet.devices().for_each(|device| seen.look(fleet, device, now));
    let (pending, pending_by_device) = seen.pending();
    let states = seen.states;
    BrokerOverview {
        pending,
        pending_by_device,
        broker: fleet.rules().broker.to_string(),
        online: states.online,
        offline: states.offline,
        unknown: states.unknown,
        never_seen: states.never_seen,
        points_stuck: seen.stuck,
        messages: fleet.stats.streams.iter().map(|counts| counts.messages).sum(),
        shed,
        devices_refused: if fleet.refuses(now.mono).is_some() { fleet.stats.devices_refused } else { 0 },
        error_ratio_high: seen.bad,
        sla_broken: sla_broken(&fleet.judge),
        failing: failing(&fleet.judge),
        shedding: shedding.map(|since| now.wall_of(since)),
        since: since(fleet, seen.bad_since, now),
        sys_seen: one.broker.last_update().is_some(),
        more: more(fleet, &seen, now),
    }
}

/// What one walk over the devices finds.
#[derive(Default)]
struct Seen<'a> {
    states: States,
    points: usize,
    stuck: usize,
    /// Devices with too many errors that are not muted, and since when the first of them is.
    bad: usize,
    bad_since: Option<Mono>,
    /// Devices with commands that wait.
    waiting: Vec<(u64, &'a str)>,
}

impl<'a> Seen<'a> {
    fn look(&mut self, fleet: &Fleet, device: &'a Device, now: Now) {
        let roster = &device.roster;
        self.states.note(roster.presence.state());
        self.points += roster.stuck.points();
        self.stuck += roster.stuck.stuck() as usize;
        if roster.errors.is_high() && !fleet.is_muted(&device.id, now.wall) {
            self.bad += 1;
            self.bad_since = self.bad_since.into_iter().chain(roster.errors.high_since()).min();
        }
        if let Some(count) = roster.commands.pending().filter(|count| *count > 0) {
            self.waiting.push((count as u64, &device.id));
        }
    }

    /// Commands without an answer, and the devices that have most of them.
    fn pending(&mut self) -> (u64, BTreeMap<String, u64>) {
        let all = self.waiting.iter().map(|(count, _)| count).sum();
        self.waiting.sort_unstable_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.cmp(b)));
        let most = self.waiting.iter().take(PENDING_LISTED_MAX);
        (all, most.map(|(count, id)| ((*id).to_owned(), *count)).collect())
    }
}

fn more(fleet: &Fleet, seen: &Seen, now: Now) -> More {
    let (streams, stats) = (&fleet.stats.streams, &fleet.stats);
    let of = |reason: Reason| streams.iter().map(|counts| counts.errors[reason as usize]).sum::<u64>();
    let reasons = Reason::ALL.into_iter().map(|reason| (reason.as_str(), of(reason)));
    let commands = stats.tally.commands.by_name.values();
    More {
        points: seen.points,
        bad: streams.iter().map(|counts| counts.bad).sum(),
        reasons: reasons.filter(|(_, count)| *count > 0).collect(),
        lost: stats.lost,
        unmatched: stats.unmatched,
        points_refused: stats.points_refused,
        commands: commands.fold((0, 0), |(sent, late), counts| (sent + counts.sent, late + counts.timeouts)),
        muted: fleet.muted(now.wall).count(),
        limits: fleet.rules().limits,
    }
}

/// Such as «`command_p95` is 0.812 s, promised are 0.500 s».
fn sla_broken(judge: &Judge) -> Vec<String> {
    let broken = judge.standings().filter(|kept| kept.standing.broken_since.is_some());
    let told = broken.map(|kept| {
        let (value, limit) = (kept.value.unwrap_or_default(), kept.promise.limit);
        Service::SlaBroken { sla: kept.sla.into(), value, limit }.details()
    });
    told.collect()
}

fn failing(judge: &Judge) -> Vec<&'static str> {
    let high =
        Operation::ALL.into_iter().filter(|operation| judge.operations(*operation).is_high(*operation));
    high.map(Operation::as_str).collect()
}

/// Since when what health tells of the fleet is so.
fn since(fleet: &Fleet, bad_since: Option<Mono>, now: Now) -> Since {
    let date = |at: Option<Mono>| at.map(|at| fleet.link().date(at, now));
    let dated =
        |at, is_on_our_clock| if is_on_our_clock { now.wall_of(at) } else { fleet.link().date(at, now) };
    let standings = fleet.judge.standings();
    let broken =
        standings.filter_map(|kept| kept.standing.broken_since.map(|at| dated(at, kept.is_on_our_clock)));
    let failing = Operation::ALL.into_iter().filter_map(|operation| {
        let at = fleet.judge.operations(operation).high_since(operation)?;
        // Connections are judged by a clock that does not stand still without one.
        Some(dated(at, operation == Operation::Connection))
    });
    Since {
        error_ratio_high: date(bad_since),
        sla_broken: broken.min(),
        failing: failing.min(),
        devices_refused: fleet.refuses(now.mono).map(|at| now.wall_of(at)),
    }
}
