//! What the engine owns, and what it makes of messages and of time: findings, records, levels. Nothing here may wait.

use super::Progress;
use super::inbox::{self, Inbox};
use super::later::Later;
use super::recent::Recent;
use super::status::Observed;
use super::taking::{Looker, in_turn, take, take_apart, take_turns, tell};
use super::trend::Trend;
use super::twins::Twins;
use crate::audit;
use crate::audit::clients::ClientLog;
use crate::audit::outages::Outages;
use crate::audit::said::Said;
use crate::clock;
use crate::own::Own;
use crate::saver::Waiting;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Notify;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources;
use watchkeeper_core::finding::{Finding, What};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND};

/// Messages between two looks at who else waits.
const SLICE: usize = 256;

/// Findings that are kept for people to look at.
const FINDINGS_MAX: usize = 1000;

/// Nobody looked for so long, though there is a tick every second: this process stood still, an outage of ours.
const STALL: Micros = 2 * SECOND;

/// What the engine owns. Borrowed for a moment at a time, never across an await.
pub(crate) struct State {
    pub(crate) watched: Vec<Watched>,
    pub(crate) inboxes: Vec<Rc<Inbox>>,
    /// In the order of the brokers, as is the next.
    pub(super) outages: Vec<Outages>,
    pub(super) clients: Vec<ClientLog>,
    pub(super) twins: Vec<Twins>,
    pub(super) later: Vec<Later>,
    pub(super) said: Vec<Said>,
    pub(super) began: Mono,
    pub(super) progress: Option<Progress>,
    pub(super) findings: VecDeque<Value>,
    /// For the report on what was observed.
    pub(crate) observed: Observed,
    /// For the page: the last values of devices that are looked at, and how much there was of late.
    pub(super) recent: Recent,
    pub(super) trend: Trend,
    pub(crate) audit: audit::Desk,
    /// Records of this slice, in their order.
    pub(super) drafts: Vec<Draft>,
    pub(super) last_look: Mono,
    /// Brokers of which was said that they have too many devices.
    pub(super) full: Vec<Box<str>>,
    /// A scrape has told what is not saved yet.
    pub(crate) scraped: Rc<Notify>,
    /// Who waits until what is so now is saved.
    pub(super) unsaved: Vec<Waiting>,
    pub(super) own: Own,
}

impl State {
    pub(super) fn slice(&mut self) -> bool {
        let mut more = false;
        let read = clock::now();
        self.look(read);
        let mut looker = Looker { observed: &mut self.observed, audit: &self.audit, own: &self.own };
        let sources = self.outages.iter_mut().zip(&mut self.clients).zip(&mut self.twins);
        for ((watched, inbox), (sources, twins)) in self.watched.iter_mut().zip(&self.inboxes).zip(sources) {
            for _ in 0..SLICE {
                let Some(item) = inbox.pop() else { break };
                let Some(item) = in_turn(watched, twins, item) else { continue };
                if matches!(item, inbox::Item::Down(_)) {
                    take_apart(watched, twins, &mut looker, read, &mut self.drafts);
                }
                self.drafts.extend(take(watched, (sources.0, sources.1), &mut looker, item, read));
            }
            let drafts = &mut self.drafts;
            take_turns(watched, (sources.0, sources.1), twins, &mut looker, read, drafts);
            if let Some(at) = inbox.alive() {
                watched.fleet.alive(at);
            }
            more |= inbox.waits();
        }
        self.note_findings(read);
        more
    }

    /// Whether a connection brought so much since the last time that it probably has more.
    pub(super) fn more_comes(&self) -> bool {
        // Each is asked, which begins its count anew.
        self.inboxes.iter().filter(|inbox| inbox.brings_more()).count() > 0
    }

    /// Before anything is made of messages or of time: a standstill of ours is skipped by the fleets' clocks. The
    /// messages of that time wait in the socket and arrive in a bunch.
    fn look(&mut self, now: Now) {
        let stood = now.mono.since(self.last_look);
        self.last_look = now.mono;
        if stood <= STALL {
            return;
        }
        for watched in &mut self.watched {
            if watched.fleet.link().is_up() {
                watched.fleet.link_down(now);
                watched.fleet.link_up(now);
            }
        }
        tracing::warn!(
            seconds = stood / SECOND,
            "this process stood still; no device is blamed for that time"
        );
        self.drafts.push(sources::life::stood_still(now.wall.minus(stood), stood));
    }

