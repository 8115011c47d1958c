//! Files: Mosquitto's, in both forms, and SQLite databases.

use super::monstermq_tables::tables;
use super::*;
use rusqlite::Connection;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

const REAL: &[u8] = include_bytes!("../../../../core/tests/queues/mosquitto-2.0.11-three-queued.db");

fn sqlite(folder: &Path, statements: &str) -> PathBuf {
    let path = folder.join("a.db");
    Connection::open(&path).unwrap().execute_batch(statements).unwrap();
    path
}

fn dsn(path: &Path) -> SecretString {
    format!("sqlite:{}", path.display()).into()
}

async fn sql(path: &Path, query: &str) -> Result<Reading, Trouble> {
    read(Kind::Sql { dsn: dsn(path), query: query.into() }).await
}

/// What each generation of MonsterMQ is known to say.
pub(super) fn monstermq(generation: u8) -> Vec<Queue> {
    let known = |connected, inflight, bytes, oldest: Option<i64>, queue| Queue {
        connected: Some(connected),
        inflight,
        bytes: Some(bytes),
        oldest: oldest.map(|ms| Wall(ms * 1_000)),
        ..queue
    };
    let none = (generation > 1).then_some(0);
    let oldest = (generation > 2).then_some(1_795_246_889_070);
    let under_way = (generation > 1).then_some(1);
    let mut queues = vec![
        known(false, none, 10, oldest, queue("dev-off", 2)),
        known(true, under_way, 4, oldest, queue("dev-on", 1)),
    ];
    if generation == 4 {
        let without = known(false, Some(0), 0, Some(1_795_246_890_070), queue("no session", 1));
        queues.push(Queue { connected: None, ..without });
    }
    queues.push(known(false, Some(0), 0, None, queue("dev-idle", 0)));
    queues
}

#[tokio::test]
async fn the_persistence_file_says_how_old_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mosquitto.db");
    std::fs::write(&path, REAL).unwrap();
    let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_246_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    let reading = read(Kind::MosquittoDb { path: path.clone() }).await.unwrap();
    assert_eq!(reading.as_of, Some(Wall(1_795_246_000_000_000)));
    let wanted = Queue { inflight: Some(0), bytes: Some(6), ..queue("dev-persist", 3) };
    assert_eq!(reading.queues, [wanted]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mosquitto.db");
    let mut newer = REAL.to_vec();
    newer[22] = 7;
    let mut older = REAL.to_vec();
    older[22] = 5;
    let cases: [(&[u8], &str); 5] = [
        (&REAL[..700], "ends in the middle"),
        (b"", "ends in the middle"),
        (b"this is a text, and a long one", "no persistence file"),
        (&newer, "version 7"),
        (&older, "version 5 and was written by Mosquitto 1.6"),
    ];
    for (bytes, words) in cases {
        std::fs::write(&path, bytes).unwrap();
        let trouble = read(Kind::MosquittoDb { path: path.clone() }).await.unwrap_err();
        assert!(trouble.cause.contains(words) && trouble.cause.contains("mosquitto.db"), "{trouble}");
    }
    let trouble = read(Kind::MosquittoDb { path: folder.path().into() }).await.unwrap_err();
    assert!(trouble.cause.contains("is no file"), "{trouble}");
    let trouble = read(Kind::MosquittoDb { path: folder.path().join("none") }).await.unwrap_err();
    assert!(trouble.cure.contains("autosave_interval"), "{trouble}");
}

#[tokio::test]
async fn the_database_of_mosquittos_plugin_is_read_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let newer = 156_000_005_u64 << 23;
    let older = 156_000_000_u64 << 23;
    let path = sqlite(
        folder.path(),
        &format!(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE clients (client_id TEXT PRIMARY KEY, username TEXT, connection_time INT64);
             CREATE TABLE client_msgs (client_id TEXT NOT NULL, cmsg_id INT64, store_id INT64, dup INTEGER,
                direction INTEGER, mid INTEGER, qos INTEGER, retain INTEGER, state INTEGER, subscription_identifier INTEGER);
             CREATE TABLE base_msgs (store_id INT64 PRIMARY KEY, expiry_time INT64, topic TEXT, payload BLOB,
                source_id TEXT, source_username TEXT, payloadlen INTEGER);
             INSERT INTO clients (client_id) VALUES ('dev-persist'), ('idle');
             INSERT INTO base_msgs (store_id, payloadlen) VALUES ({newer}, 4), ({older}, 6);
             INSERT INTO client_msgs (client_id, store_id, direction, state) VALUES
                ('dev-persist', {newer}, 1, 11), ('dev-persist', {older}, 1, 11), ('dev-persist', {older}, 1, 3),
                ('dev-persist', {older}, 0, 11), ('lost', 77, 1, 11);"
        ),
    );
    let writer = Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO clients (client_id) VALUES ('not yet')").unwrap();
    let reading = read(Kind::MosquittoDb { path }).await.unwrap();
    let persist = Queue {
        inflight: Some(1),
        bytes: Some(10),
        oldest: Some(Wall(1_793_168_273_000_000)),
        ..queue("dev-persist", 2)
    };
    let lost = Queue { inflight: Some(0), ..queue("lost", 1) };
    let idle = Queue { inflight: Some(0), bytes: Some(0), ..queue("idle", 0) };
    assert_eq!((reading.as_of, reading.queues), (None, vec![persist, lost, idle]));
}

