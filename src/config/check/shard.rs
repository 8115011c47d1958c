//! `[shard]`: which of several processes this one is. Nothing here may guess: a number that is missing is told.

use crate::config::problem::fault;
use crate::config::raw::Table;
use crate::config::{Probe, Queues, words};
use crate::queues::setting::Kind;
use watchkeeper_core::shard::{SHARDS_MAX, Shard};

/// Reads the section.
pub(super) fn read(mut table: Table<'_>) -> Shard {
    let most = u64::from(SHARDS_MAX);
    let index = table.get("index", words::integer(0..=most - 1));
    let total = table.or("total", 1, words::integer(1..=most));
    let number = index.as_ref().map(|index| index.value);
    let shard = Shard::new(to_u32(number.unwrap_or(0)), to_u32(total));
    match &index {
        Some(index) if shard.is_none() => {
            let cause = format!("shard {} of {total} does not exist", index.value);
            index.refuse(table.ledger, cause, "shards are counted from 0 to total - 1");
        }
        None if total > 1 => {
            let cause = format!("which of the {total} shards is this one?");
            let cure = "set it, from 0 to total - 1, for each process its own: --shard.index, or WATCHKEEPER_SHARD__INDEX";
            table.ledger.refuse(&table.place, &table.key("index"), fault(cause, cure));
        }
        _ => {}
    }
    table.finish();
    shard.unwrap_or_default()
}

/// What one process does for all: the others leave it. Only what is inferred of devices each does of its own.
pub(super) fn only_first(shard: Shard, queues: &mut Queues, probe: &mut Probe) {
    if !shard.is_first() {
        queues.sources.retain(|source| matches!(source.setting.kind, Kind::Inferred));
        (probe.every, probe.session_every) = (None, None);
    }
}

fn to_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
