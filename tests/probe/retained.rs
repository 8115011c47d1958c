//! The retained message of the probe: it comes to whoever subscribes after it, nothing of it stays at the broker, and a broker
//! that keeps none, or that denies it, is told without a word against the rest of the round.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What is retained below our topics, each with the seconds that are left to it, which are told in MQTT 5.
fn left(mosquitto: &Mosquitto) -> String {
    let mut command = Command::new("mosquitto_sub");
    let port = mosquitto.port().to_string();
    let only = ["-V", "5", "-F", "%t %p, %E s", "--retained-only", "-W", "1"];
    command.args(["-h", "127.0.0.1", "-p", &port, "-t", "watchkeeper/#"]).args(only);
    let output = support::run_with(&mut command, "mosquitto-clients", b"");
    // 27 is its word for the end of the time, 0 for a live message, after which nothing retained comes; a broker that is gone,
    // which has nothing either, is another number.
    assert!([0, 27].contains(&output.code), "{}: {}", output.code, output.err);
    output.out
}

/// Retains a message of somebody else's below our topics, or takes it away.
fn retain(mosquitto: &Mosquitto, text: &str) {
    let port = mosquitto.port().to_string();
    let arguments = ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-r", "-t", "watchkeeper/other", "-m", text];
    let output = support::run_with(Command::new("mosquitto_pub").args(arguments), "mosquitto-clients", b"");
    assert_eq!(output.code, 0, "{}", output.err);
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
        retain(&mosquitto, "x");
        assert!(left(&mosquitto).starts_with("watchkeeper/other x"), "it would have been seen");
    }
}

#[test]
fn a_broker_without_retained_messages_is_told_and_is_healthy() {
    let mosquitto = Mosquitto::with("retain_available false");
    // MQTT 5 says it; in 3.1.1 the broker hangs up.
    for (version, hang_ups) in [("5", 0), ("3.1.1", 3)] {
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
        assert_eq!(hung_up, hang_ups, "it is not asked in every round:\n{}", mosquitto.log());
        let log = sidecar.stop();
        assert!(!log.contains("may be left"), "it keeps none:\n{log}");
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

/// What becomes of some bytes.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Pass,
    Swallow,
    HangUp,
}

/// Between a sidecar and a broker: from the first retained message of the probe on, nothing of what the broker answers gets
/// through on that connection; or else it hangs up on each after the first so many.
struct Holding {
    port: u16,
    /// It came to that.
    holds: Arc<AtomicBool>,
}

impl Holding {
    fn before(mosquitto: &Mosquitto) -> Self {
        Self::with(mosquitto, None)
    }

    fn hanging_up_after(mosquitto: &Mosquitto, spared: usize) -> Self {
        Self::with(mosquitto, Some(Arc::new(AtomicUsize::new(spared))))
    }

    fn with(mosquitto: &Mosquitto, spared: Option<Arc<AtomicUsize>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (broker, holds) = (mosquitto.port(), Arc::new(AtomicBool::new(false)));
        let held = Arc::clone(&holds);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                carry_both(near, far, &held, spared.clone());
            }
        });
        Self { port, holds }
    }

    fn sidecar(&self, data: &TempDir) -> Sidecar {
        let arguments = ["--broker", &format!("mqtt://127.0.0.1:{}", self.port), "--grace", "5s"];
        Sidecar::start(&arguments, &[EVERY_SECOND], data.path())
    }

    fn until_it_holds(&self, sidecar: &Sidecar, mosquitto: &Mosquitto) {
        sidecar.wait_until("a message is retained", SOON, |_| {
            self.holds.load(Ordering::SeqCst) && left(mosquitto).contains("/retained watchkeeper-probe")
        });
    }
}

fn carry_both(near: TcpStream, far: TcpStream, held: &Arc<AtomicBool>, spared: Option<Arc<AtomicUsize>>) {
    let mine = Arc::new(AtomicBool::new(false));
    let (up, down) = ((near.try_clone(), far.try_clone()), (far, near));
    let (held, noted) = (Arc::clone(held), Arc::clone(&mine));
    std::thread::spawn(move || {
        let (Ok(from), Ok(to)) = up else { return };
        carry(from, to, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            let is_it =
                text.split_once("/retained").is_some_and(|(_, rest)| rest.contains("watchkeeper-probe"));
            let less = |left: usize| left.checked_sub(1);
            match &spared {
                Some(spared) if is_it => {
                    let is_spared = spared.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
                    return if is_spared { Then::Pass } else { Then::HangUp };
                }
                None if is_it && !held.swap(true, Ordering::SeqCst) => noted.store(true, Ordering::SeqCst),
                _ => {}
            }
            Then::Pass
        });
    });
    std::thread::spawn(move || {
        let then = |_: &[u8]| if mine.load(Ordering::SeqCst) { Then::Swallow } else { Then::Pass };
        carry(down.0, down.1, then);
    });
}

