//! Errors as RFC 9457 problem documents. A detail must say what is wrong and what to do, and must never hold
//! what a device or a broker sent.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// What is wrong, and the cure.
    pub(crate) detail: String,
    header: Option<(HeaderName, &'static str)>,
    /// Members beyond those of the standard, for programs.
    members: Vec<(&'static str, Value)>,
}

impl Problem {
    /// Any problem.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), header: None, members: Vec::new() }
    }

    /// 400.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401, with the way to prove who one is.
    pub(crate) fn unauthorized(challenge: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// 403.
    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub(crate) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 503, to be tried again soon.
    pub(crate) fn unavailable(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(header::RETRY_AFTER, "5")
    }

    /// 507 where there is no room for it, else 503.
    pub(crate) fn not_saved(is_full: bool, detail: &str) -> Self {
        if is_full { Self::new(StatusCode::INSUFFICIENT_STORAGE, detail) } else { Self::unavailable(detail) }
    }

    /// With a member for programs.
    #[must_use]
    pub(crate) fn member(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        for (name, value) in self.members {
            body[name] = value;
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_says_all_that_rfc_9457_asks_for() {
        let response = Problem::unauthorized("Bearer", "no \"token\"").into_response();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&body).unwrap(),
            json!({"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "no \"token\""})
        );
    }
}
