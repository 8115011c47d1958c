//! The database on its own: what is written is what is read, whatever happens to the file between.

use super::history::{self, Span};
use super::keeper::{Keeper, Meters};
use super::trouble::Cause;
use super::*;
use std::collections::BTreeMap;
use watchkeeper_core::time::{Mono, Now, SECOND};

mod damage;
mod killed;
mod long;
mod told;

const MINUTE: i64 = 60_000_000;
const BEGAN: i64 = 1_795_000_000_000_000;

fn meters() -> Meters {
    Meters::new(&crate::own::Own::new().unwrap())
}

fn at(minute: i64) -> Wall {
    Wall(BEGAN + minute * MINUTE)
}

fn known(names: &[&str]) -> Vec<Known> {
    names.iter().map(|name| Known { name: (*name).to_owned(), broker: "main".to_owned() }).collect()
}

fn queue(client: &str, depth: u64) -> Queue {
    Queue { client_id: client.to_owned(), depth: Some(depth), ..Queue::default() }
}

fn snapshot(source: usize, minute: i64, queues: &[(&str, u64)]) -> Snapshot {
    let told = Ok(queues.iter().map(|(client, depth)| queue(client, *depth)).collect());
    Snapshot { source, at: at(minute), step_ms: 0, told }
}

/// Client, depth, source and minute of each row of the view, as `sqlite3` would show it.
fn latest(path: &Path) -> Vec<(String, Option<i64>, String, i64)> {
    let db = read_only(path).unwrap();
    let mut rows = db
        .prepare("SELECT client_id, depth, source, taken_at_ms FROM queue_latest ORDER BY broker, client_id")
        .unwrap();
    let found = rows.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, (row.get::<_, i64>(3)? * 1000 - BEGAN) / MINUTE))
    });
    found.unwrap().collect::<Result<_, _>>().unwrap()
}

fn count(path: &Path, what: &str) -> i64 {
    read_only(path).unwrap().query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

/// Minute and depth of each point; none where the source told no longer.
fn points(path: &Path, client: &str, from: i64, to: i64) -> Vec<(i64, Option<u64>)> {
    let span = Span { client: client.to_owned(), from: at(from), to: at(to), points_max: 10_000 };
    let history = history::read(path, &span).unwrap();
    let each = history.points.iter();
    each.map(|point| ((point.at.0 - BEGAN) / MINUTE, point.queue.as_ref().and_then(|queue| queue.depth)))
        .collect()
}

struct Scene {
    folder: tempfile::TempDir,
    store: Store,
}

impl Scene {
    fn new(sources: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join(FILE), &known(sources)).unwrap();
        Self { folder, store }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    fn commit(&mut self, source: usize, minute: i64, queues: &[(&str, u64)]) -> i64 {
        self.store.commit(&snapshot(source, minute, queues)).unwrap()
    }

    fn tidy(&mut self, minute: i64, keep_minutes: i64) {
        while self.store.tidy(at(minute), keep_minutes * 60_000).unwrap() {}
    }
}

#[test]
fn the_tables_are_those_of_the_manual() {
    let scene = Scene::new(&["sys"]);
    let db = read_only(&scene.path()).unwrap();
    let columns = |table: &str| -> Vec<String> {
        let mut found = db.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        found.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(columns("snapshot"), ["id", "taken_at_ms", "broker", "source", "ok", "error"]);
    let queue = "snapshot_id client_id depth inflight bytes limit_messages oldest_at_ms connected dropped";
    assert_eq!(columns("queue").join(" "), queue);
    let view = columns("queue_latest");
    for column in queue.split(' ').skip(1).chain(["taken_at_ms", "broker", "source"]) {
        assert!(view.iter().any(|known| known == column), "{column}");
    }
    let mode: String = db.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    let vacuum: i64 = db.query_row("PRAGMA auto_vacuum", [], |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), vacuum), ("wal", 2));
}

#[test]
fn what_did_not_change_is_not_written_again_and_holds_at_the_newest_moment() {
    let mut scene = Scene::new(&["api"]);
    for minute in 0_i64..10 {
        scene.commit(0, minute, &[("a", 5), ("b", minute.unsigned_abs())]);
    }
    assert_eq!((count(&scene.path(), "snapshot"), count(&scene.path(), "queue")), (10, 11));
    let row = |client: &str, depth| (client.to_owned(), Some(depth), "api".to_owned(), 9);
    assert_eq!(latest(&scene.path()), [row("a", 5), row("b", 9)]);
    assert_eq!(points(&scene.path(), "a", 0, 20), [(0, Some(5))]);
    assert_eq!(points(&scene.path(), "b", 7, 8), [(7, Some(7)), (8, Some(8))]);
    // What held when the span began is its first point.
    assert_eq!(points(&scene.path(), "a", 3, 20), [(3, Some(5))]);
}

