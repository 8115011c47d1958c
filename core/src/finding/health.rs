//! What becomes true of a device itself: it started anew, its heap is in pieces, a setting is another.

use crate::time::{Micros, seconds};
use std::fmt::Write;

/// A device that started anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Restart {
    /// Starts since it was last heard of; 1 where it does not count them.
    pub boots: u64,
    /// Why, in its own words.
    pub reason: Option<Box<str>>,
    /// How long it had run before, as far as it said.
    pub uptime: Option<Micros>,
}

impl Restart {
    /// One sentence for people.
    pub fn details(&self) -> String {
        let mut text = match self.boots {
            1 => "it started anew".to_owned(),
            boots => format!("it started anew, {boots} times since it was last heard of"),
        };
        // Writing to a string cannot fail, hence the ignored results.
        if let Some(reason) = &self.reason {
            let _ = write!(text, "; reason: {reason}");
        }
        if let Some(uptime) = self.uptime {
            let _ = write!(text, "; it had run for {:.0} s at least", seconds(uptime));
        }
        text
    }
}

/// A setting that is another than it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The stream on which it was seen.
    pub stream: Box<str>,
    /// The names that lead to it; empty: the document as a whole.
    pub setting: Box<str>,
    /// What it was; none: it was not there.
    pub old: Option<Box<str>>,
    /// What it is; none: it is no more.
    pub new: Option<Box<str>>,
    /// It came as a retained message: it may have changed while we were away.
    pub was_away: bool,
}

impl Change {
    /// One sentence for people.
    pub fn details(&self) -> String {
        let Self { stream, old, new, .. } = self;
        let setting = if self.setting.is_empty() { "the document" } else { &*self.setting };
        let away = if self.was_away { "; we may have been away when it changed" } else { "" };
        match (old, new) {
            (Some(old), Some(new)) => format!("{stream}: {setting} is {new}, it was {old}{away}"),
            (None, Some(new)) => format!("{stream}: {setting} is {new}, it was not there{away}"),
            (Some(old), None) => format!("{stream}: {setting} is no more, it was {old}{away}"),
            (None, None) => format!("{stream}: {setting} is another{away}"),
        }
    }
}
