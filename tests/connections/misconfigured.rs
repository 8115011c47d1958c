//! Ways to be misconfigured: `doctor` names each by its code, and the health of a sidecar with the same configuration names
//! the same.

use crate::scene::{Papers, Scene, broker, issue, with_listener};
use crate::support::{Authority, Holds, Mosquitto, SOON, becomes, free_port, run, run_with};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// All steps of the only way.
pub(crate) fn doctor(scene: &Scene, more: &[&str]) -> (i32, Vec<Value>) {
    let config = scene.config();
    let args = [
        "doctor",
        "--json",
        "--timeout",
        "40s",
        "--config",
        config.to_str().expect("the folder's name is UTF-8"),
    ];
    let examined = run(&[&args, more].concat());
    let whole: Value =
        serde_json::from_str(&examined.out).unwrap_or_else(|error| panic!("{error}: {examined:?}"));
    assert_eq!(whole["ok"], examined.code == 0, "{whole}");
    (examined.code, whole["brokers"][0]["steps"].as_array().expect("it is a list").clone())
}

/// The step with this verdict and code; it says what was tried, what it means and what to do.
pub(crate) fn named(steps: &[Value], verdict: &str, code: &str) -> Value {
    let found = steps.iter().find(|step| step["verdict"] == verdict && step["code"] == code);
    let step = found.unwrap_or_else(|| panic!("no step {verdict} with {code}: {steps:#?}")).clone();
    for key in ["tried", "got", "means", "next"] {
        assert!(!step[key].as_str().expect("it is text").is_empty(), "{key}: {step}");
    }
    assert_ne!(step["got"], step["means"], "nothing is said twice");
    step
}

/// Nobody gets in: the last step that was tried failed with this code, and health says the same in the same words.
pub(crate) fn kept_out(url: &str, settings: &str, step: &str, code: &str) {
    let scene = Scene::new(url, settings);
    let (exit, steps) = doctor(&scene, &[]);
    let failed = named(&steps, "failed", code);
    assert_eq!((exit, failed["step"].as_str().expect("it is text")), (1, step), "{steps:#?}");
    assert_eq!(steps.last().expect("there are steps"), &failed, "what comes after makes no sense");
    let sidecar = scene.sidecar();
    // The first that it names, and none before it.
    sidecar.wait_until("a cause", SOON, |own| !broker(own)["failure"].is_null());
    let failure = broker(&sidecar)["failure"].clone();
    assert_eq!(failure["reason"], code, "{failure}");
    assert_eq!((&failure["summary"], &failure["cure"]), (&failed["means"], &failed["next"]));
    let told = issue(&sidecar, "broker_never_connected").expect("health has an issue");
    assert!(
        told["summary"]
            .as_str()
            .expect("it is text")
            .contains(failure["summary"].as_str().expect("it is text")),
        "{told}"
    );
    assert_eq!(told["cure"], failure["cure"]);
}

/// Answers each connection with these bytes once it has heard something, and hangs up; or stays and says nothing.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
    let port = listener.local_addr().expect("a listener has an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, bytes));
        }
    });
    port
}

fn answer(mut stream: TcpStream, bytes: &[u8]) {
    let mut heard = [0; 1024];
    if bytes.is_empty() {
        while stream.read(&mut heard).is_ok_and(|length| length > 0) {}
    } else if stream.read(&mut heard).is_ok() {
        drop(stream.write_all(bytes));
    }
}

#[test]
fn a_wrong_host_or_port_is_named() {
    kept_out("mqtt://no-such-host.invalid", "", "dns", "dns");
    kept_out(&format!("mqtt://127.0.0.1:{}", free_port()), "", "tcp", "refused");
    kept_out("unix:///no/such/socket", "", "socket", "unix_socket");
    let file = tempfile::NamedTempFile::new().unwrap();
    kept_out(&format!("unix://{}", file.path().display()), "", "socket", "unix_socket");
}

#[test]
fn a_server_of_another_kind_is_named() {
    let http = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    kept_out(&format!("mqtt://127.0.0.1:{http}"), "", "connect", "http");
    let proxy = answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    kept_out(&format!("ws://127.0.0.1:{proxy}"), "", "websocket", "websocket");
    let page = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    kept_out(&format!("ws://127.0.0.1:{page}/wrong"), "", "websocket", "websocket");
    let ssh = answering(b"SSH-2.0-OpenSSH_9.2\r\n");
    kept_out(&format!("mqtt://127.0.0.1:{ssh}"), "", "connect", "not_mqtt");
    let mosquitto = Mosquitto::with("");
    kept_out(&mosquitto.url().replace("mqtt:", "ws:"), "", "websocket", "websocket");
    let (_mosquitto, port) =
        with_listener(|port| format!("listener {port} 127.0.0.1\nprotocol websockets\n"));
    // It listens there later than at its other port.
    assert!(becomes(SOON, || TcpStream::connect(("127.0.0.1", port)).is_ok()));
    kept_out(&format!("mqtt://127.0.0.1:{port}"), "", "connect", "http");
}