#[test]
fn a_client_that_vanished_keeps_no_depth_and_the_weaker_source_takes_over() {
    let mut scene = Scene::new(&["strong", "inferred"]);
    scene.commit(1, 0, &[("a", 2), ("c", 7)]);
    scene.commit(0, 1, &[("a", 5), ("b", 1)]);
    let row = |client: &str, depth, source: &str, minute| {
        (client.to_owned(), Some(depth), source.to_owned(), minute)
    };
    let all = [row("a", 5, "strong", 1), row("b", 1, "strong", 1), row("c", 7, "inferred", 0)];
    assert_eq!(latest(&scene.path()), all);
    scene.commit(0, 2, &[]);
    assert_eq!(latest(&scene.path()), [row("a", 2, "inferred", 0), row("c", 7, "inferred", 0)]);
    assert_eq!(points(&scene.path(), "b", 0, 9), [(1, Some(1)), (2, None)]);
    // A client that comes again is there again.
    scene.commit(0, 3, &[("b", 4)]);
    assert_eq!(latest(&scene.path())[1], row("b", 4, "strong", 3));
}

#[test]
fn a_source_that_fails_is_a_row_and_neither_a_hole_nor_a_zero() {
    let mut scene = Scene::new(&["api"]);
    scene.commit(0, 0, &[("a", 5)]);
    let told = Err("no answer; ask again".to_owned());
    scene.store.commit(&Snapshot { source: 0, at: at(1), step_ms: 0, told }).unwrap();
    let db = read_only(&scene.path()).unwrap();
    let last: (i64, Option<String>) = db
        .query_row("SELECT ok, error FROM snapshot ORDER BY id DESC", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(last, (0, Some("no answer; ask again".to_owned())));
    assert_eq!(
        latest(&scene.path()),
        [("a".to_owned(), Some(5), "api".to_owned(), 0)],
        "what was told stands"
    );
}

#[test]
fn a_restart_goes_on_where_it_was_and_a_source_that_is_no_longer_asked_holds_nothing() {
    let mut scene = Scene::new(&["api", "inferred"]);
    scene.commit(0, 0, &[("a", 5)]);
    scene.commit(1, 0, &[("z", 1)]);
    let path = scene.path();
    drop(scene.store);
    let mut store = Store::open(&path, &known(&["api"])).unwrap();
    let held = store.held().unwrap();
    assert_eq!((held[0].at, &held[0].queues[..]), (Some(at(0)), &[queue("a", 5)][..]));
    store.commit(&snapshot(0, 1, &[("a", 5)])).unwrap();
    assert_eq!(count(&path, "queue"), 2, "it did not change");
    assert_eq!(latest(&path), [("a".to_owned(), Some(5), "api".to_owned(), 1)]);
}

#[test]
fn what_is_too_old_goes_and_what_still_holds_is_carried_on() {
    let mut scene = Scene::new(&["api", "other"]);
    let mut truth: BTreeMap<i64, Vec<(&str, u64)>> = BTreeMap::new();
    for minute in 0_i64..600 {
        let depth = minute.unsigned_abs();
        let mut told = vec![("still", 3), ("moves", depth / 7), ("late", u64::from(depth > 320))];
        if (100..310).contains(&minute) {
            told.push(("gone", 9));
        }
        scene.commit(0, minute, &told);
        scene.commit(1, minute, &[("x", depth % 2)]);
        truth.insert(minute, told);
    }
    let before = ["still", "moves", "gone", "late"].map(|client| points(&scene.path(), client, 305, 600));
    let shown = latest(&scene.path());
    scene.tidy(600, 300);
    assert_eq!(count(&scene.path(), "snapshot WHERE source = 'api'"), 300);
    assert_eq!(count(&scene.path(), "snapshot WHERE source = 'other'"), 300);
    assert_eq!(latest(&scene.path()), shown);
    let after = ["still", "moves", "gone", "late"].map(|client| points(&scene.path(), client, 305, 600));
    assert_eq!(after, before, "what is left of the history is what it was");
    assert_eq!(points(&scene.path(), "gone", 0, 600), [(300, Some(9)), (310, None)]);
    scene.tidy(2000, 300);
    assert_eq!(count(&scene.path(), "snapshot"), 2, "the newest of each source is what is known");
    assert_eq!(latest(&scene.path()), shown);
    assert_eq!(count(&scene.path(), "queue"), 4);
}

#[test]
fn the_file_becomes_smaller_again() {
    let mut scene = Scene::new(&["api"]);
    let names: Vec<String> = (0..3000).map(|n| format!("client-{n:06}")).collect();
    for minute in 0_i64..60 {
        let told: Vec<(&str, u64)> = names.iter().map(|name| (&**name, minute.unsigned_abs())).collect();
        scene.commit(0, minute, &told);
    }
    let size = |scene: &Scene| {
        scene.store.db.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).unwrap()
    };
    let large = size(&scene);
    scene.tidy(60, 5);
    assert!(size(&scene) * 3 < large, "{} of {large} pages", size(&scene));
    assert_eq!(count(&scene.path(), "queue_latest"), 3000);
}

