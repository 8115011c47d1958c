//! What health says of the probe: our own messages that do not come back though the broker is there, and sessions that it
//! does not keep. A broker that is away is told by its link, and once.

use super::link::LinkView;
use super::{Issue, Severity};
use crate::ingest::status::Failure;
use crate::probe::status::ProbeState;
use serde_json::{Map, Value, json};
use watchkeeper_core::probe::Kept;
use watchkeeper_core::time::{Wall, seconds};

/// `probe` of an entry of `brokers` in `/api/health`.
pub(super) fn summary(probe: &ProbeState) -> Value {
    let failure = |failure: &Failure| json!({"reason": failure.reason, "summary": failure.summary, "cure": failure.cure});
    let took = probe.round_trips.iter().map(|(qos, took)| (qos.to_string(), json!(seconds(*took) * 1e3)));
    json!({
        "last": probe.last.map(Wall::rfc3339),
        "ok": probe.last.map(|_| probe.failure.is_none()),
        "round_trip_ms": took.collect::<Map<String, Value>>(),
        "lost": probe.lost,
        "failure": probe.failure.as_ref().map(failure),
        "retained": {
            "ok": match probe.retained {
                Kept::Sound => Some(true),
                Kept::Failed => Some(false),
                Kept::Unsupported | Kept::HungUp | Kept::Untried => None,
            },
            "supported": match probe.retained {
                Kept::Sound | Kept::Failed => Some(true),
                Kept::Unsupported => Some(false),
                Kept::HungUp | Kept::Untried => None,
            },
            "failure": probe.retained_failure.as_ref().map(failure),
        },
        "session": {
            "last": probe.session_last.map(Wall::rfc3339),
            "ok": probe.session_last.map(|_| probe.session_failure.is_none()),
            "failure": probe.session_failure.as_ref().map(|(why, _)| failure(why)),
        },
    })
}

/// What is wrong.
pub(super) fn issues(link: &LinkView, issues: &mut Vec<Issue>) {
    let Some(probe) = link.probe.as_ref().filter(|_| link.devices.connected) else { return };
    let mut add = |code, summary: String, cure: &str, since: Wall| {
        let (broker, since, cure) = (Some(link.name.clone()), Some(since.rfc3339()), cure.to_owned());
        issues.push(Issue { code, severity: Severity::Warning, summary, since, cure, broker });
    };
    let name = &link.name;
    if let (Some(since), Some(failure)) = (probe.failing_since, &probe.failure) {
        let summary = format!("the probe of broker {name} fails: {}", failure.summary);
        add("probe_failed", summary, &failure.cure, since);
    }
    if let Some(since) = probe.losing_since {
        let (lost, limits) = (
            probe.lost,
            "see mqtt_probe_messages_lost_total by QoS, the broker's log and its limits for one client",
        );
        match &probe.nothing_back {
            None => {
                let summary =
                    format!("broker {name} loses messages: {lost} of the probe did not come back so far");
                add("probe_lost", summary, limits, since);
            }
            // What it never brings may be what it was never allowed to.
            Some(failure) => {
                let summary = format!(
                    "broker {name} brings back nothing of the probe ({lost} messages so far): {}",
                    failure.summary
                );
                add("probe_lost", summary, &failure.cure, since);
            }
        }
    }
    if let (Some(since), Some(failure)) = (probe.retained_since, &probe.retained_failure) {
        let summary = format!("retained messages at broker {name} are not sound: {}", failure.summary);
        add("probe_retained_failed", summary, &failure.cure, since);
    }
    if let Some((failure, since)) = &probe.session_failure {
        let summary = format!("sessions at broker {name} are not sound: {}", failure.summary);
        add("session_probe_failed", summary, &failure.cure, *since);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::super::tests::{check, inputs, up};
    use super::*;

    #[test]
    fn what_does_not_come_back_degrades_unless_the_broker_is_away() {
        let failure =
            Failure { reason: "suback", summary: "refused".to_owned(), cure: "allow it".to_owned() };
        let mut link = up();
        link.probe = Some(ProbeState { failure: Some(failure.clone()), ..ProbeState::default() });
        check(&inputs(vec![link.clone()]), Status::Healthy, &[]);
        link.probe = Some(ProbeState {
            failure: Some(failure.clone()),
            failing_since: Some(Wall(0)),
            losing_since: Some(Wall(0)),
            retained: Kept::Failed,
            retained_failure: Some(failure.clone()),
            retained_since: Some(Wall(0)),
            session_failure: Some((failure, Wall(0))),
            ..ProbeState::default()
        });
        let told = ["probe_failed", "probe_lost", "probe_retained_failed", "session_probe_failed"];
        check(&inputs(vec![link.clone()]), Status::Degraded, &told);
        link.devices.connected = false;
        link.devices.away_since_mono = Some(super::super::tests::inputs(Vec::new()).now.mono);
        check(&inputs(vec![link]), Status::Degraded, &["broker_unreachable"]);
    }

    #[test]
    fn the_last_round_is_shown() {
        let round_trips = vec![(0, 1500), (2, 4000)];
        let state = ProbeState { last: Some(Wall(0)), round_trips, ..ProbeState::default() };
        let shown = summary(&state);
        assert_eq!((&shown["ok"], &shown["round_trip_ms"]["2"]), (&json!(true), &json!(4.0)));
        assert_eq!(shown["session"]["ok"], Value::Null);
        for (retained, ok, supported) in [
            (Kept::Untried, Value::Null, Value::Null),
            (Kept::Sound, json!(true), json!(true)),
            (Kept::Failed, json!(false), json!(true)),
            (Kept::Unsupported, Value::Null, json!(false)),
            (Kept::HungUp, Value::Null, Value::Null),
        ] {
            let shown = summary(&ProbeState { retained, ..ProbeState::default() })["retained"].clone();
            assert_eq!((&shown["ok"], &shown["supported"]), (&ok, &supported), "{retained:?}");
        }
    }

    #[test]
    fn a_broker_that_keeps_no_retained_messages_is_healthy() {
        let failure =
            Failure { reason: "x", summary: "it keeps none".to_owned(), cure: "nothing".to_owned() };
        let mut link = up();
        let retained_failure = Some(failure);
        link.probe =
            Some(ProbeState { retained: Kept::Unsupported, retained_failure, ..ProbeState::default() });
        check(&inputs(vec![link]), Status::Healthy, &[]);
    }
}
