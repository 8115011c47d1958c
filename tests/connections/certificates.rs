//! Certificates: what is told of good ones, and why a bad one keeps us out.

use crate::scene::{Papers, Scene, broker, failed, issue, with_listener};
use crate::support::{Authority, Holds, Mosquitto, SOON, Sidecar, becomes, run};
use std::fs;

const NOT_AFTER: &str = "watchkeeper_tls_certificate_not_after_timestamp_seconds";

#[test]
fn a_certificate_that_is_good_is_told_in_metrics_and_health() {
    let papers = Papers::new();
    let (_mosquitto, port) = with_listener(|port| papers.listener(port, ""));
    let sidecar = Scene::new(&format!("mqtts://127.0.0.1:{port}"), &papers.trusted()).sidecar();
    sidecar.until_connected();
    let metrics = sidecar.metrics();
    let not_after = metrics.get(NOT_AFTER, &[("certificate", "server"), ("broker", "main")]).unwrap();
    // What the library of the test gives it: the year 4096.
    assert!(not_after > 6.0e10, "{not_after}");
    let shown = broker(&sidecar)["certificates"][0].clone();
    assert_eq!((&shown["certificate"], &shown["subject"]), (&"server".into(), &"server".into()));
    assert_eq!(shown["issuer"], "authority");
    assert_eq!(shown["names"], serde_json::json!(["127.0.0.1", "localhost"]));
    assert!(issue(&sidecar, "certificate_expires").is_none());
}

#[test]
fn a_certificate_that_ends_within_three_weeks_degrades_and_a_later_one_does_not() {
    for (days, told) in [(20, true), (23, false)] {
        let papers = Papers::of(&["127.0.0.1"], Holds::Days(days));
        let (_mosquitto, port) = with_listener(|port| papers.listener(port, ""));
        let sidecar = Scene::new(&format!("mqtts://127.0.0.1:{port}"), &papers.trusted()).sidecar();
        sidecar.until_connected();
        let found = issue(&sidecar, "certificate_expires");
        assert_eq!(found.is_some(), told, "{found:?}");
        if let Some(found) = found {
            assert_eq!(found["severity"], "warning");
            assert!(found["summary"].as_str().unwrap().contains("days"), "{found}");
            assert_eq!(sidecar.json("/api/health")["status"], "degraded");
        }
    }
}

/// Nobody gets in, and health says why.
fn refused(papers: &Papers, host: &str, settings: &str, reason: &str) -> String {
    let (_mosquitto, port) = with_listener(|port| papers.listener(port, ""));
    let sidecar = Scene::new(&format!("mqtts://{host}:{port}"), settings).sidecar();
    let failure = failed(&sidecar, reason);
    assert!(sidecar.metrics().sum("watchkeeper_connect_failures_total", &[("reason", reason)]) >= 1.0);
    failure["summary"].as_str().expect("it is text").to_owned()
}

#[test]
fn a_certificate_that_is_bad_keeps_us_out_and_health_names_what_is_wrong() {
    let good = Papers::new();
    let foreign = Authority::new(good.path(), "stranger");
    let trusts_stranger = format!("ca_file = \"{}\"", foreign.file.display());
    refused(&good, "127.0.0.1", &trusts_stranger, "tls_untrusted");
    // What the system trusts knows nothing of an authority made a moment ago.
    refused(&good, "127.0.0.1", "", "tls_untrusted");
    let expired = Papers::of(&["127.0.0.1"], Holds::Before);
    refused(&expired, "127.0.0.1", &expired.trusted(), "tls_expired");
    let early = Papers::of(&["127.0.0.1"], Holds::Later);
    refused(&early, "127.0.0.1", &early.trusted(), "tls_not_yet_valid");
    let other = Papers::of(&["broker.example"], Holds::Now);
    let said = refused(&other, "127.0.0.1", &other.trusted(), "tls_name");
    assert!(said.contains("broker.example"), "{said}");
}

#[test]
fn a_client_certificate_is_shown_and_its_lack_is_told() {
    let papers = Papers::new();
    let (mosquitto, port) = with_listener(|port| papers.listener(port, "require_certificate true"));
    let url = format!("mqtts://127.0.0.1:{port}");
    let without = Scene::new(&url, &papers.trusted()).sidecar();
    let failure = failed(&without, "tls_client_certificate");
    assert!(failure["cure"].as_str().unwrap().contains("cert_file"), "{failure}");
    drop(without);
    let shows = |signed: &crate::support::Signed| {
        let (cert, key) = (signed.cert.display(), signed.key.display());
        format!("{}\ncert_file = \"{cert}\"\nkey_file = \"{key}\"", papers.trusted())
    };
    let stranger = Authority::new(papers.path(), "stranger").sign("foreign", &["wk"], Holds::Now);
    drop(failed(&Scene::new(&url, &shows(&stranger)).sidecar(), "tls_client_certificate"));
    let ours = papers.authority.sign("ours", &["wk"], Holds::Days(30));
    let with = Scene::new(&url, &shows(&ours)).sidecar();
    with.until_connected();
    assert!(with.metrics().get(NOT_AFTER, &[("certificate", "client")]).is_some());
    // A renewed one is taken by the next connection.
    let before = with.metrics().get(NOT_AFTER, &[("certificate", "client")]);
    papers.authority.sign("ours", &["wk"], Holds::Days(300));
    let mut mosquitto = mosquitto;
    mosquitto.restart(false);
    with.wait_until("the renewed certificate is shown", SOON, |own| {
        own.metrics().get(NOT_AFTER, &[("certificate", "client")]) > before
    });
}