#[test]
fn a_subscription_that_is_larger_than_the_packets_of_the_broker_is_named() {
    let mosquitto = Mosquitto::with("max_packet_size 1500\n");
    let stream = |n: usize| {
        format!(
            "[[stream]]\nname = \"s{n}\"\nfilter = \"plant/area-north/line-{n}/{{device}}/telemetry/temperature\"\n"
        )
    };
    let streams: String = (0..60).map(stream).collect();
    let scene = Scene::new(&mosquitto.url(), &format!("payload_bytes_max = \"1000\"\n{streams}"));
    let (exit, steps) = doctor(&scene, &[]);
    assert_eq!(exit, 1);
    let failed = named(&steps, "failed", "packet_too_large");
    let sidecar = scene.sidecar();
    sidecar.wait_until("the cause", SOON, |own| broker(own)["failure"]["reason"] == "packet_too_large");
    let failure = broker(&sidecar)["failure"].clone();
    assert_eq!((&failure["summary"], &failure["cure"]), (&failed["means"], &failed["next"]));
}

#[test]
fn a_broker_of_quality_of_service_0_is_examined_at_that() {
    let mosquitto = Mosquitto::with("max_qos 0\n");
    let (exit, steps) = doctor(&Scene::new(&mosquitto.url(), "version = \"5\""), &[]);
    assert_eq!(exit, 0, "{steps:#?}");
    let of = |step: &str| steps.iter().find(|one| one["step"] == step).unwrap()["verdict"].clone();
    assert_eq!((of("retained"), of("packet size")), ("good".into(), "good".into()), "{steps:#?}");
}

