//! What a history says of the unknown, and how much it may read.

use super::*;

fn span(client: &str, from: i64, to: i64) -> Span {
    Span { client: client.to_owned(), from: at(from), to: at(to), points_max: 10 }
}

#[test]
fn who_is_not_known_is_told_from_who_had_nothing_in_that_time() {
    let mut scene = Scene::new(&["api"]);
    scene.store.commit(&snapshot(0, 50, &[("a", 1)])).unwrap();
    scene.store.commit(&snapshot(0, 60, &[])).unwrap();
    let read = |client: &str, from, to| history::read(&scene.path(), &span(client, from, to)).unwrap();
    assert!(read("a", 40, 55).is_known);
    for (from, to) in [(0, 40), (70, 80)] {
        let before = read("a", from, to);
        assert!(before.is_known && before.points.is_empty(), "{before:?}");
    }
    assert!(!read("b", 0, 100).is_known);
}

#[test]
fn a_history_that_reads_too_much_is_given_up_and_says_what_to_do() {
    let mut scene = Scene::new(&["api"]);
    for minute in 0..3000 {
        scene.store.commit(&snapshot(0, minute, &[("a", minute.unsigned_abs())])).unwrap();
    }
    let read = |within| history::read_within(&scene.path(), &span("a", 0, 3000), within);
    let trouble = read(Duration::ZERO).unwrap_err();
    assert_eq!((trouble.cause, trouble.cure()), (Cause::Long, "ask for a shorter time"), "{trouble}");
    let found = read(Duration::from_secs(60)).unwrap();
    assert!(found.points.len() <= 10 && found.points.len() + found.left_out == 3000, "{}", found.left_out);
    assert_eq!(found.points.last().unwrap().queue, Some(queue("a", 2999)));
}

#[tokio::test]
async fn the_queue_in_front_of_the_database_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let own = crate::own::Own::new().unwrap();
    let (keeper, running, _) =
        Keeper::start(folder.path(), known(&["api"]), Duration::from_secs(60), Meters::new(&own)).unwrap();
    let labels = &["", "snapshots"];
    let other = {
        keeper.commit(snapshot(0, 0, &[])).await.unwrap();
        let other = Connection::open(folder.path().join(FILE)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    };
    let capacity = own.queue_capacity.with_label_values(labels).get();
    let more = usize::try_from(capacity).unwrap() + 10;
    let commits = (0..more).map(|_| {
        let keeper = keeper.clone();
        tokio::spawn(async move { keeper.commit(snapshot(0, 1, &[("a", 1)])).await })
    });
    let commits: Vec<_> = commits.collect();
    // The thread waits for the one who holds the database, so that the queue fills.
    while own.refused.with_label_values(labels).get() < 9 {
        tokio::task::yield_now().await;
    }
    assert!(own.queue_depth.with_label_values(labels).get() >= capacity - 1);
    let refused = own.refused.with_label_values(labels).get();
    assert!((9..=10).contains(&refused), "{refused}: the thread may have taken one");
    other.execute_batch("ROLLBACK").unwrap();
    for commit in commits {
        drop(commit.await.unwrap());
    }
    assert_eq!(own.queue_depth.with_label_values(labels).get(), 0);
    running.join();
}
