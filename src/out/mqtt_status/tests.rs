//! The status to the letter: names, order of magnitude and every null.

use super::*;
use crate::engine::status::Bad;
use crate::ingest::status::Failure;
use watchkeeper_core::time::{Mono, SECOND};

fn at(second: u64) -> Now {
    Now { mono: Mono(second * SECOND), wall: wall(second) }
}

fn wall(second: u64) -> Wall {
    Wall(i64::try_from(second * SECOND).unwrap())
}

fn failure(reason: &'static str, summary: &str) -> Failure {
    Failure { reason, summary: summary.to_owned(), cure: String::new() }
}

fn link() -> Link {
    let mut state = LinkState { connected: true, ..LinkState::default() };
    state.fail(failure("refused", "nobody listens"), false, at(1));
    state.fail(failure("closed", "it hung up"), true, at(50));
    Link { broker: "main".to_owned(), state, outage: 1.5 }
}

#[test]
fn the_status_has_the_fields_of_the_field_guides_and_says_null_for_what_cannot_be_known() {
    let bad = Bad {
        at: wall(20),
        broker: "main".to_owned(),
        kind: "malformed",
        reason: "json".to_owned(),
        device: Some("d".to_owned()),
        details: "d/t: not JSON".to_owned(),
    };
    let facts = Facts {
        online: 2,
        ids: vec!["d".to_owned(), "e".to_owned()],
        commands_sent: 45,
        commands_failed: 2,
        qos: Some(1),
        queued_for: 1,
        by_kind: [("telemetry", 119), ("alarm", 1)].into(),
        bytes: 3 << 20,
        bad: vec![bad],
    };
    let expected = json!({
        "timestamp": "1970-01-01T00:01:40.000000Z",
        "persistent_sessions": {
            "enabled": true,
            "description": "Commands are queued: one device answered, after it was back, what was sent while it was offline",
        },
        "device_manager": {"connected_devices": 2, "device_list": ["d", "e"]},
        "mqtt_publisher": {
            "commands_sent": 45, "commands_failed": 2, "connection_status": true, "qos_level": 1, "clean_session": null,
        },
        "statistics": {
            "uptime_seconds": 60.0,
            "messages": {"published": null, "received": 120, "rate_per_minute": 120.0},
            "data": {"sent_MB": null, "received_MB": 3.0, "bandwidth_kbps": 409.6},
            "reliability": {"disconnections": 1, "availability_percent": 97.5},
            "message_distribution": {"alarm": 1, "telemetry": 119},
            "recent_errors": [
                {"time": "1970-01-01T00:00:01.000000Z", "type": "connect", "reason": "refused", "broker": "main",
                 "device": null, "details": "nobody listens"},
                {"time": "1970-01-01T00:00:20.000000Z", "type": "malformed", "reason": "json", "broker": "main",
                 "device": "d", "details": "d/t: not JSON"},
                {"time": "1970-01-01T00:00:50.000000Z", "type": "disconnect", "reason": "closed", "broker": "main",
                 "device": null, "details": "it hung up"},
            ],
        },
    });
    assert_eq!(status(&facts, &[link()], at(40), at(100)), expected);
}

#[test]
fn before_anything_was_seen_nothing_is_claimed() {
    let shown = status(&Facts::default(), &[], at(7), at(7));
    assert_eq!(shown["persistent_sessions"]["enabled"], Value::Null);
    assert_eq!(shown["mqtt_publisher"]["qos_level"], Value::Null);
    assert_eq!(shown["mqtt_publisher"]["connection_status"], false);
    assert_eq!(shown["statistics"]["messages"]["rate_per_minute"], 0.0);
    assert_eq!(shown["statistics"]["reliability"]["availability_percent"], 100.0);
}

#[test]
fn only_the_last_ten_errors_are_shown_and_several_brokers_are_as_good_as_the_worst() {
    let mut away = link();
    away.state.connected = false;
    away.outage = 30.0;
    for second in 0..30 {
        away.state.fail(failure("timeout", "silence"), false, at(100 + second));
    }
    let shown = status(&Facts::default(), &[link(), away], at(40), at(100));
    let errors = shown["statistics"]["recent_errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[9]["time"]), (10, &json!("1970-01-01T00:02:09.000000Z")));
    assert_eq!(shown["mqtt_publisher"]["connection_status"], false);
    let reliability = json!({"disconnections": 2, "availability_percent": 50.0});
    assert_eq!(shown["statistics"]["reliability"], reliability);
}
