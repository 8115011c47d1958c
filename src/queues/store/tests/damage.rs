//! What a disk and other programs do to the file: each is told in a clear word, and it goes on when the cause is gone.

use super::*;
use crate::queues::store::keeper::Running;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

async fn start(folder: &Path) -> (Keeper, Running) {
    let (keeper, running, held) =
        Keeper::start(folder, known(&["api"]), Duration::from_secs(3600), meters()).unwrap();
    held.await.unwrap();
    (keeper, running)
}

fn aside(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(".damaged-")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, vec![7_u8; 10_000]).unwrap();
    let (keeper, running) = start(folder.path()).await;
    assert_eq!(aside(folder.path()).len(), 1);
    assert!(keeper.status().set_aside.is_some());
    assert_eq!(keeper.commit(snapshot(0, 0, &[("a", 1)])).await, Ok(1));
    assert!(keeper.status().trouble.is_none());
    running.join();
    let kept = folder.path().join(&aside(folder.path())[0]);
    assert_eq!(fs::read(kept).unwrap(), vec![7_u8; 10_000], "it is not touched");
}

#[tokio::test]
async fn a_page_that_is_overwritten_is_found_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    {
        let mut store = Store::open(&path, &known(&["api"])).unwrap();
        let names: Vec<String> = (0..2000).map(|n| format!("client-{n}")).collect();
        let told: Vec<(&str, u64)> = names.iter().map(|name| (&**name, 1)).collect();
        store.commit(&snapshot(0, 0, &told)).unwrap();
    }
    let mut bytes = fs::read(&path).unwrap();
    let from = 8 * 4096;
    bytes[from..from + 8 * 4096].fill(0xAA);
    fs::write(&path, bytes).unwrap();
    let (keeper, running) = start(folder.path()).await;
    assert_eq!(aside(folder.path()).len(), 1);
    assert_eq!(keeper.commit(snapshot(0, 1, &[("a", 1)])).await, Ok(1));
    running.join();
}

#[test]
fn a_file_of_a_later_version_or_of_somebody_else_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    for (name, change) in [("later", "PRAGMA user_version = 99"), ("foreign", "CREATE TABLE mine (a)")] {
        let path = folder.path().join(name);
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        let refused = Store::open(&path, &known(&["api"])).err().unwrap();
        assert_eq!(refused.cause, Cause::Foreign, "{name}: {refused}");
    }
}

#[tokio::test]
async fn a_file_that_was_removed_while_we_run_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (keeper, running) = start(folder.path()).await;
    keeper.commit(snapshot(0, 0, &[("a", 1)])).await.unwrap();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("{FILE}{end}")));
    }
    assert_eq!(keeper.commit(snapshot(0, 1, &[("a", 1)])).await, Ok(1));
    assert_eq!(latest(&folder.path().join(FILE)).len(), 1);
    running.join();
}

/// Five snapshots, of which the file itself has none yet.
async fn five(folder: &Path) -> (Keeper, Running) {
    let (keeper, running) = start(folder).await;
    for minute in 0..5 {
        keeper.commit(snapshot(0, minute, &[("a", 1), ("b", minute.unsigned_abs())])).await.unwrap();
    }
    (keeper, running)
}

fn beside(folder: &Path, end: &str) -> PathBuf {
    folder.join(format!("{FILE}{end}"))
}

