//! The API on devices and findings. It hands over what the engine says and must never add knowledge of its own.

use super::security::Sender;
use super::{Desk, answer, nodes_query, saved};
use crate::clock;
use crate::engine::handle::NextNumber;
use crate::out::problem::Problem;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde_json::{Value, json};
use watchkeeper_audit::sources::life;

const FINDINGS_MAX: usize = 1000;
const FINDINGS_DEFAULT: usize = 100;

/// The description of all endpoints.
pub(crate) static OPENAPI: &str = include_str!("openapi.json");

pub(super) type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;
pub(super) type Id = Result<Path<String>, PathRejection>;

/// `GET /api/nodes`.
pub(crate) async fn nodes(State(desk): State<Desk>, query: Pairs) -> Result<impl IntoResponse, Problem> {
    let query = nodes_query::nodes(pairs(query)?)?;
    Ok(Json(answer(desk.shared.subject.engine.nodes(query)).await?))
}

/// `GET /api/nodes/{id}`.
pub(crate) async fn node(State(desk): State<Desk>, id: Id) -> Result<Json<Value>, Problem> {
    answer(desk.shared.subject.engine.node(segment(id)?)).await?.map(Json).ok_or_else(unknown_device)
}

/// `DELETE /api/nodes/{id}/state`.
pub(crate) async fn forget(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    id: Id,
) -> Result<StatusCode, Problem> {
    let (subject, id) = (&desk.shared.subject, segment(id)?);
    if answer(subject.engine.forget(id.clone())).await? {
        subject.audit.note(life::device_forgotten(clock::wall(), sender.asker(), "", &id));
        saved(subject).await
    } else {
        Err(unknown_device())
    }
}

/// `POST /api/nodes/{id}/sequence`.
pub(crate) async fn set_next(
    State(desk): State<Desk>,
    Extension(sender): Extension<Sender>,
    id: Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let device = segment(id)?;
    let body = body.map_err(|rejection| Problem::new(rejection.status(), "the body cannot be read"))?;
    let asked: NextNumber = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_request(r#"the body must be {"stream": NAME, "next": NUMBER}, as JSON"#))?;
    let subject = &desk.shared.subject;
    let wanted = NextNumber { device, ..asked };
    let record =
        life::sequence_set(clock::wall(), sender.asker(), "", &wanted.device, &wanted.stream, wanted.next);
    match answer(subject.engine.set_next(wanted)).await? {
        Some(true) => {
            subject.audit.note(record);
            saved(subject).await
        }
        Some(false) => Err(Problem::not_found(
            "the device has sent no sequence numbers on a stream of this name; see sequence.positions of the device",
        )),
        None => Err(unknown_device()),
    }
}

/// `GET /api/findings`.
pub(crate) async fn findings(State(desk): State<Desk>, query: Pairs) -> Result<Json<Value>, Problem> {
    let limit = match pairs(query)?.as_slice() {
        [] => FINDINGS_DEFAULT,
        [(name, value)] if name == "limit" => nodes_query::limit(value, FINDINGS_MAX)?,
        _ => return Err(Problem::bad_request("unknown or repeated parameter; the only one is limit, once")),
    };
    let subject = &desk.shared.subject;
    let mut findings = answer(subject.engine.findings(limit)).await?;
    // What a device says of itself is in some of them.
    for finding in &mut findings {
        if let Some(Value::String(details)) = finding.get_mut("details") {
            *details = subject.audit.masked(details);
        }
    }
    Ok(Json(json!({"findings": findings})))
}

/// `GET /api/openapi.json`.
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}

/// Every other path.
pub(crate) async fn unknown_path() -> Problem {
    Problem::not_found("there is nothing at this path; /api/openapi.json lists what there is")
}

/// Every other method; the router adds `Allow`.
pub(crate) async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "this path does not know the method; the header Allow lists those it knows",
    )
}

pub(super) fn pairs(query: Pairs) -> Result<Vec<(String, String)>, Problem> {
    match query {
        Ok(Query(pairs)) => Ok(pairs),
        Err(_) => Err(Problem::bad_request("the query cannot be read; percent-encode its values")),
    }
}

pub(super) fn segment(id: Id) -> Result<String, Problem> {
    match id {
        Ok(Path(id)) => Ok(id),
        Err(_) => Err(Problem::bad_request(
            "the id is not valid UTF-8 once percent-decoded; encode it as one segment",
        )),
    }
}

pub(super) fn unknown_device() -> Problem {
    Problem::not_found(
        "no device has this id; percent-encode it as one segment (/ is %2F), and see /api/nodes for all ids",
    )
}
