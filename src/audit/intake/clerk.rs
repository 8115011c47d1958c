//! The keeper of one broker's audited messages: what a message becomes, what was met before, and what is to be said when
//! the broker lost our session. It lives on the thread of the connections. Nothing here may block.

use super::counts::Counts;
use super::ear::Ear;
use super::ledger::Ledger;
use super::memory::{Memory, Met, Print, Question};
use super::notes::Notes;
use super::page::{Page, Verdict};
use crate::audit::echo::{Echo, Heard};
use crate::audit::marks::Marks;
use crate::ingest::keep::{self, Keeper};
use crate::ingest::{Inbound, Sink};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Kind, Level, Value};
use watchkeeper_audit::sources::config::{Changes, Limits};
use watchkeeper_audit::sources::life;
use watchkeeper_audit::sources::message::{self, Message};
use watchkeeper_core::rules::{self, FleetRules, StreamRules};
use watchkeeper_core::subject::{Subject, Subjects};
use watchkeeper_core::time::{Mono, Now, Wall};

/// So many more messages that may come again are noted.
const OPEN_STEP: u64 = 16_384;

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
    /// Where the engine hears of commands.
    pub(super) echo: Arc<Echo>,
}

/// See the head of this file.
pub(super) struct Clerk {
    terms: Terms,
    pub(super) marks: Arc<Marks>,
    pub(super) counts: Arc<Counts>,
    memory: RefCell<Memory>,
    subjects: RefCell<Subjects>,
    ear: Ear,
    changes: RefCell<Changes>,
    mask: Arc<Mask>,
    notes: Arc<Notes>,
    /// Records that found no room and that no delivery brings again.
    owed: RefCell<VecDeque<Draft>>,
    me: Weak<Self>,
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
        let ear = Ear::new(rules, Arc::clone(&terms.echo));
        Rc::new_cyclic(|me| Self {
            terms,
            marks,
            counts,
            memory: RefCell::new(memory),
            subjects: RefCell::new(Subjects::new(rules)),
            ear,
            changes: RefCell::new(Changes::new(Mask::clone(&mask), Limits::default())),
            mask,
            notes,
            owed: RefCell::default(),
            me: me.clone(),
        })
    }

    /// What a message means for the log.
    pub(super) fn judge(&self, message: Inbound, now: Now) -> Verdict {
        // Nothing of it is recorded, and it may be large.
        let message = Inbound { user_properties: Vec::new(), ..message };
        let seen = now.wall_of(message.at);
        let Ok(topic) = std::str::from_utf8(&message.topic) else {
            if !self.subjects.borrow().keeps_topic(&message.topic) {
                return self.skip();
            }
            self.counts.messages.add();
            let draft = self.no_text(&message, seen);
            return Verdict::Record(Box::new(Page {
                draft,
                print: None,
                again: false,
                dup: false,
                heard: None,
                settings: None,
            }));
        };
        let mut subjects = self.subjects.borrow_mut();
        if !subjects.stream(topic).is_some_and(|(_, rules)| rules.is_audited()) {
            self.counts.passed.add();
            return Verdict::Pass;
        }
        let Some(subject) = subjects.find(topic, &message.payload) else { return Verdict::Pass };
        if !subjects.keeps(&subject.device) {
            return self.skip();
        }
        let Some((_, rules)) = subjects.stream(topic) else { return Verdict::Pass };
        self.counts.messages.add();
        let described = self.describe(&message, rules, &subject, seen);
        let draft = message::draft(&described, &self.mask);
        let (draft, heard) = self.ear.hear(&message, (rules.kind, &subject), topic, draft, &self.mask);
        let (draft, print, met) = self.compare(draft, &message);
        let is_settings = rules.kind == rules::Kind::Config;
        let dup = message.dup && !message.retain;
        match met {
            Met::Kept => {
                if is_settings {
                    // What the log has is what changes are changes of.
                    self.changes.borrow_mut().observe(&described);
                }
                Verdict::Pass
            }
            Met::New if is_settings => {
                let settings = Some((message, subject));
                Verdict::Record(Box::new(Page { draft, print, again: false, dup, heard: None, settings }))
            }
            Met::New => {
                Verdict::Record(Box::new(Page { draft, print, again: false, dup, heard, settings: None }))
            }
            Met::Again(_) => {
                // What the broker keeps is known by its topic, and is the last of it once more. The engine was told of
                // a message when it came first, or finds its record.
                let again = !message.retain;
                Verdict::Record(Box::new(Page { draft, print, again, dup, heard: None, settings: None }))
            }
        }
    }

    /// Another shard has the record.
    fn skip(&self) -> Verdict {
        self.counts.skipped.add();
        Verdict::Pass
    }

    fn describe<'a>(
        &'a self,
        message: &'a Inbound,
        rules: &'a StreamRules,
        subject: &'a Subject,
        seen: Wall,
    ) -> Message<'a> {
        Message {
            broker: &self.terms.broker,
            stream: &rules.name,
            kind: rules.kind,
            device: Some(&subject.device),
            topic: &message.topic,
            payload: &message.payload,
            qos: message.qos,
            retain: message.retain,
            mid: message.pkid,
            correlation: message.correlation.as_deref(),
            keep_payload: rules.audit_payload,
            at: seen,
        }
    }

    /// Marks what is in the log already.
    fn compare(&self, draft: Draft, message: &Inbound) -> (Draft, Option<Print>, Met) {
        let mut memory = self.memory.borrow_mut();
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => &**text,
            _ => "",
        };
        // The topic as the log will have it: after a restart only that is known.
        let print = memory.print(text(Key::Topic).as_bytes(), text(Key::PayloadSha256), message.pkid);
        let met = print.map_or(Met::New, |print| memory.meet(print, message.dup, message.retain));
        let draft = match met {
            Met::New => draft,
            Met::Kept => {
                self.counts.kept.add();
                draft
            }
            Met::Again(at) => {
                self.counts.duplicates.add();
                let draft = draft.flag(Key::Dup, true);
                if let Some(seq) = at { draft.int(Key::DuplicateOf, seq) } else { draft }
            }
        };
        (draft, print, met)
    }

    /// A topic that is no text is a fault of the broker's, and belongs to nobody.
    fn no_text(&self, message: &Inbound, seen: Wall) -> Draft {
        let draft = Draft::new(seen, Level::Warn, Kind::Security, "topic_not_text")
            .text(Key::Broker, &self.terms.broker)
            .bytes(Key::Topic, &message.topic)
            .int(Key::Qos, message.qos)
            .int(Key::PayloadBytes, message.payload.len());
        self.mask.draft(draft)
    }

    /// Hands a record over. Gives the mark with which it is safe and the number under which it is remembered; none:
    /// there is no room now.
    pub(super) fn hand_over(&self, page: &Page) -> Option<(u64, Option<u64>)> {
        let mut memory = self.memory.borrow_mut();
        // While the disk refuses, some brokers deliver again over the same connection what waits here.
        let resent = page.dup && !page.again && page.print.is_some_and(|print| memory.is_open(print));
        let again = page.again || resent;
        let mut mark = if resent {
            let mark = self.marks.append(&page.draft.clone().flag(Key::Dup, true))?;
            self.counts.duplicates.add();
            mark
        } else {
            self.marks.append(&page.draft)?
        };
        let at = page.draft.ts;
        let number = page
            .print
            .map(|print| if again { memory.remember_again(print, at) } else { memory.remember(print, at) });
        self.note_open(&memory);
        drop(memory);
        if let Some(heard) = page.heard.as_ref().filter(|_| !again) {
            self.ear.echo.push(Heard { mark, ..Heard::clone(heard) });
        }
        for draft in
            page.settings.iter().flat_map(|(message, subject)| self.changed(message, subject, page.draft.ts))
        {
            let mut owed = self.owed.borrow_mut();
            let handed = if owed.is_empty() { self.marks.append(&draft) } else { None };
            match handed {
                Some(later) => mark = later,
                None => owed.push_back(draft),
            }
        }
        Some((mark, number))
    }

    /// What a document changed.
    fn changed(&self, message: &Inbound, subject: &Subject, seen: Wall) -> Vec<Draft> {
        let subjects = self.subjects.borrow();
        let topic = std::str::from_utf8(&message.topic).unwrap_or_default();
        let Some((_, rules)) = subjects.stream(topic) else { return Vec::new() };
        self.changes.borrow_mut().observe(&self.describe(message, rules, subject, seen))
    }

    /// An acknowledgement was sent.
    pub(super) fn acknowledged(&self, number: u64) {
        self.memory.borrow_mut().acknowledged(number);
    }

    /// The broker is asked something.
    pub(super) fn question(&self) -> Question {
        self.memory.borrow().question()
    }

    /// It has answered.
    pub(super) fn answered(&self, question: Question) {
        let mut memory = self.memory.borrow_mut();
        memory.answered(question);
        if let Some(at) = memory.settled_at() {
            self.notes.settled(&self.terms.broker, at, memory.open());
        }
    }

    /// After a kill the log is read as far back as something may come again; that it grew far is saved soon.
    fn note_open(&self, memory: &Memory) {
        let open = memory.open();
        if open.is_multiple_of(OPEN_STEP) {
            self.notes.grown(&self.terms.broker, open);
        }
    }

    /// Puts what we owe into the log; false when there is no room for it.
    pub(super) fn pay(&self) -> bool {
        let mut owed = self.owed.borrow_mut();
        while owed.front().is_some_and(|draft| self.marks.note(draft)) {
            owed.pop_front();
        }
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
        self.owed.borrow_mut().push_back(life::session_lost(now.wall, &self.terms.broker, away));
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
        let Terms { broker, client_id, filters, .. } = &self.terms;
        let before = self.notes.begin(broker, client_id, resumed, filters, now);
        self.memory.borrow_mut().new_connection();
        if !resumed {
            self.memory.borrow_mut().new_session();
            self.ear.echo.new_session();
            if let Some(since) = before {
                self.session_lost(now, since);
            }
        }
        // Whoever opens a ledger holds the clerk, through the plan of the connection.
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

    fn up(&self, at: Mono) {
        self.ear.echo.connected(Some(at));
    }

    fn down(&self, _at: Mono, last_alive: Mono) {
        self.ear.echo.connected(None);
        self.notes.alive(&self.terms.broker, last_alive);
        self.notes.changed();
    }
}
