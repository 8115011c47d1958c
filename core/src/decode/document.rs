//! Every member of a document, flat, in the order in which they stand: for commands, alarms, settings and the like,
//! whose members mean something together. Telemetry never comes here. It is read after the strict reader has accepted
//! the document, and must never make one wrong that is right.
//!
//! Of two equal names the second counts. The number of members is bounded; what lies beyond is not there.

#[cfg(test)]
mod tests;

use super::lexer::{Bad, Lexer, Read, is_plain};
use super::{Text, span};
use crate::path::{Path, Step};

/// Members that are kept of one document.
const LEAVES_MAX: usize = 1024;

/// The parent of the root.
const NOBODY: u32 = u32::MAX;

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Is {
    /// Text.
    Text,
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// The members of one document. Reused from message to message.
#[derive(Debug, Default)]
pub struct Leaves {
    list: Vec<Entry>,
    strings: String,
    /// The members of the objects that are being read.
    siblings: Vec<u32>,
    is_cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    parent: u32,
    key: Text,
    /// A later member has the same name.
    is_past: bool,
    is: Is,
    /// What it says: the text, or the digits of the number.
    raw: Text,
    /// Where it stands in the payload, whole.
    whole: Text,
}

impl Leaves {
    pub(super) const fn nothing() -> Self {
        Self { list: Vec::new(), strings: String::new(), siblings: Vec::new(), is_cut: false }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.strings.clear();
        self.siblings.clear();
        self.is_cut = false;
    }

    /// Reads a document that a strict reader has accepted.
    pub(super) fn read(&mut self, text: &str) {
        self.clear();
        let whole = if is_plain(text) { self.read_as::<true>(text) } else { self.read_as::<false>(text) };
        self.is_cut = whole.is_err();
    }

    fn read_as<const PLAIN: bool>(&mut self, text: &str) -> Read {
        let mut lex: Lexer<PLAIN> = Lexer { text, bytes: text.as_bytes(), at: 0 };
        lex.space();
        self.value(&mut lex, NOBODY, span(0, 0, false))
    }

    fn value<const PLAIN: bool>(&mut self, lex: &mut Lexer<'_, PLAIN>, parent: u32, key: Text) -> Read {
        if self.list.len() >= LEAVES_MAX {
            return Err(Bad);
        }
        let at = self.list.len();
        let start = lex.at;
        let nowhere = span(start, start, false);
        self.list.push(Entry { parent, key, is_past: false, is: Is::Null, raw: nowhere, whole: nowhere });
        let (is, raw) = match lex.peek() {
            Some(b'"') => (Is::Text, lex.string(&mut self.strings)?),
            Some(b'{') => (Is::Object, span(start, start, false)),
            Some(b'[') => (Is::Array, span(start, start, false)),
            Some(b't') => (Is::Bool(true), word(lex, b"true")?),
            Some(b'f') => (Is::Bool(false), word(lex, b"false")?),
            Some(b'n') => (Is::Null, word(lex, b"null")?),
            _ => {
                let number = lex.number()?;
                (Is::Number(number), span(start, lex.at, false))
            }
        };
        (self.list[at].is, self.list[at].raw) = (is, raw);
        match is {
            Is::Object => self.members(lex, at, b'}')?,
            Is::Array => self.members(lex, at, b']')?,
            _ => {}
        }
        self.list[at].whole = span(start, lex.at, false);
        Ok(())
    }

    fn members<const PLAIN: bool>(&mut self, lex: &mut Lexer<'_, PLAIN>, of: usize, close: u8) -> Read {
        let parent = u32::try_from(of).map_err(|_| Bad)?;
        lex.at += 1;
        lex.space();
        if lex.peek() == Some(close) {
            lex.at += 1;
            return Ok(());
        }
        let first = self.siblings.len();
        for index in 0u32.. {
            let key = if close == b'}' {
                let key = lex.string(&mut self.strings)?;
                lex.colon()?;
                self.siblings.push(u32::try_from(self.list.len()).map_err(|_| Bad)?);
                key
            } else {
                let start = self.strings.len();
                self.strings.push_str(&index.to_string());
                span(start, self.strings.len(), true)
            };
            self.value(lex, parent, key)?;
            if !lex.more(close)? {
                break;
            }
        }
        self.mark_past(lex.text, first);
        Ok(())
    }

    /// Marks the members of an object that a later one replaces.
    fn mark_past(&mut self, payload: &str, first: usize) {
        let Self { list, strings, siblings, .. } = self;
        let key = |at: u32| {
            let key = list[at as usize].key;
            let source = if key.owned { &**strings } else { payload };
            source.get(key.start as usize..key.end as usize).unwrap_or("")
        };
        let siblings_here = &mut siblings[first..];
        siblings_here.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
        let past: Vec<u32> =
            siblings_here.windows(2).filter(|two| key(two[0]) == key(two[1])).map(|two| two[0]).collect();
        for at in past {
            list[at as usize].is_past = true;
        }
        siblings.truncate(first);
    }
}

fn word<const PLAIN: bool>(lex: &mut Lexer<'_, PLAIN>, word: &[u8]) -> Read<Text> {
    let start = lex.at;
    lex.word(word)?;
    Ok(span(start, lex.at, false))
}

/// A document with its text; empty where the payload is none.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    leaves: &'a Leaves,
    payload: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn new(leaves: &'a Leaves, payload: &'a str) -> Self {
        Self { leaves, payload }
    }

    /// The document of a payload that is none.
    pub fn nothing() -> Self {
        static NOTHING: Leaves = Leaves::nothing();
        Self { leaves: &NOTHING, payload: "" }
    }

    /// The whole document as one value; none where the payload is no document.
    pub fn root(self) -> Option<Leaf<'a>> {
        (!self.leaves.list.is_empty()).then_some(Leaf { document: self, at: 0 })
    }

    /// A member of the root.
    pub fn member(self, name: &str) -> Option<Leaf<'a>> {
        self.root()?.member(name)
    }

    /// The first of these members that is there and is not null.
    pub fn first(self, names: &[&str]) -> Option<Leaf<'a>> {
        names.iter().filter_map(|name| self.member(name)).find(|leaf| leaf.is() != Is::Null)
    }

    /// What a path leads to.
    pub fn find(self, path: &Path) -> Option<Leaf<'a>> {
        path.steps().iter().try_fold(self.root()?, |leaf, step| match step {
            Step::Member(name) if leaf.is() == Is::Object => leaf.member(name),
            Step::Index(index) if leaf.is() == Is::Array => leaf.member(&index.to_string()),
            _ => None,
        })
    }

    /// Every value that is no container, each as it counts.
    pub fn scalars(self) -> impl Iterator<Item = Leaf<'a>> {
        let all = (0..self.leaves.list.len()).map(move |at| Leaf { document: self, at });
        all.filter(|leaf| !matches!(leaf.is(), Is::Object | Is::Array) && leaf.counts())
    }

    /// Whether there is more in it than was kept.
    pub fn is_cut(self) -> bool {
        self.leaves.is_cut
    }

    /// The text that it was read from.
    pub fn payload(self) -> &'a str {
        self.payload
    }

    fn text(self, piece: Text) -> &'a str {
        let source = if piece.owned { &self.leaves.strings } else { self.payload };
        source.get(piece.start as usize..piece.end as usize).unwrap_or("")
    }
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    document: Document<'a>,
    at: usize,
}

