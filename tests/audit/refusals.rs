//! Questions that make no sense, and folders that are no log: told with the place and the cure.

use crate::log::audit;
use crate::scene::Scene;
use crate::support::run;
use std::fs;

#[test]
fn what_is_asked_wrongly_is_a_problem_with_the_place_and_the_cure() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let sidecar = scene.sidecar();
    for (query, parameter, cure) in [
        ("devise=d1", "devise", "device"),
        ("since=yesterday", "since", "15m"),
        ("until=2026-13-01T00:00:00Z", "until", "RFC 3339"),
        ("regex=%28", "regex", "escape"),
        ("field=nothing", "field", "key=value"),
        ("field=colour%3Dred", "field", ""),
        ("type=DEVISE", "type", "DEVICE"),
        ("level=LOUD", "level", "WARN"),
        ("order=up", "order", "asc"),
        ("limit=0", "limit", "from 1"),
        ("limit=100000", "limit", "1000"),
        ("cursor=AAAA", "cursor", "leave"),
        ("since=1m&until=2m", "until", "after"),
    ] {
        let answer = sidecar.get(&format!("/api/audit?{query}"));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, "application/problem+json"),
            "{query}"
        );
        let problem = answer.json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(parameter) && detail.contains(cure), "{query}: {detail}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}: {problem}");
    }
    for (path, word) in [
        ("/api/audit/histogram", "step"),
        ("/api/audit/histogram?step=0", "step"),
        ("/api/audit/export?format=xml", "ndjson"),
        ("/api/audit/tail?order=desc", "order"),
        ("/api/audit/tail?until=1m", "until"),
    ] {
        let answer = sidecar.get(path);
        assert!(answer.status == 400 && answer.text().contains(word), "{path}: {}", answer.text());
    }
    let bad = sidecar.ask("GET", "/api/audit/tail", &[("Last-Event-ID", "x")]);
    assert!(bad.status == 400 && bad.text().contains("Last-Event-ID"), "{}", bad.text());
    sidecar.stop();
}

#[test]
fn the_command_line_says_the_same_and_has_its_exit_codes() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    for (arguments, code) in [
        (&["--event", "started"][..], 0),
        (&["--event", "nothing_of_the_sort"], 1),
        (&["--since", "yesterday"], 2),
        (&["--field", "nothing"], 2),
        (&["--regex", "("], 2),
        (&["--nonsense"], 2),
        (&["--limit", "0"], 2),
    ] {
        let found = audit(&dir, "search", arguments);
        assert_eq!(found.code, code, "{arguments:?}: {found:?}");
        assert_eq!(found.out.is_empty(), code != 0, "{found:?}");
    }
    let wrong = audit(&dir, "search", &["--since", "yesterday", "--regex", "("]);
    assert!(wrong.err.contains("--since") && wrong.err.contains("--regex"), "all at once: {wrong:?}");
    assert_eq!(audit(&dir, "verify", &["--nonsense"]).code, 3);
    assert_eq!(audit(&dir, "verify", &["--key", "nonsense"]).code, 3);
    assert_eq!(audit(&dir, "export", &["--format", "xml"]).code, 2);
}

#[test]
fn a_folder_that_is_no_log_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear all").unwrap();
    for (command, code) in [("search", 2), ("stats", 2), ("export", 2), ("tail", 2), ("verify", 3)] {
        for dir in [folder.path().to_owned(), folder.path().join("nothing")] {
            let refused = audit(&dir, command, &[]);
            assert_eq!(refused.code, code, "{command}: {refused:?}");
            assert!(
                refused.err.contains(dir.to_str().unwrap()) && refused.err.contains("--dir"),
                "{refused:?}"
            );
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
}

#[test]
fn a_foreign_file_is_never_touched_and_the_rest_is_searched() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    for name in ["audit-checkpoints-1.log", "notes.txt", "audit-1.log.bak"] {
        fs::write(dir.join(name), "mine").unwrap();
    }
    scene.sidecar().stop();
    for name in ["audit-checkpoints-1.log", "notes.txt", "audit-1.log.bak"] {
        assert_eq!(fs::read_to_string(dir.join(name)).unwrap(), "mine", "{name}");
    }
    let found = audit(&dir, "search", &["--event", "started"]);
    assert_eq!((found.code, found.out.lines().count()), (0, 2), "{found:?}");
    assert!(found.err.contains("notes.txt"), "it is told: {found:?}");
}

#[test]
fn an_answer_that_may_lack_records_ends_with_2_whatever_was_found() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    fs::write(dir.join("audit-00000000000000001000.log.zst"), "no such thing").unwrap();
    for (command, more) in [
        ("search", &["--event", "started"][..]),
        ("search", &["--event", "nothing_of_the_sort"]),
        ("search", &["--count"]),
        ("export", &["--format", "ndjson"]),
        ("stats", &[]),
    ] {
        let answer = audit(&dir, command, more);
        assert_eq!(answer.code, 2, "{command} {more:?}: {answer:?}");
        assert!(answer.err.contains("audit-00000000000000001000.log.zst"), "{answer:?}");
    }
    let found = audit(&dir, "search", &["--event", "started"]);
    assert_eq!(found.out.lines().count(), 1, "what can be read is given: {found:?}");
}

