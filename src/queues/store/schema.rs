//! The tables of `queues.sqlite`, as the manual shows them, and the way from an older version of them to this one.
//! Nothing here may lose a row: a step of the way is one transaction.

use super::trouble::StoreTrouble;
use rusqlite::Connection;

/// Steps from one `user_version` to the next; the version is how many were taken.
const STEPS: &[&str] = &["
CREATE TABLE snapshot (
    id INTEGER PRIMARY KEY, taken_at_ms INTEGER NOT NULL, broker TEXT NOT NULL, source TEXT NOT NULL,
    ok INTEGER NOT NULL, error TEXT
);
CREATE INDEX snapshot_by_source ON snapshot (source, id);
CREATE TABLE queue (
    snapshot_id INTEGER NOT NULL, client_id TEXT NOT NULL,
    depth INTEGER, inflight INTEGER, bytes INTEGER, limit_messages INTEGER, oldest_at_ms INTEGER,
    connected INTEGER, dropped INTEGER,
    PRIMARY KEY (snapshot_id, client_id)
) WITHOUT ROWID;
-- The sources of the configuration, the strongest first, each with its newest snapshot that is ok.
CREATE TABLE source (
    name TEXT PRIMARY KEY, precedence INTEGER NOT NULL, broker TEXT NOT NULL, snapshot_id INTEGER
) WITHOUT ROWID;
-- Where the row of a client is that still holds. A client of which its source no longer tells is not in here.
CREATE TABLE latest (
    source TEXT NOT NULL, client_id TEXT NOT NULL, snapshot_id INTEGER NOT NULL,
    PRIMARY KEY (source, client_id)
) WITHOUT ROWID;
-- The calendar was set by so much between this snapshot and the one before.
CREATE TABLE clock_step (snapshot_id INTEGER PRIMARY KEY, ms INTEGER NOT NULL);
CREATE VIEW queue_latest AS
SELECT client_id, depth, inflight, bytes, limit_messages, oldest_at_ms, connected, dropped,
       taken_at_ms, broker, source, changed_at_ms
FROM (
    SELECT q.client_id, q.depth, q.inflight, q.bytes, q.limit_messages, q.oldest_at_ms, q.connected, q.dropped,
           newest.taken_at_ms, s.broker, s.name AS source, changed.taken_at_ms AS changed_at_ms,
           row_number() OVER (PARTITION BY s.broker, q.client_id ORDER BY s.precedence) AS rank
    FROM latest AS l
    JOIN source AS s ON s.name = l.source
    JOIN snapshot AS newest ON newest.id = s.snapshot_id
    JOIN snapshot AS changed ON changed.id = l.snapshot_id
    JOIN queue AS q ON q.snapshot_id = l.snapshot_id AND q.client_id = l.client_id
)
WHERE rank = 1;
"];

/// Brings a database to this version, from nothing or from any version before.
pub(super) fn prepare(db: &mut Connection) -> Result<(), StoreTrouble> {
    // Only before the first table; later it has no effect, and needs none.
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last snapshots and never the file; a kill costs nothing.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "journal_size_limit", 16 << 20)?;
    // What is written is brought home after who waits has his answer; this is for when that cannot be done.
    db.pragma_update(None, "wal_autocheckpoint", 10_000)?;
    // A snapshot in which all of ten thousand clients change, in KiB.
    db.pragma_update(None, "cache_size", -8_000)?;
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).expect("there are few steps");
    if version > known {
        return Err(StoreTrouble::foreign(format!(
            "its version is {version}, and this program knows {known}"
        )));
    }
    if version == 0 && tables > 0 {
        return Err(StoreTrouble::foreign("it holds other tables than ours".to_owned()));
    }
    for (step, to) in STEPS.iter().zip(1..).skip(version as usize) {
        let change = db.transaction()?;
        change.execute_batch(step)?;
        change.pragma_update(None, "user_version", to)?;
        change.commit()?;
    }
    Ok(())
}
