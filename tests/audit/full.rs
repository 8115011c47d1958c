//! A disk that is full: nothing is lost, health says so with a cure, and it goes on by itself when there is room.

use crate::log::{all, events, verifies};
use crate::scene::{Scene, broker, issue};
use crate::support::{Mosquitto, Publisher, SOON, Sidecar, SmallDisk};
use std::fs;
use std::time::{Duration, Instant};

/// So many devices are new while there is no room.
const DEVICES: usize = 300;

fn start(disk: &SmallDisk, mosquitto: &Mosquitto, more: &str) -> (Scene, Sidecar) {
    let settings = format!(
        "{}[audit]\ndir = \"{}\"\nspace_left = \"3MiB\"\nadmin_space_left = \"2MiB\"\n{more}\n",
        broker("main", &mosquitto.url(), ""),
        disk.path().join("log").display()
    );
    let scene = Scene::new(&settings);
    let config = scene.folder.path().join("watchkeeper.toml");
    let mut command = disk.program();
    command.args(["run", "--web.listen-address", "127.0.0.1:0", "--data-dir"]).arg(scene.data());
    command.arg("--config").arg(config);
    let sidecar = Sidecar::from_command(&mut command);
    sidecar.until_connected();
    (scene, sidecar)
}

fn blocked(sidecar: &Sidecar) -> bool {
    sidecar.metrics().get("watchkeeper_audit_blocked", &[]) == Some(1.0)
}

#[test]
fn a_full_disk_costs_no_record_and_is_over_within_a_second_of_room() {
    let (mosquitto, disk) = (Mosquitto::start(), SmallDisk::new(8 << 20));
    let (_scene, mut sidecar) = start(&disk, &mosquitto, "");
    let dir = disk.seen(sidecar.id()).join("log");
    let ballast = disk.fill(sidecar.id());
    let mut publisher = Publisher::connect(mosquitto.port());
    let mut sent = 0;
    sidecar.wait_until("the log is blocked", SOON, |own| {
        publisher.publish(format!("t/d{sent}/v"), "1");
        sent += 1;
        blocked(own)
    });
    for _ in 0..DEVICES {
        publisher.publish(format!("t/d{sent}/v"), "1");
        sent += 1;
    }
    let told = issue(&sidecar, "audit_blocked").expect("health says so");
    assert_eq!(told["severity"], "warning", "degraded at first: {told}");
    assert!(told["cure"].as_str().unwrap().contains("room"), "{told}");
    let audit = sidecar.json("/api/health")["audit"].clone();
    assert_eq!((&audit["state"], audit["blocked_since"].is_string()), (&"blocked".into(), true), "{audit}");
    assert_eq!(sidecar.get("/livez").status, 200);
    fs::remove_file(ballast).unwrap();
    let room = Instant::now();
    sidecar.wait_until("it goes on by itself", SOON, |own| !blocked(own));
    assert!(room.elapsed() < Duration::from_millis(1500), "after {:?}", room.elapsed());
    sidecar.until_messages(sent as u64);
    sidecar.wait_until("everything that waited is there", SOON, |_| {
        events(&all(&dir)).iter().filter(|event| **event == "first_seen").count() == sent
    });
    let records = all(&dir);
    let told = events(&records);
    assert!(told.contains(&"disk_full") && told.contains(&"disk_resumed"), "{told:?}");
    assert!(!told.contains(&"records_dropped"), "{told:?}");
    let devices: Vec<&str> = records
        .iter()
        .filter(|record| record["event"] == "first_seen")
        .map(|record| record["device"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..sent).map(|n| format!("t/d{n}")).collect();
    assert_eq!(devices, expected, "each is there once and in its order");
    // The disk of a namespace is gone with the program, so that the proof comes first.
    verifies(&dir, &[0, 2]);
    sidecar.signal("TERM");
    assert!(sidecar.wait(SOON).success(), "{}", sidecar.log());
}

#[test]
fn a_disk_that_fills_is_told_before_it_is_full() {
    let (mosquitto, disk) = (Mosquitto::start(), SmallDisk::new(8 << 20));
    let (_scene, sidecar) = start(&disk, &mosquitto, "");
    assert_eq!(issue(&sidecar, "audit_disk_low"), None);
    let ballast = disk.seen(sidecar.id()).join("ballast");
    fs::write(&ballast, vec![0; 4_300_000]).unwrap();
    sidecar.wait_until("health says so", SOON, |own| issue(own, "audit_disk_low").is_some());
    let told = issue(&sidecar, "audit_disk_low").unwrap();
    assert!(told["severity"] == "warning" && told["cure"].as_str().unwrap().contains("keep_bytes"), "{told}");
    assert_eq!(sidecar.json("/api/health")["audit"]["state"], "low");
    fs::remove_file(&ballast).unwrap();
    sidecar.wait_until("it is over", SOON, |own| issue(own, "audit_disk_low").is_none());
    sidecar.stop();
}
