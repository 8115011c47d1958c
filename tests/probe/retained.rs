//! The retained message of the probe: it comes to whoever subscribes after it, nothing of it stays at the broker, and a broker
//! that keeps none, or that denies it, is told without a word against the rest of the round.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is retained below our topics.
fn left(mosquitto: &Mosquitto) -> String {
    let mut command = Command::new("mosquitto_sub");
    let port = mosquitto.port().to_string();
    command.args(["-h", "127.0.0.1", "-p", &port, "-t", "watchkeeper/#", "--retained-only", "-v", "-W", "1"]);
    support::run_with(&mut command, "mosquitto-clients", b"").out
}

fn retained(sidecar: &Sidecar) -> Option<f64> {
    sidecar.metrics().get("mqtt_probe_retained_success", &[("broker", "127.0.0.1")])
}

fn until_retained(sidecar: &Sidecar) {
    sidecar.wait_until("the retained message came and went", SOON, |own| retained(own) == Some(1.0));
}

fn told(sidecar: &Sidecar) -> Value {
    sidecar.json("/api/health")["brokers"][0]["probe"]["retained"].clone()
}

#[test]
fn what_is_retained_comes_to_whoever_subscribes_after_it_and_nothing_stays() {
    for version in ["5", "3.1.1"] {
        let (mosquitto, data) = (Mosquitto::start(), folder());
        let sidecar = sidecar(&mosquitto, &data, &[("WATCHKEEPER_BROKER__0__VERSION", version)]);
        until_retained(&sidecar);
        assert!(sidecar.metrics().get("mqtt_probe_phase_seconds", &[("phase", "retained")]) > Some(0.0));
        let told = told(&sidecar);
        assert_eq!((&told["ok"], &told["supported"]), (&true.into(), &true.into()), "{told}");
        assert_eq!(success(&sidecar), [1.0, 1.0, 1.0]);
        assert_eq!(Some(sidecar.metrics().sum("mqtt_probe_messages_stray_total", &[])), Some(0.0));
        assert!(sidecar.nodes(10).is_empty(), "it is no device");
        sidecar.stop();
        assert!(mosquitto.log().contains("/retained'"), "it was published");
        assert_eq!(left(&mosquitto), "", "MQTT {version}");
    }
}

#[test]
fn a_broker_without_retained_messages_is_told_and_is_healthy() {
    let mosquitto = Mosquitto::with("retain_available false");
    // MQTT 5 says it; in 3.1.1 the broker hangs up.
    for version in ["5", "3.1.1"] {
        let data = folder();
        let sidecar = sidecar(&mosquitto, &data, &[("WATCHKEEPER_BROKER__0__VERSION", version)]);
        sidecar.wait_until("it is told", SOON, |own| told(own)["supported"] == false);
        until_rounds(&sidecar, 5.0);
        let told = told(&sidecar);
        assert_eq!((&told["ok"], &told["supported"]), (&Value::Null, &false.into()), "{told}");
        assert!(told["failure"]["cure"].as_str().unwrap().contains("retained = false"), "{told}");
        assert_eq!((retained(&sidecar), success(&sidecar)), (None, vec![1.0, 1.0, 1.0]), "MQTT {version}");
        assert_eq!(sidecar.metrics().get("mqtt_probe_phase_seconds", &[("phase", "retained")]), None);
        assert!(issue(&sidecar, "probe_failed").or(issue(&sidecar, "probe_retained_failed")).is_none());
        assert!(
            findings(&sidecar).iter().all(|event| !event.starts_with("probe")),
            "{:?}",
            findings(&sidecar)
        );
        let hung_up = mosquitto.log().matches("Bad socket read/write").count();
        assert!(hung_up <= 3, "it is not asked in every round:\n{}", mosquitto.log());
        sidecar.stop();
    }
}