/// Carries what may pass, until either side hangs up.
fn carry(mut from: TcpStream, mut to: TcpStream, then: impl Fn(&[u8]) -> Then) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let then = then(&bytes[..length]);
        if then == Then::HangUp || (then == Then::Pass && to.write_all(&bytes[..length]).is_err()) {
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
    // What the round itself found does not wait for it, and of what is under way nothing is known.
    until_rounds(&sidecar, 1.0);
    assert_eq!((success(&sidecar), retained(&sidecar)), (vec![1.0, 1.0, 1.0], None));
    assert_eq!(told(&sidecar)["supported"], Value::Null);
    let log = sidecar.stop();
    assert_eq!((left(&mosquitto).as_str(), log.contains("may be left")), ("", false), "{log}");
}

#[test]
fn what_a_stop_cannot_take_away_is_told_and_the_stop_is_in_time() {
    for hangs_up in [true, false] {
        let (mut mosquitto, data) = (Mosquitto::start(), folder());
        let holding = Holding::before(&mosquitto);
        let sidecar = holding.sidecar(&data);
        holding.until_it_holds(&sidecar, &mosquitto);
        // One that is not there says no at once, one that is frozen nothing.
        if hangs_up {
            mosquitto.kill();
        } else {
            mosquitto.freeze();
        }
        let log = sidecar.stop();
        let lines = log.lines().filter(|line| line.contains("may be left")).collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains(&format!("127.0.0.1:{}", holding.port)), "{}", lines[0]);
        assert!(!log.contains("raise --grace"), "{log}");
    }
}

#[test]
fn a_broker_that_kept_one_and_hangs_up_on_the_next_has_failed() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let hanging = Holding::hanging_up_after(&mosquitto, 2);
    let sidecar = hanging.sidecar(&data);
    until_retained(&sidecar);
    let issue = until_issue(&sidecar, "probe_retained_failed");
    assert!(issue["summary"].as_str().unwrap().contains("hangs up on a retained message"), "{issue}");
    assert_eq!((retained(&sidecar), success(&sidecar)), (Some(0.0), vec![1.0, 1.0, 1.0]));
    let told = told(&sidecar);
    assert_eq!((&told["ok"], &told["supported"]), (&false.into(), &true.into()), "{told}");
}

#[test]
fn a_broker_that_is_away_from_the_start_says_nothing_of_retained_messages() {
    let (mut mosquitto, data) = (Mosquitto::start(), folder());
    mosquitto.kill();
    let sidecar = sidecar(&mosquitto, &data, &[]);
    sidecar.wait_until("a round failed", SOON, |own| success(own) == [0.0, 0.0, 0.0]);
    assert_eq!((retained(&sidecar), told(&sidecar)["supported"].clone()), (None, Value::Null));
    mosquitto.restart(false);
    until_retained(&sidecar);
    mosquitto.kill();
    sidecar.wait_until("nothing comes back", SOON, |own| retained(own) == Some(0.0));
}

#[test]
fn what_a_kill_leaves_is_taken_away_by_the_next_start() {
    let (mosquitto, data) = (Mosquitto::start(), folder());
    let holding = Holding::before(&mosquitto);
    let mut killed = holding.sidecar(&data);
    holding.until_it_holds(&killed, &mosquitto);
    killed.kill9();
    let lies = left(&mosquitto);
    assert_eq!(lies.lines().count(), 1, "one small message on our own topic: {lies}");
    let seconds =
        lies.trim_end().rsplit_once(", ").and_then(|(_, rest)| rest.strip_suffix(" s")?.parse().ok());
    assert!(seconds.is_some_and(|seconds: u64| (1..=120).contains(&seconds)), "and not for ever: {lies}");
    let next = holding.sidecar(&data);
    until_retained(&next);
    next.stop();
    assert_eq!(left(&mosquitto), "");
}
