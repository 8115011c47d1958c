//! Mosquitto: its persistence file, or the database of its sqlite plugin, whichever the path leads to. The broker writes a
//! new persistence file beside the old one and renames it into place, so that an open file is whole and stays so while it
//! is read. Nothing here may write, signal the broker, or hold more of the file than a piece.

use super::sqlite::foreign::Turn;
use super::sqlite::off_the_loop;
use super::{Asked, Source, Trouble, sqlite};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};
use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::gather::Gather;
use watchkeeper_core::queues::mosquitto_db::{Damage, PersistenceFile, came_at};
use watchkeeper_core::time::Wall;

/// A larger file is not read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Until it is read.
const READ_MAX: Duration = Duration::from_secs(30);
const PIECE_BYTES: usize = 256 * 1024;
/// How every SQLite database begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Of the plugin's tables. State 11 waits; the number of the oldest message tells its time.
const QUERY: &str = "\
    SELECT client_id, SUM(waits) AS depth, SUM(1 - waits) - SUM(none) AS inflight, \
           CASE WHEN SUM(size IS NULL) = 0 THEN SUM(size) END AS bytes, MIN(number) AS oldest_at_ms \
    FROM (SELECT client_id, 0 AS waits, 1 AS none, 0 AS size, NULL AS number FROM clients \
          UNION ALL \
          SELECT m.client_id, m.state = 11, 0, CASE WHEN m.state = 11 THEN b.payloadlen ELSE 0 END, \
                 CASE WHEN m.state = 11 THEN m.store_id & 18014398509481983 END \
          FROM client_msgs m LEFT JOIN base_msgs b USING (store_id) WHERE m.direction = 1) \
    GROUP BY client_id";

pub(super) struct MosquittoDb {
    path: PathBuf,
    limit: usize,
}

impl MosquittoDb {
    pub(super) fn new(path: PathBuf, limit: usize) -> Self {
        Self { path, limit }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let (path, limit) = (self.path.clone(), self.limit);
        match off_the_loop(move || file(&path, limit)).await? {
            Some(reading) => Ok(reading),
            None => database(self.path.clone(), self.limit).await,
        }
    }
}

/// The persistence file; none where it is a database.
fn file(path: &Path, limit: usize) -> Result<Option<Reading>, Trouble> {
    let shown = path.display();
    let unreadable =
        |error: std::io::Error| Trouble::new(format!("{shown} cannot be read: {error}"), "check the disk");
    // To open what is no file, such as a pipe, may take until somebody else opens it, too.
    let meta = path.metadata().map_err(|error| absent(path, &error))?;
    if meta.len() > FILE_BYTES_MAX || !meta.is_file() {
        return Err(Trouble::new(
            format!("{shown} is no file of less than {} GiB", FILE_BYTES_MAX / 1024 / 1024 / 1024),
            "path must lead to mosquitto.db, or to mosquitto.sqlite3 of the sqlite plugin",
        ));
    }
    let _turn = Turn::take(path);
    let mut file = File::open(path).map_err(|error| absent(path, &error))?;
    let meta = file.metadata().map_err(unreadable)?;
    let end = Instant::now() + READ_MAX;
    let mut known = PersistenceFile::default();
    let mut piece = vec![0; PIECE_BYTES];
    let mut first = true;
    loop {
        let length = file.read(&mut piece).map_err(unreadable)?;
        if first && piece[..length].starts_with(SQLITE) {
            return Ok(None);
        }
        first = false;
        if length == 0 {
            break;
        }
        known.feed(&piece[..length]).map_err(|damage| damaged(path, damage))?;
        if Instant::now() >= end {
            return Err(Trouble::new(
                format!("{shown} was not read within {} s", READ_MAX.as_secs()),
                "look at the load of the disk",
            ));
        }
    }
    let as_of = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let as_of = as_of.and_then(|since| i64::try_from(since.as_micros()).ok()).map(Wall);
    known.finish(limit, as_of).map(Some).map_err(|damage| damaged(path, damage))
}

/// The database of the plugin, which is written every few seconds: its numbers are those of now.
async fn database(path: PathBuf, limit: usize) -> Result<Reading, Trouble> {
    let raw = sqlite::queues(path, QUERY.to_owned(), usize::MAX).await?;
    let mut gather = Gather::new(limit);
    for mut queue in raw.queues {
        // The query knows numbers of messages, not times.
        let number = queue.oldest.take().and_then(|at| u64::try_from(at.0 / 1_000).ok());
        let seconds = number.and_then(came_at).and_then(|seconds| i64::try_from(seconds).ok());
        queue.oldest = seconds.and_then(|seconds| seconds.checked_mul(1_000_000)).map(Wall);
        gather.put(queue);
    }
    Ok(gather.finish(None))
}

fn absent(path: &Path, error: &std::io::Error) -> Trouble {
    let cure = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "the broker needs `persistence true` and writes the file every autosave_interval seconds (1800 by default), \
             on SIGUSR1 and at its end"
        }
        std::io::ErrorKind::PermissionDenied => {
            "the broker writes it with mode 0600: run as the same user, or give the sidecar a copy"
        }
        _ => "check the path",
    };
    Trouble::new(format!("{} cannot be opened: {error}", path.display()), cure)
}

fn damaged(path: &Path, damage: Damage) -> Trouble {
    let shown = path.display();
    let (cause, cure) = match damage {
        Damage::Foreign => (
            format!("{shown} is no persistence file of Mosquitto"),
            "path must lead to mosquitto.db, or to mosquitto.sqlite3 of the sqlite plugin",
        ),
        Damage::Version(version) if version < 6 => (
            format!("{shown} has version {version} and was written by Mosquitto 1.6 or older"),
            "version 6 is read, which Mosquitto 2.0 and 2.1 write",
        ),
        Damage::Version(version) => (
            format!("{shown} has version {version}, which is newer than what is known"),
            "look for a newer release of ours",
        ),
        Damage::Cut(at) => (
            format!("{shown} ends in the middle of something, after {at} bytes"),
            "a copy was cut short, or the disk of the broker is full",
        ),
        Damage::Chunk(at) => (
            format!("{shown} contradicts itself at byte {at}"),
            "it is damaged, or written by a machine with another order of bytes; mosquitto_db_dump can tell more",
        ),
        Damage::Clients => (format!("{shown} has more than a million clients"), "that is more than is read"),
    };
    Trouble::new(cause, cure)
}

impl Source for MosquittoDb {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
