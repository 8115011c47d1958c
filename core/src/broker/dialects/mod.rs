//! What each make of broker says of itself and of its clients, and how: one file per make. A topic means what it means to
//! one make only, so that nothing is read before the make is known. A dialect says what is absent by saying nothing; it
//! must never guess, and never panic at what a stranger sends.

mod aedes;
mod amqtt;
mod aws;
mod codes;
mod emqx;
mod flashmq;
mod hivemq;
mod json;
mod mochi;
mod monstermq;
mod mosquitto;
mod mqtt5;
mod nanomq;
mod nats;
mod rabbitmq;
mod rmqtt;
mod vernemq;

use super::Value;
use super::clients::{Cause, Denied};
use super::event::{ClientEvent, What};
use super::order::Mark;

/// Longer payloads are not what a broker says of itself.
const PAYLOAD_MAX: usize = 64 * 1024;

/// A message of a broker about itself.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
    /// Sent because we subscribed, and perhaps long ago.
    pub retain: bool,
}

impl<'a> Said<'a> {
    fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.payload).ok()
    }

    /// The topic as node and rest, behind a beginning.
    fn below(&self, beginning: &str) -> Option<(&'a str, &'a str)> {
        self.topic.strip_prefix(beginning)?.split_once('/')
    }
}

/// What one message says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// A number.
    Number(Value, f64),
    /// A number that counts as long as nothing better is told.
    SecondBest(Value, f64),
    /// The version text.
    Version(String),
    /// How often something happened to clients since the start.
    Counted(What, u64),
    /// What happened to one client.
    Event(Box<ClientEvent>, Mark),
}

/// What one message says, and which node says it; an only node has no name.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) node: String,
    pub(super) facts: Vec<Fact>,
}

impl Told {
    fn number(&mut self, value: Value, payload: Option<&str>) {
        self.facts.extend(payload.and_then(number).map(|number| Fact::Number(value, number)));
    }

    fn version(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && !text.contains(char::is_control) {
            self.facts.push(Fact::Version(text.chars().take(64).collect()));
        }
    }

    fn event(&mut self, event: Option<ClientEvent>, mark: Mark) {
        self.facts.extend(event.map(|event| Fact::Event(Box::new(event), mark)));
    }
}

/// What a make tells of its clients, so that a cause that has not occurred is known to be zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tells {
    /// Who comes.
    pub connected: bool,
    /// Why who left did.
    pub left: &'static [Cause],
    /// Why who was refused was.
    pub refused: &'static [Cause],
    /// What was not allowed.
    pub denied: &'static [Denied],
}

impl Tells {
    const NOTHING: Self = Self { connected: false, left: &[], refused: &[], denied: &[] };
}

/// One make.
#[derive(Debug)]
pub struct Dialect {
    /// The label value of `kind`, and its name in the configuration.
    pub word: &'static str,
    /// What is to be subscribed to where the configuration names the make; none where it says nothing over MQTT.
    pub filters: &'static [&'static str],
    /// What it tells of its clients.
    pub tells: Tells,
    /// A node has another name after each start.
    pub(super) renames: bool,
    /// Whether only this make says such a thing.
    sign: fn(&Said) -> bool,
    read: fn(&Said, &mut Told),
}

impl Dialect {
    /// A make that says nothing.
    const fn silent(word: &'static str) -> Self {
        Self { word, filters: &[], tells: Tells::NOTHING, renames: false, sign: |_| false, read: |_, _| {} }
    }

    /// What a message says.
    pub(super) fn read(&self, said: &Said) -> Told {
        let mut told = Told::default();
        if said.payload.len() <= PAYLOAD_MAX {
            (self.read)(said, &mut told);
        }
        if said.retain {
            // Nobody comes or goes in the past.
            told.facts.retain(|fact| !matches!(fact, Fact::Event(..)));
        }
        told
    }
}

/// Asked for where the make is not known.
pub const ANY: &[&str] = &["$SYS/#"];

static ARTEMIS: Dialect = Dialect::silent("artemis");
static BIFROMQ: Dialect = Dialect::silent("bifromq");
static OTHER: Dialect = Dialect::silent("other");

/// All makes. No two say of themselves what the other does.
pub static ALL: &[&Dialect] = &[
    &mosquitto::DIALECT,
    &emqx::DIALECT,
    &rmqtt::DIALECT,
    &vernemq::DIALECT,
    &nanomq::DIALECT,
    &flashmq::DIALECT,
    &aedes::DIALECT,
    &amqtt::DIALECT,
    &mochi::DIALECT,
    &monstermq::DIALECT,
    &mqtt5::DIALECT,
    &aws::DIALECT,
    &hivemq::DIALECT,
    &rabbitmq::DIALECT,
    &nats::DIALECT,
    &ARTEMIS,
    &BIFROMQ,
    &OTHER,
];

/// The make that a configuration names; none for `auto`.
pub fn named(word: &str) -> Option<&'static Dialect> {
    ALL.iter().copied().find(|dialect| dialect.word == word)
}

/// The make that alone says such a thing.
pub(super) fn of(said: &Said) -> Option<&'static Dialect> {
    (said.payload.len() <= PAYLOAD_MAX).then_some(())?;
    ALL.iter().copied().find(|dialect| (dialect.sign)(said))
}

/// A count as brokers write it.
fn count(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A number from 0 as brokers write it: digits, and perhaps a fraction.
fn number(text: &str) -> Option<f64> {
    let plain = text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

#[cfg(test)]
mod tests;
