//! The keeper of one broker's audited messages: what a message becomes, what was met before, and what is to be said when
//! the broker lost our session. It lives on the thread of the connections. Nothing here may block.

use super::compose;
use super::counts::Counts;
use super::ledger::Ledger;
use super::memory::{Memory, Met, Print};
use super::notes::Notes;
use crate::audit::marks::Marks;
use crate::ingest::keep::{self, Keeper};
use crate::ingest::{Inbound, Sink};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Value};
use watchkeeper_audit::sources::life;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::subject::Subjects;
use watchkeeper_core::time::{Mono, Now, Wall};

/// What does not change while a clerk lives.
pub(super) struct Terms {
    /// The label of the broker.
    pub(super) broker: String,
    /// The id of our session.
    pub(super) client_id: String,
    /// What the session is to have.
    pub(super) filters: Vec<String>,
    /// How long a stop waits.
    pub(super) patience: Duration,
}

/// See the head of this file.
pub(super) struct Clerk {
    pub(super) terms: Terms,
    pub(super) marks: Arc<Marks>,
    pub(super) counts: Arc<Counts>,
    pub(super) memory: RefCell<Memory>,
    subjects: RefCell<Subjects>,
    mask: Arc<Mask>,
    notes: Arc<Notes>,
    /// Records of our own that found no room.
    owed: RefCell<Vec<Draft>>,
    me: Weak<Self>,
}

/// What is to be done with a message.
pub(super) enum Verdict {
    /// It needs no record.
    Pass,
    /// It becomes this one.
    Record(Box<Draft>, Option<Print>),
}

impl Clerk {
    /// `memory` knows what the log has of this broker.
    pub(super) fn new(
        terms: Terms,
        rules: &FleetRules,
        marks: Arc<Marks>,
        mask: Arc<Mask>,
        notes: Arc<Notes>,
        counts: Arc<Counts>,
        memory: Memory,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            terms,
            marks,
            counts,
            memory: RefCell::new(memory),
            subjects: RefCell::new(Subjects::new(rules)),
            mask,
            notes,
            owed: RefCell::default(),
            me: me.clone(),
        })
    }

    /// What a message means for the log.
    pub(super) fn judge(&self, message: &Inbound, now: Now) -> Verdict {
        let seen = now.wall_of(message.at);
        let Ok(topic) = std::str::from_utf8(&message.topic) else {
            self.counts.messages.add();
            return Verdict::Record(Box::new(self.no_text(message, seen)), None);
        };
        let mut subjects = self.subjects.borrow_mut();
        if !subjects.stream(topic).is_some_and(|(_, rules)| rules.is_audited()) {
            self.counts.passed.add();
            return Verdict::Pass;
        }
        let Some(subject) = subjects.find(topic, &message.payload) else { return Verdict::Pass };
        let Some((_, rules)) = subjects.stream(topic) else { return Verdict::Pass };
        self.counts.messages.add();
        let draft = compose::draft(&self.terms.broker, rules, &subject.device, topic, message, seen);
        self.compare(self.mask.draft(draft), message)
    }

    /// Marks what is in the log already.
    fn compare(&self, mut draft: Draft, message: &Inbound) -> Verdict {
        let mut memory = self.memory.borrow_mut();
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => &**text,
            _ => "",
        };
        // The topic as the log will have it: after a restart only that is known.
        let print = memory.print(text(Key::Topic).as_bytes(), text(Key::PayloadSha256), message.pkid);
        let met = print.map_or(Met::New, |print| memory.meet(print, message.dup, message.retain));
        match met {
            Met::Kept => {
                self.counts.kept.add();
                return Verdict::Pass;
            }
            Met::Again(at) => {
                self.counts.duplicates.add();
                draft = draft.flag(Key::Dup, true);
                if let Some(seq) = at {
                    draft = draft.int(Key::DuplicateOf, seq);
                }
            }
            Met::New => {}
        }
        Verdict::Record(Box::new(draft), print)
    }

    /// A topic that is no text is a fault of the broker's, and belongs to nobody.
    fn no_text(&self, message: &Inbound, seen: Wall) -> Draft {
        let draft = Draft::new(seen, Level::Warn, Kind::Security, "topic_not_text")
            .text(Key::Broker, &self.terms.broker)
            .text(Key::Topic, &String::from_utf8_lossy(&message.topic))
            .int(Key::PayloadBytes, message.payload.len());
        self.mask.draft(draft)
    }

    /// Puts what we owe into the log; false when there is no room for it.
    pub(super) fn pay(&self) -> bool {
        let mut owed = self.owed.borrow_mut();
        let paid = owed.iter().take_while(|draft| self.marks.note(draft)).count();
        owed.drain(..paid);
        owed.is_empty()
    }

    fn session_lost(&self, now: Now, since: Wall) {
        let away = u64::try_from(now.wall.0.saturating_sub(since.0)).unwrap_or(0);
        self.counts.sessions_lost.add();
        tracing::warn!(
            broker = self.terms.broker,
            seconds = away / 1_000_000,
            "the broker did not keep our session; audited messages of that time may be missing"
        );
        self.owed.borrow_mut().push(life::session_lost(now.wall, &self.terms.broker, away));
    }
}

impl Keeper for Clerk {
    fn steps(&self) -> watch::Receiver<u64> {
        self.marks.steps()
    }

    fn patience(&self) -> Duration {
        self.terms.patience
    }

    fn open(&self, resumed: bool, now: Now) -> Box<dyn keep::Ledger> {
        let before =
            self.notes.begin(&self.terms.broker, &self.terms.client_id, resumed, &self.terms.filters, now);
        if !resumed {
            self.memory.borrow_mut().new_session();
            if let Some(since) = before {
                self.session_lost(now, since);
            }
        }
        // Whoever holds the ledger holds the clerk as well, through the plan of the connection.
        let clerk = self.me.upgrade().expect("a clerk that is asked lives");
        Box::new(Ledger::new(clerk))
    }

    fn unwanted(&self) -> Vec<String> {
        self.notes.unwanted(&self.terms.broker, &self.terms.filters)
    }

    fn subscribed(&self) {
        self.notes.subscribed(&self.terms.broker, &self.terms.filters);
    }
}

impl Sink for Clerk {
    fn message(&self, _message: Inbound) {
        debug_assert!(false, "messages go into the ledger of their connection");
    }

    fn alive(&self, at: Mono) {
        self.notes.alive(&self.terms.broker, at);
    }

    fn up(&self, _at: Mono) {}

    fn down(&self, _at: Mono, last_alive: Mono) {
        self.notes.alive(&self.terms.broker, last_alive);
        self.notes.changed();
    }
}
