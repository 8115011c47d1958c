//! The commands as they are typed.

mod support;

use support::{Mosquitto, Publisher, Sidecar, run};

#[test]
fn healthcheck_tells_running_degraded_and_dead() {
    let broker = Mosquitto::start();
    let folder = tempfile::tempdir().unwrap();
    let mut sidecar = Sidecar::start(&["--broker", &broker.url()], &[], folder.path());
    sidecar.until_connected();
    let url = sidecar.url();
    let healthy = run(&["healthcheck", "--url", &url]);
    assert_eq!(healthy.code, 0, "{healthy:?}");
    let mut publisher = Publisher::connect(broker.port());
    publisher.publish("a/b", "1");
    publisher.flush();
    sidecar.until_messages(1);
    drop(broker);
    sidecar.wait_until("the outage is seen", support::SOON, |own| {
        own.json("/api/health")["status"] == "degraded"
    });
    let degraded = run(&["healthcheck", "--url", &url]);
    assert_eq!(degraded.code, 0, "{degraded:?}");
    sidecar.kill9();
    assert_eq!(run(&["healthcheck", "--url", &url]).code, 1);
}