impl<'a> Leaf<'a> {
    fn entry(self) -> Entry {
        self.document.leaves.list[self.at]
    }

    /// What it is.
    pub fn is(self) -> Is {
        self.entry().is
    }

    /// The name of the member, or the index of the element.
    pub fn key(self) -> &'a str {
        self.document.text(self.entry().key)
    }

    /// Text or digits as they stand there; empty for containers.
    pub fn raw(self) -> &'a str {
        self.document.text(self.entry().raw)
    }

    /// Where all of it stands in the payload, be it a container or not.
    pub fn place(self) -> std::ops::Range<usize> {
        let whole = self.entry().whole;
        whole.start as usize..whole.end as usize
    }

    /// What a name or an id says: text, or the digits of a number; none for anything else and for nothing.
    pub fn word(self) -> Option<&'a str> {
        let is_word = matches!(self.is(), Is::Text | Is::Number(_));
        is_word.then(|| self.raw().trim()).filter(|word| !word.is_empty())
    }

    /// The number that it is.
    pub fn number(self) -> Option<f64> {
        match self.is() {
            Is::Number(number) if number.is_finite() => Some(number),
            _ => None,
        }
    }

    /// A member of it, or an element; of two equal names the second.
    pub fn member(self, name: &str) -> Option<Leaf<'a>> {
        let found = self
            .document
            .leaves
            .list
            .iter()
            .rposition(|entry| entry.parent as usize == self.at && self.document.text(entry.key) == name);
        found.map(|at| Leaf { at, ..self })
    }

    /// Its members or elements, each as it counts.
    pub fn members(self) -> impl Iterator<Item = Leaf<'a>> {
        let below = (self.at + 1..self.document.leaves.list.len()).map(move |at| Leaf { at, ..self });
        below.filter(move |leaf| leaf.entry().parent as usize == self.at && !leaf.entry().is_past)
    }

    /// The names that lead to it, from the root, with dots between.
    pub fn path(self) -> String {
        let parent = self.entry().parent;
        if parent == NOBODY {
            return String::new();
        }
        let mut path = Leaf { at: parent as usize, ..self }.path();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(self.key());
        path
    }

    /// Whether neither it nor anything that it stands in is replaced by a later member.
    fn counts(self) -> bool {
        let parent = self.entry().parent;
        !self.entry().is_past && (parent == NOBODY || Leaf { at: parent as usize, ..self }.counts())
    }
}
