//! What a message of a command or response stream says: its ids, its name or its status, and what is wrong with it.
//! It never fails; what is wrong is part of what it says. Nothing here may know which commands wait.
//!
//! An id is found in each of the places of the rules, and in the correlation data of MQTT 5. A request may have
//! several; an answer that has one of them belongs to it. Ids are compared by a hash of 64 bits.

mod fault;
mod reader;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use fault::Fault;
pub(crate) use reader::reply;
pub use reader::{Reader, is_exchange, print};

use crate::arrival::Arrival;
use crate::decode::{Document, Is};
use crate::names::{bounded, fnv1a};
use crate::reason::{Reason, Reasons};
use crate::route::captures;
use crate::rules::{CommandRules, Kind, StreamRules, TakenFrom};
use crate::time::Micros;

/// The longest id or name that is kept whole.
const WORD_BYTES_MAX: usize = 128;

/// So many things that are wrong with one message are told.
const FAULTS_MAX: usize = 8;

/// What a message says of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It is of another kind, or cannot be read.
    Nothing,
    /// Do this.
    Request(Request),
    /// It is done, or it is not.
    Response(Response),
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// How its answer is known.
    pub ids: Ids,
    /// The name of the command; empty where there is none.
    pub command: Box<str>,
    /// The name can stand for itself: it is well formed, and in the list of commands where there is one.
    pub is_known: bool,
    /// A hash of the whole payload, by which a request that comes twice is known.
    pub print: u64,
    /// The quality of service it was published with, as far as the subscription lets it be seen.
    pub qos: u8,
    /// Its number among all requests of the fleet, in the order of their arrival.
    pub serial: u64,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Which request it belongs to.
    pub ids: Ids,
    /// One of the words of the rules, `other` for another, `none` where there is none.
    pub status: Box<str>,
    /// What the device says it took.
    pub device: Option<Micros>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// The ids of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ids {
    /// Hashes, those of the payload and the topic first. The first one tells one request from another.
    pub keys: Vec<u64>,
    /// The first one, for people.
    pub shown: Box<str>,
    /// A hash of the topic on which the answer is expected, or came, and of the correlation data: by this an answer
    /// is known even where its topic does not tell whose it is.
    pub reply: Option<u64>,
}

/// A message of a command or response stream, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// The message.
    pub arrival: &'a Arrival<'a>,
    /// Its topic.
    pub topic: &'a str,
    /// The rules of its stream.
    pub stream: &'a StreamRules,
    /// The rules of commands.
    pub rules: &'a CommandRules,
    /// Its payload, as far as it is a document.
    pub document: Document<'a>,
}

impl Said {
    /// Reads a message that is not malformed, and adds what is wrong with it to its reasons.
    pub fn read(heard: &Heard<'_>, reasons: &mut Reasons) -> Self {
        match heard.stream.kind {
            Kind::Command => {
                let request = heard.request();
                if !request.faults.is_empty() {
                    reasons.add(Reason::RequestInvalid);
                }
                Self::Request(request)
            }
            Kind::Response => {
                let response = heard.response();
                if !response.faults.is_empty() {
                    reasons.add(Reason::ResponseInvalid);
                }
                Self::Response(response)
            }
            _ => Self::Nothing,
        }
    }
}

impl<'a> Heard<'a> {
    /// The words that stand in these places, in their order.
    fn words(&self, from: &'a [TakenFrom]) -> impl Iterator<Item = &'a str> {
        let Self { topic, stream, document, .. } = *self;
        from.iter().filter_map(move |from| match from {
            TakenFrom::Member(path) => document.find(path)?.word(),
            TakenFrom::Capture(name) => {
                let at = stream.pattern.captures().position(|capture| capture == &**name)?;
                captures(&stream.pattern, topic).get(at).copied().filter(|word| !word.is_empty())
            }
        })
    }

    /// Its ids, and what is wrong with them. `reply` is the topic that belongs to the correlation data.
    fn ids(&self, reply: Option<&[u8]>, faults: &mut Vec<Fault>) -> Ids {
        let words: Vec<&str> = self.words(&self.rules.pair).collect();
        let mut keys: Vec<u64> = words.iter().map(|word| fnv1a(word)).collect();
        let mut shown = words.first().map_or_else(String::new, |word| kept(word).into());
        let correlation = self.arrival.correlation.filter(|data| !data.is_empty());
        if let Some(data) = correlation {
            if shown.is_empty() {
                shown = kept(&readable(data)).into();
            }
            keys.push(hash(&[b"correlation", data]));
        }
        if keys.is_empty() && self.document.root().is_some() {
            faults.push(if self.has_odd_id() { Fault::IdType } else { Fault::NoId });
        }
        let reply = reader::reply(reply, self.arrival.correlation);
        Ids { keys, shown: shown.into(), reply }
    }

    /// Something stands where an id should be, and is none.
    fn has_odd_id(&self) -> bool {
        let member = |from: &TakenFrom| match from {
            TakenFrom::Member(path) => self.document.find(path),
            TakenFrom::Capture(_) => None,
        };
        let odd = |is: Is| matches!(is, Is::Bool(_) | Is::Object | Is::Array);
        self.rules.pair.iter().filter_map(member).any(|leaf| odd(leaf.is()))
    }
}

/// A word of a message as it is kept.
fn kept(word: &str) -> Box<str> {
    bounded(word, WORD_BYTES_MAX).into()
}

/// Correlation data as people read it: text where it is text, else hexadecimal digits.
fn readable(data: &[u8]) -> String {
    const BYTES_MAX: usize = 24;
    match std::str::from_utf8(data) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => data.iter().take(BYTES_MAX).flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect(),
    }
}

fn digit(half: u8) -> Option<char> {
    char::from_digit(half.into(), 16)
}

/// FNV-1a over several pieces, each followed by its length, so that no two lists of pieces are one text.
fn hash(pieces: &[&[u8]]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    pieces.iter().fold(0xcbf2_9ce4_8422_2325, |hash, piece| {
        let hash = piece.iter().fold(hash, |hash, byte| step(hash, *byte));
        piece.len().to_le_bytes().iter().fold(hash, |hash, byte| step(hash, *byte))
    })
}
