//! The database of snapshots, `queues.sqlite`. One connection writes, from one thread; a snapshot is one transaction, so
//! that whoever reads sees all of it or nothing. Only what changed is written: a row holds until the next one of its
//! client and source. What is not known is NULL; a row in which all is NULL says that the source tells no longer.

mod commit;
pub(crate) mod history;
pub(crate) mod keeper;
mod outside;
mod retain;
pub(crate) mod row;
mod schema;
#[cfg(test)]
mod tests;
mod thin;
pub(crate) mod trouble;

use outside::{Marks, Outside, beside};
use row::Row;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashMap;
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

/// The `-wal` is brought home when it has about so many pages.
const AWAY_MAX: usize = 1_000;

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

/// The rows of one source, by client.
type Rows = HashMap<Box<str>, Row>;

/// The database, open for writing.
pub(crate) struct Store {
    db: Connection,
    path: PathBuf,
    sources: Vec<Known>,
    /// The rows that hold, by source and client.
    rows: Vec<Rows>,
    /// The files as we left them.
    marks: Marks,
    /// Changes when another program writes.
    version: i64,
    /// The newest snapshot that we wrote or found.
    newest: i64,
    /// Pages of the `-wal` since it was brought home, at most.
    away: usize,
}

impl Store {
    /// Opens it, or begins it anew where there is none. A file that cannot be used is an error.
    pub(crate) fn open(path: &Path, sources: &[Known]) -> Result<Self, StoreTrouble> {
        Self::open_up_to(path, sources, CHECKED_BYTES_MAX)
    }

    /// The same; the file is read through however long it is.
    pub(crate) fn open_checked(path: &Path, sources: &[Known]) -> Result<Self, StoreTrouble> {
        Self::open_up_to(path, sources, u64::MAX)
    }

    fn open_up_to(path: &Path, sources: &[Known], checked_max: u64) -> Result<Self, StoreTrouble> {
        let mut db = Connection::open(path)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(32);
        if std::fs::metadata(path)?.len() <= checked_max {
            check(&db)?;
        }
        schema::prepare(&mut db)?;
        let marks = Marks::of(path);
        let (path, sources) = (path.to_owned(), sources.to_vec());
        let mut store = Self { db, path, sources, rows: Vec::new(), marks, version: 0, newest: 0, away: 0 };
        store.settle_sources()?;
        store.reload()?;
        store.newest = newest(&store.db)?;
        store.settle();
        Ok(store)
    }

    /// Moves a file that cannot be used out of the way, with what belongs to it; says where it is.
    pub(crate) fn set_aside(path: &Path, now: Wall) -> std::io::Result<PathBuf> {
        let to = aside(path, now);
        std::fs::rename(path, &to)?;
        for end in ["-wal", "-shm"] {
            if beside(path, end).exists() {
                std::fs::rename(beside(path, end), beside(&to, end))?;
            }
        }
        Ok(to)
    }

    /// The same with its `-wal` alone.
    pub(crate) fn set_beside_aside(path: &Path, now: Wall) -> std::io::Result<PathBuf> {
        let to = beside(&aside(path, now), "-wal");
        std::fs::rename(beside(path, "-wal"), &to)?;
        Ok(to)
    }

    /// What others did to the files since we wrote.
    fn outside(&self) -> Outside {
        self.marks.look(&self.path)
    }

    /// Takes the files as they are for ours.
    fn settle(&mut self) {
        self.marks.settle(&self.path);
    }

    /// Whether what is in the files now is a database, and the one that we wrote. A connection of its own reads it, since
    /// this one remembers pages.
    fn is_whole(&self) -> bool {
        let is_same = || {
            // SQLite throws away the -wal of a database that is empty.
            if std::fs::metadata(&self.path)?.len() == 0 {
                return Ok(false);
            }
            let fresh = read_only(&self.path)?;
            check(&fresh)?;
            // Another program that follows the rules may have thrown away what it likes.
            let is_by_rules = version(&self.db)? != self.version;
            let is_ours = || Ok(newest(&fresh)? == self.newest && load(&fresh, &self.sources)? == self.rows);
            if is_by_rules { Ok::<_, StoreTrouble>(true) } else { is_ours() }
        };
        is_same().unwrap_or(false)
    }

