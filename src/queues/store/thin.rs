//! Points of a history, thinned while they come: at most so many are left, of each stretch the deepest, and always the
//! last of all. Nothing here may hold more than a few times as many.

use super::history::Point;

/// So many times the points that are asked for are held until all have come.
const HELD: usize = 4;

/// What is kept.
pub(super) struct Thin {
    points_max: usize,
    /// The deepest of each stretch.
    kept: Vec<Point>,
    /// Points of a stretch.
    stretch: usize,
    /// Points of the newest stretch so far.
    count: usize,
    /// The newest point; it belongs to no stretch.
    last: Option<Point>,
    all: usize,
}

impl Thin {
    pub(super) fn new(points_max: usize) -> Self {
        let points_max = points_max.max(2);
        Self { points_max, kept: Vec::new(), stretch: 1, count: 0, last: None, all: 0 }
    }

    pub(super) fn add(&mut self, point: Point) {
        self.all += 1;
        let Some(before) = self.last.replace(point) else { return };
        match self.kept.last_mut().filter(|_| self.count < self.stretch) {
            Some(deepest) => {
                self.count += 1;
                deeper(deepest, before);
            }
            None => self.begin(before),
        }
    }

    fn begin(&mut self, point: Point) {
        if self.kept.len() >= HELD * self.points_max {
            merge(&mut self.kept, 2);
            self.stretch *= 2;
        }
        self.kept.push(point);
        self.count = 1;
    }

    /// What is left, and how many were left out.
    pub(super) fn finish(mut self) -> (Vec<Point>, usize) {
        if self.all > self.points_max {
            let size = self.kept.len().div_ceil(self.points_max - 1);
            merge(&mut self.kept, size);
        }
        self.kept.extend(self.last);
        let left_out = self.all - self.kept.len();
        (self.kept, left_out)
    }
}

/// Makes one of so many neighbours.
fn merge(points: &mut Vec<Point>, size: usize) {
    let mut merged: Vec<Point> = Vec::with_capacity(points.len() / size + 1);
    for (at, point) in points.drain(..).enumerate() {
        match merged.last_mut().filter(|_| at % size > 0) {
            Some(deepest) => deeper(deepest, point),
            None => merged.push(point),
        }
    }
    *points = merged;
}

/// Of two the deeper, the earlier where they are alike.
fn deeper(deepest: &mut Point, other: Point) {
    let depth = |point: &Point| point.queue.as_ref().and_then(|queue| queue.depth);
    if depth(&other) > depth(deepest) {
        *deepest = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::queues::Queue;
    use watchkeeper_core::time::Wall;

    fn point(second: i64, depth: u64) -> Point {
        let queue = Queue { depth: Some(depth), ..Queue::default() };
        Point { at: Wall(second), broker: String::new(), source: String::new(), queue: Some(queue) }
    }

    fn thin(points: &[Point], points_max: usize) -> (Vec<Point>, usize) {
        let mut thin = Thin::new(points_max);
        for point in points {
            thin.add(point.clone());
            assert!(thin.kept.len() <= HELD * points_max.max(2), "memory is bounded while they come");
        }
        thin.finish()
    }

    #[test]
    fn a_thinned_history_keeps_its_highest_and_its_last_point() {
        let points: Vec<Point> =
            (0..1000_i64).map(|n| point(n, if n == 617 { 9999 } else { n.unsigned_abs() % 7 })).collect();
        for points_max in [2, 3, 10, 333, 500, 998, 999] {
            let (kept, left_out) = thin(&points, points_max);
            assert!(kept.len() <= points_max && kept.len() * 4 > points_max, "{points_max}: {}", kept.len());
            assert_eq!(kept.len() + left_out, 1000);
            assert!(kept.contains(&points[617]));
            assert_eq!(kept.last(), points.last());
            assert!(kept.is_sorted_by_key(|point| point.at));
        }
        assert_eq!(thin(&points, 1000), (points.clone(), 0));
        assert_eq!(thin(&points[..1], 2), (points[..1].to_vec(), 0));
        assert_eq!(thin(&[], 2), (Vec::new(), 0));
    }
}
