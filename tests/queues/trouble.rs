//! What goes wrong from end to end: a source that is late, clients with names of all kinds, one that is not known, files
//! that somebody takes away.

use super::*;
use std::net::TcpListener;

/// Client ids at the edges, each with its depth.
fn odd_clients() -> Vec<(Vec<u8>, u64)> {
    let long = |end: &str| format!("{}{end}", "x".repeat(299)).into_bytes();
    vec![
        (long("a"), 11),
        (long("b"), 12),
        ("\u{e9}".repeat(200).into_bytes(), 13),
        ("y".repeat(256).into_bytes(), 14),
        ("z".repeat(257).into_bytes(), 15),
        (b"quote\"back\\slash'".to_vec(), 16),
        (b"not\xffutf8".to_vec(), 17),
        (b"line\nbreak\x1b[31m".to_vec(), 18),
    ]
}

fn outbox(folder: &std::path::Path) -> PathBuf {
    let path = folder.join("outbox.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE q (client_id, depth)").unwrap();
    for (client, depth) in odd_clients() {
        db.execute("INSERT INTO q VALUES (?1, ?2)", (client, i64::try_from(depth).unwrap())).unwrap();
    }
    path
}

#[test]
fn names_of_all_kinds_have_one_number_everywhere_and_each_its_own_series() {
    let folder = tempfile::tempdir().unwrap();
    let source = format!(
        "every = '1s'\n[[queues.source]]\nkind = 'sql'\ndsn = 'sqlite:{}'\nquery = 'SELECT client_id, depth FROM q'",
        outbox(folder.path()).display()
    );
    let scene = Scene::new(&source);
    let sidecar = scene.sidecar();
    let all =
        |own: &Sidecar| own.json("/api/queues")["queues"].as_array().unwrap().len() == odd_clients().len();
    sidecar.wait_until("they are shown", SOON, all);
    let metrics = sidecar.metrics();
    assert_eq!(metrics.duplicates(), [""; 0]);
    let series = metrics.by("mqtt_queue_depth_messages", "client");
    let mut depths: Vec<u64> = series.values().map(|depth| format!("{depth}").parse().unwrap()).collect();
    depths.sort_unstable();
    assert_eq!(depths, (11..19).collect::<Vec<_>>(), "{:?}", series.keys());
    let shown = sidecar.json("/api/queues");
    let printed = run(&["queues", "show", "--url", &sidecar.url()]).out;
    assert_eq!(printed.lines().count(), odd_clients().len() + 2, "nobody breaks the table: {printed}");
    for (bytes, depth) in odd_clients() {
        let client = watchkeeper_core::queues::client_id(&bytes);
        assert_eq!(row(&shown, &client)["depth"], depth, "{client}");
        assert_eq!(stored(&scene, &client).unwrap().0, i64::try_from(depth).ok(), "{client}");
        let history = run(&["queues", "history", &client, "--json", "--url", &sidecar.url()]);
        let points: Value = serde_json::from_str(&history.out).unwrap();
        assert_eq!(points["points"][0]["depth"], depth, "{client}: {history:?}");
        let cell = format!("  {depth} ");
        assert_eq!(printed.lines().filter(|line| line.contains(&cell)).count(), 1, "{client}: {printed}");
    }
}

#[test]
fn a_client_of_whom_no_snapshot_tells_is_not_known() {
    let scene = Scene::new("every = '1s'");
    let sidecar = scene.sidecar();
    let path = "/api/queues/nobody/history";
    sidecar.wait_until("there is a file", SOON, |own| own.get(path).status == 404);
    let answer = sidecar.get(path);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let printed = run(&["queues", "history", "nobody", "--url", &sidecar.url()]);
    assert_eq!((printed.code, printed.out.as_str()), (1, ""), "{printed:?}");
    assert!(printed.err.contains("no snapshot tells of a client"), "{printed:?}");
}

#[test]
fn a_source_that_is_late_is_a_row_with_its_error_and_the_others_are_safe() {
    // It takes connections and never says anything.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let source = format!(
        "every = '1h'\n[[queues.source]]\nkind = 'emqx'\nurl = 'http://{}'\n[[queues.source]]\nkind = 'sys'\n\
         [[queues.source]]\nkind = 'inferred'",
        silent.local_addr().unwrap()
    );
    let scene = Scene::new(&source);
    let sidecar = scene.sidecar();
    scene.commands(&sidecar);
    let pending = |own: &Sidecar| own.json("/api/nodes/tc01/commands/queue-status")["pending"] == 3;
    sidecar.wait_until("they were seen", SOON, pending);
    let taken = run(&["queues", "snapshot", "--json", "--url", &sidecar.url()]);
    assert_eq!(taken.code, 1, "{taken:?}");
    let answer: Value = serde_json::from_str(&taken.out).unwrap();
    let of = |name: &str| {
        let all = answer["sources"].as_array().unwrap();
        all.iter().find(|source| source["source"] == name).cloned().unwrap()
    };
    assert_eq!((&of("inferred")["ok"], &of("inferred")["clients"]), (&json!(true), &json!(1)), "{answer}");
    assert_eq!(of("emqx")["ok"], false);
    assert!(of("emqx")["error"].as_str().unwrap().contains("no answer within"), "{answer}");
    assert_eq!(stored(&scene, "tc01"), Some((Some(3), "inferred".to_owned())));
    let db = Connection::open_with_flags(scene.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let (ok, error): (i64, String) = db
        .query_row("SELECT ok, error FROM snapshot WHERE source = 'emqx' ORDER BY id DESC", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(ok == 0 && error.contains("no answer within"), "{ok} {error}");
}

#[test]
fn files_that_somebody_takes_away_cost_nothing_and_are_told() {
    let scene = Scene::new("every = '1s'");
    let sidecar = scene.sidecar();
    scene.commands(&sidecar);
    sidecar.wait_until("they are shown", SOON, |own| row(&own.json("/api/queues"), "tc01")["depth"] == 3);
    let beside = |end: &str| PathBuf::from(format!("{}{end}", scene.file().display()));
    for end in ["-wal", "-shm"] {
        std::fs::remove_file(beside(end)).unwrap();
    }
    sidecar.wait_until("it is told", SOON, |own| own.log().contains("-wal or -shm was removed"));
    sidecar.wait_until("it goes on", SOON, |own| {
        let log = own.log();
        !log.contains("set aside") && beside("-wal").exists()
    });
    let count = || {
        let db = Connection::open_with_flags(scene.file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        db.query_row("SELECT count(*) FROM snapshot", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let before = count();
    sidecar.wait_until("more are written", SOON, |_| count() > before);
    assert_eq!(stored(&scene, "tc01"), Some((Some(3), "inferred".to_owned())), "what was before is there");
}
