//! What is stated of devices: by their status topics, live or kept, by births and deaths of sessions, and by the broker.
//! Nothing here may be guessed: a client that is no device for certain says nothing of one.

use super::Fleet;
use super::kin::{HOLD_OFF, set_parent};
use super::message::Message;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::broker::clients::Change;
use crate::broker::event::{ClientEvent, What as Happened};
use crate::classify::Verdict;
use crate::decode::{Decoded, Leaf};
use crate::reason::Reason;
use crate::rules::{Format, Kind, Name, Statement};
use crate::time::{Mono, Now, Wall};
use crate::trackers::presence::{Departure, State, Told};

/// An event that is older than this is not of now, in microseconds.
const PAST: i64 = 60_000_000;

impl Fleet {
    /// What a message says of presence; a word that nobody knows is an error.
    pub(super) fn statement(
        &self,
        arrival: &Arrival,
        sought: &Sought,
        verdict: &mut Verdict,
        read: &Decoded,
    ) -> Option<Statement> {
        let rules = &self.rules.streams[usize::from(sought.stream)];
        let status = sought.status(rules).filter(|_| verdict.malformed.is_none())?;
        let said = status.read(verdict.payload, read.document(verdict.payload));
        // An empty message only takes away what the broker kept.
        if said.is_none() && rules.kind == Kind::Presence && !arrival.payload.is_empty() {
            verdict.reasons.add(Reason::Status);
        }
        said
    }

    /// Gives the metrics that came without a name the names that the device told once.
    pub(super) fn resolve(&mut self, slot: u32, read: &mut Decoded) {
        if read.metrics().is_empty() {
            return;
        }
        let names = self.names.borrow();
        let Some(device) = &self.devices[slot as usize] else { return };
        self.stats.aliases_unknown += read.resolve(|alias| device.roster.session.alias(alias, &names));
    }

    /// What a statement of a session amounts to: a birth begins one, and a death of another than the last is none.
    pub(super) fn settle_session(&mut self, slot: u32, message: &Message) -> Option<Statement> {
        let Message { sought, statement, verdict, read, .. } = *message;
        let Self { rules, devices, names, .. } = self;
        let (stream, max) = (&rules.streams[usize::from(sought.stream)], rules.limits.points_per_device_max);
        let Some(device) = devices.get_mut(slot) else { return statement };
        if let (Some(Name::Payload(path)), None) = (&stream.kin.parent, verdict.malformed) {
            let parent = read.document(verdict.payload).find(path).and_then(Leaf::word);
            if let Some(parent) = parent {
                set_parent(devices, &mut self.kin, slot, parent);
            }
            return statement;
        }
        let (Some(status), Some(said)) = (sought.status(stream), statement) else { return statement };
        let number = status.session.as_ref().and_then(|path| match stream.format {
            Format::Sparkplug => read.session(),
            _ => read.document(verdict.payload).find(path)?.raw().parse().ok(),
        });
        let session = &mut device.roster.session;
        match said {
            Statement::Gone(_)
                if status.session.is_some() && session.is_stale(number, status.session_grows) =>
            {
                self.stats.stale_departures += 1;
                return None;
            }
            Statement::Gone(_) if stream.format == Format::Sparkplug => session.end(),
            Statement::Gone(_) => {}
            Statement::Online | Statement::Asleep => {
                if stream.format == Format::Sparkplug {
                    self.stats.points_refused += session.learn(read, &mut names.borrow_mut(), max);
                }
                if status.session.is_some() {
                    session.begin(number);
                }
            }
        }
        statement
    }

    /// The device through which it speaks is said to be gone; that it is silent says nothing of others.
    fn is_parent_gone(&self, slot: u32) -> bool {
        let parent = self.devices[slot as usize].as_ref().and_then(|device| device.parent.as_deref());
        if parent.is_some_and(|id| self.is_bridge_gone(id)) {
            return true;
        }
        let parent = parent.and_then(|id| self.find(id)).filter(|parent| *parent != slot);
        let presence = parent.and_then(|slot| self.devices[slot as usize].as_ref());
        presence.is_some_and(|device| {
            let presence = &device.roster.presence;
            presence.state() == State::Offline && presence.reason() != Some(Departure::Silence)
        })
    }

    /// A kept statement.
    pub(super) fn keep_statement(&mut self, slot: u32, message: &Message, at: Mono, now: Now) {
        let Some(statement) = self.settle_session(slot, message) else { return };
        // Nobody takes back what a device said that speaks through another which is gone since.
        let is_orphan = !matches!(statement, Statement::Gone(_)) && self.is_parent_gone(slot);
        let statement = if is_orphan { Statement::Gone(Departure::Parent) } else { statement };
        let hold_off = self.rules.streams[usize::from(message.sought.stream)].hold_off;
        let Some(device) = self.devices.get_mut(slot) else { return };
        let since = (self.watched_since, hold_off);
        device.roster.presence.kept(statement, since, at, &mut self.edges);
        let leaves = matches!(statement, Statement::Gone(_)) && device.roster.presence.is_leaving();
        self.look_again(slot, now);
        if leaves {
            self.children_leave(slot, true, at, now);
        }
    }

    /// The broker tells what became of a client. Whose it is must be certain: the client id is that of a device, or a
    /// stream says so; else nothing is made of it.
    pub fn client_event(&mut self, event: &ClientEvent, now: Now) {
        let (Some(client), Happened::Changed(change, cause)) = (&event.client, event.what) else { return };
        // While we are away our clock stands, and what is so when we are back is told then.
        if !self.link.is_up() {
            return;
        }
        let told = match change {
            Change::Connected => Told::Came,
            Change::Disconnected => Told::Went(cause.into()),
            Change::Refused => return,
        };
        let by_id = self.find(client);
        let by_rule = self.kin.clients.get(&**client).cloned().unwrap_or_default();
        let at = self.link.moment(now.mono);
        for slot in by_rule.into_iter().chain(by_id) {
            if !self.is_kept(slot, now) {
                continue;
            }
            let Some(device) = self.devices.get_mut(slot) else { continue };
            // A log that is read late tells of the past, and who was heard since is there.
            let is_past =
                |at: &Wall| now.wall.0.saturating_sub(at.0) > PAST && device.last_message > Some(*at);
            if told != Told::Came && event.at.as_ref().is_some_and(is_past) {
                continue;
            }
            device.roster.presence.told(told, HOLD_OFF, at, &mut self.edges);
            let leaves = device.roster.presence.is_leaving();
            self.look_again(slot, now);
            if leaves {
                self.children_leave(slot, false, at, now);
            }
        }
    }
}
