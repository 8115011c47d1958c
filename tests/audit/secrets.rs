//! No password and no token gets into the folder, an answer or the program's own log.

use crate::log::{audit, search};
use crate::scene::{Scene, broker};
use crate::support::{Mosquitto, Publisher, SOON};
use std::fs;
use std::path::Path;

const SECRETS: [&str; 4] = ["hunter2", "s3cr3t-t0ken", "pin-4711", "b4s1c"];

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_reaches_the_folder_the_api_or_the_programs_own_log() {
    let mosquitto = Mosquitto::start();
    let url = mosquitto.url().replace("mqtt://", "mqtt://ann:hunter2@");
    let settings = broker("main", &url, "")
        + "[audit]\nredact = [\"door_code\"]\n[[stream]]\nname = \"c\"\nfilter = \"c/{device}\"\nkind = \"command\"\n\
           audit_payload = true\n[[stream]]\nname = \"s\"\nfilter = \"s/{device}\"\nkind = \"config\"\n[[stream]]\nname = \"t\"\nfilter = \"t/{device}\"\n";
    let scene = Scene::new(&settings);
    let dir = scene.data().join("audit");
    let sidecar = scene.sidecar();
    sidecar.until_connected();
    let mut publisher = Publisher::connect(mosquitto.port());
    publisher.publish(
        "c/d1",
        r#"{"cmd":"set","password":"hunter2","door_code":"pin-4711","token":"s3cr3t-t0ken"}"#,
    );
    publisher.publish("t/d1", r#"{"password":"hunter2","#);
    publisher.publish("s/d1", r#"{"otp":1,"door_code":"a","interval":5}"#);
    publisher.publish("s/d1", r#"{"otp":"hunter2","door_code":"pin-4711","interval":6}"#);
    for query in [
        "/api/audit?text=password%3Dhunter2",
        "/api/audit?text=token%3Ds3cr3t-t0ken",
        "/api/audit?text=door_code%3Dpin-4711",
        "/api/audit?text=http%3A%2F%2Fann%3Ab4s1c%40host",
    ] {
        assert_eq!(sidecar.get(query).status, 200, "{query}");
    }
    sidecar.wait_until("everything is recorded", SOON, |_| {
        search(&dir, &["--event", "searched"]).len() == 4
            && search(&dir, &["--type", "CONFIG"]).len() >= 5
            && !search(&dir, &["--type", "PAYLOAD"]).is_empty()
    });
    let shown = audit(&dir, "search", &[]).out
        + &sidecar.get("/api/audit?limit=1000").text()
        + &sidecar.get("/api/health").text()
        + &sidecar.get("/api/findings").text();
    let log = sidecar.stop();
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{secret}: {shown}");
        assert!(!log.contains(secret), "{secret}: {log}");
        for file in files(&scene.data()) {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", file.display());
        }
    }
}
