//! What health says of the audit log. A log that cannot write loses nothing, but the broker's queue fills meanwhile:
//! that degrades, and is unhealthy when it lasts.

use super::link::LinkView;
use super::{AWAY_MAX, Inputs, Issue, Severity};
use crate::ingest::reasons::{suback_cure, suback_meaning};
use crate::ingest::status::FilterState;
use serde_json::{Value, json};
use std::path::PathBuf;
use watchkeeper_audit::log::{Cause, Stage, State, Status};
use watchkeeper_core::time::Wall;

/// So many filters are named in one issue.
const NAMED_MAX: usize = 3;

/// The log, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct AuditView {
    pub(super) dir: PathBuf,
    pub(super) status: Status,
}

/// In one word.
fn state(status: &Status) -> &'static str {
    match (&status.state, status.stage) {
        (State::Stopped, _) => "stopped",
        (State::Blocked { .. }, _) => "blocked",
        (State::Ok, Stage::Ample) => "ok",
        (State::Ok, Stage::Low | Stage::Scarce | Stage::Full) => "low",
    }
}

/// `audit` in `/api/health`.
pub(super) fn summary(view: Option<&AuditView>) -> Value {
    let Some(AuditView { dir, status }) = view else { return json!({"enabled": false, "state": "off"}) };
    let blocked = match &status.state {
        State::Blocked { cause, since, detail } => Some((since, detail, cure(*cause))),
        State::Ok | State::Stopped => None,
    };
    json!({
        "enabled": true,
        "state": state(status),
        "dir": dir.display().to_string(),
        "records": status.next,
        "bytes": status.bytes,
        "segments": status.segments,
        "free_bytes": status.free,
        "oldest": status.oldest.map(Wall::rfc3339),
        "last_write": status.last_write.map(Wall::rfc3339),
        "waiting": status.waiting,
        "dropped": status.dropped,
        "write_failures": status.write_failures,
        "tree_size": status.tree_size,
        "checkpoint": status.checkpoint.as_ref().map(|it| json!({"size": it.size, "at": it.at.rfc3339()})),
        "verified": status.verified.map(|it| json!({"at": it.at.rfc3339(), "exit": it.exit})),
        "blocked_since": blocked.as_ref().map(|(since, ..)| since.rfc3339()),
        "cause": blocked.as_ref().map(|(_, detail, _)| detail),
        "cure": blocked.as_ref().map(|(.., cure)| cure),
    })
}

/// What is wrong with the way of audited messages from one broker. What is true of the broker is told of its other
/// connection; here it is what keeps messages from the log although the broker is there.
pub(super) fn link_issues(link: &LinkView, issues: &mut Vec<Issue>) {
    let Some(audit) = &link.audit else { return };
    let mut add = |code, summary: String, since: Option<Wall>, cure: String| {
        let (broker, since) = (Some(link.name.clone()), since.map(Wall::rfc3339));
        issues.push(Issue { code, severity: Severity::Warning, summary, since, cure, broker });
    };
    if link.devices.connected && !audit.connected && audit.failure.is_some() {
        let (why, cure) =
            audit.failure.as_ref().map_or(("", ""), |failure| (&*failure.summary, &*failure.cure));
        let summary = format!("audited messages of broker {} do not arrive: {why}", link.name);
        add("audit_unconnected", summary, audit.away_since, cure.to_owned());
    }
    for FilterState { filter, granted, since, .. } in &audit.filters {
        let (name, Some(Err(code))) = (&link.name, *granted) else { continue };
        let why = suback_meaning(code);
        let summary = format!(
            "broker {name} refuses {filter}, so that its messages are not audited ({code:#04x}, {why})"
        );
        add("audit_filter_refused", summary, *since, suback_cure(filter, code));
    }
    if let Some((places, since)) = unprotected(&audit.filters) {
        let name = &link.name;
        let summary = format!(
            "broker {name} grants quality of service 0 for {places}: what is lost on the way is lost"
        );
        let cure = "allow quality of service 1 for our user in the broker".to_owned();
        add("audit_unprotected", summary, since, cure);
    }
}

/// What is granted at quality of service 0, and since when the first of it: a broker that has no other grants every filter so,
/// which is one cause and told as one.
fn unprotected(filters: &[FilterState]) -> Option<(String, Option<Wall>)> {
    let lowered: Vec<&FilterState> = filters.iter().filter(|filter| filter.granted == Some(Ok(0))).collect();
    let since = lowered.iter().filter_map(|filter| filter.since).min();
    let named: Vec<&str> = lowered.iter().take(NAMED_MAX).map(|filter| &*filter.filter).collect();
    let named = named.join(", ");
    match lowered.len() {
        0 => None,
        1 => Some((named, since)),
        count if count <= NAMED_MAX => Some((format!("{count} filters ({named})"), since)),
        count => Some((format!("{count} filters ({named}, …)"), since)),
    }
}

