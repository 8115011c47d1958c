//! Settings of one device as they are seen on topics: which member of which document is another than before, with its
//! old and its new value. What looks like a secret is never kept: only sixteen bits of its hash are, which tell that
//! it changed and nothing else. How much is kept is bounded; of a document that is too large only a hash is.

mod secret;
#[cfg(test)]
mod tests;

use super::rare::Rare;
use crate::decode::{Document, Leaf};
use crate::event::Event;
use crate::finding::{Change, What};
use crate::names::{bounded, fnv1a};
use crate::route::StreamId;
use crate::rules::Kind;
use crate::secrets::Secrets;
use crate::time::Mono;
use crate::tracker::{Context, Edges, Tracker};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Topics with settings that are followed of one device.
const DOCUMENTS_MAX: usize = 16;

/// Settings that are kept of one device.
const SETTINGS_MAX: usize = 128;

/// Longer values are cut and end in a hash of the whole.
const VALUE_BYTES_MAX: usize = 256;

/// Longer paths are cut alike.
const PATH_BYTES_MAX: usize = 128;

/// So many changes of one message are told one by one.
const CHANGES_MAX: usize = 32;

/// The settings of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    known: Rare<Vec<Known>>,
}

/// The settings of one topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    stream: StreamId,
    topic: u32,
    /// A hash of the payload.
    print: u64,
    /// None: there were too many.
    list: Option<Vec<Setting>>,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Setting {
    path: Box<str>,
    /// As people may see it.
    shown: Box<str>,
    /// A piece of the hash of what it is.
    mark: u16,
}

impl Setting {
    fn new(path: &str, leaf: &str, secrets: &Secrets) -> Self {
        let is_secret = path.split('.').any(|name| secrets.may_hide(name));
        let shown = if is_secret { Cow::Borrowed(secret::MASK) } else { secret::masked(leaf) };
        #[expect(clippy::cast_possible_truncation, reason = "more would tell what it is")]
        let mark = fnv1a(leaf) as u16;
        Self {
            path: bounded(path, PATH_BYTES_MAX).into(),
            shown: bounded(&shown, VALUE_BYTES_MAX).into(),
            mark,
        }
    }
}

/// The settings of a message; none when there are more than `room`.
fn read(document: Document<'_>, event: &Event, room: usize, secrets: &Secrets) -> Option<Vec<Setting>> {
    if document.root().is_none() {
        return (room > 0).then(|| vec![Setting::new(event.lone_point, event.payload.trim(), secrets)]);
    }
    let of = |leaf: Leaf<'_>| match leaf.path() {
        path if path.is_empty() => Setting::new(event.lone_point, leaf.raw(), secrets),
        path => Setting::new(&path, leaf.raw(), secrets),
    };
    let list: Vec<Setting> = document.scalars().take(room + 1).map(of).collect();
    (list.len() <= room && !document.is_cut()).then_some(list)
}

/// What is other in a list than it was.
fn compare(old: &[Setting], new: &[Setting], whole: &Change) -> Vec<Change> {
    let find = |list: &[Setting], path: &str| list.iter().position(|known| *known.path == *path);
    let mut changes = Vec::new();
    for setting in new {
        let before = find(old, &setting.path).map(|at| &old[at]);
        if before != Some(setting) {
            let old = before.map(|before| before.shown.clone());
            let new = Some(setting.shown.clone());
            changes.push(Change { setting: setting.path.clone(), old, new, ..whole.clone() });
        }
    }
    let gone = old.iter().filter(|before| find(new, &before.path).is_none());
    changes.extend(gone.map(|before| Change {
        setting: before.path.clone(),
        old: Some(before.shown.clone()),
        ..whole.clone()
    }));
    changes
}

impl Settings {
    /// A message with settings. One that is retained was sent because we subscribed: what is other in it may have
    /// changed while we were away.
    pub fn see(&mut self, secrets: &Secrets, event: &Event, is_retained: bool, now: Mono, edges: &mut Edges) {
        if event.rules.kind != Kind::Config || event.malformed.is_some() {
            return;
        }
        let known = self.known.make();
        let print = fnv1a(event.payload);
        let at = known.iter().position(|known| known.stream == event.stream && known.topic == event.topic);
        if at.is_some_and(|at| known[at].print == print) {
            return;
        }
        let kept: usize = known.iter().filter_map(|known| known.list.as_ref()).map(Vec::len).sum();
        let own = at.and_then(|at| known[at].list.as_ref()).map_or(0, Vec::len);
        let list = read(event.document(), event, SETTINGS_MAX + own - kept, secrets);
        let Some(at) = at else {
            // The first document says how things are, and nothing changed by that.
            if known.len() < DOCUMENTS_MAX {
                known.push(Known { stream: event.stream, topic: event.topic, print, list });
            }
            return;
        };
        let before = &mut known[at];
        let stream = event.rules.name.clone();
        let whole = Change { stream, setting: Box::default(), old: None, new: None, was_away: is_retained };
        let mut changes = match (&before.list, &list) {
            (Some(old), Some(new)) => compare(old, new, &whole),
            _ => vec![whole.clone()],
        };
        if changes.len() > CHANGES_MAX {
            changes.truncate(CHANGES_MAX);
            changes.push(whole);
        }
        edges.extend(changes.into_iter().map(|change| (now, What::ConfigChanged(change))));
        (before.print, before.list) = (print, list);
    }

    /// Takes over the numbers that streams have in a new configuration.
    pub(super) fn renumber(&mut self, new: &dyn Fn(StreamId) -> Option<StreamId>) {
        if let Some(known) = self.known.get_mut() {
            known.retain_mut(|of| new(of.stream).map(|id| of.stream = id).is_some());
        }
    }
}

impl Tracker for Settings {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        self.see(&context.rules.secrets, event, false, now, edges);
    }

    fn tick(&mut self, _: &Context, _: Mono, _: &mut Edges) {}

    fn due(&self, _: &Context) -> Mono {
        Mono::NEVER
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
