//! What is older than `queues.keep_for` goes, in small steps between snapshots. A row holds until the next one of its
//! client: so what still holds at the edge is carried to the first snapshot that is kept, and the history that is left
//! stays exact. Nothing here may trust the calendar alone: how far it was set is known, and ages are counted with it.

use super::Store;
use super::trouble::StoreTrouble;
use rusqlite::OptionalExtension;
use watchkeeper_core::time::Wall;

/// Snapshots that go in one step, unless fewer hold as many rows.
const SNAPSHOTS: i64 = 240;

/// Rows after which a step ends, so that no snapshot waits long for it. What was carried to the first of them before is
/// not counted: it has to be carried once a step, however small the step is.
const ROWS: i64 = 20_000;

/// What is too old goes once the oldest is older still by this part of the time, so that little is carried often.
const SLACK: i64 = 100;

/// Pages that are given back to the disk in one step.
const PAGES: u32 = 500;

/// Snapshots of one source that go.
enum Going {
    /// All up to this one, and the one that takes over what still holds.
    Old { source: String, upto: i64, heir: Option<i64> },
    /// Those up to this one that told nothing.
    Failed { source: String, upto: i64 },
}

/// Whether a snapshot is too old: its number, its moment, and how much more is asked for.
type IsOld<'a> = &'a dyn Fn(i64, i64, i64) -> bool;

impl Store {
    /// One step. True: there is more to do.
    pub(crate) fn tidy(&mut self, now: Wall, keep_ms: i64) -> Result<bool, StoreTrouble> {
        let more = self.step(now, keep_ms);
        if matches!(more, Ok(true)) {
            // What goes leaves many pages.
            self.away = usize::MAX / 2;
        }
        self.settle();
        more
    }

    fn step(&mut self, now: Wall, keep_ms: i64) -> Result<bool, StoreTrouble> {
        match self.going(now, keep_ms)? {
            Some(Going::Old { source, upto, heir }) => {
                self.let_go(&source, upto, heir)?;
                Ok(true)
            }
            Some(Going::Failed { source, upto }) => {
                // What told nothing has no rows.
                self.db
                    .prepare_cached("DELETE FROM snapshot WHERE source = ?1 AND ok = 0 AND id <= ?2")?
                    .execute((&source, upto))?;
                Ok(true)
            }
            None => self.shrink(),
        }
    }

    /// The first source of which something is too old.
    fn going(&self, now: Wall, keep_ms: i64) -> Result<Option<Going>, StoreTrouble> {
        let edge = now.0.div_euclid(1000).saturating_sub(keep_ms);
        let mut sources = self.db.prepare_cached("SELECT DISTINCT source FROM snapshot")?;
        let sources: Vec<String> = sources.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for source in sources {
            // Each source notices a step of the calendar with its own next snapshot. What it wrote before is dated by
            // the calendar of that time.
            let steps = self.steps(&source)?;
            let is_old = |id: i64, at: i64, slack: i64| {
                let later: i64 = steps.iter().filter(|(step, _)| *step > id).map(|(_, ms)| ms).sum();
                at.saturating_add(later) < edge.saturating_sub(slack)
            };
            if let Some(going) = self.going_of(&source, keep_ms / SLACK, &is_old)? {
                return Ok(Some(going));
            }
            if let Some(upto) = self.failed(&source, keep_ms / SLACK, &is_old)? {
                return Ok(Some(Going::Failed { source, upto }));
            }
        }
        Ok(None)
    }

