//! The sections that this version reads and checks but does not act on yet: a file that is right today stays
//! right. Nothing here may change what the program does; each section that is written is warned about.

use super::warn_later;
use crate::config::problem::Fault;
use crate::config::raw::Table;
use crate::config::tree::Node;
use crate::config::words;

/// `[probe]` and `[shard]`.
pub(super) fn all(root: &mut Table<'_>) {
    for (key, read) in [("probe", probe as fn(&mut Table<'_>)), ("shard", shard)] {
        with(root, key, read);
    }
}

fn with(root: &mut Table<'_>, key: &'static str, read: impl FnOnce(&mut Table<'_>)) {
    let mut table = root.section(key);
    if table.is_set {
        warn_later(table.ledger, &format!("[{key}]"));
    }
    read(&mut table);
    table.finish();
}

fn probe(table: &mut Table<'_>) {
    table.get("every", words::duration_or_zero);
    table.values("qos", qos);
    table.get("session_every", words::duration_or_zero);
}

fn qos(node: &Node) -> Result<u64, Fault> {
    words::integer(0..=2)(node)
}

fn shard(table: &mut Table<'_>) {
    let index = table.get("index", words::integer(0..=1023));
    let total = table.or("total", 1, words::integer(1..=1024));
    if let Some(index) = index.filter(|index| index.value >= total) {
        let cause = format!("shard {} of {total} does not exist", index.value);
        index.refuse(table.ledger, cause, "shards are counted from 0 to total - 1");
    }
}
