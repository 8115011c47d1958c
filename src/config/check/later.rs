//! The section that this version reads and checks but does not act on yet: a file that is right today stays
//! right. Nothing here may change what the program does; a section that is written is warned about.

use super::warn_later;
use crate::config::raw::Table;
use crate::config::words;

/// `[shard]`.
pub(super) fn all(root: &mut Table<'_>) {
    let mut table = root.section("shard");
    if table.is_set {
        warn_later(table.ledger, "[shard]");
    }
    shard(&mut table);
    table.finish();
}

fn shard(table: &mut Table<'_>) {
    let index = table.get("index", words::integer(0..=1023));
    let total = table.or("total", 1, words::integer(1..=1024));
    if let Some(index) = index.filter(|index| index.value >= total) {
        let cause = format!("shard {} of {total} does not exist", index.value);
        index.refuse(table.ledger, cause, "shards are counted from 0 to total - 1");
    }
}
