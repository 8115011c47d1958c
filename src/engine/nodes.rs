//! Lists of devices: filter, order, pages. A page is found by keys alone, in one walk that keeps no more than the page,
//! for there may be 100,000 devices; only those that are on it are turned into JSON. A cursor names the last device of the page before, so that a page never shows a device
//! twice because others came or went.

use super::handle::{NodesPage, NodesQuery};
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::Wall;
use watchkeeper_core::view::DeviceView;

/// Devices on a page when nobody says.
const LIMIT: usize = 100;

/// A device that must exist, or one that does.
enum Entry<'a> {
    Known(&'a Fleet, &'a Device),
    Missing(&'a Fleet, &'a str),
}

impl<'a> Entry<'a> {
    fn id(&self) -> &'a str {
        match self {
            Self::Known(_, device) => &device.id,
            Self::Missing(_, id) => id,
        }
    }

    fn state(&self) -> &'static str {
        match self {
            Self::Known(_, device) => device.roster.presence.state().as_str(),
            Self::Missing(..) => "never_seen",
        }
    }

    /// What the device is sorted by.
    fn key(&self, sort: &str) -> f64 {
        let Self::Known(_, device) = self else { return -1.0 };
        match sort {
            "last_seen" => device.last_message.map_or(0.0, Wall::seconds),
            "error_ratio" => device.roster.errors.ratio().unwrap_or(-1.0),
            "stuck" => f64::from(device.roster.stuck.stuck()),
            "messages" => device.roster.cadence.messages() as f64,
            "lost" => device.roster.sequence.counts().map_or(-1.0, |counts| counts.lost as f64),
            "state" => ["offline", "unknown", "online"]
                .iter()
                .position(|s| *s == self.state())
                .map_or(3.0, |n| n as f64),
            _ => 0.0,
        }
    }

    fn view(&self, now: Wall) -> DeviceView<'a> {
        match self {
            Self::Known(fleet, device) => fleet.view(device, now),
            Self::Missing(fleet, id) => fleet.view_missing(id, now),
        }
    }
}

/// A device that may be on the page. The worst of those that are is the one that goes when a better one comes.
struct Ranked<'a> {
    key: f64,
    reverse: bool,
    entry: Entry<'a>,
}

impl Ranked<'_> {
    fn against(&self, key: f64, id: &str) -> Ordering {
        let order = self.key.total_cmp(&key).then_with(|| self.entry.id().cmp(id));
        if self.reverse { order.reverse() } else { order }
    }

    fn cursor(&self) -> String {
        format!("{:x}:{}", self.key.to_bits(), self.entry.id())
    }
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.against(other.key, other.entry.id())
    }
}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

/// A page of the devices of all brokers: one walk over the fleet that keeps no more than the page.
pub(crate) fn page(watched: &[Watched], query: &NodesQuery, now: Wall) -> NodesPage {
    let sort = query.sort.as_deref().unwrap_or("id");
    let (sort, reverse) = sort.strip_prefix('-').map_or((sort, false), |sort| (sort, true));
    let cursor = query.cursor.as_deref().and_then(read_cursor);
    let limit = query.limit.unwrap_or(LIMIT).max(1);
    let mut best: BinaryHeap<Ranked> = BinaryHeap::with_capacity(limit + 1);
    let (mut total, mut before) = (0, 0);
    for entry in watched.iter().flat_map(|one| entries(&one.fleet)) {
        let is_asked = query.state.as_deref().is_none_or(|state| state == entry.state())
            && query.q.as_deref().is_none_or(|text| entry.id().contains(text));
        if !is_asked {
            continue;
        }
        total += 1;
        let ranked = Ranked { key: entry.key(sort), reverse, entry };
        if cursor.is_some_and(|(key, id)| ranked.against(key, id) != Ordering::Greater) {
            before += 1;
        } else if best.len() < limit {
            best.push(ranked);
        } else if let Some(mut worst) = best.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }
    let page = best.into_sorted_vec();
    let more = before + page.len() < total;
    NodesPage {
        nodes: page.iter().map(|one| to_json(&one.entry.view(now))).collect(),
        total,
        next_cursor: page.last().filter(|_| more).map(Ranked::cursor),
        first: page.first().map(Ranked::cursor),
        before,
    }
}

/// One device; of several brokers that know it, the first one's.
pub(crate) fn one(watched: &[Watched], id: &str, now: Wall) -> Option<Value> {
    let known = watched
        .iter()
        .find_map(|one| one.fleet.device(id).map(|device| to_json(&one.fleet.view(device, now))));
    known.or_else(|| {
        let missing = |one: &Watched| {
            let id = one.fleet.never_seen().find(|missing| *missing == id)?;
            Some(to_json(&one.fleet.view_missing(id, now)))
        };
        watched.iter().find_map(missing)
    })
}

/// Reads a cursor; none when it is not one of ours.
pub(crate) fn read_cursor(cursor: &str) -> Option<(f64, &str)> {
    let (key, id) = cursor.split_once(':')?;
    let key = f64::from_bits(u64::from_str_radix(key, 16).ok()?);
    (!key.is_nan()).then_some((key, id))
}

fn entries(fleet: &Fleet) -> impl Iterator<Item = Entry<'_>> {
    let known = fleet.devices().map(move |device| Entry::Known(fleet, device));
    known.chain(fleet.never_seen().map(move |id| Entry::Missing(fleet, id)))
}

fn to_json(view: &DeviceView) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

#[cfg(test)]
mod tests;
