//! What a device said when its session began, and what its later messages build upon: the number of the session, and
//! the names and types of metrics that come with a number alone. Nothing here may outlive a session that is over.

use super::rare::Rare;
use crate::decode::Decoded;
use crate::interner::{NameId, Names};
use serde::{Deserialize, Serialize};

/// The session of one device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Session {
    known: Rare<Known>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    /// Its number.
    number: Option<u64>,
    /// In the order of the aliases.
    aliases: Vec<Alias>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Alias {
    number: u64,
    name: NameId,
    datatype: u32,
}

impl Session {
    /// A session began, with this number.
    pub fn begin(&mut self, number: Option<u64>) {
        if number.is_some() || self.known.get().is_some() {
            self.known.make().number = number;
        }
    }

    /// Takes over the aliases of a birth, in place of all that were known; gives how many found no room.
    pub fn learn(&mut self, read: &Decoded, names: &mut Names, aliases_max: usize) -> u64 {
        let mut refused = 0;
        let mut aliases: Vec<Alias> = Vec::new();
        for metric in read.metrics() {
            let (Some(alias), name) = (metric.alias, read.metric_name(metric)) else { continue };
            if name.is_empty() {
                continue;
            }
            match names.intern(name).filter(|_| aliases.len() < aliases_max) {
                Some(name) => aliases.push(Alias { number: alias, name, datatype: metric.datatype }),
                None => refused += 1,
            }
        }
        if aliases.is_empty() && self.known.get().is_none() {
            return refused;
        }
        // Of two metrics with one alias the first counts; a device that does so is wrong in any case.
        aliases.sort_by_key(|known| known.number);
        aliases.dedup_by_key(|known| known.number);
        self.known.make().aliases = aliases;
        refused
    }

    /// The name and the type behind an alias.
    pub fn alias<'n>(&self, alias: u64, names: &'n Names) -> Option<(&'n str, u32)> {
        let known = &self.known.get()?.aliases;
        let at = known.binary_search_by_key(&alias, |known| known.number).ok()?;
        Some((names.get(known[at].name), known[at].datatype))
    }

    /// Whether a departure speaks of another session than the one that began last. One without a number speaks of none,
    /// where there is one.
    pub fn is_stale(&self, number: Option<u64>, grows: bool) -> bool {
        let Some(last) = self.known.get().and_then(|known| known.number) else { return false };
        number.is_none_or(|number| number != last && !(grows && number > last))
    }

    /// The session is over.
    pub fn end(&mut self) {
        if let Some(known) = self.known.get_mut() {
            *known = Known::default();
        }
    }

    /// How many aliases are known.
    pub fn aliases(&self) -> usize {
        self.known.get().map_or(0, |known| known.aliases.len())
    }
}