#[test]
fn a_calendar_that_was_set_deletes_nothing_and_history_stays_in_its_order() {
    const DAY: i64 = 24 * 60;
    let mut scene = Scene::new(&["api"]);
    for minute in 0_i64..10 {
        scene.commit(0, minute, &[("a", minute.unsigned_abs())]);
    }
    // A year ahead, and back again.
    for (minute, step) in [(365 * DAY, 365 * DAY), (365 * DAY + 1, 0), (12, -365 * DAY), (13, 0)] {
        let step_ms = step * 60_000;
        let told = Ok(vec![queue("a", 100 + minute.unsigned_abs())]);
        scene.store.commit(&Snapshot { source: 0, at: at(minute), step_ms, told }).unwrap();
        scene.tidy(minute + 1, 7 * DAY);
        assert!(count(&scene.path(), "snapshot") >= 10);
    }
    assert_eq!(count(&scene.path(), "snapshot"), 14, "nothing was deleted");
    let db = read_only(&scene.path()).unwrap();
    let mut rows = db.prepare("SELECT depth FROM queue ORDER BY snapshot_id").unwrap();
    let depths: Vec<i64> = rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(depths[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(depths[10..], [100 + 365 * DAY, 101 + 365 * DAY, 112, 113]);
    scene.tidy(8 * DAY, 7 * DAY);
    assert_eq!(count(&scene.path(), "snapshot"), 1, "and all of it grows old as it should");
}

#[test]
fn each_source_notices_the_calendar_for_itself_and_it_counts_once() {
    const DAY: i64 = 24 * 60;
    let mut scene = Scene::new(&["api", "sys", "file", "sql"]);
    for source in 0..4 {
        scene.commit(source, 3 * DAY, &[("a", 1)]);
        scene.commit(source, 3 * DAY + 1, &[("a", 2)]);
    }
    // Three days back: one after the other they see it.
    for source in 0..4 {
        let told = Ok(vec![queue("a", 3)]);
        scene.store.commit(&Snapshot { source, at: at(2), step_ms: -3 * DAY * 60_000, told }).unwrap();
    }
    scene.tidy(3, 7 * DAY);
    assert_eq!(count(&scene.path(), "snapshot"), 12, "nothing is seven days old");
}

#[test]
fn what_a_source_failed_to_tell_goes_even_if_it_never_tells_again() {
    const DAY: i64 = 24 * 60;
    let mut scene = Scene::new(&["api"]);
    scene.commit(0, 0, &[("a", 1)]);
    for minute in 1..1_000 {
        let told = Err("it is away".to_owned());
        scene.store.commit(&Snapshot { source: 0, at: at(minute), step_ms: 0, told }).unwrap();
    }
    scene.tidy(8 * DAY, 7 * DAY);
    assert_eq!(count(&scene.path(), "snapshot"), 1, "what it told last stays");
    assert_eq!(latest(&scene.path()).len(), 1);
}

#[test]
fn a_step_of_the_calendar_is_told_from_the_drift_of_clocks() {
    let now = |mono: u64, wall: i64| Now { mono: Mono(mono * SECOND), wall: Wall(wall * 1_000_000) };
    let step = |to| keeper::step_ms(now(100, 5_000), to);
    assert_eq!(step(now(130, 5_030)), 0);
    assert_eq!(step(now(130, 5_031)), 0);
    assert_eq!(step(now(130, 8_630)), 3_600_000);
    assert_eq!(step(now(130, 1_430)), -3_600_000);
}

#[tokio::test]
async fn the_thread_says_when_a_snapshot_is_safe_and_ends_when_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (keeper, running, held) =
        Keeper::start(folder.path(), known(&["api"]), Duration::from_secs(3600), meters()).unwrap();
    assert_eq!(held.await.unwrap().len(), 1);
    assert_eq!(keeper.commit(snapshot(0, 0, &[("a", 5)])).await, Ok(1));
    assert_eq!(latest(&folder.path().join(FILE)).len(), 1);
    assert!(keeper.status().trouble.is_none() && keeper.status().took.is_some());
    assert!(running.join());
    assert!(keeper.commit(snapshot(0, 1, &[])).await.is_err());
}