    /// Everything into the database itself, from the `-wal` that we hold even when its name is gone.
    fn write_home(&self) -> Result<(), StoreTrouble> {
        let busy: i64 = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 { Ok(()) } else { Err(StoreTrouble::foreign("somebody reads it".to_owned())) }
    }

    /// Brings home what is in the `-wal`, when that is much: it waits for the disk, and so is done when nobody waits. Who
    /// reads meanwhile keeps some of it away until later.
    pub(crate) fn bring_home(&mut self) -> Result<(), StoreTrouble> {
        if self.away < AWAY_MAX {
            return Ok(());
        }
        self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        self.away = 0;
        self.settle();
        Ok(())
    }

    /// Lets go of it without a last word: what lies under its names now may be another's. True: the `-wal` there is ours.
    fn abandon(self) -> bool {
        // A connection that refuses this closes as ever.
        drop(self.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        self.marks.has_our_wal(&self.path)
    }

    /// What holds, from the database.
    fn reload(&mut self) -> Result<(), StoreTrouble> {
        self.rows = load(&self.db, &self.sources)?;
        self.version = version(&self.db)?;
        Ok(())
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
            held.push(Held { at, queues: rows.iter().map(|(client, row)| row.queue(&**client)).collect() });
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
}

/// The rows that hold, by source and client.
fn load(db: &Connection, sources: &[Known]) -> Result<Vec<Rows>, StoreTrouble> {
    let text = format!(
        "SELECT q.client_id, {} FROM latest AS l JOIN queue AS q
         ON q.snapshot_id = l.snapshot_id AND q.client_id = l.client_id WHERE l.source = ?1",
        row::COLUMNS
    );
    let mut statement = db.prepare(&text)?;
    let mut all = Vec::new();
    for source in sources {
        let mut found = statement.query([&source.name])?;
        let mut rows = HashMap::new();
        while let Some(found) = found.next()? {
            let client: String = found.get(0)?;
            let row = Row::read(found, 1).map_err(|error| of_client(&client, error))?;
            rows.insert(client.into_boxed_str(), row);
        }
        all.push(rows);
    }
    Ok(all)
}

/// A connection that cannot write, for one question.
pub(crate) fn read_only(path: &Path) -> Result<Connection, StoreTrouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    Ok(db)
}

/// A value of another type than we write: the error names the column, and the row is known by its client.
fn of_client(client: &str, error: rusqlite::Error) -> StoreTrouble {
    let trouble = StoreTrouble::from(error);
    StoreTrouble { detail: format!("client {client:?}: {}", trouble.detail), ..trouble }
}

/// Reads it through.
fn check(db: &Connection) -> Result<(), StoreTrouble> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(StoreTrouble { cause: trouble::Cause::Damaged, detail: verdict })
}

/// Another number after another connection wrote.
fn version(db: &Connection) -> Result<i64, StoreTrouble> {
    Ok(db.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

fn newest(db: &Connection) -> Result<i64, StoreTrouble> {
    Ok(db.query_row("SELECT coalesce(max(id), 0) FROM snapshot", [], |row| row.get(0))?)
}

/// Where what cannot be used is put. Within a second more than once: the first is kept.
fn aside(path: &Path, now: Wall) -> PathBuf {
    let stamp = now.rfc3339()[..19].replace([':', '-'], "");
    let name = |more: &str| beside(path, &format!(".damaged-{stamp}{more}"));
    let is_free = |to: &PathBuf| !to.exists() && !beside(to, "-wal").exists();
    let others = (2..100).map(|n| name(&format!("-{n}")));
    std::iter::once(name("")).chain(others).find(is_free).unwrap_or_else(|| name("-100"))
}
