//! The database of snapshots, `queues.sqlite`. One connection writes, from one thread; a snapshot is one transaction, so
//! that whoever reads sees all of it or nothing. Only what changed is written: a row holds until the next one of its
//! client and source. What is not known is NULL; a row in which all is NULL says that the source tells no longer.

mod commit;
pub(crate) mod history;
pub(crate) mod keeper;
mod retain;
pub(crate) mod row;
mod schema;
#[cfg(test)]
mod tests;
pub(crate) mod trouble;

use row::Row;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use trouble::StoreTrouble;
use watchkeeper_core::queues::Queue;
use watchkeeper_core::time::Wall;

/// The file in the data folder.
pub(crate) const FILE: &str = "queues.sqlite";

/// Who writes to it besides us is waited for so long.
const BUSY: Duration = Duration::from_secs(2);

/// A file up to this size is read through before it is used.
const CHECKED_BYTES_MAX: u64 = 64 << 20;

/// A source as the database knows it, the strongest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) broker: String,
}

/// What is to be written: what a source told at once, or why it did not.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Which source, by its place.
    pub(crate) source: usize,
    /// The moment of which it is true.
    pub(crate) at: Wall,
    /// The calendar was set by so many milliseconds since the snapshot before.
    pub(crate) step_ms: i64,
    pub(crate) told: Result<Vec<Queue>, String>,
}

/// What holds of one source, as the database says it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) at: Option<Wall>,
    pub(crate) queues: Vec<Queue>,
}

/// The database, open for writing.
pub(crate) struct Store {
    db: Connection,
    path: PathBuf,
    sources: Vec<Known>,
    /// The rows that hold, by source and client.
    rows: Vec<HashMap<Box<str>, Row>>,
    /// The file that was opened; another one under its name is not ours.
    inode: u64,
}

impl Store {
    /// Opens it, or begins it anew where there is none. A file that cannot be used is an error.
    pub(crate) fn open(path: &Path, sources: &[Known]) -> Result<Self, StoreTrouble> {
        let mut db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(32);
        if std::fs::metadata(path)?.len() <= CHECKED_BYTES_MAX {
            let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if verdict != "ok" {
                return Err(StoreTrouble { cause: trouble::Cause::Damaged, detail: verdict });
            }
        }
        schema::prepare(&mut db)?;
        let inode = std::fs::metadata(path)?.ino();
        let (path, sources) = (path.to_owned(), sources.to_vec());
        let mut store = Self { db, path, sources, rows: Vec::new(), inode };
        store.settle_sources()?;
        store.rows = store.load()?;
        Ok(store)
    }

    /// Moves a file that cannot be used out of the way, with what belongs to it; says where it is.
    pub(crate) fn set_aside(path: &Path, now: Wall) -> std::io::Result<PathBuf> {
        let stamp = now.rfc3339()[..19].replace([':', '-'], "");
        let name = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
        let to = name(&format!(".damaged-{stamp}"));
        std::fs::rename(path, &to)?;
        for end in ["-wal", "-shm"] {
            let beside = name(end);
            if beside.exists() {
                std::fs::rename(&beside, name(&format!(".damaged-{stamp}{end}")))?;
            }
        }
        Ok(to)
    }

    /// Whether the file is still there. A database goes on without its name, and what it writes is lost at the end.
    pub(crate) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }

    /// What holds, by source.
    pub(crate) fn held(&self) -> Result<Vec<Held>, StoreTrouble> {
        let mut held = Vec::new();
        for (source, rows) in self.sources.iter().zip(&self.rows) {
            const NEWEST: &str =
                "SELECT taken_at_ms FROM source JOIN snapshot ON snapshot.id = snapshot_id WHERE name = ?1";
            let mut statement = self.db.prepare_cached(NEWEST)?;
            let at: Option<i64> =
                statement.query_map([&source.name], |row| row.get(0))?.next().transpose()?;
            let at = at.map(|ms| Wall(ms.saturating_mul(1000)));
            held.push(Held { at, queues: rows.iter().map(|(client, row)| row.queue(client)).collect() });
        }
        Ok(held)
    }

    /// Makes the table of sources say what the configuration says. Of a source that is no longer asked nothing holds.
    fn settle_sources(&mut self) -> Result<(), StoreTrouble> {
        let change = self.db.transaction()?;
        let known: Vec<(String, String)> = change
            .prepare("SELECT name, broker FROM source")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (name, broker) in known {
            if !self.sources.iter().any(|source| source.name == name && source.broker == broker) {
                change.execute("DELETE FROM latest WHERE source = ?1", [&name])?;
                change.execute("DELETE FROM source WHERE name = ?1", [&name])?;
            }
        }
        for (precedence, source) in (1_i64..).zip(&self.sources) {
            change.execute(
                "INSERT INTO source (name, precedence, broker) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET precedence = excluded.precedence",
                (&source.name, precedence, &source.broker),
            )?;
        }
        Ok(change.commit()?)
    }

    fn load(&self) -> Result<Vec<HashMap<Box<str>, Row>>, StoreTrouble> {
        let text = format!(
            "SELECT q.client_id, {} FROM latest AS l JOIN queue AS q
             ON q.snapshot_id = l.snapshot_id AND q.client_id = l.client_id WHERE l.source = ?1",
            row::COLUMNS
        );
        let mut statement = self.db.prepare(&text)?;
        let mut all = Vec::new();
        for source in &self.sources {
            let found = statement.query_map([&source.name], |found| {
                Ok((found.get::<_, String>(0)?.into_boxed_str(), Row::read(found, 1)?))
            })?;
            all.push(found.collect::<Result<_, _>>()?);
        }
        Ok(all)
    }
}

/// A connection that cannot write, for one question.
pub(crate) fn read_only(path: &Path) -> Result<Connection, StoreTrouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    Ok(db)
}
