//! SQLite files of others, opened read-only: one statement, which must not be able to change anything, with a limit of
//! time. Nothing here may create a file or wait long for a lock.

pub(super) mod foreign;

use super::Trouble;
use super::database::{QUERY_MAX, Tables};
use super::rows::{self, Cell, Depths};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::gather::Gather;

/// So long we wait for a writer. In WAL mode nobody waits.
const BUSY_MAX: Duration = Duration::from_secs(2);
/// Between two looks at the clock, in steps of SQLite's machine.
const STEPS: i32 = 10_000;

/// The queues that a query returns.
pub(super) async fn queues(path: PathBuf, query: String, limit: usize) -> Result<Reading, Trouble> {
    off_the_loop(move || foreign::read(&path, |base| rows_of(base, &path, &query, limit))).await
}

fn rows_of(base: &mut Connection, path: &Path, query: &str, limit: usize) -> Result<Reading, Trouble> {
    let trouble = |error: rusqlite::Error| trouble(path, &error);
    bound(base).map_err(trouble)?;
    let mut statement = base.prepare(query.trim().trim_end_matches(';')).map_err(trouble)?;
    let columns = rows::columns(statement.column_names())?;
    if !statement.readonly() {
        return Err(Trouble::new(
            format!("the query would change {}", path.display()),
            "it must be a SELECT",
        ));
    }
    let mut found = statement.query([]).map_err(trouble)?;
    let (mut gather, mut depths) = (Gather::new(limit), Depths::default());
    while let Some(row) = found.next().map_err(trouble)? {
        let cells = (0..columns.len()).map(|at| row.get_ref(at).map_or(Cell::Null, cell));
        let cells: Vec<Cell> = cells.collect();
        depths.see(&columns, &cells);
        if let Some(queue) = rows::queue(&columns, cells.into_iter()) {
            gather.add(queue);
        }
    }
    depths.sound(&path.display().to_string())?;
    Ok(gather.finish(None))
}

/// Which of these tables there are.
pub(super) async fn tables(path: PathBuf, names: &'static [&'static str]) -> Result<Tables, Trouble> {
    let columns = |base: &Connection, name: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = base.prepare("SELECT name FROM pragma_table_info(?1)")?;
        statement.query_map([name], |row| row.get(0))?.collect()
    };
    let work = move |path: &Path, base: &mut Connection| {
        bound(base).map_err(|error| trouble(path, &error))?;
        let mut tables = Tables::new();
        for name in names {
            let columns = columns(base, name).map_err(|error| trouble(path, &error))?;
            if !columns.is_empty() {
                tables.insert((*name).to_owned(), columns);
            }
        }
        Ok(tables)
    };
    off_the_loop(move || foreign::read(&path, |base| work(&path, base))).await
}

/// Files are read on a thread that may wait. If nobody waits for it any more, the limit of time ends it.
pub(super) async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Trouble::new(
            format!("a reading broke off: {error}"),
            "this is a mistake of ours: please report it",
        ))
    })
}

/// No lock is waited for without end, and no query takes longer than it may.
fn bound(base: &mut Connection) -> rusqlite::Result<()> {
    base.busy_timeout(BUSY_MAX)?;
    let end = Instant::now() + QUERY_MAX;
    base.progress_handler(STEPS, Some(move || Instant::now() >= end))
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cell::Text(bytes.to_vec()),
    }
}

fn trouble(path: &Path, error: &rusqlite::Error) -> Trouble {
    let path = path.display();
    let (cause, cure) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ("is no SQLite database", "check the path"),
        Some(ErrorCode::DatabaseCorrupt) => ("is damaged", "check it with PRAGMA integrity_check"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            "is locked by its writer",
            "it is tried again; PRAGMA journal_mode = WAL lets readers and a writer share it",
        ),
        Some(ErrorCode::OperationInterrupted) => {
            ("did not answer the query within 10 s", "make the query cheaper: an index, fewer rows")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => (
            "cannot be read now",
            "this user must be able to read the files -wal and -shm beside it; after a crash of its owner, start him once",
        ),
        _ => {
            return Trouble::new(
                format!("{path}: {error}"),
                "check the query and the tables of the database",
            );
        }
    };
    Trouble::new(format!("{path} {cause}"), cure)
}
