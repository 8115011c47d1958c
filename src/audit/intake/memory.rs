//! Which messages are in the log already, so that one that the broker delivers once more is marked and none is marked
//! that comes for the first time. Bounded. Nothing here may hold on to a message.
//!
//! A message is known by its topic, its payload and its packet id. The same three may come again as a message of its
//! own, since brokers give packet ids out anew. What tells the two apart is whether the broker has had the
//! acknowledgement of the first. That an acknowledgement was sent proves nothing; it may be lost with its connection, and
//! Mosquitto 2.0 with a long queue sends a hundred thousand messages before it reads one. So the broker is asked something
//! behind the acknowledgements: when it answers, it has read them, and what they were for cannot come again. Of that only
//! the last message of each topic is remembered, for what the broker keeps of it.

mod faded;

use faded::Faded;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use watchkeeper_audit::line;
use watchkeeper_audit::record::Kind;
use watchkeeper_core::time::Wall;

/// So many messages are remembered whole: all packet ids twice. What is older and may come again is remembered by a
/// fingerprint.
pub(crate) const MESSAGES_MAX: usize = 131_072;

/// Room is given back where more than this is not needed.
const SPARE: usize = 1_024;

/// What is compared of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Print {
    topic: u64,
    /// The first half of the payload's SHA-256.
    payload: u128,
    pkid: u16,
}

/// Whether a message was met before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Met {
    /// It was not, as far as is remembered.
    New,
    /// It was delivered before and is in the log, there where it is known.
    Again(Option<u64>),
    /// It is what the broker keeps of a topic, and the last that the log has of that topic, safe on its disk.
    Kept,
}

#[derive(Debug)]
struct Known {
    /// Ascends; numbers are never used twice.
    number: u64,
    print: Print,
    /// Its acknowledgement was sent, though perhaps not received.
    acknowledged: bool,
    /// Its place in the log, where it was read from there.
    seq: Option<u64>,
    /// The time of its record.
    at: Wall,
}

/// What the answer to a question proves, when nothing was repeated between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// What has a lower number was acknowledged before.
    below: u64,
    /// Repetitions that had come by then. A broker that still repeats may have more to repeat.
    repeated: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Memory {
    /// By number. Of what is settled, the last of each topic, and what was not tidied away yet.
    known: VecDeque<Known>,
    /// The number of the next message.
    next: u64,
    /// Those with a lower number cannot be delivered again.
    settled: u64,
    /// The time of the last of those.
    settled_at: Option<Wall>,
    /// Those from this number on came over the connection that there is.
    connected: u64,
    /// Those with a lower number were acknowledged over it, or before.
    acknowledged: u64,
    /// Repetitions that came.
    repeated: u64,
    /// The last message with each print, of what is not settled.
    prints: HashMap<Print, u64>,
    /// The last message of each topic.
    topics: HashMap<u64, u64>,
    /// What was forgotten and may come again.
    faded: Faded,
    /// While lines of the log are read: all before the first of this time are settled.
    settled_before: Option<Wall>,
    hasher: RandomState,
}

