//! SQLite files of others, opened read-only: one statement, which must not be able to change anything, with a limit of
//! time. Nothing here may create a file or wait long for a lock.

use super::Trouble;
use super::database::{QUERY_MAX, Tables};
use super::rows::{self, Cell};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};
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
    off_the_loop(move || {
        let base = open(&path)?;
        let trouble = |error: rusqlite::Error| trouble(&path, &error);
        let mut statement = base.prepare(query.trim().trim_end_matches(';')).map_err(trouble)?;
        let columns = rows::columns(statement.column_names())?;
        if !statement.readonly() {
            return Err(Trouble::new(
                format!("the query would change {}", path.display()),
                "it must be a SELECT",
            ));
        }
        let mut found = statement.query([]).map_err(trouble)?;
        let mut gather = Gather::new(limit);
        while let Some(row) = found.next().map_err(trouble)? {
            let cells = (0..columns.len()).map(|at| row.get_ref(at).map_or(Cell::Null, cell));
            if let Some(queue) = rows::queue(&columns, cells) {
                gather.add(queue);
            }
        }
        Ok(gather.finish(None))
    })
    .await
}

/// Which of these tables there are.
pub(super) async fn tables(path: PathBuf, names: &'static [&'static str]) -> Result<Tables, Trouble> {
    off_the_loop(move || {
        let base = open(&path)?;
        let columns = |name: &str| -> rusqlite::Result<Vec<String>> {
            let mut statement = base.prepare("SELECT name FROM pragma_table_info(?1)")?;
            statement.query_map([name], |row| row.get(0))?.collect()
        };
        let mut tables = Tables::new();
        for name in names {
            let columns = columns(name).map_err(|error| trouble(&path, &error))?;
            if !columns.is_empty() {
                tables.insert((*name).to_owned(), columns);
            }
        }
        Ok(tables)
    })
    .await
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

fn open(path: &Path) -> Result<Connection, Trouble> {
    // SQLite says no more than that it cannot open; the system knows why.
    std::fs::File::open(path).map_err(|error| {
        let cure = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                "this user must be able to read it, and the folder it is in"
            }
            _ => "check the path",
        };
        Trouble::new(format!("{} cannot be opened: {error}", path.display()), cure)
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut base = Connection::open_with_flags(path, flags).map_err(|error| trouble(path, &error))?;
    base.busy_timeout(BUSY_MAX).map_err(|error| trouble(path, &error))?;
    let end = Instant::now() + QUERY_MAX;
    base.progress_handler(STEPS, Some(move || Instant::now() >= end))
        .map_err(|error| trouble(path, &error))?;
    Ok(base)
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
            "is in WAL mode and cannot be read now",
            "this user must be able to read the files -wal and -shm beside it, which are there while its owner runs",
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