#[test]
fn an_examination_that_is_interrupted_says_so() {
    let mosquitto = Mosquitto::with("");
    let scene = Scene::new(&mosquitto.url(), "");
    let config = scene.config();
    let program = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["doctor", "--json", "--config", config.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // It listens for three seconds before it publishes.
    assert!(becomes(SOON, || mosquitto.log().contains("watchkeeper-doctor-")));
    let kill = Command::new("kill").args(["-TERM", &program.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = program.wait_with_output().unwrap();
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{whole}");
    named(whole["brokers"][0]["steps"].as_array().unwrap(), "failed", "interrupted");
}

#[test]
fn a_broker_that_stands_still_is_named() {
    let silent = answering(b"");
    kept_out(&format!("mqtt://127.0.0.1:{silent}"), "version = \"5\"", "connect", "silent");
    kept_out(&format!("mqtts://127.0.0.1:{silent}"), "version = \"5\"", "tls", "silent");
    let mosquitto = Mosquitto::with("");
    mosquitto.freeze();
    kept_out(&mosquitto.url(), "version = \"3.1.1\"", "connect", "silent");
    mosquitto.cont();
}

#[test]
fn every_fault_of_a_certificate_is_named() {
    let good = Papers::new();
    let (mosquitto, port) = with_listener(|port| good.listener(port, ""));
    let url = format!("mqtts://127.0.0.1:{port}");
    let stranger = Authority::new(good.path(), "stranger");
    kept_out(&url, &format!("ca_file = \"{}\"", stranger.file.display()), "tls", "tls_untrusted");
    kept_out(&format!("mqtt://127.0.0.1:{port}"), "", "connect", "tls_port");
    kept_out(&format!("ws://127.0.0.1:{port}"), "", "websocket", "tls_port");
    kept_out(&mosquitto.url().replace("mqtt:", "mqtts:"), &good.trusted(), "tls", "plain_port");
    for (names, holds, code) in [
        (["127.0.0.1"], Holds::Before, "tls_expired"),
        (["127.0.0.1"], Holds::Later, "tls_not_yet_valid"),
        (["elsewhere.example"], Holds::Now, "tls_name"),
    ] {
        let papers = Papers::of(&names, holds);
        let (_mosquitto, port) = with_listener(|port| papers.listener(port, ""));
        kept_out(&format!("mqtts://127.0.0.1:{port}"), &papers.trusted(), "tls", code);
    }
}

#[test]
fn a_client_certificate_that_is_missing_or_foreign_is_named() {
    let papers = Papers::new();
    let (_mosquitto, port) = with_listener(|port| papers.listener(port, "require_certificate true"));
    let url = format!("mqtts://127.0.0.1:{port}");
    // In TLS 1.3 the broker says so only after the hand-shake.
    kept_out(&url, &papers.trusted(), "connect", "tls_client_certificate");
    let foreign = Authority::new(papers.path(), "stranger").sign("foreign", &["wk"], Holds::Now);
    let (cert, key) = (foreign.cert.display(), foreign.key.display());
    let shows = format!("{}\ncert_file = \"{cert}\"\nkey_file = \"{key}\"", papers.trusted());
    kept_out(&url, &shows, "connect", "tls_client_certificate");
}

fn password(folder: &Path) -> String {
    let file = folder.join("passwords");
    let mut command = Command::new("mosquitto_passwd");
    let made = run_with(command.args(["-b", "-c"]).arg(&file).args(["wk", "right"]), "mosquitto", b"");
    assert_eq!(made.code, 0, "{made:?}");
    format!("allow_anonymous false\npassword_file {}\n", file.display())
}

fn login(folder: &TempDir, secret: &str) -> String {
    let file = folder.path().join("secret");
    fs::write(&file, secret).expect("the folder can be written");
    format!("username = \"wk\"\npassword_file = \"{}\"", file.display())
}

#[test]
fn a_wrong_password_and_none_at_all_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::with(&password(folder.path()));
    // Mosquitto says «not authorized» to both in MQTT 5, and to 3.1.1 as well.
    kept_out(&mosquitto.url(), &login(&folder, "wrong"), "connect", "not_authorized");
    kept_out(&mosquitto.url(), "version = \"3.1.1\"", "connect", "not_authorized");
    let (exit, steps) = doctor(&Scene::new(&mosquitto.url(), &login(&folder, "right")), &[]);
    assert_eq!(exit, 0, "{steps:#?}");
    let credentials = steps.iter().find(|step| step["step"] == "credentials").unwrap();
    assert_eq!(credentials["got"], "accepted as wk");
    assert!(!format!("{steps:?}").contains("right"), "{steps:#?}");
}

/// Refuses every CONNECT with this CONNACK.
fn refusing(connack: &'static [u8]) -> u16 {
    answering(connack)
}

#[test]
fn every_refusal_of_connack_is_named() {
    for (connack, version, code) in [
        (&[0x20, 2, 0, 4][..], "3.1.1", "bad_credentials"),
        (&[0x20, 3, 0, 0x86, 0], "5", "bad_credentials"),
        (&[0x20, 2, 0, 2], "3.1.1", "client_id"),
        (&[0x20, 3, 0, 0x85, 0], "5", "client_id"),
        (&[0x20, 2, 0, 1], "3.1.1", "protocol"),
        (&[0x20, 3, 0, 0x84, 0], "5", "protocol"),
        (&[0x20, 2, 0, 3], "3.1.1", "unavailable"),
    ] {
        let port = refusing(connack);
        let url = format!("mqtt://127.0.0.1:{port}");
        let (exit, steps) = doctor(&Scene::new(&url, &format!("version = \"{version}\"")), &[]);
        assert_eq!((exit, named(&steps, "failed", code)["step"].as_str()), (1, Some("connect")));
        let sidecar = Scene::new(&url, &format!("version = \"{version}\"")).sidecar();
        sidecar.wait_until(code, SOON, |own| broker(own)["failure"]["reason"] == code);
    }
}

#[test]
fn a_denied_filter_denied_statistics_and_a_denied_publish_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let roles = folder.path().join("roles.json");
    let text = r#"{
      "defaultACLAccess": {"publishClientSend": false, "publishClientReceive": true, "subscribe": false, "unsubscribe": true},
      "anonymousGroup": "all", "groups": [{"groupname": "all", "roles": [{"rolename": "r"}]}],
      "roles": [{"rolename": "r", "acls": [{"acltype": "subscribePattern", "topic": "watchkeeper/#", "allow": true}]}],
      "clients": []}"#;
    fs::write(&roles, text).unwrap();
    let plugin = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
    assert!(Path::new(plugin).exists(), "{plugin} is missing; install the package mosquitto");
    let mosquitto = Mosquitto::with(&format!("plugin {plugin}\nplugin_opt_config_file {}", roles.display()));
    let scene = Scene::new(&mosquitto.url(), "");
    let (exit, steps) = doctor(&scene, &[]);
    assert_eq!(exit, 1);
    let filter = named(&steps, "failed", "filter_refused");
    assert!(filter["got"].as_str().unwrap().contains("fleet/+/t refused with 0x87"), "{filter}");
    named(&steps, "warning", "sys_unavailable");
    named(&steps, "failed", "publish_refused");
    let sidecar = scene.sidecar();
    sidecar.wait_until("the statistics are missed", SOON, |own| issue(own, "sys_unavailable").is_some());
    assert!(issue(&sidecar, "filter_refused").unwrap()["summary"].as_str().unwrap().contains("fleet/+/t"));
    // Who may not publish can leave it.
    let (_, steps) = doctor(&scene, &["--no-publish"]);
    assert!(steps.iter().all(|step| step["code"] != "publish_refused"), "{steps:#?}");
}