#[test]
fn verification_is_skipped_only_by_name_and_that_is_told() {
    let papers = Papers::of(&["broker.example"], Holds::Before);
    let (_mosquitto, port) = with_listener(|port| papers.listener(port, ""));
    let url = format!("mqtts://127.0.0.1:{port}");
    let sidecar = Scene::new(&url, "insecure_skip_verification = true").sidecar();
    sidecar.until_connected();
    assert!(sidecar.log().contains("insecure_skip_verification"), "{}", sidecar.log());
    assert_eq!(issue(&sidecar, "certificate_not_verified").unwrap()["severity"], "warning");
    assert!(
        issue(&sidecar, "certificate_expires").unwrap()["summary"].as_str().unwrap().contains("has expired")
    );
}

#[test]
fn plain_mqtt_at_a_tls_port_and_the_reverse_are_told_apart() {
    let papers = Papers::new();
    let (mosquitto, port) = with_listener(|port| papers.listener(port, ""));
    drop(failed(&Scene::new(&format!("mqtt://127.0.0.1:{port}"), "").sidecar(), "tls_port"));
    drop(failed(
        &Scene::new(&mosquitto.url().replace("mqtt:", "mqtts:"), &papers.trusted()).sidecar(),
        "plain_port",
    ));
}

#[test]
fn a_wrong_file_is_a_problem_of_the_configuration_with_place_and_cure() {
    let papers = Papers::new();
    let other = papers.authority.sign("other", &["x"], Holds::Now);
    let junk = papers.path().join("junk");
    fs::write(&junk, "no certificate").unwrap();
    let (server, url) = (&papers.server, "mqtts://127.0.0.1:1");
    let pair = |cert: &std::path::Path, key: &std::path::Path| {
        format!("cert_file = \"{}\"\nkey_file = \"{}\"", cert.display(), key.display())
    };
    for (more, told) in [
        ("ca_file = \"/no/such/file\"".to_owned(), "No such file"),
        (format!("ca_file = \"{}\"", junk.display()), "no certificate in PEM form"),
        (format!("cert_file = \"{}\"", server.cert.display()), "needs its key"),
        (pair(&server.cert, &other.key), "does not belong to the certificate"),
        (pair(&server.cert, &server.cert), "no private key in PEM form"),
        (pair(&junk, &server.key), "no certificate in PEM form"),
        (papers.trusted() + "\ninsecure_skip_verification = true", "trusts everybody"),
    ] {
        let scene = Scene::new(url, &more);
        let checked = run(&["check", "--config", scene.config().to_str().unwrap()]);
        assert_eq!(checked.code, 2, "{more}: {checked:?}");
        assert!(checked.err.contains(told), "{more}: {}", checked.err);
        assert!(
            checked.err.contains("watchkeeper.toml:") && checked.err.contains("cure:"),
            "{}",
            checked.err
        );
    }
}

#[test]
fn the_commands_ask_a_sidecar_with_tls_and_trust_no_stranger() {
    let papers = Papers::new();
    let web = papers.path().join("web.yml");
    let text = format!(
        "tls_server_config:\n  cert_file: {}\n  key_file: {}\n",
        papers.server.cert.display(),
        papers.server.key.display()
    );
    fs::write(&web, text).unwrap();
    let mosquitto = Mosquitto::start();
    let arguments = ["--broker", &mosquitto.url(), "--web.config.file", web.to_str().unwrap()];
    let sidecar = Sidecar::start(&arguments, &[], &papers.path().join("data"));
    let port = sidecar.address().port();
    let ask = |url: &str, more: &[&str]| run(&[&["healthcheck", "--url", url], more].concat());
    let trusted = ["--ca-file", papers.authority.file.to_str().unwrap()];
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}");
        let asked = || ask(&url, &trusted);
        becomes(SOON, || asked().code == 0);
        assert_eq!(asked().code, 0, "{}", asked().out);
        let stranger = ask(&url, &[]);
        assert!(stranger.code == 1 && stranger.out.contains("--ca-file"), "{}", stranger.out);
    }
    let plain = ask(&format!("http://127.0.0.1:{port}"), &[]);
    assert!(plain.code == 1 && plain.out.contains("https://"), "{}", plain.out);
}
