//! What one connection delivered: each message becomes a record, the record is handed to the log as soon as there is
//! room, and the message is acknowledged when the log says that it is safe; all of it in the order of arrival. Thrown
//! away with its connection, whose broker then delivers anew what was not acknowledged.

use super::clerk::Clerk;
use super::memory::Question;
use super::page::{Page, Verdict};
use crate::ingest::Inbound;
use crate::ingest::keep::{self, Delivery, Waiting};
use std::collections::VecDeque;
use std::rc::Rc;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND};

/// More records than this do not wait for room in the log. It is as many as there are packet ids, because Mosquitto 2.0
/// sends far beyond its window, and the receive maximum, once it has a long queue: 9,620 were seen instead of 20.
const RECORDS_MAX: usize = 65_536;
/// Nor more bytes.
const BYTES_MAX: usize = 64 << 20;

/// After so many acknowledgements the broker is asked whether it has read them.
const ASK_AFTER: u32 = 4_096;
/// Or after so long.
const ASK_EVERY: Micros = 2 * SECOND;
/// More questions than this do not wait for their answers.
const QUESTIONS_MAX: usize = 16;

/// See the head of this file.
pub(super) struct Ledger {
    clerk: Rc<Clerk>,
    entries: VecDeque<Entry>,
    /// So many of them, from the front, are handed over.
    handed: usize,
    /// Records that wait for room, and their bytes.
    waiting: usize,
    bytes: usize,
    closed: bool,
    /// What the broker was asked and has not answered, oldest first.
    questions: VecDeque<Question>,
    /// Acknowledgements since the last question, and when that was.
    unasked: u32,
    asked_at: Mono,
}

struct Entry {
    /// None at quality of service 0.
    delivery: Option<Delivery>,
    step: Step,
}

enum Step {
    /// Nothing has to be safe.
    Free,
    /// A record that the log has no room for yet.
    Waits(Box<Page>),
    /// Safe with this mark; and the number under which it is remembered.
    Handed(u64, Option<u64>),
}

impl Ledger {
    pub(super) fn new(clerk: Rc<Clerk>) -> Self {
        Self {
            clerk,
            entries: VecDeque::new(),
            handed: 0,
            waiting: 0,
            bytes: 0,
            closed: false,
            questions: VecDeque::new(),
            unasked: 0,
            asked_at: Mono(0),
        }
    }

    /// Hands over what waits, as far as there is room.
    fn hand_over(&mut self) {
        if !self.clerk.pay() {
            return;
        }
        while let Some(entry) = self.entries.get_mut(self.handed) {
            if let Step::Waits(page) = &entry.step {
                let Some((mark, number)) = self.clerk.hand_over(page) else { return };
                self.waiting -= 1;
                self.bytes -= page.bytes();
                entry.step = Step::Handed(mark, number);
            }
            self.handed += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.waiting >= RECORDS_MAX || self.bytes >= BYTES_MAX
    }

    fn pop(&mut self) -> Option<Entry> {
        // What needs no record may leave before it was looked at.
        self.handed = self.handed.saturating_sub(1);
        self.entries.pop_front()
    }
}

impl Drop for Ledger {
    /// What the log has not taken comes again with the next connection, unless nobody delivers it again.
    fn drop(&mut self) {
        let gone = |entry: &&Entry| entry.delivery.is_none() && matches!(entry.step, Step::Waits(..));
        for _ in self.entries.iter().filter(gone) {
            self.clerk.counts.lost.add();
        }
    }
}

impl keep::Ledger for Ledger {
    fn message(&mut self, message: Inbound, now: Now) {
        let delivery = (message.qos > 0).then_some(Delivery { pkid: message.pkid, qos: message.qos });
        if self.closed && delivery.is_some() {
            // It is delivered again to the next connection.
            return;
        }
        let step = match self.clerk.judge(message, now) {
            Verdict::Pass if delivery.is_none() => return,
            Verdict::Pass => Step::Free,
            Verdict::Record(page) => {
                if delivery.is_none() {
                    self.clerk.counts.unprotected.add();
                    if self.is_full() {
                        return self.clerk.counts.lost.add();
                    }
                }
                self.waiting += 1;
                self.bytes += page.bytes();
                Step::Waits(page)
            }
        };
        self.entries.push_back(Entry { delivery, step });
        self.hand_over();
    }

    fn look(&mut self) -> Waiting {
        self.hand_over();
        if self.waiting == 0 {
            return Waiting::Nothing;
        }
        // At quality of service 0 nothing beyond the bounds is taken, so that this is a broker without a window.
        if self.waiting > RECORDS_MAX || (self.bytes > BYTES_MAX && self.waiting > 1) {
            self.clerk.counts.backlogs.add();
            return Waiting::TooMuch;
        }
        Waiting::Some
    }

    fn due(&mut self) -> Option<Delivery> {
        let safe = self.clerk.marks.safe();
        loop {
            let entry = self.entries.front()?;
            match entry.step {
                Step::Free => {}
                Step::Handed(mark, _) if mark <= safe => {}
                Step::Handed(..) | Step::Waits(..) => return None,
            }
            if entry.delivery.is_some() {
                return entry.delivery;
            }
            // Nobody waits for an acknowledgement: that it is safe is all there is to know.
            self.sent();
        }
    }

    fn sent(&mut self) {
        self.unasked = self.unasked.saturating_add(1);
        if let Some(Entry { step: Step::Handed(_, Some(number)), .. }) = self.pop() {
            self.clerk.acknowledged(number);
        }
    }

    fn wants_to_ask(&self, now: Mono) -> bool {
        self.questions.is_empty()
            && (self.unasked >= ASK_AFTER || (self.unasked > 0 && now.since(self.asked_at) >= ASK_EVERY))
    }

    fn asked(&mut self, now: Mono) {
        (self.unasked, self.asked_at) = (0, now);
        // A broker may not answer this kind of question at all. An answer that is taken for that of an earlier question
        // proves less than it could, never more.
        if self.questions.len() < QUESTIONS_MAX {
            self.questions.push_back(self.clerk.question());
        }
    }

    fn answered(&mut self) {
        if let Some(question) = self.questions.pop_front() {
            self.clerk.answered(question);
        }
    }

    fn close(&mut self) {
        self.closed = true;
        // What the log has not taken is delivered again, and what came after it must not be acknowledged before it.
        // What nobody delivers again stays, as long as we wait.
        for entry in self.entries.split_off(self.handed) {
            match &entry.step {
                Step::Waits(..) if entry.delivery.is_none() => self.entries.push_back(entry),
                Step::Waits(page) => {
                    self.waiting -= 1;
                    self.bytes -= page.bytes();
                }
                Step::Free | Step::Handed(..) => {}
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.entries.is_empty()
    }
}
