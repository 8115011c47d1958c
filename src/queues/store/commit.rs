//! One snapshot into the database: one transaction, in which only what changed is written. What holds is kept in memory
//! and follows the database, never the other way round: it changes after the commit.

use super::row::Row;
use super::trouble::StoreTrouble;
use super::{Known, Snapshot, Store};
use rusqlite::{Transaction, TransactionBehavior};
use std::collections::HashSet;
use watchkeeper_core::queues::Queue;

/// An error that is longer is cut: it is written every time.
const ERROR_CHARS_MAX: usize = 500;

impl Store {
    /// Writes a snapshot; gives its number.
    pub(crate) fn commit(&mut self, snapshot: &Snapshot) -> Result<i64, StoreTrouble> {
        let Some(source) = self.sources.get(snapshot.source) else {
            return Err(StoreTrouble::foreign("a snapshot of a source that is not configured".to_owned()));
        };
        let source = source.clone();
        if super::version(&self.db)? != self.version {
            // Somebody else wrote to it, and what holds may be another.
            self.reload()?;
        }
        let changes = match &snapshot.told {
            Ok(queues) => self.changes(snapshot.source, queues),
            Err(_) => Vec::new(),
        };
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let id = head(&change, &source, snapshot)?;
        if snapshot.told.is_ok() {
            change
                .prepare_cached("UPDATE source SET snapshot_id = ?1 WHERE name = ?2")?
                .execute((id, &source.name))?;
            write(&change, id, &source.name, &changes)?;
        }
        change.commit()?;
        self.newest = id;
        // Each change is on a page of its own at worst, and a snapshot on a few.
        self.away += 8 + changes.len();
        self.settle();
        let rows = &mut self.rows[snapshot.source];
        for (client, row) in changes {
            if row.is_gone() {
                rows.remove(&*client);
            } else {
                rows.insert(client, row);
            }
        }
        Ok(id)
    }

    /// What is another than what holds, and who is no longer told of. A queue of which nothing is known is no queue.
    fn changes(&self, source: usize, queues: &[Queue]) -> Vec<(Box<str>, Row)> {
        let held = &self.rows[source];
        let mut told = HashSet::with_capacity(queues.len());
        let mut changes = Vec::new();
        for queue in queues {
            let row = Row::of(queue);
            // A client that a source tells twice has the row that came first.
            if row.is_gone() || !told.insert(&*queue.client_id) {
                continue;
            }
            if held.get(&*queue.client_id) != Some(&row) {
                changes.push((queue.client_id.as_str().into(), row));
            }
        }
        let gone = held.keys().filter(|client| !told.contains(&***client));
        changes.extend(gone.map(|client| (client.clone(), Row::default())));
        // In the order of the key, so that the pages are filled one after the other.
        changes.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        changes
    }
}

/// The snapshot itself; gives its number.
fn head(change: &Transaction<'_>, source: &Known, snapshot: &Snapshot) -> Result<i64, StoreTrouble> {
    let error = snapshot.told.as_ref().err().map(|error| cut(error));
    let at = snapshot.at.0.div_euclid(1000);
    change
        .prepare_cached(
            "INSERT INTO snapshot (taken_at_ms, broker, source, ok, error) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((at, &source.broker, &source.name, snapshot.told.is_ok(), error))?;
    let id = change.last_insert_rowid();
    if snapshot.step_ms != 0 {
        change.execute("INSERT INTO clock_step VALUES (?1, ?2)", (id, snapshot.step_ms))?;
    }
    Ok(id)
}

fn write(
    change: &Transaction<'_>,
    id: i64,
    source: &str,
    changes: &[(Box<str>, Row)],
) -> Result<(), StoreTrouble> {
    let mut insert =
        change.prepare_cached("INSERT INTO queue VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let mut forget = change.prepare_cached("DELETE FROM latest WHERE source = ?1 AND client_id = ?2")?;
    for (client, row) in changes {
        let [depth, inflight, bytes, limit, oldest, connected, dropped] = row.0;
        insert.execute((id, client, depth, inflight, bytes, limit, oldest, connected, dropped))?;
        if row.is_gone() {
            forget.execute((source, client))?;
        }
    }
    // All at once: ten thousand single statements take half as long again.
    change
        .prepare_cached(
            "INSERT INTO latest SELECT ?1, client_id, ?2 FROM queue WHERE snapshot_id = ?2 AND coalesce(depth, inflight,
             bytes, limit_messages, oldest_at_ms, connected, dropped) IS NOT NULL
             ON CONFLICT (source, client_id) DO UPDATE SET snapshot_id = excluded.snapshot_id",
        )?
        .execute((source, id))?;
    Ok(())
}

fn cut(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}
