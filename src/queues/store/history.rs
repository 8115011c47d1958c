//! What the database says of one client over time, for people and charts. It reads over a connection of its own, which
//! cannot write; the number of points is bounded, and the highest of each stretch is among them.

use super::row::{COLUMNS, Row};
use super::trouble::StoreTrouble;
use super::{of_client, read_only, thin::Thin};
use rusqlite::{Connection, Row as Found};
use std::path::Path;
use std::time::{Duration, Instant};
use watchkeeper_core::queues::Queue;
use watchkeeper_core::time::Wall;

/// A question that takes longer is given up: it reads more than anybody can look at.
const WITHIN: Duration = Duration::from_secs(5);
/// Between two looks at the clock, in steps of SQLite's machine.
const STEPS: i32 = 10_000;

/// A point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: Wall,
    pub(crate) broker: String,
    pub(crate) source: String,
    /// None: from here on the source tells no longer of the client.
    pub(crate) queue: Option<Queue>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) client: String,
    pub(crate) from: Wall,
    pub(crate) to: Wall,
    pub(crate) points_max: usize,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// In the order of the snapshots.
    pub(crate) points: Vec<Point>,
    /// Points that were left out, none of them higher than those beside them that were kept.
    pub(crate) left_out: usize,
    /// Whether any snapshot, of whatever time, tells of the client.
    pub(crate) is_known: bool,
}

/// Reads it. A point is where something changed; what held when the span began is its first point, dated by its
/// beginning. No more than a few times the points that are asked for are held at once.
pub(crate) fn read(path: &Path, span: &Span) -> Result<History, StoreTrouble> {
    read_within(path, span, WITHIN)
}

pub(super) fn read_within(path: &Path, span: &Span, within: Duration) -> Result<History, StoreTrouble> {
    let mut db = read_only(path)?;
    let end = Instant::now() + within;
    db.progress_handler(STEPS, Some(move || Instant::now() >= end))?;
    // All questions are about one state of the file.
    let db = db.transaction()?;
    let (from, to) = (span.from.0.div_euclid(1000), span.to.0.div_euclid(1000));
    let mut thin = Thin::new(span.points_max);
    for point in before(&db, span, from)? {
        thin.add(point);
    }
    let mut statement = db.prepare(&format!(
        "SELECT s.taken_at_ms, s.broker, s.source, {COLUMNS} FROM snapshot AS s
         CROSS JOIN queue AS q ON q.snapshot_id = s.id AND q.client_id = ?1
         WHERE s.taken_at_ms > ?2 AND s.taken_at_ms <= ?3 ORDER BY s.id"
    ))?;
    let mut found = statement.query((&span.client, from, to))?;
    while let Some(row) = found.next()? {
        thin.add(point(row, span)?);
    }
    let (points, left_out) = thin.finish();
    let is_known = !points.is_empty() || is_known(&db, &span.client)?;
    Ok(History { points, left_out, is_known })
}

/// What each source said last before the span, from its end backwards.
fn before(db: &Connection, span: &Span, from: i64) -> Result<Vec<Point>, StoreTrouble> {
    let mut sources = db.prepare("SELECT DISTINCT source FROM snapshot ORDER BY source")?;
    let sources: Vec<String> = sources.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut statement = db.prepare(&format!(
        "SELECT s.taken_at_ms, s.broker, s.source, {COLUMNS} FROM snapshot AS s
         CROSS JOIN queue AS q ON q.snapshot_id = s.id AND q.client_id = ?1
         WHERE s.source = ?2 AND s.taken_at_ms <= ?3 ORDER BY s.id DESC LIMIT 1"
    ))?;
    let mut points = Vec::new();
    for source in sources {
        let mut found = statement.query((&span.client, &source, from))?;
        if let Some(row) = found.next()? {
            points.push(Point { at: Wall(from.saturating_mul(1000)), ..point(row, span)? });
        }
    }
    points.retain(|point| point.queue.is_some());
    Ok(points)
}

fn point(row: &Found<'_>, span: &Span) -> Result<Point, StoreTrouble> {
    let at: i64 = row.get(0)?;
    let values = Row::read(row, 3).map_err(|error| of_client(&span.client, error))?;
    let queue = (!values.is_gone()).then(|| values.queue(&span.client));
    Ok(Point { at: Wall(at.saturating_mul(1000)), broker: row.get(1)?, source: row.get(2)?, queue })
}

fn is_known(db: &Connection, client: &str) -> Result<bool, StoreTrouble> {
    const ANY: &str = "SELECT EXISTS (SELECT 1 FROM snapshot AS s
        CROSS JOIN queue AS q ON q.snapshot_id = s.id AND q.client_id = ?1)";
    Ok(db.query_row(ANY, [client], |row| row.get(0))?)
}