#[tokio::test]
async fn all_generations_of_monstermq_are_read_from_sqlite() {
    for generation in 1..=4 {
        let folder = tempfile::tempdir().unwrap();
        let path = sqlite(folder.path(), &tables(generation, false));
        assert_eq!(queues(Kind::Monstermq { dsn: dsn(&path) }).await, monstermq(generation), "{generation}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = sqlite(folder.path(), "CREATE TABLE other (a)");
    let trouble = read(Kind::Monstermq { dsn: dsn(&path) }).await.unwrap_err();
    assert!(trouble.cause.contains("none of the tables"), "{trouble}");
}

#[tokio::test]
async fn any_query_is_read_with_every_column_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = sqlite(
        folder.path(),
        "CREATE TABLE q (dev, n, m);
         INSERT INTO q VALUES ('a\"b', 3, 10), ('a\"b', 4, 11), (x'61FF', 9, 12), (NULL, 100, 1), ('minus', -1, NULL)",
    );
    let all = "SELECT m * 1000 AS oldest_at_ms, dev AS client_id, n AS depth, 2 AS inflight, n * 2 AS bytes, \
               50 AS limit_messages, 1 AS connected, 0 AS dropped FROM q;";
    let known = |client: &str, depth, inflight, bytes, limit, second: i64| Queue {
        inflight: Some(inflight),
        bytes: Some(bytes),
        limit_messages: Some(limit),
        oldest: Some(Wall(second * 1_000_000)),
        connected: Some(true),
        dropped: Some(0),
        ..queue(client, depth)
    };
    let reading = sql(&path, all).await.unwrap();
    let minus = Queue { depth: None, bytes: None, oldest: None, ..known("minus", 0, 2, 0, 50, 0) };
    assert_eq!(reading.queues, [known("a\\xFF", 9, 2, 18, 50, 12), known("a\"b", 7, 4, 14, 100, 10), minus]);
    let few =
        sql(&path, "SELECT dev AS client_id, count(*) AS depth FROM q WHERE dev = 'minus' GROUP BY 1").await;
    assert_eq!(few.unwrap().queues, [queue("minus", 1)]);
}

#[tokio::test]
async fn a_query_can_change_nothing_and_its_mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = sqlite(folder.path(), "CREATE TABLE q (client_id, depth); INSERT INTO q VALUES ('a', 1)");
    let before = std::fs::read(&path).unwrap();
    let cases = [
        ("DELETE FROM q", "no column"),
        ("DELETE FROM q RETURNING client_id, depth", "would change"),
        ("INSERT INTO q VALUES ('b', 2) RETURNING client_id, depth", "would change"),
        ("ATTACH 'other.db' AS o", "no column"),
        ("PRAGMA journal_mode = WAL", "`journal_mode`"),
        ("SELECT client_id, depth FROM nowhere", "no such table"),
        ("SELECT client_id FROM q", "no column `depth`"),
        ("SELECT client_id, depth FROM q; DELETE FROM q", "ultiple"),
        (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'a' AS client_id, count(*) AS depth FROM n",
            "within 10 s",
        ),
    ];
    for (query, words) in cases {
        let trouble = sql(&path, query).await.unwrap_err();
        assert!(trouble.cause.contains(words), "{query}: {trouble}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let none = folder.path().join("none.db");
    let trouble = sql(&none, "SELECT 1").await.unwrap_err();
    assert!(trouble.cause.contains("none.db cannot be opened") && !none.exists(), "{trouble}");
    std::fs::write(&none, "no database, and long enough to be looked at as one. ".repeat(40)).unwrap();
    let trouble = sql(&none, "SELECT 1 AS client_id, 2 AS depth").await.unwrap_err();
    assert!(trouble.cause.contains("no SQLite database"), "{trouble}");
}
