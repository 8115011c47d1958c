//! Which messages are in the log already, so that one that the broker delivers once more is marked and none is marked
//! that comes for the first time. Bounded. Nothing here may hold on to a message.
//!
//! A message is known by its topic, its payload and its packet id. The same three may come again as a message of its
//! own, since brokers give packet ids out anew: as soon as one is, without the mark of a repetition, the broker has had
//! the acknowledgement of the message before, and of all before that, so that none of them can be repeated.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use watchkeeper_audit::line;
use watchkeeper_audit::record::Kind;

/// So many messages are remembered.
pub(crate) const MESSAGES_MAX: usize = 65_536;

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
        let (mut topic, mut sha256, mut pkid, mut ours, mut message) = (None, None, 0, false, true);
        for (key, value) in line::fields(line) {
            match &*key {
                // A sample of a bad payload names topic and hash too, and is not the record of the message.
                "type" => message = value != Kind::Payload.word(),
                "broker" => ours = value == broker,
                "topic" => topic = Some(value),
                "payload_sha256" => sha256 = Some(value),
                "mid" => pkid = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        if let (Some(topic), Some(sha256), true) = (topic, sha256, ours && message)
            && let Some(print) = self.print(topic.as_bytes(), &sha256, pkid)
        {
            let number = self.remember(print);
            self.acknowledged(number);
            if let Some(known) = self.get(number) {
                known.seq = line::seq(line.as_bytes());
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
            self.settled = self.settled.max(before + 1);
        }
        Met::New
    }

    /// A message is in the log, or on its way there. Gives its number.
    pub(crate) fn remember(&mut self, print: Print) -> u64 {
        if self.known.len() == MESSAGES_MAX {
            self.forget_oldest();
        }
        let number = self.first + self.known.len() as u64;
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
        self.connected = self.first + self.known.len() as u64;
    }

    /// The broker has a new session: nothing of the old one can come again.
    pub(crate) fn new_session(&mut self) {
        self.settled = self.first + self.known.len() as u64;
        self.pkids.clear();
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
mod tests {
    use super::*;
    use watchkeeper_audit::line::{Format, encode};
    use watchkeeper_audit::record::{Draft, Key, Kind, Level};
    use watchkeeper_core::time::Wall;

    fn sha(payload: &str) -> String {
        let digits = payload.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
        format!("{digits:0<64}")
    }

    fn print(memory: &Memory, topic: &str, payload: &str, pkid: u16) -> Print {
        memory.print(topic.as_bytes(), &sha(payload), pkid).unwrap()
    }

    /// A message comes, is recorded and acknowledged.
    fn take(memory: &mut Memory, payload: &str, pkid: u16) -> Met {
        let print = print(memory, "t", payload, pkid);
        let met = memory.meet(print, false, false);
        let number = memory.remember(print);
        memory.acknowledged(number);
        met
    }

    #[test]
    fn only_what_is_known_and_perhaps_repeated_is_a_duplicate() {
        let mut memory = Memory::new();
        assert_eq!(take(&mut memory, "a", 1), Met::New);
        let known = print(&memory, "t", "a", 1);
        assert_eq!(memory.meet(known, true, false), Met::Again(None));
        assert_eq!(memory.meet(print(&memory, "t", "b", 1), true, false), Met::New);
        assert_eq!(memory.meet(print(&memory, "t", "a", 2), true, false), Met::New);
        assert_eq!(memory.meet(print(&memory, "u", "a", 1), true, false), Met::New);
    }

    #[test]
    fn what_was_never_acknowledged_is_a_duplicate_even_when_the_broker_does_not_say_so() {
        let mut memory = Memory::new();
        let known = print(&memory, "t", "a", 1);
        let number = memory.remember(known);
        assert_eq!(memory.meet(known, false, false), Met::Again(None));
        memory.acknowledged(number);
        assert_eq!(memory.meet(known, false, false), Met::New);
    }

    #[test]
    fn a_packet_id_that_is_given_out_anew_settles_all_before_it() {
        let mut memory = Memory::new();
        take(&mut memory, "a", 1);
        take(&mut memory, "b", 2);
        take(&mut memory, "c", 3);
        let (a, b, c) =
            (print(&memory, "t", "a", 1), print(&memory, "t", "b", 2), print(&memory, "t", "c", 3));
        assert_eq!(memory.meet(b, true, false), Met::Again(None));
        assert_eq!(take(&mut memory, "d", 2), Met::New);
        assert_eq!(
            [a, b, c].map(|print| memory.meet(print, true, false)),
            [Met::New, Met::New, Met::Again(None)]
        );
    }

    #[test]
    fn a_new_session_repeats_nothing_of_the_old_one() {
        let mut memory = Memory::new();
        take(&mut memory, "a", 1);
        let unacknowledged = print(&memory, "t", "b", 2);
        memory.remember(unacknowledged);
        memory.new_session();
        let a = print(&memory, "t", "a", 1);
        assert_eq!(memory.meet(a, true, false), Met::New);
        assert_eq!(memory.meet(unacknowledged, true, false), Met::New);
        assert_eq!(take(&mut memory, "a", 1), Met::New);
        assert_eq!(memory.meet(a, true, false), Met::Again(None));
    }

    #[test]
    fn what_the_broker_keeps_is_new_unless_it_is_the_last_of_its_topic() {
        let mut memory = Memory::new();
        let (a, b) = (print(&memory, "t", "a", 0), print(&memory, "t", "b", 0));
        assert_eq!(memory.meet(a, false, true), Met::New);
        let number = memory.remember(a);
        assert_eq!(memory.meet(a, false, true), Met::Kept, "it is acknowledged after the one before");
        memory.new_connection();
        assert_eq!(memory.meet(a, false, true), Met::Again(None), "it is not known to be on the disk yet");
        memory.acknowledged(number);
        assert_eq!(memory.meet(print(&memory, "t", "a", 7), false, true), Met::Kept);
        let number = memory.remember(b);
        memory.acknowledged(number);
        assert_eq!(memory.meet(a, false, true), Met::New);
        memory.new_session();
        assert_eq!(memory.meet(b, false, true), Met::Kept);
        assert_eq!(memory.meet(b, true, false), Met::New, "without a packet id nothing is repeated");
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut memory = Memory::new();
        for number in 0..=u32::try_from(MESSAGES_MAX).unwrap() {
            let payload = number.to_string();
            let pkid = u16::try_from(number % 65_535 + 1).unwrap();
            let print = print(&memory, &payload, &payload, pkid);
            let number = memory.remember(print);
            memory.acknowledged(number);
        }
        let met = |memory: &mut Memory, text: &str, pkid| {
            let print = print(memory, text, text, pkid);
            memory.meet(print, true, false)
        };
        assert_eq!((memory.known.len(), memory.prints.len()), (MESSAGES_MAX, MESSAGES_MAX));
        assert_eq!(memory.topics.len(), MESSAGES_MAX);
        assert_eq!(met(&mut memory, "0", 1), Met::New);
        assert_eq!(met(&mut memory, "2", 3), Met::Again(None));
    }

    #[test]
    fn a_sample_of_a_bad_payload_is_not_the_record_of_its_message() {
        let mut memory = Memory::new();
        let sample = Draft::new(Wall(0), Level::Warn, Kind::Payload, "malformed")
            .text(Key::Broker, "main")
            .text(Key::Topic, "t")
            .text(Key::PayloadSha256, &sha("a"));
        assert!(memory.read("main", encode(&sample, Format::Json).line(7).trim_end()));
        let known = print(&memory, "t", "a", 0);
        assert_eq!(memory.meet(known, false, true), Met::New);
    }

    #[test]
    fn it_goes_on_from_the_lines_of_the_log() {
        let record = |broker: &str, topic: &str, seq: u64, format| {
            let draft = Draft::new(Wall(0), Level::Info, Kind::Command, "command")
                .text(Key::Broker, broker)
                .text(Key::Topic, topic)
                .int(Key::Mid, 5)
                .text(Key::PayloadSha256, &sha("a"));
            encode(&draft, format).line(seq)
        };
        for format in [Format::Json, Format::Pipe] {
            let lines =
                [record("main", "t \"1\"", 41, format), record("other", "u", 42, format), "{bad".to_owned()];
            let mut memory = Memory::new();
            let ours: Vec<bool> = lines.iter().map(|line| memory.read("main", line.trim_end())).collect();
            assert_eq!(ours, [true, false, false]);
            let known = print(&memory, "t \"1\"", "a", 5);
            assert_eq!(memory.meet(known, true, false), Met::Again(Some(41)));
            let others = print(&memory, "u", "a", 5);
            assert_eq!(memory.meet(others, true, false), Met::New);
        }
    }
}
