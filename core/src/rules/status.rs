//! What the configuration says of presence and of belonging together: which words of a status topic mean what, through
//! whom a device speaks, and whose numbers and points a stream's are. Nothing here may look at more than one message.

use super::{DeviceFrom, Part};
use crate::decode::Document;
use crate::names::Pattern;
use crate::path::Path;
use crate::trackers::presence::Departure;

/// What a message states of the presence of its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// It is there.
    Online,
    /// It is there and will be silent, as it should be.
    Asleep,
    /// It is gone.
    Gone(Departure),
}

/// How a stream speaks of presence: the keys `means`, `status`, `online`, `offline`, `left`, `asleep`, `session`,
/// `session_grows` and `only_known`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatusRules {
    /// Every message says this, whatever its payload.
    pub means: Option<Statement>,
    /// Where the word stands; none: the payload is the word.
    pub at: Option<Path>,
    /// Words, and what they mean. Capital letters make no difference.
    pub words: Vec<(Box<str>, Statement)>,
    /// Where a session has its number: a departure of another session than that of the last arrival is stale.
    pub session: Option<Path>,
    /// Numbers of sessions are moments: a departure with a later one counts, too.
    pub session_grows: bool,
    /// A message that has none of the words belongs to the next stream that takes its topic.
    pub only_known: bool,
}

/// The words of a presence stream that names none.
const USUAL: &[(&str, Statement)] = &[
    ("online", Statement::Online),
    ("true", Statement::Online),
    ("1", Statement::Online),
    ("connected", Statement::Online),
    ("offline", Statement::Gone(Departure::Will)),
    ("false", Statement::Gone(Departure::Will)),
    ("0", Statement::Gone(Departure::Will)),
    ("lost", Statement::Gone(Departure::Will)),
    ("disconnected", Statement::Gone(Departure::Disconnect)),
];

impl StatusRules {
    /// Those of a presence stream that says nothing of them.
    pub fn usual() -> Self {
        Self { words: words(USUAL), ..Self::default() }
    }

    /// What a word means; none: nothing that is known.
    pub fn meaning(&self, word: &str) -> Option<Statement> {
        let word = word.trim();
        self.words.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
    }

    /// What a message says.
    pub fn read(&self, payload: &str, document: Document<'_>) -> Option<Statement> {
        if self.means.is_some() {
            return self.means;
        }
        // Before they wrote documents, some wrote the bare word to the same topic.
        let leaf = match &self.at {
            Some(path) => document.find(path),
            None => document.root(),
        };
        self.meaning(leaf.map_or(payload, |leaf| leaf.raw()))
    }

    /// Whether a payload that was not read yet is one of the words, or takes back one that was kept.
    pub fn knows(&self, payload: &[u8]) -> bool {
        const LONGEST: usize = 64;
        payload.is_empty()
            || payload.len() <= LONGEST
                && std::str::from_utf8(payload).is_ok_and(|word| self.meaning(word).is_some())
    }
}

/// A list of words as it is kept.
pub fn words(list: &[(&str, Statement)]) -> Vec<(Box<str>, Statement)> {
    list.iter().map(|(word, meaning)| ((*word).into(), *meaning)).collect()
}

/// How the messages of a stream belong together with others: the keys `parent`, `client`, `joins`, `sequence_with`,
/// `sequence_begins`, `point_name`, `point_prefix`, `state_stream`, `command_stream` and `availability_stream`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KinRules {
    /// The device through which it speaks: when that is gone, so is this one.
    pub parent: Option<Name>,
    /// The client id with which it connects.
    pub client: Option<Box<[Part]>>,
    /// The stream as whose its points and numbers are judged.
    pub joins: Option<Box<str>>,
    /// The stream of the parent that its numbers are part of.
    pub sequence_with: Option<Box<str>>,
    /// The numbers begin anew with each message.
    pub sequence_begins: bool,
    /// The captures, first and last, that name a point whose payload does not.
    pub point_name: Option<(usize, usize)>,
    /// What the payload names stands behind that name, as in `switch:0.apower`.
    pub point_prefix: bool,
    /// Where topics of values belong that are announced here.
    pub state_stream: Option<Box<str>>,
    /// Where topics of commands belong that are announced here.
    pub command_stream: Option<Box<str>>,
    /// Where topics of presence belong that are announced here.
    pub availability_stream: Option<Box<str>>,
}

/// Where a name stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// In the topic.
    Topic(Box<[Part]>),
    /// In the payload.
    Payload(Path),
}

impl Name {
    /// Reads text with captures, or a path.
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Self, String> {
        match DeviceFrom::parse(text, pattern)? {
            DeviceFrom::Topic(parts) => Ok(Self::Topic(parts)),
            DeviceFrom::Payload(path) => Ok(Self::Payload(path)),
            DeviceFrom::PayloadOrTopic(_) | DeviceFrom::Members => Err("one name is wanted here".to_owned()),
        }
    }
}

/// Reads `{node}/{property}`: captures that follow each other, with `/` between.
pub fn point_name(text: &str, pattern: &Pattern) -> Result<(usize, usize), String> {
    let names: Vec<&str> = pattern.captures().collect();
    let mut found = Vec::new();
    for level in text.split('/') {
        let name = level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let at = name.and_then(|name| names.iter().position(|known| *known == name));
        found.push(at.ok_or_else(|| format!("«{level}» is no capture of the filter; it has {names:?}"))?);
    }
    let first = found[0];
    let adjoin =
        (first..).zip(&found).all(|(wanted, at)| wanted == *at) && is_unbroken(pattern, first, found.len());
    if !adjoin {
        return Err("these captures do not stand side by side in the filter".to_owned());
    }
    Ok((first, first + found.len() - 1))
}

/// Whether so many captures stand side by side, from this one on.
fn is_unbroken(pattern: &Pattern, first: usize, count: usize) -> bool {
    use crate::names::Level;
    let named = |level: &Level| matches!(level, Level::One(Some(_)) | Level::Many(_));
    let places: Vec<usize> =
        (0..).zip(pattern.levels()).filter(|(_, level)| named(level)).map(|(at, _)| at).collect();
    let run = &places[first..first + count];
    run.windows(2).all(|two| two[1] == two[0] + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_the_rules_say_and_no_more() {
        let usual = StatusRules::usual();
        let read = |payload: &str| usual.read(payload, Document::nothing());
        assert_eq!(read("online"), Some(Statement::Online));
        assert_eq!(read(" Offline\n"), Some(Statement::Gone(Departure::Will)));
        assert_eq!(read("perhaps"), None);
        assert_eq!(read(""), None);
        assert!(
            usual.knows(b"TRUE") && usual.knows(b"") && !usual.knows(b"\xFF") && !usual.knows(&[b' '; 100])
        );
    }

    #[test]
    fn a_point_is_named_by_captures_that_stand_side_by_side() {
        let pattern = |text: &str| Pattern::parse(text).unwrap();
        assert_eq!(point_name("{n}/{p}", &pattern("homie/{d}/{n}/{p}")), Ok((1, 2)));
        assert_eq!(point_name("{n}", &pattern("{d}/sensor/{n}/state")), Ok((1, 1)));
        for (name, filter) in
            [("{x}", "{d}/y"), ("{p}/{n}", "{n}/{p}"), ("{a}/{b}", "{a}/x/{b}"), ("x", "{x}")]
        {
            assert!(point_name(name, &pattern(filter)).is_err(), "{name}");
        }
    }
}
