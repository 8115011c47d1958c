//! What stops a start, and who is refused an answer: each time with the cause, the cure and the promised exit code.

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use support::{Mosquitto, Output, SOON, Sidecar, WATCHKEEPER, run};

/// A start that must not succeed.
fn refused(args: &[&str], data_dir: &str) -> Output {
    let fixed = ["run", "--broker", "mqtt://127.0.0.1:1", "--data-dir", data_dir];
    let listen = if args.contains(&"--web.listen-address") {
        vec![]
    } else {
        vec!["--web.listen-address", "127.0.0.1:0"]
    };
    run(&[&fixed, &*listen, args].concat())
}

#[test]
fn a_mistake_in_the_configuration_ends_with_2_naming_line_and_cure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watchkeeper.toml");
    let table = [
        ("[limits]\ndevices_max = 10\ndevice_max = 1\n", ":3:1", "«devices_max»"),
        ("[[broker]]\nname = main\n", ":2:", "quotes"),
        ("[[stream]]\nname = \"t\"\nfilter = \"a/#/b\"\n", ":3:", "last level"),
        ("[[stream]]\nname = \"t\"\nfilter = \"a/{device}\"\noffline_after = \"soon\"\n", ":4:", "30s"),
        ("[web]\nconfig_file = \"no-such-file.yml\"\n", ":2:", "cure:"),
    ];
    for (text, place, cure) in table {
        fs::write(&path, text).unwrap();
        for command in ["run", "check"] {
            let data = folder.path().join("data");
            let output = run(&[
                command,
                "--broker",
                "mqtt://127.0.0.1:1",
                "--config",
                path.to_str().unwrap(),
                "--data-dir",
                data.to_str().unwrap(),
            ]);
            assert_eq!(output.code, 2, "{command} {text}\n{output:?}");
            let named = output.err.contains(&format!("{}{place}", path.display()));
            assert!(named && output.err.contains(cure), "{command} {text}\n{}", output.err);
            assert!(!data.exists(), "nothing is written before the configuration is good");
        }
    }
}

#[test]
fn a_port_in_use_ends_with_1_and_the_cure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = refused(&["--web.listen-address", &address], folder.path().to_str().unwrap());
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains(&address) && output.err.contains("--web.listen-address"), "{}", output.err);
}

#[test]
fn a_data_folder_that_cannot_be_written_ends_with_1_and_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.join("data").to_str().unwrap(), file.to_str().unwrap(), "/proc/nope"] {
        let output = refused(&[], path);
        assert_eq!(output.code, 1, "{output:?}");
        let told = output.err.contains(path) && output.err.contains("--data-dir");
        assert!(told && !output.err.contains("panicked"), "{path}: {}", output.err);
    }
}

#[test]
fn a_second_sidecar_on_the_same_folder_ends_with_1_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = Sidecar::start(&["--broker", "mqtt://127.0.0.1:1"], &[], folder.path());
    let second = refused(&[], folder.path().to_str().unwrap());
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.err.contains("in use by another") && second.err.contains("--data-dir"), "{}", second.err);
    assert_eq!(first.get("/livez").status, 200);
    first.stop();
    let third = Sidecar::start(&["--broker", "mqtt://127.0.0.1:1"], &[], folder.path());
    third.stop();
}

#[test]
fn a_damaged_state_is_set_aside_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.bin");
    let good = {
        Sidecar::start(&["--broker", "mqtt://127.0.0.1:1"], &[], folder.path()).stop();
        fs::read(&state).unwrap()
    };
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&b""[..], b"nonsense", &good[..good.len() - 1], &flipped] {
        fs::write(&state, damaged).unwrap();
        let sidecar = Sidecar::start(&["--broker", "mqtt://127.0.0.1:1"], &[], folder.path());
        sidecar.wait_until("it is told", SOON, |own| own.log().contains("set aside"));
        let log = sidecar.stop();
        let (_, aside) = log.split_once("aside=").unwrap();
        let aside = Path::new(aside.split_whitespace().next().unwrap());
        assert_eq!(fs::read(aside).unwrap(), damaged, "it is kept as it was");
        fs::remove_file(aside).unwrap();
        assert_eq!(&fs::read(&state).unwrap()[..8], b"WKSTATE\n", "and a good one takes its place");
    }
}

#[test]
fn other_machines_get_metrics_and_health_only_until_somebody_says_who_may_ask() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(WATCHKEEPER);
    command.args(["run", "--broker", &broker.url(), "--web.listen-address", "0.0.0.0:0", "--data-dir"]);
    let sidecar = Sidecar::from_command(command.arg(folder.path()));
    for open in ["/metrics", "/api/health", "/livez", "/"] {
        assert_eq!(sidecar.get(open).status, 200, "{open}");
    }
    for closed in
        ["/api/nodes", "/api/nodes/x", "/devices", "/devices/x", "/topics", "/queues", "/audit", "/system"]
    {
        let answer = sidecar.get(closed);
        assert_eq!(answer.status, 403, "{closed}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.text().contains("--web.config.file"), "{}", answer.text());
    }
    assert_eq!(sidecar.ask("DELETE", "/api/nodes/x/state", &[]).status, 403);
    sidecar.stop();
}

#[test]
fn an_api_token_is_asked_for_and_taken() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    fs::write(&token, "open-sesame-0123456789\n").unwrap();
    let config = folder.path().join("watchkeeper.toml");
    fs::write(&config, format!("[web]\napi_token_file = \"{}\"\n", token.display())).unwrap();
    let args = ["--broker", "mqtt://127.0.0.1:1", "--config", config.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    assert_eq!(sidecar.get("/metrics").status, 200);
    for wrong in ["", "Bearer wrong", "Bearer ", "Basic open-sesame-0123456789"] {
        let answer = sidecar.ask("GET", "/api/nodes", &[("Authorization", wrong)]);
        assert_eq!(answer.status, 401, "{wrong:?}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer:?}");
    }
    let right = [("Authorization", "Bearer open-sesame-0123456789")];
    assert_eq!(sidecar.ask("GET", "/api/nodes", &right).status, 200);
    let show = ["state", "show", "nobody", "--url", &sidecar.url()];
    assert!(run(&show).err.contains("401"));
    let shown = run(&[&show[..], &["--token-file", token.to_str().unwrap()]].concat());
    assert!(shown.code == 1 && shown.err.contains("404"), "{shown:?}");
    sidecar.stop();
}

#[test]
fn the_web_config_file_of_the_exporter_toolkit_asks_for_a_user_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    let hash = bcrypt::hash("sesame", 4).unwrap();
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n";
    fs::write(&file, format!("basic_auth_users:\n  alice: {hash}\n{headers}")).unwrap();
    let args = ["--broker", "mqtt://127.0.0.1:1", "--web.config.file", file.to_str().unwrap()];
    let sidecar = Sidecar::start(&args, &[], &folder.path().join("data"));
    for path in ["/metrics", "/api/nodes"] {
        assert_eq!(sidecar.get(path).status, 401, "{path}");
        // alice:sesame and alice:wrong
        let ask = |credentials| sidecar.ask("GET", path, &[("Authorization", credentials)]);
        let right = ask("Basic YWxpY2U6c2VzYW1l");
        assert_eq!((right.status, right.header("x-frame-options")), (200, "sameorigin"), "{path}");
        let wrong = ask("Basic YWxpY2U6d3Jvbmc=");
        assert_eq!(wrong.status, 401, "{path}");
        assert!(wrong.header("www-authenticate").starts_with("Basic"), "{wrong:?}");
    }
    sidecar.stop();
}
