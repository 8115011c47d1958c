//! The health table: situations and what must be said of them.

use super::*;
use crate::engine::handle::BrokerOverview;
use crate::ingest::status::{Failure, FilterState, LinkState};
use watchkeeper_core::time::{Mono, Wall};

mod since;

fn now() -> Now {
    Now { mono: Mono(1000 * SECOND), wall: Wall(1_756_117_800_000_000) }
}

pub(super) fn up() -> LinkView {
    LinkView {
        name: "main".to_owned(),
        devices: LinkState {
            connected: true,
            client_id: "wk".to_owned(),
            attempts: 7,
            protocol: Some("5"),
            filters: vec![FilterState {
                filter: "a/#".to_owned(),
                qos: 1,
                granted: Some(Ok(1)),
                since: None,
            }],
            ..LinkState::default()
        },
        last_message: Some(now().wall.minus(1_500_000)),
        sys: None,
        audit: None,
        probe: None,
        unverified: false,
    }
}

fn away(seconds: u64) -> LinkView {
    let mut link = up();
    link.devices.connected = false;
    link.devices.attempts = 4;
    link.devices.away_since = Some(now().wall.minus(seconds * SECOND));
    link.devices.away_since_mono = Some(Mono((1000 - seconds) * SECOND));
    link.devices.next_attempt = Some(Mono(1003 * SECOND));
    link.devices.failure = Some(Failure {
        reason: "refused",
        summary: "nobody listens".to_owned(),
        cure: "start it".to_owned(),
    });
    link
}

pub(super) fn inputs(links: Vec<LinkView>) -> Inputs {
    Inputs {
        now: now(),
        started: Now { mono: Mono(0), wall: now().wall.minus(1000 * SECOND) },
        version: "1.2.3",
        links,
        overview: Some(Overview::default()),
        silent_since: None,
        audit: None,
        queues: QueuesView::default(),
        open: Vec::new(),
        shard: watchkeeper_core::shard::Shard::default(),
    }
}

pub(super) fn check(inputs: &Inputs, status: Status, codes: &[&str]) {
    let report = report(inputs);
    let found: Vec<&str> = report.issues.iter().flatten().map(|issue| issue.code).collect();
    assert_eq!((report.status, found.as_slice()), (status, codes));
}

#[test]
fn an_absence_degrades_for_five_minutes_and_then_is_unhealthy() {
    check(&inputs(vec![up()]), Status::Healthy, &[]);
    check(&inputs(vec![away(0)]), Status::Degraded, &["broker_unreachable"]);
    check(&inputs(vec![away(299)]), Status::Degraded, &["broker_unreachable"]);
    check(&inputs(vec![away(300)]), Status::Unhealthy, &["broker_unreachable"]);
    check(&inputs(vec![up(), away(300)]), Status::Unhealthy, &["broker_unreachable"]);
}

#[test]
fn a_broker_that_was_never_reached_is_away_since_the_start() {
    let never = LinkView { name: "main".to_owned(), ..LinkView::default() };
    let mut young = inputs(vec![never]);
    check(&young, Status::Unhealthy, &["broker_never_connected"]);
    young.started = Now { mono: Mono(999 * SECOND), wall: now().wall.minus(SECOND) };
    check(&young, Status::Degraded, &["broker_never_connected"]);
    assert_eq!(report(&young).issues.unwrap()[0].since.as_deref(), Some("2025-08-25T10:29:59.000000Z"));
}

#[test]
fn a_refused_filter_is_named_with_its_cure() {
    let mut link = up();
    link.devices.filters[0].granted = Some(Err(0x87));
    let inputs = inputs(vec![link]);
    check(&inputs, Status::Degraded, &["filter_refused"]);
    let issue = &report(&inputs).issues.unwrap()[0];
    assert_eq!(issue.summary, "broker main refused the filter a/# (0x87, not authorized)");
    assert!(issue.cure.contains("access list"));
}

#[test]
fn missing_broker_statistics_are_told_and_do_not_degrade() {
    let mut link = up();
    link.sys = Some(LinkState { given_up: true, ..LinkState::default() });
    check(&inputs(vec![link.clone()]), Status::Healthy, &["sys_unavailable"]);
    link.sys = Some(LinkState { connected: true, ..LinkState::default() });
    check(&inputs(vec![link.clone()]), Status::Healthy, &["sys_unavailable"]);
    let mut seen = inputs(vec![link]);
    let broker = BrokerOverview { broker: "main".to_owned(), sys_seen: true, ..BrokerOverview::default() };
    seen.overview = Some(Overview { brokers: vec![broker], trend: Vec::new() });
    check(&seen, Status::Healthy, &[]);
}

