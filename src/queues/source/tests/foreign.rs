//! Databases of others: nothing is left beside them, and what is read is right while their owner writes, closes, or was
//! killed.

use super::*;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const QUERY: &str = "SELECT client_id, depth FROM q";

async fn sql(path: &Path) -> Result<Vec<Queue>, Trouble> {
    let dsn = format!("sqlite:{}", path.display()).into();
    read(Kind::Sql { dsn, query: QUERY.into() }).await.map(|reading| reading.queues)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let each = std::fs::read_dir(folder).unwrap();
    each.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn owner(path: &Path) -> Connection {
    let owner = Connection::open(path).unwrap();
    owner
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS q (client_id TEXT PRIMARY KEY, depth)",
        )
        .unwrap();
    owner
}

fn set(owner: &Connection, depth: u64) {
    owner.execute_batch(&format!("INSERT OR REPLACE INTO q VALUES ('a', {depth})")).unwrap();
}

#[tokio::test]
async fn a_wal_database_is_read_without_leaving_anything_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    // What a URI gives another meaning is but a part of the name.
    let path = folder.path().join("a b?mode=rw&x#100%.db");
    {
        let owner = owner(&path);
        set(&owner, 8);
        let before = names(folder.path());
        assert_eq!(before.len(), 3, "{before:?}");
        assert_eq!(sql(&path).await.unwrap(), [queue("a", 8)]);
        set(&owner, 9);
        assert_eq!(sql(&path).await.unwrap(), [queue("a", 9)], "what stands in the -wal alone is read");
        assert_eq!(names(folder.path()), before);
    }
    let alone = names(folder.path());
    assert_eq!(alone.len(), 1, "the owner has put everything into the file: {alone:?}");
    assert_eq!(sql(&path).await.unwrap(), [queue("a", 9)]);
    assert_eq!(names(folder.path()), alone, "nothing was created");
    let owner = owner(&path);
    set(&owner, 10);
    assert_eq!(sql(&path).await.unwrap(), [queue("a", 10)], "he is back");
}

#[tokio::test]
async fn what_a_killed_owner_left_is_read_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("a.db"), folder.path().join("copy"));
    std::fs::create_dir(&copy).unwrap();
    let owner = owner(&path);
    set(&owner, 8);
    for end in ["", "-wal", "-shm"] {
        std::fs::copy(format!("{}{end}", path.display()), copy.join(format!("a.db{end}"))).unwrap();
    }
    let killed = copy.join("a.db");
    let bytes = |end: &str| std::fs::read(format!("{}{end}", killed.display())).unwrap();
    let before = ["", "-wal", "-shm"].map(bytes);
    assert_eq!(sql(&killed).await.unwrap(), [queue("a", 8)]);
    assert_eq!(["", "-wal", "-shm"].map(bytes), before, "not a byte is another");
    std::fs::remove_file(copy.join("a.db-shm")).unwrap();
    let trouble = sql(&killed).await.unwrap_err();
    assert!(
        trouble.cause.contains("-wal and no -shm") && trouble.cure.contains("start its owner"),
        "{trouble}"
    );
    assert_eq!(names(&copy).len(), 2, "and nothing was created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_while_the_owner_writes_comes_and_goes_is_one_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(owner(&path));
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (end, file) = (std::sync::Arc::clone(&stop), path.clone());
    let writer = std::thread::spawn(move || {
        let mut round = 0;
        while !end.load(std::sync::atomic::Ordering::SeqCst) {
            let owner = owner(&file);
            for _ in 0..20 {
                round += 1;
                let rows: Vec<String> = (0..200).map(|n| format!("('c{n}', {round})")).collect();
                owner.execute_batch(&format!("INSERT OR REPLACE INTO q VALUES {}", rows.join(","))).unwrap();
            }
        }
    });
    let (mut good, mut busy) = (0, Vec::new());
    while good < 100 && busy.len() < 1000 {
        let [one, other] =
            [path.clone(), path.clone()].map(|path| tokio::spawn(async move { sql(&path).await }));
        for read in [one.await.unwrap(), other.await.unwrap()] {
            match read {
                Ok(queues) => {
                    let depths: BTreeSet<Option<u64>> = queues.iter().map(|queue| queue.depth).collect();
                    assert!(
                        depths.len() <= 1 && [0, 200].contains(&queues.len()),
                        "{} of {depths:?}",
                        queues.len()
                    );
                    good += usize::from(!queues.is_empty());
                }
                Err(trouble) => busy.push(trouble.to_string()),
            }
        }
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    writer.join().unwrap();
    assert!(busy.len() < good, "{good} good, {} not: {:?}", busy.len(), busy.first());
}

#[tokio::test]
async fn a_pipe_is_no_file_and_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let within = |asked| tokio::time::timeout(Duration::from_secs(5), asked);
    let trouble = within(read(Kind::MosquittoDb { path: path.clone() })).await.unwrap().unwrap_err();
    assert!(trouble.cause.contains("is no file"), "{trouble}");
    let dsn = format!("sqlite:{}", path.display()).into();
    let trouble = within(read(Kind::Sql { dsn, query: QUERY.into() })).await.unwrap().unwrap_err();
    assert!(trouble.cause.contains("is no file"), "{trouble}");
    let mut web = web("http://127.0.0.1:1");
    (web.username, web.password_file) = (Some("me".into()), Some(path));
    let trouble = within(read(Kind::Emqx(web))).await.unwrap().unwrap_err();
    assert!(trouble.cause.contains("password file") && trouble.cause.contains("no file"), "{trouble}");
}

#[tokio::test]
async fn depths_of_which_none_is_a_number_are_a_mistake_that_names_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let base = Connection::open(&path).unwrap();
    for (value, said) in [("'seven'", "\"seven\""), ("-3", "-3"), ("7.5", "7.5"), ("1e300", "1000")] {
        base.execute_batch(&format!(
            "DROP TABLE IF EXISTS q; CREATE TABLE q (client_id, depth);
             INSERT INTO q VALUES ('nobody', NULL), ('dev-7', {value})"
        ))
        .unwrap();
        let trouble = sql(&path).await.unwrap_err();
        for part in ["`depth`", "row 2", "dev-7", said] {
            assert!(trouble.cause.contains(part), "{part}: {trouble}");
        }
    }
    base.execute_batch("INSERT INTO q VALUES ('good', 3)").unwrap();
    let odd = Queue { depth: None, ..queue("dev-7", 0) };
    assert_eq!(sql(&path).await.unwrap()[..2], [queue("good", 3), odd], "one that is odd hides no other");
    base.execute_batch(
        "DELETE FROM q WHERE client_id = 'dev-7'; INSERT INTO q VALUES ('good', 9223372036854775807)",
    )
    .unwrap();
    assert_eq!(sql(&path).await.unwrap()[0].depth, Some(9_223_372_036_854_775_810), "sums go on beyond");
}
