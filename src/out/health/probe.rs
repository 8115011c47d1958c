//! Liveness and readiness: the process and nothing else. A broker that is away must never restart us.

use axum::http::header;
use axum::response::IntoResponse;

/// It answers, so it lives; and it listens only once it is built, so it is ready.
pub(crate) async fn alive() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n")
}