#[test]
fn a_retained_message_that_is_denied_fails_on_its_own_with_the_cure() {
    let data = folder();
    let acl = data.path().join("acl");
    let rules = "topic readwrite watchkeeper/probe/wk/round-trip\ntopic read #\n";
    fs::write(&acl, rules).expect("the folder can be written");
    let mosquitto = Mosquitto::with(&format!("acl_file {}", acl.display()));
    // MQTT 5 refuses it in words; 3.1.1 takes it and drops it.
    for (version, reason) in [("5", "retained_refused"), ("3.1.1", "retained_lost")] {
        let data = folder();
        let settings = [
            ("WATCHKEEPER_BROKER__0__CLIENT_ID", "wk"),
            ("WATCHKEEPER_BROKER__0__VERSION", version),
            ("WATCHKEEPER_BROKER__0__CONNECT_TIMEOUT", "1s"),
        ];
        let sidecar = sidecar(&mosquitto, &data, &settings);
        let issue = until_issue(&sidecar, "probe_retained_failed");
        assert!(issue["cure"].as_str().unwrap().contains("watchkeeper/probe/#"), "{issue}");
        assert_eq!(sidecar.json("/api/health")["status"], "degraded");
        assert_eq!(told(&sidecar)["failure"]["reason"], reason);
        assert_eq!((retained(&sidecar), success(&sidecar)), (Some(0.0), vec![1.0, 1.0, 1.0]));
        assert!(findings(&sidecar).contains(&"probe_retained_failed".to_owned()));
        sidecar.stop();
        let off = [&settings[..], &[("WATCHKEEPER_PROBE__RETAINED", "false")]].concat();
        let quiet = self::sidecar(&mosquitto, &folder(), &off);
        until_rounds(&quiet, 4.0);
        assert_eq!((retained(&quiet), told(&quiet)["failure"].clone()), (None, Value::Null));
        assert!(self::issue(&quiet, "probe_retained_failed").is_none());
    }
}

/// Between a sidecar and a broker: from the first retained message of the probe on, nothing of what the broker answers gets
/// through on that connection.
struct Holding {
    port: u16,
    /// It came to that.
    holds: Arc<AtomicBool>,
}

impl Holding {
    fn before(mosquitto: &Mosquitto) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (broker, holds) = (mosquitto.port(), Arc::new(AtomicBool::new(false)));
        let held = Arc::clone(&holds);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                carry_both(near, far, &held);
            }
        });
        Self { port, holds }
    }

    fn sidecar(&self, data: &TempDir) -> Sidecar {
        Sidecar::start(
            &["--broker", &format!("mqtt://127.0.0.1:{}", self.port)],
            &[EVERY_SECOND],
            data.path(),
        )
    }

    fn until_it_holds(&self, sidecar: &Sidecar, mosquitto: &Mosquitto) {
        sidecar.wait_until("a message is retained", SOON, |_| {
            self.holds.load(Ordering::SeqCst) && left(mosquitto).contains("/retained watchkeeper-probe")
        });
    }
}

fn carry_both(near: TcpStream, far: TcpStream, held: &Arc<AtomicBool>) {
    let mine = Arc::new(AtomicBool::new(false));
    let (up, down) = ((near.try_clone(), far.try_clone()), (far, near));
    let (held, noted) = (Arc::clone(held), Arc::clone(&mine));
    std::thread::spawn(move || {
        let (Ok(from), Ok(to)) = up else { return };
        carry(from, to, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let is_it =
                text.split_once("/retained").is_some_and(|(_, rest)| rest.contains("watchkeeper-probe"));
            if is_it && !held.swap(true, Ordering::SeqCst) {
                noted.store(true, Ordering::SeqCst);
            }
            true
        });
    });
    std::thread::spawn(move || carry(down.0, down.1, |_| !mine.load(Ordering::SeqCst)));
}

/// Carries what may pass, until either side hangs up.
fn carry(mut from: TcpStream, mut to: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if passes(&bytes[..length]) && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        // It may be closed already.
        drop(stream.shutdown(std::net::Shutdown::Both));
    }
}

#[test]
fn a_stop_in_the_middle_takes_away_what_is_retained() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let holding = Holding::before(&mosquitto);
    let sidecar = holding.sidecar(&data);
    holding.until_it_holds(&sidecar, &mosquitto);
    sidecar.stop();
    assert_eq!(left(&mosquitto), "");
}

#[test]
fn what_a_kill_leaves_is_taken_away_by_the_next_start() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let holding = Holding::before(&mosquitto);
    let mut killed = holding.sidecar(&data);
    holding.until_it_holds(&killed, &mosquitto);
    killed.kill9();
    assert_eq!(left(&mosquitto).lines().count(), 1, "one small message on our own topic");
    let next = holding.sidecar(&data);
    until_retained(&next);
    next.stop();
    assert_eq!(left(&mosquitto), "");
}
