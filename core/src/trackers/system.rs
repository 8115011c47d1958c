//! The health of the device itself, as it reports it: heap, fragmentation, boot count, stack, and whether it started
//! anew. A boot count that rises is a start; where there is none, an uptime that falls is, and so is a message that
//! says so. Nothing here may be judged by how it is named alone where a number says otherwise.

mod roles;
#[cfg(test)]
mod tests;

use super::rare::Rare;
use crate::decode::{Document, Value};
use crate::event::Event;
use crate::finding::{Restart, What};
use crate::interner::{NameId, Names};
use crate::lean;
use crate::names::bounded;
use crate::rules::Kind;
use crate::tally::NAME_BYTES_MAX;
use crate::time::{Micros, Mono, SECOND};
use crate::tracker::{Context, Edges, Tracker};
use roles::{Role, Seen};
use serde::{Deserialize, Serialize};

/// Fields that are kept of one device.
const FIELDS_MAX: usize = 32;

/// A larger share of the heap in pieces is a finding …
const FRAGMENTED: f64 = 0.5;

/// … until it is smaller than this.
const SOUND: f64 = 0.45;

/// A boot message that comes so soon after a report that showed a start tells of that one.
const SAME_START: Micros = 60 * SECOND;

/// The field that is made from others.
const FRAGMENTATION: &str = "fragmentation";

/// The health of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct System {
    state: Rare<State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    fields: Vec<(NameId, f64)>,
    boots: Option<u64>,
    uptime: Option<Micros>,
    is_fragmented: bool,
    /// The device gives fragmentation in percent.
    in_percent: bool,
    /// A boot message has told of a start that the boot count will show.
    is_owed: bool,
    /// When a report showed a start, of which a boot message may still tell.
    shown: Option<Mono>,
    /// Starts that the last message told of.
    #[serde(skip)]
    told: u64,
}

impl System {
    /// The last value of every field.
    pub fn fields(&self) -> impl Iterator<Item = (NameId, f64)> {
        self.state.get().into_iter().flat_map(|state| state.fields.iter().copied())
    }

    /// Whether the device says anything by which a start is known.
    pub fn tells_starts(&self) -> bool {
        self.state.get().is_some_and(|state| state.boots.is_some() || state.uptime.is_some())
    }

    /// Whether its heap is in pieces.
    pub fn is_fragmented(&self) -> bool {
        self.state.get().is_some_and(|state| state.is_fragmented)
    }

    /// The starts that the last message told of.
    pub(super) fn starts(&self) -> u64 {
        self.state.get().map_or(0, |state| state.told)
    }
}

impl State {
    fn set(&mut self, name: &str, value: f64, names: &mut Names) {
        let Some(id) = names.intern(&bounded(name, NAME_BYTES_MAX)) else { return };
        match self.fields.iter().position(|(known, _)| *known == id) {
            Some(at) => self.fields[at].1 = value,
            None if self.fields.len() < FIELDS_MAX => lean::push(&mut self.fields, (id, value)),
            None => {}
        }
    }

    /// A message of a `system` stream.
    fn report(&mut self, event: &Event, names: &mut Names, now: Mono, edges: &mut Edges) {
        let mut seen = Seen::default();
        for point in event.points() {
            let Value::Number(value) = point.value else { continue };
            if !value.is_finite() {
                continue;
            }
            let name = event.point_name(point);
            seen.note(Role::of(name), value);
            self.set(&roles::field(name), value, names);
        }
        self.judge_heap(&seen, names, now, edges);
        let mut starts = self.starts(&seen);
        if seen.boots.is_some() {
            starts -= u64::from(starts > 0 && self.is_owed);
            self.is_owed = false;
        }
        if starts > 0 {
            self.shown = Some(now);
        }
        self.tell(starts, event.document(), &seen, now, edges);
    }

    /// How much of the free heap is in pieces, given or computed.
    fn judge_heap(&mut self, seen: &Seen, names: &mut Names, now: Mono, edges: &mut Edges) {
        let computed = seen.largest.zip(seen.free).filter(|(_, free)| *free > 0.0);
        let computed = computed.map(|(largest, free)| (1.0 - largest / free).clamp(0.0, 1.0));
        let given = seen.fragmentation.map(|given| {
            self.in_percent |= given > 1.0;
            if self.in_percent { given / 100.0 } else { given }
        });
        let Some(share) = computed.or(given) else { return };
        self.set(FRAGMENTATION, share, names);
        let was = self.is_fragmented;
        self.is_fragmented = share > if was { SOUND } else { FRAGMENTED };
        if self.is_fragmented != was {
            let what = if was { What::HeapSound { share } } else { What::HeapFragmented { share } };
            edges.push((now, what));
        }
    }

    /// How often it started since the message before, by its boot count or else by its uptime.
    fn starts(&self, seen: &Seen) -> u64 {
        match (self.boots, seen.boots, self.uptime, seen.uptime) {
            (Some(before), Some(now), ..) if now > before => now - before,
            // Nothing but a start clears the counter; how many there were is not known.
            (Some(before), Some(now), ..) if now < before => 1,
            (Some(_), ..) => 0,
            (_, None, Some(before), Some(now)) => u64::from(roles::is_earlier(now, before, seen.wraps)),
            _ => 0,
        }
    }

    /// A message of an `event` stream that says that it has booted.
    fn booted(&mut self, document: Document<'_>, now: Mono, edges: &mut Edges) {
        let mut seen = Seen::default();
        for leaf in document.scalars().take(FIELDS_MAX) {
            if let Some(number) = leaf.number() {
                let role = if leaf.key() == "count" { Role::Boots } else { Role::of(leaf.key()) };
                seen.note(role, number);
            }
        }
        let is_told = self.shown.take().is_some_and(|shown| now.since(shown) <= SAME_START);
        let starts = match (self.boots, seen.boots) {
            (Some(_), Some(_)) => self.starts(&seen),
            _ => u64::from(!is_told),
        };
        self.is_owed = starts > 0 && self.boots.is_some() && seen.boots.is_none();
        self.tell(starts, document, &seen, now, edges);
        // The uptime of the message before is that of the run before.
        self.uptime = seen.uptime;
    }

    /// Says that it started anew, if it did, and keeps by what the next start will be known.
    fn tell(&mut self, boots: u64, document: Document<'_>, seen: &Seen, now: Mono, edges: &mut Edges) {
        if boots > 0 {
            let reason = roles::reason(document);
            edges.push((now, What::Restart(Restart { boots, reason, uptime: self.uptime })));
        }
        self.told = boots;
        self.boots = seen.boots.or(self.boots);
        self.uptime = seen.uptime.or(self.uptime);
    }
}

impl Tracker for System {
    fn observe(&mut self, context: &Context, event: &Event, now: Mono, edges: &mut Edges) {
        if let Some(state) = self.state.get_mut() {
            state.told = 0;
        }
        if event.malformed.is_some() {
            return;
        }
        match event.rules.kind {
            Kind::System => {
                let names = &mut context.names.borrow_mut();
                self.state.make().report(event, names, now, edges);
            }
            Kind::Event if roles::is_boot(event.happened()) => {
                self.state.make().booted(event.document(), now, edges);
            }
            _ => {}
        }
    }

    fn tick(&mut self, _: &Context, _: Mono, _: &mut Edges) {}

    fn due(&self, _: &Context) -> Mono {
        Mono::NEVER
    }

    fn resume(&mut self, _: &Context, _: Mono) {}
}
