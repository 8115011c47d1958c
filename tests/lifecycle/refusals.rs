//! Brokers that say no: told with the cure, and never with the password.

use crate::devices::{Devices, lively};
use crate::scene::{EVERY, STREAM, Scene, broker, issue};
use crate::support::{Mosquitto, SOON, Sidecar, run_with};
use std::fs;
use std::path::Path;
use std::process::Command;

const SECRET: &str = "hunter2-tell-nobody";

/// Everybody may read the fleet and nothing else.
const ROLES: &str = r#"{
  "defaultACLAccess": {
    "publishClientSend": true, "publishClientReceive": true, "subscribe": false, "unsubscribe": true
  },
  "anonymousGroup": "all",
  "groups": [{"groupname": "all", "roles": [{"rolename": "reader"}]}],
  "roles": [{"rolename": "reader", "acls": [{"acltype": "subscribePattern", "topic": "fleet/#", "allow": true}]}],
  "clients": []
}"#;

fn with_roles(folder: &Path) -> Mosquitto {
    let roles = folder.join("roles.json");
    fs::write(&roles, ROLES).expect("the folder can be written");
    let plugin = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
    assert!(Path::new(plugin).exists(), "{plugin} is missing; install the package mosquitto");
    Mosquitto::with(&format!("plugin {plugin}\nplugin_opt_config_file {}", roles.display()))
}

#[test]
fn a_refused_filter_is_named_with_its_cure_and_the_others_go_on() {
    let roles = tempfile::tempdir().unwrap();
    let mosquitto = with_roles(roles.path());
    let secret = STREAM.replace("\"t\"", "\"secret\"").replace("fleet/", "secret/");
    for (version, code) in [("5", 0x87), ("3.1.1", 0x80)] {
        let version = format!("version = \"{version}\"");
        let scene = Scene::new(&(broker("main", &mosquitto.url(), &version) + STREAM + &secret));
        let sidecar = scene.sidecar();
        sidecar.until_connected();
        let health = sidecar.json("/api/health");
        assert_eq!((&health["status"], &health["mqtt"]["connected"]), (&"degraded".into(), &true.into()));
        let refused = issue(&sidecar, "filter_refused").expect("the refusal is an issue");
        assert_eq!(refused["broker"], "main");
        assert!(refused["summary"].as_str().unwrap().contains("secret/+/t"), "{refused}");
        assert!(refused["cure"].as_str().unwrap().contains("access list"), "{refused}");
        let filters = sidecar.json("/api/health/mqtt")["subscribers"]["filters"].clone();
        assert_eq!(
            filters,
            serde_json::json!([
                {"filter": "fleet/+/t", "qos": 1, "granted": 1},
                {"filter": "secret/+/t", "qos": 1, "granted": null, "refused": code},
            ])
        );
        assert!(sidecar.log().contains("subscription refused"), "{}", sidecar.log());
        let devices = Devices::start(mosquitto.port(), &["fleet/d1/t"], EVERY, lively);
        sidecar.until_messages(3);
        drop(devices);
        // The statistics were refused as well, which is no more than a pity.
        sidecar.wait_until("the statistics are missed", SOON, |own| issue(own, "sys_unavailable").is_some());
        let missed = issue(&sidecar, "sys_unavailable").unwrap();
        assert_eq!(missed["severity"], "info");
        assert!(missed["summary"].as_str().unwrap().contains("refused the subscription"), "{missed}");
    }
}

#[test]
fn a_refused_statistics_subscription_does_not_degrade() {
    let roles = tempfile::tempdir().unwrap();
    let mosquitto = with_roles(roles.path());
    let scene = Scene::plain(&mosquitto.url());
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    sidecar.wait_until("it is told", SOON, |own| issue(own, "sys_unavailable").is_some());
    assert_eq!(sidecar.json("/api/health")["status"], "healthy");
    let metrics = sidecar.metrics();
    let broker = |name: &str| name.starts_with("mqtt_broker_") && name != "mqtt_broker_up";
    assert!(!metrics.samples.iter().any(|sample| broker(&sample.name)), "{}", metrics.text);
    assert_eq!(metrics.get("mqtt_broker_up", &[]), Some(1.0));
}

fn with_password(folder: &Path) -> Mosquitto {
    let file = folder.join("passwords");
    let mut command = Command::new("mosquitto_passwd");
    let made =
        run_with(command.args(["-b", "-c"]).arg(&file).args(["wk", "the-right-one"]), "mosquitto", b"");
    assert_eq!(made.code, 0, "{made:?}");
    Mosquitto::with(&format!("allow_anonymous false\npassword_file {}", file.display()))
}

/// Everything that we say to anybody.
fn all_words(sidecar: &Sidecar) -> String {
    let paths = [
        "/metrics",
        "/",
        "/api/health",
        "/api/health/mqtt",
        "/api/mqtt/status",
        "/api/nodes",
        "/api/topics",
        "/api/openapi.json",
        "/api/nodes/nobody",
    ];
    let said: String = paths.iter().map(|path| sidecar.get(path).text()).collect();
    said + &sidecar.log()
}

#[test]
fn a_wrong_password_is_told_with_its_cure_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = with_password(folder.path());
    let file = folder.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    let in_file = format!("username = \"wk\"\npassword_file = \"{}\"", file.display());
    let in_url = mosquitto.url().replace("mqtt://", &format!("mqtt://wk:{SECRET}@"));
    let scenes = [
        (Scene::new(&(broker("main", &mosquitto.url(), &in_file) + STREAM)), None),
        (Scene::plain(&mosquitto.url()), Some(in_url.as_str())),
    ];
    for (scene, url) in &scenes {
        let url: Vec<&str> = url.iter().flat_map(|url| ["--broker", url]).collect();
        let sidecar = scene.sidecar_with(&[&["--log.level", "trace"], url.as_slice()].concat(), &[]);
        let refused = |own: &Sidecar| {
            let metrics = own.metrics();
            ["bad_credentials", "not_authorized"]
                .iter()
                .map(|reason| metrics.sum("watchkeeper_connect_failures_total", &[("reason", reason)]))
                .sum::<f64>()
                >= 1.0
        };
        sidecar.wait_until("the refusal is counted", SOON, refused);
        let failure = sidecar.json("/api/health")["brokers"][0]["failure"].clone();
        assert!(
            ["bad_credentials", "not_authorized"].contains(&failure["reason"].as_str().unwrap()),
            "{failure}"
        );
        let told = issue(&sidecar, "broker_never_connected").expect("it is an issue");
        assert_eq!(told["cure"], failure["cure"]);
        assert!(!failure["cure"].as_str().unwrap().is_empty());
        let words = all_words(&sidecar);
        assert!(words.contains("cannot connect"), "the log is among them");
        assert!(!words.contains(SECRET), "the password is told: {words}");
        // A stop is not delayed by the long pause after such a refusal.
        assert!(!sidecar.stop().contains(SECRET));
    }
}

#[test]
fn the_right_password_gets_in_and_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = with_password(folder.path());
    let file = folder.path().join("secret");
    fs::write(&file, "the-right-one\n").unwrap();
    let login = format!("username = \"wk\"\npassword_file = \"{}\"", file.display());
    let scene = Scene::new(&(broker("main", &mosquitto.url(), &login) + STREAM));
    let sidecar = scene.sidecar_with(&["--log.level", "trace"], &[]);
    sidecar.until_connected();
    assert!(!all_words(&sidecar).contains("the-right-one"));
    assert!(!sidecar.stop().contains("the-right-one"));
}