impl Memory {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            known: VecDeque::new(),
            next: 0,
            settled: 0,
            settled_at: None,
            connected: 0,
            acknowledged: 0,
            repeated: 0,
            prints: HashMap::new(),
            topics: HashMap::new(),
            faded: Faded::default(),
            settled_before: None,
            hasher: RandomState::new(),
        }
    }

    /// Nothing is known yet, but that what the log has before the first record of this time cannot come again. A clock
    /// that was set back makes more come again than can, never less.
    pub(crate) fn settled_before(at: Wall) -> Self {
        Self { settled_before: Some(at), ..Self::new() }
    }

    /// What is compared of a message; the hash is hexadecimal. None where it is no hash.
    pub(crate) fn print(&self, topic: &[u8], sha256: &str, pkid: u16) -> Option<Print> {
        let payload = u128::from_str_radix(sha256.get(..32)?, 16).ok()?;
        Some(Print { topic: self.hasher.hash_one(topic), payload, pkid })
    }

    /// Reads what the log has of one broker from a line; they come oldest first. True when it is of this broker.
    pub(crate) fn read(&mut self, broker: &str, line: &str) -> bool {
        let (mut topic, mut sha256, mut pkid) = (None, None, 0);
        let (mut ours, mut message, mut again) = (false, true, false);
        for (key, value) in line::fields(line) {
            match &*key {
                // A sample of a bad payload names topic and hash too, and is not the record of the message.
                "type" => message = value != Kind::Payload.word(),
                "broker" => ours = value == broker,
                "topic" => topic = Some(value),
                "payload_sha256" => sha256 = Some(value),
                "dup" => again = value == "true",
                "mid" => pkid = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        if let (Some(topic), Some(sha256), true) = (topic, sha256, ours && message)
            && let Some(print) = self.print(topic.as_bytes(), &sha256, pkid)
        {
            let at = line::ts(line.as_bytes()).unwrap_or(Wall(i64::MAX));
            if self.settled_before.is_some_and(|before| at >= before) {
                self.settled_before = None;
                self.settle(self.next);
            }
            let number = if again { self.remember_again(print, at) } else { self.remember(print, at) };
            if let Some(known) = self.get(number) {
                known.acknowledged = true;
                known.seq = known.seq.or(line::seq(line.as_bytes()));
            }
        }
        ours
    }

    /// Judges a message that arrived. `dup`: the broker says that it may have sent it before. `retain`: it is what the
    /// broker keeps, sent because we subscribed.
    pub(crate) fn meet(&mut self, print: Print, dup: bool, retain: bool) -> Met {
        if retain {
            let number = self.topics.get(&print.topic).copied();
            // What this connection brought is acknowledged in its order, and so only when what came before is safe.
            let in_order = number.is_some_and(|number| number >= self.connected);
            let last = number.and_then(|number| self.known.get(self.place(number)?));
            return match last.filter(|last| last.print.payload == print.payload) {
                Some(last) if last.acknowledged || in_order => Met::Kept,
                // It may be on its way to the disk still: this delivery waits for a record of its own.
                Some(last) => Met::Again(last.seq),
                None => Met::New,
            };
        }
        if print.pkid == 0 {
            return Met::New;
        }
        self.repeated += u64::from(dup);
        // What was not acknowledged comes again for certain, whether or not the broker says so.
        match self.unsettled(print) {
            Some(known) if dup || !known.acknowledged => Met::Again(known.seq),
            None if dup && self.faded.has(self.hasher.hash_one(print)) => Met::Again(None),
            _ => Met::New,
        }
    }

    /// It is on its way to the disk, or there, and the broker cannot know: one that comes once more before that is a
    /// repetition, over the same connection, too.
    pub(crate) fn is_open(&self, print: Print) -> bool {
        print.pkid != 0 && self.unsettled(print).is_some_and(|known| !known.acknowledged)
    }

    /// The last message like this one, if it is remembered and may come again.
    fn unsettled(&self, print: Print) -> Option<&Known> {
        self.known.get(self.place(self.prints.get(&print).copied()?)?)
    }

    /// A message that was met again is in the log once more, or on its way there. Gives its number, which is the one
    /// that it had: a broker that is never let finish delivers the same messages over and over, and they must not take
    /// the room of others.
    pub(crate) fn remember_again(&mut self, print: Print, at: Wall) -> u64 {
        let Some(number) = self.prints.get(&print).copied() else {
            let faded = self.faded.number(self.hasher.hash_one(print));
            return faded.unwrap_or_else(|| self.remember(print, at));
        };
        if let Some(known) = self.get(number) {
            known.acknowledged = false;
        }
        number
    }

    /// The log has more than was read of it: until all that was read is settled, the mark of the broker is taken for what
    /// it says.
    pub(crate) fn is_partial(&mut self) {
        self.faded.lose(self.next);
    }

    /// A message is in the log, or on its way there, with this time. Gives its number.
    pub(crate) fn remember(&mut self, print: Print, at: Wall) -> u64 {
        if self.known.len() == MESSAGES_MAX {
            self.forget_oldest();
        }
        let number = self.next;
        self.next += 1;
        self.known.push_back(Known { number, print, acknowledged: false, seq: None, at });
        self.prints.insert(print, number);
        self.topics.insert(print.topic, number);
        number
    }

    /// Its acknowledgement was sent, after those of all that were delivered before it.
    pub(crate) fn acknowledged(&mut self, number: u64) {
        self.acknowledged = self.acknowledged.max(number + 1);
        if let Some(known) = self.get(number) {
            known.acknowledged = true;
        }
    }

    /// A connection begins.
    pub(crate) fn new_connection(&mut self) {
        self.connected = self.next;
        self.acknowledged = self.settled;
    }

    /// The broker has a new session: nothing of the old one can come again.
    pub(crate) fn new_session(&mut self) {
        self.settle(self.next);
    }

    /// The broker is asked something, behind the acknowledgements so far.
    pub(crate) fn question(&self) -> Question {
        Question { below: self.acknowledged, repeated: self.repeated }
    }

    /// It has answered, over the connection over which it was asked. That a broker repeats in the order of old, before
    /// anything new, is what the specification demands (MQTT-4.6.0-1).
    pub(crate) fn answered(&mut self, question: Question) {
        if question.repeated == self.repeated && question.below > self.settled {
            self.settle(question.below);
        }
    }

    /// The time of a record that is settled, the last one that is remembered: all that the log has of this broker before
    /// the first one of that time is settled, too.
    pub(crate) fn settled_at(&self) -> Option<Wall> {
        self.settled_at
    }

    /// So many messages may come again.
    pub(crate) fn open(&self) -> u64 {
        self.next - self.settled
    }

    fn settle(&mut self, number: u64) {
        let (from, to) = (self.after(self.settled), self.after(number));
        if from < to {
            for known in self.known.range(from..to) {
                if self.prints.get(&known.print) == Some(&known.number) {
                    self.prints.remove(&known.print);
                }
                self.settled_at = Some(known.at);
            }
        }
        self.settled = self.settled.max(number);
        self.acknowledged = self.acknowledged.max(self.settled);
        self.faded.settle(self.settled);
        self.tidy();
    }

    /// What is settled and not the last of its topic is forgotten, once that is most of what there is.
    fn tidy(&mut self) {
        // After a flood the room is given back.
        if self.prints.capacity() > 4 * self.prints.len() + SPARE {
            self.prints.shrink_to_fit();
        }
        let open = self.known.len() - self.after(self.settled);
        if self.known.len() <= 2 * (open + self.topics.len()) + SPARE {
            return;
        }
        let Self { known, topics, settled, .. } = self;
        known.retain(|one| one.number >= *settled || topics.get(&one.print.topic) == Some(&one.number));
        if known.capacity() > 4 * known.len() + SPARE {
            known.shrink_to_fit();
        }
    }

    fn get(&mut self, number: u64) -> Option<&mut Known> {
        let place = self.place(number)?;
        self.known.get_mut(place)
    }

    fn place(&self, number: u64) -> Option<usize> {
        self.known.binary_search_by_key(&number, |known| known.number).ok()
    }

    /// The place of the first with this number or a higher one.
    fn after(&self, number: u64) -> usize {
        self.known.partition_point(|known| known.number < number)
    }

    fn forget_oldest(&mut self) {
        let Some(Known { number, print, .. }) = self.known.pop_front() else { return };
        if number >= self.settled && print.pkid != 0 {
            self.faded.push(self.hasher.hash_one(print), number);
        }
        if self.prints.get(&print) == Some(&number) {
            self.prints.remove(&print);
        }
        if self.topics.get(&print.topic) == Some(&number) {
            self.topics.remove(&print.topic);
        }
    }
}

#[cfg(test)]
mod tests;
