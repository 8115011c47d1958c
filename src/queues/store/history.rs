//! What the database says of one client over time, for people and charts. It reads over a connection of its own, which
//! cannot write; the number of points is bounded, and the highest of each stretch is among them.

use super::read_only;
use super::row::{COLUMNS, Row};
use super::trouble::StoreTrouble;
use std::collections::HashMap;
use std::path::Path;
use watchkeeper_core::queues::Queue;
use watchkeeper_core::time::Wall;

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
}

/// Reads it. A point is where something changed; what held when the span began is its first point, dated by its
/// beginning.
pub(crate) fn read(path: &Path, span: &Span) -> Result<History, StoreTrouble> {
    let db = read_only(path)?;
    let (from, to) = (span.from.0.div_euclid(1000), span.to.0.div_euclid(1000));
    let text = format!(
        "SELECT s.taken_at_ms, s.broker, s.source, {COLUMNS} FROM snapshot AS s
         CROSS JOIN queue AS q ON q.snapshot_id = s.id AND q.client_id = ?1
         WHERE s.taken_at_ms <= ?2 ORDER BY s.id"
    );
    let mut statement = db.prepare(&text)?;
    let mut found = statement.query((&span.client, to))?;
    let mut before: HashMap<String, Point> = HashMap::new();
    let mut points = Vec::new();
    while let Some(row) = found.next()? {
        let at: i64 = row.get(0)?;
        let values = Row::read(row, 3)?;
        let queue = (!values.is_gone()).then(|| values.queue(&span.client));
        let wall = Wall(at.max(from).saturating_mul(1000));
        let point = Point { at: wall, broker: row.get(1)?, source: row.get(2)?, queue };
        if at <= from {
            before.insert(point.source.clone(), point);
        } else {
            points.push(point);
        }
    }
    let mut first: Vec<Point> = before.into_values().filter(|point| point.queue.is_some()).collect();
    first.sort_by(|one, other| one.source.cmp(&other.source));
    first.append(&mut points);
    Ok(thin(first, span.points_max))
}

/// At most so many: of each stretch of points the deepest, and always the last of all.
fn thin(points: Vec<Point>, points_max: usize) -> History {
    let (all, points_max) = (points.len(), points_max.max(2));
    if all <= points_max {
        return History { points, left_out: 0 };
    }
    let stretch = (all - 1).div_ceil(points_max - 1);
    let depth = |point: &Point| point.queue.as_ref().and_then(|queue| queue.depth);
    let (body, last) = points.split_at(all - 1);
    let deepest = |part: &[Point]| part.iter().rev().max_by_key(|point| depth(point)).cloned();
    let mut kept: Vec<Point> = body.chunks(stretch).filter_map(deepest).collect();
    kept.extend_from_slice(last);
    let left_out = all - kept.len();
    History { points: kept, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(second: i64, depth: u64) -> Point {
        let queue = Queue { depth: Some(depth), ..Queue::default() };
        Point { at: Wall(second), broker: String::new(), source: String::new(), queue: Some(queue) }
    }

    #[test]
    fn a_thinned_history_keeps_its_highest_and_its_last_point() {
        let points: Vec<Point> =
            (0..1000_i64).map(|n| point(n, if n == 617 { 9999 } else { n.unsigned_abs() % 7 })).collect();
        for points_max in [2, 3, 10, 500, 999] {
            let history = thin(points.clone(), points_max);
            assert!(history.points.len() <= points_max, "{points_max}");
            assert_eq!(history.points.len() + history.left_out, 1000);
            assert!(history.points.contains(&points[617]));
            assert_eq!(history.points.last(), points.last());
            assert!(history.points.is_sorted_by_key(|point| point.at));
        }
        assert_eq!(thin(points.clone(), 1000), History { points, left_out: 0 });
    }
}