#[test]
fn what_the_engine_counts_is_told_worst_first() {
    let mut inputs = inputs(vec![up()]);
    let broker = BrokerOverview {
        broker: "main".to_owned(),
        shed: 3,
        shedding: Some(Wall(1_756_117_800_000_000)),
        devices_refused: 2,
        error_ratio_high: 1,
        sla_broken: vec!["command_p95 is 0.812 s, promised are 0.500 s".to_owned()],
        failing: vec!["command"],
        ..BrokerOverview::default()
    };
    inputs.overview = Some(Overview { brokers: vec![broker], trend: Vec::new() });
    let told = ["devices_refused", "messages_shed", "error_ratio_high", "sla_broken", "failures_high"];
    check(&inputs, Status::Degraded, &told);
    inputs.overview = None;
    inputs.open = vec!["0.0.0.0:10883".parse().unwrap()];
    check(&inputs, Status::Degraded, &["engine_silent", "non_loopback_open"]);
}

#[test]
fn the_report_has_every_field_of_the_interface() {
    let json = serde_json::to_value(report(&inputs(vec![up(), away(60)]))).unwrap();
    assert_eq!(json["status"], "degraded");
    assert_eq!(json["timestamp"], "2025-08-25T10:30:00.000000Z");
    assert_eq!(json["version"], "1.2.3");
    assert_eq!(
        json["mqtt"],
        json!({"connected": false, "last_activity_seconds_ago": 1.5, "reconnect_attempts": 4, "pending_requests": 0})
    );
    assert_eq!(json["audit"], json!({"enabled": false, "state": "off"}));
    assert_eq!(json["brokers"][0]["filters"], json!([{"filter": "a/#", "qos": 1, "granted": 1}]));
    assert_eq!(json["brokers"][0]["since"], Value::Null);
    assert_eq!(
        json["issues"],
        json!([{
            "code": "broker_unreachable", "severity": "warning", "broker": "main", "cure": "start it",
            "summary": "broker main is away: nobody listens", "since": "2025-08-25T10:29:00.000000Z",
        }])
    );
    let healthy = serde_json::to_value(report(&inputs(vec![up()]))).unwrap();
    assert_eq!(healthy["issues"], Value::Null);
    assert!(healthy.as_object().unwrap().contains_key("issues"));
}

#[test]
fn the_connection_report_is_that_of_the_worst_broker() {
    let one = mqtt_report(&inputs(vec![up()]));
    assert_eq!(
        one,
        json!({
            "broker": "main", "connected": true, "client_id": "wk",
            "last_activity": {"timestamp": "2025-08-25T10:29:58.500000Z", "seconds_ago": 1.5},
            "reconnection": {"attempts": 0, "max_attempts": null, "next_in_seconds": null},
            "pending_requests": {"total": 0, "by_device": {}},
            "subscribers": {"filters": [{"filter": "a/#", "qos": 1, "granted": 1}]},
        })
    );
    let mut asked = inputs(vec![up()]);
    let broker = BrokerOverview {
        broker: "main".to_owned(),
        pending: 3,
        pending_by_device: [("d".to_owned(), 2), ("e".to_owned(), 1)].into(),
        ..BrokerOverview::default()
    };
    asked.overview = Some(Overview { brokers: vec![broker], trend: Vec::new() });
    assert_eq!(mqtt_report(&asked)["pending_requests"], json!({"total": 3, "by_device": {"d": 2, "e": 1}}));
    assert_eq!(serde_json::to_value(report(&asked)).unwrap()["mqtt"]["pending_requests"], 3);
    let mut far = away(60);
    far.name = "far".to_owned();
    let two = mqtt_report(&inputs(vec![up(), far]));
    assert_eq!((&two["broker"], &two["reconnection"]["next_in_seconds"]), (&json!("far"), &json!(3.0)));
    assert_eq!(two["brokers"][1]["broker"], "main");
}

#[test]
fn what_keeps_audited_messages_from_the_log_degrades() {
    let filter = |granted| FilterState {
        filter: "cmd/#".to_owned(),
        qos: 1,
        granted: Some(granted),
        since: Some(now().wall),
    };
    let mut link = up();
    let audit = LinkState { connected: true, filters: vec![filter(Ok(1))], ..LinkState::default() };
    link.audit = Some(audit.clone());
    check(&inputs(vec![link.clone()]), Status::Healthy, &[]);
    link.audit = Some(LinkState { filters: vec![filter(Ok(0)), filter(Err(0x87))], ..audit.clone() });
    check(&inputs(vec![link.clone()]), Status::Degraded, &["audit_filter_refused", "audit_unprotected"]);
    // Before the first attempt has failed nothing is wrong.
    link.audit = Some(LinkState { connected: false, ..audit.clone() });
    check(&inputs(vec![link.clone()]), Status::Healthy, &[]);
    let failure = away(1).devices.failure;
    link.audit = Some(LinkState { connected: false, failure, ..audit });
    check(&inputs(vec![link.clone()]), Status::Degraded, &["audit_unconnected"]);
    // A broker that is away is told once.
    link.devices = away(1).devices;
    check(&inputs(vec![link]), Status::Degraded, &["broker_unreachable"]);
}
