//! Which messages are in the log already, so that one that the broker delivers once more is marked and none is marked
//! that comes for the first time. Bounded. Nothing here may hold on to a message.
//!
//! A message is known by its topic, its payload and its packet id. The same three may come again as a message of its
//! own, since brokers give packet ids out anew: as soon as one is, without the mark of a repetition, the broker has had
//! the acknowledgement of the message before, and of all before that, so that none of them can be repeated. That holds
//! for a broker that gives out the lowest free packet id. One that counts them up, as Mosquitto does, may come round to
//! one whose message it is still to deliver again: with a long queue it sends more than there are packet ids.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use watchkeeper_audit::line;
use watchkeeper_audit::record::Kind;

/// So many messages are remembered: all packet ids twice, since Mosquitto sends beyond them.
pub(crate) const MESSAGES_MAX: usize = 131_072;

/// A packet id that comes again after more messages than this may be that of a broker that counts them up.
const CHOSEN_WITHIN: u64 = 32_768;

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
    print: Print,
    /// Its acknowledgement was sent, though perhaps not received.
    acknowledged: bool,
    /// Its place in the log, where it was read from there.
    seq: Option<u64>,
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Memory {
    known: VecDeque<Known>,
    /// Number of the first of them; numbers are never used twice.
    first: u64,
    /// Those with a lower number cannot be delivered again.
    settled: u64,
    /// Those from this number on came over the connection that there is.
    connected: u64,
    prints: HashMap<Print, u64>,
    topics: HashMap<u64, u64>,
    pkids: HashMap<u16, u64>,
    hasher: RandomState,
}

impl Memory {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            known: VecDeque::new(),
            first: 0,
            settled: 0,
            connected: 0,
            prints: HashMap::new(),
            topics: HashMap::new(),
            pkids: HashMap::new(),
            hasher: RandomState::new(),
        }
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
            let number = if again { self.remember_again(print) } else { self.remember(print) };
            self.acknowledged(number);
            if let Some(known) = self.get(number) {
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
            let last = number.and_then(|number| self.get(number));
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
        let settled = self.settled;
        let number = self.prints.get(&print).copied().filter(|number| *number >= settled);
        // What was not acknowledged comes again for certain, whether or not the broker says so.
        if let Some(known) = number.and_then(|number| self.get(number))
            && (dup || !known.acknowledged)
        {
            return Met::Again(known.seq);
        }
        if !dup && let Some(before) = self.pkids.get(&print.pkid).copied() {
            let soon = self.next().saturating_sub(before) <= CHOSEN_WITHIN;
            if soon && self.get(before).is_some_and(|known| known.acknowledged) {
                self.settled = self.settled.max(before + 1);
            }
        }
        Met::New
    }

    /// A message that was met again is in the log once more, or on its way there. Gives its number, which is the one
    /// that it had: a broker that is never let finish delivers the same messages over and over, and they must not take
    /// the room of others.
    pub(crate) fn remember_again(&mut self, print: Print) -> u64 {
        let Some(number) = self.prints.get(&print).copied() else { return self.remember(print) };
        if let Some(known) = self.get(number) {
            known.acknowledged = false;
        }
        number
    }

    /// A message is in the log, or on its way there. Gives its number.
    pub(crate) fn remember(&mut self, print: Print) -> u64 {
        if self.known.len() == MESSAGES_MAX {
            self.forget_oldest();
        }
        let number = self.next();
        self.known.push_back(Known { print, acknowledged: false, seq: None });
        self.prints.insert(print, number);
        self.topics.insert(print.topic, number);
        if print.pkid != 0 {
            self.pkids.insert(print.pkid, number);
        }
        number
    }

    /// Its acknowledgement was sent.
    pub(crate) fn acknowledged(&mut self, number: u64) {
        if let Some(known) = self.get(number) {
            known.acknowledged = true;
        }
    }

    /// A connection begins.
    pub(crate) fn new_connection(&mut self) {
        self.connected = self.next();
    }

    /// The broker has a new session: nothing of the old one can come again.
    pub(crate) fn new_session(&mut self) {
        self.settled = self.next();
        self.pkids.clear();
    }

    /// The number of the next message.
    fn next(&self) -> u64 {
        self.first + self.known.len() as u64
    }

    fn get(&mut self, number: u64) -> Option<&mut Known> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.known.get_mut(at)
    }

    fn forget_oldest(&mut self) {
        let Some(Known { print, .. }) = self.known.pop_front() else { return };
        let number = self.first;
        self.first += 1;
        if self.prints.get(&print) == Some(&number) {
            self.prints.remove(&print);
        }
        if self.topics.get(&print.topic) == Some(&number) {
            self.topics.remove(&print.topic);
        }
        if self.pkids.get(&print.pkid) == Some(&number) {
            self.pkids.remove(&print.pkid);
        }
    }
}

#[cfg(test)]
mod tests;