/// What is wrong with the log.
pub(super) fn issues(inputs: &Inputs, issues: &mut Vec<Issue>) {
    let Some(AuditView { dir, status }) = &inputs.audit else { return };
    let mut add = |code, severity, summary: String, since: Option<Wall>, cure: String| {
        issues.push(Issue { code, severity, summary, since: since.map(Wall::rfc3339), cure, broker: None });
    };
    if let State::Blocked { cause, detail, since } = &status.state {
        let long = inputs.now.wall.0.saturating_sub(since.0) >= i64::try_from(AWAY_MAX).unwrap_or(i64::MAX);
        let severity = if long { Severity::Critical } else { Severity::Warning };
        let summary = format!("the audit log in {} cannot write: {detail}", dir.display());
        add("audit_blocked", severity, summary, Some(*since), cure(*cause).to_owned());
    } else if status.stage != Stage::Ample {
        let free = status.free.map_or_else(|| "little".to_owned(), |free| format!("{free} bytes"));
        let last = if status.stage == Stage::Low { "" } else { ", and the log is about to stop" };
        let summary = format!("there are {free} free on the disk of the audit log{last}");
        add("audit_disk_low", Severity::Warning, summary, status.low_since, LOW.to_owned());
    }
    if let Some(why) = &status.evidence {
        let summary = format!("records are written but not signed: {why}");
        let cure = format!("let this user write into {} and beside it, where the key lies", dir.display());
        add("audit_unsigned", Severity::Warning, summary, status.evidence_since, cure);
    }
    if let Some(verified) = status.verified.filter(|verified| verified.exit == 1) {
        let summary = format!("the audit log in {} is not what was written", dir.display());
        let cure = format!("see what was altered: watchkeeper audit verify --dir {}", dir.display());
        add("audit_not_intact", Severity::Warning, summary, Some(verified.at), cure);
    }
}

const LOW: &str =
    "make room on that disk, lower audit.keep_bytes, or set audit.dir to a folder on another one";

fn cure(cause: Cause) -> &'static str {
    match cause {
        Cause::NoSpace => {
            "make room on that disk; it goes on by itself, and nothing is lost as long as the broker's queue holds"
        }
        Cause::ReadOnly => "mount that disk for writing; it goes on by itself",
        Cause::Denied => "let this user write there again; it goes on by itself",
        Cause::Disk => {
            "look at the system's log for the disk, and replace it; it goes on by itself when it can"
        }
        Cause::Stalled => "see what keeps the disk busy, or whether its server is away; it goes on by itself",
        Cause::Taken => {
            "another process has the folder: stop one of the two, and give each a folder of its own with audit.dir"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, inputs, up};
    use super::super::{Status as Health, report};
    use super::*;
    use watchkeeper_audit::log::Verified;

    fn with(change: impl FnOnce(&mut Status)) -> Inputs {
        let mut inputs = inputs(vec![up()]);
        let mut status = Status::default();
        change(&mut status);
        inputs.audit = Some(AuditView { dir: "/v/audit".into(), status });
        inputs
    }

    fn blocked(seconds: i64, cause: Cause) -> Inputs {
        let mut inputs = with(|_| {});
        let since = Wall(inputs.now.wall.0 - seconds * 1_000_000);
        let detail = "no room".to_owned();
        if let Some(audit) = &mut inputs.audit {
            audit.status.state = State::Blocked { cause, detail, since };
        }
        inputs
    }

    #[test]
    fn a_log_that_cannot_write_degrades_and_is_unhealthy_when_it_lasts() {
        check(&with(|_| {}), Health::Healthy, &[]);
        check(&blocked(0, Cause::NoSpace), Health::Degraded, &["audit_blocked"]);
        check(&blocked(299, Cause::NoSpace), Health::Degraded, &["audit_blocked"]);
        check(&blocked(300, Cause::NoSpace), Health::Unhealthy, &["audit_blocked"]);
    }

    #[test]
    fn each_cause_has_a_cure_of_its_own() {
        let mut cures = Vec::new();
        for cause in
            [Cause::NoSpace, Cause::ReadOnly, Cause::Denied, Cause::Disk, Cause::Stalled, Cause::Taken]
        {
            let report = serde_json::to_value(report(&blocked(5, cause))).unwrap();
            assert_eq!(report["issues"][0]["cure"], report["audit"]["cure"]);
            assert_eq!(report["audit"]["blocked_since"], "2025-08-25T10:29:55.000000Z");
            assert_eq!(
                (&report["audit"]["state"], &report["audit"]["cause"]),
                (&"blocked".into(), &"no room".into())
            );
            cures.push(report["audit"]["cure"].as_str().unwrap().to_owned());
        }
        let all = cures.len();
        cures.sort();
        cures.dedup();
        assert_eq!(cures.len(), all);
    }

    #[test]
    fn little_room_missing_signatures_and_a_failed_proof_are_told() {
        check(&with(|it| it.stage = Stage::Low), Health::Degraded, &["audit_disk_low"]);
        check(&with(|it| it.stage = Stage::Scarce), Health::Degraded, &["audit_disk_low"]);
        check(&with(|it| it.evidence = Some("no key".to_owned())), Health::Degraded, &["audit_unsigned"]);
        let proof = |exit| with(move |it| it.verified = Some(Verified { at: Wall(0), exit }));
        check(&proof(1), Health::Degraded, &["audit_not_intact"]);
        check(&proof(0), Health::Healthy, &[]);
        check(&proof(2), Health::Healthy, &[]);
    }

    #[test]
    fn a_log_that_is_off_says_so() {
        let report = serde_json::to_value(report(&inputs(vec![up()]))).unwrap();
        assert_eq!(report["audit"], json!({"enabled": false, "state": "off"}));
    }
}