#[test]
fn a_packet_that_is_too_large_is_named() {
    let mosquitto = Mosquitto::with("message_size_limit 1000");
    let (exit, steps) = doctor(&Scene::new(&mosquitto.url(), ""), &[]);
    assert_eq!(exit, 1);
    named(&steps, "failed", "packet_too_large");
    let limited = Mosquitto::with("max_packet_size 2000");
    let (_, steps) = doctor(&Scene::new(&limited.url(), ""), &[]);
    let told = named(&steps, "failed", "packet_too_large");
    assert!(told["got"].as_str().unwrap().contains("2000"), "{told}");
}

#[test]
fn a_client_id_that_another_has_is_named() {
    let mosquitto = Mosquitto::with("");
    let scene = Scene::new(&mosquitto.url(), "client_id = \"twin\"\nversion = \"5\"");
    let other = Scene::new(&mosquitto.url(), "client_id = \"twin\"\nversion = \"5\"");
    let (first, second) = (scene.sidecar(), other.sidecar());
    let fights = |own: &crate::support::Sidecar| {
        own.metrics().sum("watchkeeper_connect_failures_total", &[("reason", "client_id")]) >= 1.0
    };
    first.wait_until("they fight", SOON, |own| fights(own) && fights(&second));
    // Between two evictions nothing else is wrong, and it is told all the same.
    for one in [&first, &second] {
        let contested = |own: &crate::support::Sidecar| {
            broker(own)["connected"] == true && issue(own, "client_id_taken").is_some()
        };
        one.wait_until("it is connected and tells it", SOON, contested);
        assert_eq!(one.json("/api/health")["status"], "degraded");
        assert!(issue(one, "client_id_taken").unwrap()["since"].is_string());
    }
    drop(second);
    assert!(issue(&first, "client_id_taken").is_some(), "until its connection has lasted");
    let (exit, steps) = doctor(&scene, &["--client-id", "twin-devices", "--no-publish"]);
    assert_eq!(exit, 1);
    let told = named(&steps, "failed", "client_id");
    assert!(["client id", "stability"].contains(&told["step"].as_str().unwrap()), "{told}");
}

#[test]
fn a_sound_broker_gets_nothing_but_good_words_and_keeps_nothing() {
    let papers = Papers::new();
    let plain = free_port();
    let (mosquitto, port) = with_listener(|port| {
        papers.listener(port, "") + &format!("listener {plain} 127.0.0.1\nprotocol websockets\n")
    });
    for (url, more) in [
        (mosquitto.url(), "version = \"3.1.1\"".to_owned()),
        (format!("mqtts://localhost:{port}"), papers.trusted()),
        // Mosquitto 2.0 sends large messages over websockets slowly.
        (format!("ws://127.0.0.1:{plain}"), "payload_bytes_max = \"8KiB\"".to_owned()),
    ] {
        let (exit, steps) = doctor(&Scene::new(&url, &more), &[]);
        assert_eq!(exit, 0, "{url}: {steps:#?}");
        let of = |name: &str| steps.iter().filter(|step| step["step"] == name).count();
        assert_eq!((of("round trip"), of("retained"), of("packet size"), of("stability")), (3, 1, 1, 1));
        assert!(steps.iter().all(|step| step["verdict"] != "warning"), "{url}: {steps:#?}");
    }
    let mut command = Command::new("mosquitto_sub");
    command.args(["-p", &mosquitto.port().to_string(), "-t", "watchkeeper/#", "-W", "1"]);
    assert_eq!(run_with(&mut command, "mosquitto-clients", b"").out, "", "nothing retained is left");
}

#[test]
fn bad_arguments_and_a_bad_configuration_are_2_and_colours_are_for_terminals() {
    assert_eq!(run(&["doctor", "--timeout", "soon", "--broker", "mqtt://h"]).code, 2);
    let bad = run(&["doctor", "--broker", "amqp://h"]);
    assert!(bad.code == 2 && bad.err.contains("cure:"), "{bad:?}");
    let told = run(&["doctor", "--broker", &format!("mqtt://127.0.0.1:{}", free_port())]);
    assert!(told.code == 1 && told.out.contains("FAIL  tcp") && !told.out.contains('\x1b'), "{told:?}");
}