fn is_whole(path: &Path) {
    let verdict: String =
        Connection::open(path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_wal_or_shm_that_was_removed_while_we_run_costs_nothing() {
    for ends in [vec!["-wal"], vec!["-shm"], vec!["-wal", "-shm"]] {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, running) = five(folder.path()).await;
        for end in &ends {
            fs::remove_file(beside(folder.path(), end)).unwrap();
        }
        keeper.commit(snapshot(0, 5, &[("a", 1), ("b", 77)])).await.unwrap();
        keeper.commit(snapshot(0, 6, &[("a", 1), ("b", 78)])).await.unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(count(&path, "snapshot"), 7, "{ends:?}");
        assert_eq!(points(&path, "b", -1, 9).last(), Some(&(6, Some(78))), "others see it at once");
        running.join();
        is_whole(&path);
        assert_eq!(count(&path, "snapshot"), 7, "{ends:?}");
        assert_eq!(aside(folder.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_wal_that_was_cut_or_written_over_is_set_aside_and_it_goes_on() {
    for bytes in [Vec::new(), vec![0x55; 200_000]] {
        let folder = tempfile::tempdir().unwrap();
        let (keeper, running) = five(folder.path()).await;
        // `>` and `cp` keep the file and change what is in it.
        fs::write(beside(folder.path(), "-wal"), &bytes).unwrap();
        keeper.commit(snapshot(0, 5, &[("a", 1), ("b", 77)])).await.unwrap();
        let path = folder.path().join(FILE);
        assert!(latest(&path).iter().any(|row| row.0 == "b" && row.1 == Some(77)));
        assert_eq!(keeper.status().set_aside.is_some(), !bytes.is_empty());
        running.join();
        is_whole(&path);
    }
}

#[tokio::test]
async fn a_database_that_was_cut_or_written_over_is_set_aside_and_a_new_one_begun() {
    let other = tempfile::tempdir().unwrap();
    drop(Store::open(&other.path().join(FILE), &known(&["api"])).unwrap());
    let foreign = fs::read(other.path().join(FILE)).unwrap();
    for (name, bytes) in
        [("empty", Vec::new()), ("cut", vec![]), ("text", vec![b'x'; 50_000]), ("another", foreign)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (keeper, running) = five(folder.path()).await;
        let names: Vec<String> = (0..2000).map(|n| format!("client-{n}")).collect();
        let many: Vec<(&str, u64)> = names.iter().map(|name| (&**name, 1)).collect();
        keeper.commit(snapshot(0, 6, &many)).await.unwrap();
        // Otherwise everything would be in the -wal, and the file itself be of no matter.
        let home = "PRAGMA wal_checkpoint(TRUNCATE)";
        let _: i64 = Connection::open(&path).unwrap().query_row(home, [], |row| row.get(0)).unwrap();
        keeper.commit(snapshot(0, 7, &many[1..])).await.unwrap();
        assert!(aside(folder.path()).is_empty(), "that is by the rules");
        let mut bytes = bytes;
        if name == "cut" {
            bytes = fs::read(&path).unwrap();
            bytes.truncate(5000);
        }
        fs::write(&path, bytes).unwrap();
        keeper.commit(snapshot(0, 8, &[("a", 1), ("b", 77)])).await.unwrap();
        assert!(latest(&path).iter().any(|row| row.0 == "b" && row.1 == Some(77)), "{name}");
        assert!(keeper.status().set_aside.is_some(), "{name}");
        running.join();
        is_whole(&path);
    }
}

#[tokio::test]
async fn a_backup_that_was_put_in_its_place_is_not_mixed_with_what_was_written_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let backup = folder.path().join("backup");
    {
        let mut store = Store::open(&backup, &known(&["api"])).unwrap();
        store.commit(&snapshot(0, 0, &[("old", 3)])).unwrap();
    }
    let (keeper, running) = five(folder.path()).await;
    fs::rename(&backup, &path).unwrap();
    assert_eq!(keeper.commit(snapshot(0, 6, &[("b", 77)])).await, Ok(2), "it follows the one of the backup");
    let clients: Vec<String> = latest(&path).into_iter().map(|row| row.0).collect();
    assert_eq!(clients, ["b"]);
    running.join();
    is_whole(&path);
    assert_eq!(aside(folder.path()).len(), 1, "the -wal of the one before");
}

#[tokio::test]
async fn what_another_program_writes_by_the_rules_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (keeper, running) = five(folder.path()).await;
    let path = folder.path().join(FILE);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("DELETE FROM latest; DELETE FROM queue; DELETE FROM snapshot").unwrap();
    let _: i64 = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    keeper.commit(snapshot(0, 5, &[("a", 1), ("b", 4)])).await.unwrap();
    assert_eq!(latest(&path).len(), 2, "rows that were deleted are written again");
    assert_eq!(aside(folder.path()), [""; 0]);
    running.join();
}

#[test]
fn a_value_of_another_type_is_damage_that_names_column_and_client() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    {
        let mut store = Store::open(&path, &known(&["api"])).unwrap();
        store.commit(&snapshot(0, 0, &[("a", 1), ("dev-7", 2)])).unwrap();
    }
    let other = Connection::open(&path).unwrap();
    other.execute_batch("UPDATE queue SET inflight = 'many' WHERE client_id = 'dev-7'").unwrap();
    let refused = Store::open(&path, &known(&["api"])).err().unwrap();
    assert_eq!(refused.cause, Cause::Damaged);
    assert!(refused.detail.contains("dev-7") && refused.detail.contains("inflight"), "{refused}");
    let span = Span { client: "dev-7".to_owned(), from: at(-1), to: at(1), points_max: 2 };
    let refused = history::read(&path, &span).unwrap_err();
    assert!(refused.detail.contains("dev-7") && refused.detail.contains("inflight"), "{refused}");
}

#[tokio::test]
async fn a_database_that_is_locked_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (keeper, running) = start(folder.path()).await;
    let other = Connection::open(folder.path().join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = keeper.commit(snapshot(0, 0, &[("a", 1)])).await.unwrap_err();
    assert_eq!(refused.cause, Cause::Locked);
    let (trouble, _) = keeper.status().trouble.unwrap();
    assert!(trouble.to_string().starts_with("another program holds queues.sqlite"), "{trouble}");
    // Reading goes on meanwhile.
    assert_eq!(count(&folder.path().join(FILE), "snapshot"), 0);
    other.execute_batch("COMMIT").unwrap();
    keeper.commit(snapshot(0, 1, &[("a", 1)])).await.unwrap();
    assert!(keeper.status().trouble.is_none());
    running.join();
}

#[tokio::test]
async fn a_full_disk_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let mut store = Store::open(&path, &known(&["api"])).unwrap();
    store.commit(&snapshot(0, 0, &[("a", 1)])).unwrap();
    let pages: i64 = store.db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    store.db.pragma_query_value(None, "max_page_count", |row| row.get::<_, i64>(0)).unwrap();
    store.db.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
    let names: Vec<String> = (0..5000).map(|n| format!("client-{n}")).collect();
    let told: Vec<(&str, u64)> = names.iter().map(|name| (&**name, 1)).collect();
    let refused = store.commit(&snapshot(0, 1, &told)).unwrap_err();
    assert_eq!((refused.cause, count(&path, "snapshot")), (Cause::Full, 1), "{refused}");
    store.db.query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    store.commit(&snapshot(0, 2, &told)).unwrap();
    assert_eq!(latest(&path).len(), 5000);
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let is_root = fs::write(folder.path().join("probe"), "").is_ok();
    let opened = Store::open(&folder.path().join(FILE), &known(&["api"]));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    // Nothing is closed to root.
    if !is_root {
        assert_eq!(opened.err().unwrap().cause, Cause::ReadOnly);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_and_goes_on_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    drop(Store::open(&path, &known(&["api"])).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    // Nothing is closed to root.
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        return;
    }
    let (keeper, running) = start(folder.path()).await;
    let refused = keeper.commit(snapshot(0, 0, &[("a", 1)])).await.unwrap_err();
    assert_eq!(refused.cause, Cause::ReadOnly, "{refused}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    keeper.commit(snapshot(0, 1, &[("a", 1)])).await.unwrap();
    assert!(keeper.status().trouble.is_none());
    running.join();
}