#[test]
fn the_folder_is_found_as_the_sidecar_finds_it() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    scene.sidecar().stop();
    let data = scene.data();
    let by_flag = run(&["audit", "search", "--data-dir", data.to_str().unwrap(), "--event", "started"]);
    assert_eq!((by_flag.code, by_flag.out.lines().count()), (0, 1), "{by_flag:?}");
    let config = scene.folder.path().join("w.toml");
    fs::write(&config, format!("[audit]\ndir = {:?}\n", data.join("audit"))).unwrap();
    let by_config = run(&["audit", "search", "--config", config.to_str().unwrap(), "--event", "started"]);
    assert_eq!((by_config.code, &by_config.out), (0, &by_flag.out), "{by_config:?}");
}

#[test]
fn a_copied_folder_is_searched_and_proved_with_the_key_alone() {
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    scene.sidecar().stop();
    let (data, copy) = (scene.data(), scene.folder.path().join("copy"));
    fs::create_dir(&copy).unwrap();
    for name in crate::scene::names(&data.join("audit")) {
        // The link is for people; what it leads to is there.
        if name != "audit.log" {
            fs::copy(data.join("audit").join(&name), copy.join(&name)).unwrap();
        }
    }
    let found = audit(&copy, "search", &["--event", "started"]);
    assert_eq!((found.code, found.out.lines().count()), (0, 1), "{found:?}");
    assert_eq!(audit(&copy, "verify", &[]).code, 2, "without a key nothing is proved");
    let key = data.join("audit.vkey");
    assert_eq!(audit(&copy, "verify", &["--key", key.to_str().unwrap()]).code, 0);
    let text = fs::read_to_string(&key).unwrap();
    assert_eq!(audit(&copy, "verify", &["--key", text.trim()]).code, 0);
    let live = copy.join("audit-00000000000000000000.log");
    let altered = fs::read_to_string(&live).unwrap().replacen("INFO", "WARN", 1);
    fs::write(&live, altered).unwrap();
    let tampered = audit(&copy, "verify", &["--key", key.to_str().unwrap()]);
    assert!(tampered.code == 1 && tampered.out.contains("INVALID (first bad seq 0"), "{tampered:?}");
}

#[test]
fn a_reader_that_has_enough_is_no_mistake() {
    let mosquitto = crate::support::Mosquitto::start();
    let scene = Scene::new(&crate::scene::broker("main", &mosquitto.url(), ""));
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let mut publisher = crate::support::Publisher::connect(mosquitto.port());
    for n in 0..600 {
        publisher.publish(format!("a/d{n}/v"), "1");
    }
    sidecar.until_messages(600);
    sidecar.stop();
    let script = "\"$0\" audit search --dir \"$1\" | head -n 1; exit ${PIPESTATUS[0]}";
    let mut command = std::process::Command::new("bash");
    command.args(["-c", script, crate::support::WATCHKEEPER]).arg(scene.data().join("audit"));
    let output = crate::support::run_with(&mut command, "bash", b"");
    assert_eq!((output.code, output.out.lines().count()), (0, 1), "{output:?}");
    assert!(!output.err.contains("error") && !output.err.contains("panic"), "{output:?}");
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_start_with_a_cure() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("w.toml");
    fs::write(folder.path().join("file"), "").unwrap();
    for (dir, cure) in [("file", "set audit.dir to a folder"), ("/proc/audit", "set audit.dir to")] {
        fs::write(&config, format!("[audit]\ndir = {dir:?}\n")).unwrap();
        let data = folder.path().join("data");
        let refused = run(&[
            "run",
            "--broker",
            "mqtt://127.0.0.1:1",
            "--web.listen-address",
            "127.0.0.1:0",
            "--data-dir",
            data.to_str().unwrap(),
            "--config",
            config.to_str().unwrap(),
        ]);
        assert_eq!(refused.code, 1, "{dir}: {refused:?}");
        assert!(
            refused.err.contains("the audit log cannot be opened") && refused.err.contains(cure),
            "{refused:?}"
        );
    }
}

#[test]
fn an_export_goes_where_it_is_told_and_never_into_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::plain("mqtt://127.0.0.1:1");
    let dir = scene.data().join("audit");
    scene.sidecar().stop();
    let out = |path: &str| audit(&dir, "export", &["--format", "ndjson", "--out", path]);
    let full = out("/dev/full");
    assert_eq!(full.code, 2, "{full:?}");
    assert!(full.err.contains("/dev/full"), "{full:?}");
    assert!(!fs::metadata("/dev/full").unwrap().is_file(), "it is a device still");
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("out"), folder.path().join("link"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let linked = out(link.to_str().unwrap());
    assert_eq!(linked.code, 0, "{linked:?}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("\"event\":\"started\""));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    for name in ["checkpoints.log", "audit.log", "new.jsonl"] {
        let before = fs::read(dir.join(name)).ok();
        let refused = out(dir.join(name).to_str().unwrap());
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains("another folder"), "{refused:?}");
        assert_eq!(fs::read(dir.join(name)).ok(), before, "{name}");
    }
    assert_eq!(audit(&dir, "verify", &[]).code, 0);
}