    pub(super) fn tick(&mut self, now: Now) {
        self.look(now);
        for (watched, inbox) in self.watched.iter_mut().zip(&self.inboxes) {
            // A broker that proves its life without a message wakes nobody.
            if let Some(at) = inbox.alive() {
                watched.fleet.alive(at);
            }
            watched.fleet.tick(now);
            let (tried, failed) = self.own.connections(&watched.fleet.rules().broker);
            watched.fleet.note_connections(tried, failed, now);
            watched.fleet.note_round_trips(&[], now);
            inbox.tick(&watched.fleet.rules().broker, now.mono);
        }
        for (watched, clients) in self.watched.iter_mut().zip(&mut self.clients) {
            clients.tick(&mut watched.broker);
            tell(watched, clients, now);
        }
        self.recent.tick(&self.watched, now);
        self.trend.tick(&self.watched, now);
        self.say_full();
        self.drafts.extend(self.outages.iter_mut().filter_map(|outages| outages.tick(now)));
        self.note_findings(now);
        // What found no room in the log before may find it now.
        self.audit.tick();
    }

    /// Once a broker: what is beyond the limit arrives with every message, and the counter goes on.
    fn say_full(&mut self) {
        for watched in &self.watched {
            let rules = watched.fleet.rules();
            if watched.fleet.stats.devices_refused > 0 && !self.full.contains(&rules.broker) {
                tracing::warn!(
                    broker = &*rules.broker,
                    devices_max = rules.limits.devices_max,
                    "there are more devices than the limit, and those beyond it are not watched; raise limits.devices_max \
                     or shorten fleet.forget_after"
                );
                self.full.push(rules.broker.clone());
            }
        }
    }

    /// Every finding is a record, and the newest are kept for people to look at. Then the log has everything of this
    /// slice, in its order; it never makes us wait.
    pub(super) fn note_findings(&mut self, seen: Now) {
        for at in 0..self.watched.len() {
            let found = self.watched[at].fleet.take_findings();
            for finding in &found {
                self.note_finding(at, finding, seen);
            }
            self.later[at].take(&self.twins[at], seen.mono, false, &mut self.drafts);
        }
        self.hand_over();
    }

    /// A finding of a broker's fleet or queues, the broker being known by its place.
    pub(super) fn note_finding(&mut self, at: usize, finding: &Finding, seen: Now) {
        let broker = &self.watched[at].fleet.rules().broker;
        self.observed.note_finding(finding);
        if self.audit.is_on() {
            let twins = &self.twins[at];
            let is_command = matches!(finding.what, What::Command(_));
            let waits = twins.is_on() && is_command;
            let (said, running) = (&mut self.said[at], seen.mono.since(self.began));
            let is_new = |draft: &Draft| is_command || !said.has(draft, &self.audit, running);
            match sources::finding::draft(broker, finding, seen.wall).filter(is_new) {
                Some(draft) if waits => self.later[at].hold(draft, twins, seen.mono),
                draft => self.drafts.extend(draft),
            }
        }
        // An answer in time would soon be all that is kept.
        if finding.what.is_routine() {
            return;
        }
        if self.findings.len() == FINDINGS_MAX {
            self.findings.pop_front();
        }
        self.findings.push_back(show(broker, finding));
    }

    /// Whether records wait for a connection to be back that brings what they were found of.
    pub(super) fn holds_back(&self) -> bool {
        self.later.iter().zip(&self.twins).any(|(later, twins)| later.waits() && twins.is_away())
    }

    pub(super) fn hand_over(&mut self) {
        if !self.drafts.is_empty() {
            self.audit.note_all(self.drafts.drain(..));
        }
    }

    /// Before the state is saved: what it knows is in the log, or on its way there, and how far it knows the log is part
    /// of it. Gives who waits for that.
    pub(super) fn prepare(&mut self, now: Mono) -> Vec<Waiting> {
        for (twins, later) in self.twins.iter().zip(&mut self.later) {
            later.take(twins, now, true, &mut self.drafts);
        }
        self.hand_over();
        let waiting = std::mem::take(&mut self.unsaved);
        let Some((log, safe)) = &self.progress else { return waiting };
        let safe = *safe.borrow();
        let next = log.status().next;
        for (watched, twins) in self.watched.iter_mut().zip(&mut self.twins) {
            watched.logged = twins.saved(safe, next);
        }
        waiting
    }
}

/// A finding as the API shows it.
fn show(broker: &str, finding: &Finding) -> Value {
    let mut shown = json!({
        "ts": finding.wall.rfc3339(),
        "broker": broker,
        "device": &*finding.device,
        "event": finding.what.event(),
        "details": finding.what.details(),
        "muted": finding.muted,
    });
    if let What::Alarm(alarm) = &finding.what {
        shown["alarm_id"] = alarm.id.as_deref().into();
    }
    shown
}
