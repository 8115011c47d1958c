//! An operator mutes a device, with a reason and an end, or lets it be heard again. Each is a record of the log. What is
//! refused says which part of the body is wrong and what to write instead.

use super::api::{Id, segment, unknown_device};
use super::security::Sender;
use super::{Desk, answer, saved};
use crate::clock;
use crate::config::parse_duration;
use crate::engine::handle::MuteWish;
use crate::out::problem::Problem;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use serde::Deserialize;
use watchkeeper_audit::sources::life;
use watchkeeper_core::time::{Wall, micros, parse_rfc3339};

const SHAPE: &str = r#"the body must be {"until": "2h" or an RFC 3339 moment, "reason": TEXT}, as JSON"#;

/// The body of the wish.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    until: String,
    reason: String,
}

/// `POST /api/nodes/{id}/mute`.
pub(crate) async fn set(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    id: Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let device = segment(id)?;
    let body = body.map_err(|rejection| Problem::new(rejection.status(), "the body cannot be read"))?;
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        // A list would be taken for the members in their order, and what is missing told by its place.
        return Err(Problem::bad_request(format!("{SHAPE}; what came is no object")));
    }
    let Body { until, reason } =
        serde_json::from_slice(&body).map_err(|why| Problem::bad_request(format!("{SHAPE}: {why}")))?;
    let now = clock::wall();
    let until = moment(&until, now)?;
    let record = life::muted(now, sender.asker(), "", &device, Some(until), reason.trim());
    let subject = &desk.shared.subject;
    match answer(subject.engine.mute(MuteWish { device, until, reason })).await? {
        Ok(true) => {
            subject.audit.note(record);
            saved(subject).await
        }
        Ok(false) => Err(unknown_device()),
        Err(refused) => Err(Problem::bad_request(refused.to_string())),
    }
}

/// `DELETE /api/nodes/{id}/mute`.
pub(crate) async fn lift(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    id: Id,
) -> Result<StatusCode, Problem> {
    let (subject, device) = (&desk.shared.subject, segment(id)?);
    match answer(subject.engine.unmute(device.clone())).await? {
        Some(true) => {
            subject.audit.note(life::muted(clock::wall(), sender.asker(), "", &device, None, ""));
            saved(subject).await
        }
        Some(false) => {
            Err(Problem::not_found("the device is not muted; its muted in /api/nodes/{id} is null then"))
        }
        None => Err(unknown_device()),
    }
}

/// A moment, or so long from now.
fn moment(text: &str, now: Wall) -> Result<Wall, Problem> {
    if let Some(at) = parse_rfc3339(text) {
        return Ok(at);
    }
    let cure = "until: write a duration such as 2h, or a moment such as 2026-11-21T18:00:00Z";
    let span = parse_duration(text).map_err(|_| Problem::bad_request(cure))?;
    let span = i64::try_from(micros(span)).map_err(|_| Problem::bad_request(cure))?;
    let until = now.0.checked_add(span).map(Wall).filter(|until| until.is_date());
    until.ok_or_else(|| Problem::bad_request("until: it lies beyond the year 9999; write a shorter time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_a_moment_or_a_time_from_now() {
        let now = Wall(1_000_000);
        assert_eq!(moment("1m30s", now), Ok(Wall(91_000_000)));
        assert_eq!(moment("1970-01-01T01:00:02+01:00", now), Ok(Wall(2_000_000)));
        assert_eq!(moment("9999-12-31T23:59:59Z", now), Ok(Wall(253_402_300_799_000_000)));
        let refused = moment("3650000d", now).expect_err("it has no date");
        assert!(refused.detail.contains("beyond the year 9999"), "{}", refused.detail);
        for bad in
            ["", "soon", "5", "-5m", "2026-11-21", "99999999999999d", "1000000000d", "10000-01-01T00:00:00Z"]
        {
            let refused = moment(bad, Wall(i64::MAX - 5)).expect_err(bad);
            assert!(refused.detail.starts_with("until: "), "{bad}: {}", refused.detail);
        }
    }
}
