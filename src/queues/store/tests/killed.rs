//! A writer that is killed: this test program once more, as a process that writes until it is gone. The file is whole
//! afterwards, and no snapshot is there by half.

use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

const FOLDER: &str = "WATCHKEEPER_TEST_KILLED_STORE";
const CLIENTS: i64 = 300;

/// The victim: not a test of its own, which is why it does nothing without the folder.
#[test]
fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut store = Store::open(&Path::new(&folder).join(FILE), &known(&["api"])).unwrap();
    let names: Vec<String> = (0..CLIENTS).map(|n| format!("client-{n:04}")).collect();
    for round in 0.. {
        let told: Vec<(&str, u64)> = names.iter().map(|name| (&**name, round)).collect();
        let id = store.commit(&snapshot(0, i64::try_from(round).unwrap(), &told)).unwrap();
        eprintln!("safe {id}");
        if round % 50 == 49 {
            while store.tidy(at(i64::try_from(round).unwrap()), 20 * 60_000).unwrap() {}
        }
    }
}

#[test]
fn a_kill_leaves_a_whole_file_and_no_half_snapshot() {
    let kills = if std::env::var_os("WATCHKEEPER_LONG").is_some() { 200 } else { 20 };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "queues::store::tests::killed::writes_until_it_is_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        // Another place of the work each time: after the first snapshot, or somewhere in one of the next.
        let mut safe = 0;
        for line in
            said.by_ref().map_while(Result::ok).filter(|line| line.starts_with("safe ")).take(1 + kill % 9)
        {
            safe = line["safe ".len()..].parse::<i64>().unwrap();
        }
        let pause = u64::try_from(kill).unwrap() * 37 % 900;
        let from = std::time::Instant::now();
        while from.elapsed() < Duration::from_micros(pause) {}
        child.kill().unwrap();
        child.wait().unwrap();
        check(&path, safe);
    }
}

fn check(path: &Path, safe: i64) {
    let db = Connection::open(path).unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let newest: i64 = db.query_row("SELECT max(id) FROM snapshot", [], |row| row.get(0)).unwrap();
    assert!(newest >= safe, "snapshot {safe} was safe, the newest is {newest}");
    let halves: i64 = db
        .query_row(
            "SELECT count(*) FROM (SELECT count(*) AS rows FROM queue GROUP BY snapshot_id HAVING rows <> ?1)",
            [CLIENTS],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(halves, 0, "a snapshot has all of its rows");
    let (rows, depths): (i64, i64) = db
        .query_row("SELECT count(*), count(DISTINCT depth) FROM queue_latest", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!((rows, depths), (CLIENTS, 1), "the view is of one snapshot");
}