    /// A source that fails all the time has a newest snapshot that stays, and behind it those that told nothing.
    fn failed(&self, source: &str, slack: i64, is_old: IsOld<'_>) -> Result<Option<i64>, StoreTrouble> {
        let mut oldest = self.db.prepare_cached(
            "SELECT id, taken_at_ms FROM snapshot WHERE source = ?1 AND ok = 0 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = oldest.query((source, SNAPSHOTS))?;
        let mut upto = None;
        while let Some(row) = rows.next()? {
            let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
            if !is_old(id, at, if upto.is_none() { slack } else { 0 }) {
                break;
            }
            upto = Some(id);
        }
        Ok(upto)
    }

    fn going_of(&self, source: &str, slack: i64, is_old: IsOld<'_>) -> Result<Option<Going>, StoreTrouble> {
        // The newest that a source told stays as long as the source is asked: it is what is known.
        const HEIR: &str = "SELECT min(id) FROM snapshot WHERE source = ?1 AND id > ?2 AND ok = 1";
        const NEWEST: &str = "SELECT snapshot_id FROM source WHERE name = ?1";
        let newest: Option<i64> =
            self.db.prepare_cached(NEWEST)?.query_row([source], |row| row.get(0)).optional()?.flatten();
        let mut upto = None;
        {
            let mut oldest = self.db.prepare_cached(
                "SELECT id, taken_at_ms FROM snapshot WHERE source = ?1 ORDER BY id LIMIT ?2",
            )?;
            let mut rows = oldest.query((source, SNAPSHOTS))?;
            let mut count = 0;
            let mut weight = self.db.prepare_cached("SELECT count(*) FROM queue WHERE snapshot_id = ?1")?;
            while let Some(row) = rows.next()? {
                let (id, at): (i64, i64) = (row.get(0)?, row.get(1)?);
                let slack = if upto.is_none() { slack } else { 0 };
                if !is_old(id, at, slack) || newest == Some(id) || count > ROWS {
                    break;
                }
                if upto.replace(id).is_some() {
                    count += weight.query_row([id], |row| row.get::<_, i64>(0))?;
                }
            }
        }
        let Some(upto) = upto else { return Ok(None) };
        let heir = self.db.prepare_cached(HEIR)?.query_row((source, upto), |row| row.get(0))?;
        Ok(Some(Going::Old { source: source.to_owned(), upto, heir }))
    }

    /// One transaction: what still holds goes to the heir, the rest goes.
    fn let_go(&mut self, source: &str, upto: i64, heir: Option<i64>) -> Result<(), StoreTrouble> {
        let change = self.db.transaction()?;
        let ids: Vec<i64> = change
            .prepare_cached("SELECT id FROM snapshot WHERE source = ?1 AND id <= ?2 ORDER BY id DESC")?
            .query_map((source, upto), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        // The newest first: its row of a client is the one that holds, and the older ones find the place taken. A row
        // in which nothing is known takes the place, too, and is swept out at the end.
        for id in &ids {
            if let Some(heir) = heir {
                change
                    .prepare_cached(
                        "INSERT OR IGNORE INTO queue SELECT ?1, client_id, depth, inflight, bytes, limit_messages,
                         oldest_at_ms, connected, dropped FROM queue WHERE snapshot_id = ?2",
                    )?
                    .execute((heir, id))?;
                change
                    .prepare_cached(
                        "UPDATE latest SET snapshot_id = ?1 WHERE source = ?2 AND snapshot_id = ?3 AND client_id IN
                         (SELECT client_id FROM queue WHERE snapshot_id = ?3)",
                    )?
                    .execute((heir, source, id))?;
            }
            change.prepare_cached("DELETE FROM queue WHERE snapshot_id = ?1")?.execute([id])?;
            change.prepare_cached("DELETE FROM snapshot WHERE id = ?1")?.execute([id])?;
        }
        if let Some(heir) = heir {
            change
                .prepare_cached(
                    "DELETE FROM queue WHERE snapshot_id = ?1 AND depth IS NULL AND inflight IS NULL AND bytes IS NULL
                     AND limit_messages IS NULL AND oldest_at_ms IS NULL AND connected IS NULL AND dropped IS NULL",
                )?
                .execute([heir])?;
        }
        change.execute("DELETE FROM clock_step WHERE snapshot_id < (SELECT min(id) FROM snapshot)", [])?;
        Ok(change.commit()?)
    }

    /// Steps of the calendar that a source noticed: at which snapshot, and by how much.
    fn steps(&self, source: &str) -> Result<Vec<(i64, i64)>, StoreTrouble> {
        let mut steps = self.db.prepare_cached(
            "SELECT c.snapshot_id, c.ms FROM clock_step AS c JOIN snapshot AS s ON s.id = c.snapshot_id
             WHERE s.source = ?1",
        )?;
        Ok(steps.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    }

    /// Gives free pages back to the disk, a few at a time. True: there are more.
    fn shrink(&self) -> Result<bool, StoreTrouble> {
        let free: u32 = self.db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        // A few free pages are used again at once, and a file that grows and shrinks all the time is no gain.
        if free <= PAGES {
            return Ok(false);
        }
        let mut give = self.db.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = give.query([])?;
        while rows.next()?.is_some() {}
        Ok(free > 2 * PAGES)
    }
}
