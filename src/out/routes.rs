//! Every path there is, in one table, from which the router is built and against which the description is
//! tested. A path that is not here must not exist.

use super::{
    Desk, api, audit, health, lifecycle, metrics, mqtt_status, mutes, page, queues, security, topics,
};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::limit::RequestBodyLimitLayer;

/// Bodies are a line or two; one that no endpoint reads is let through as far as this and left unread.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A path and what it answers.
pub(crate) struct Route {
    /// `get`, `post` or `delete`, as the description spells it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the test that compares the description with the table")
    )]
    pub(crate) method: &'static str,
    /// With `{parameters}`.
    pub(crate) path: &'static str,
    answer: MethodRouter<Desk>,
}

/// All routes but the metrics, whose path is configured.
pub(crate) fn table() -> Vec<Route> {
    let read = |path, answer| Route { method: "get", path, answer };
    vec![
        read("/", get(page::overview)),
        read("/devices", get(page::devices)),
        read("/devices/{id}", get(page::device)),
        read("/topics", get(page::topics)),
        read("/queues", get(page::queues)),
        read("/queues/{client}", get(page::queue)),
        read("/audit", get(page::audit)),
        read("/system", get(page::system)),
        read("/page.js", get(page::script)),
        read("/page.svg", get(page::icon)),
        read("/livez", get(health::alive)),
        read("/readyz", get(health::alive)),
        read("/-/healthy", get(health::alive)),
        read("/-/ready", get(health::alive)),
        read("/api/health", get(health::get)),
        read("/api/health/", get(health::get)),
        read("/api/health/mqtt", get(health::get_mqtt)),
        read("/api/mqtt/status", get(mqtt_status::get)),
        read("/api/nodes", get(api::nodes)),
        read("/api/nodes/{id}", get(api::node)),
        Route { method: "delete", path: "/api/nodes/{id}/state", answer: delete(api::forget) },
        Route { method: "post", path: "/api/nodes/{id}/sequence", answer: post(api::set_next) },
        Route { method: "post", path: "/api/nodes/{id}/mute", answer: post(mutes::set) },
        Route { method: "delete", path: "/api/nodes/{id}/mute", answer: delete(mutes::lift) },
        read("/api/nodes/{id}/commands/queue-status", get(mqtt_status::queue)),
        Route {
            method: "post",
            path: "/api/nodes/{id}/commands/queue-status",
            answer: post(mqtt_status::queue),
        },
        read("/api/findings", get(api::findings)),
        read("/api/topics", get(topics::get)),
        read("/api/queues", get(queues::get)),
        read("/api/queues/{client}/history", get(queues::history)),
        Route { method: "post", path: "/api/queues/snapshot", answer: post(queues::snapshot) },
        read("/api/audit", get(audit::search)),
        read("/api/audit/tail", get(audit::tail)),
        read("/api/audit/histogram", get(audit::histogram)),
        read("/api/audit/checkpoint", get(audit::checkpoint)),
        read("/api/audit/export", get(audit::export)),
        Route { method: "post", path: "/-/reload", answer: post(lifecycle::reload) },
        read("/api/openapi.json", get(api::openapi)),
    ]
}

/// Why the metrics cannot be served at this path; none where they can.
pub(crate) fn telemetry_path_refused(path: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !path.starts_with('/') {
        Some("it must begin with /")
    } else if !path.bytes().all(plain) {
        Some("only letters, digits and - . _ ~ / may occur in it")
    } else if ["/api/", "/devices/", "/queues/"].iter().any(|taken| path.starts_with(taken))
        || table().iter().any(|route| route.path == path)
    {
        Some("something else is served there")
    } else {
        None
    }
}

/// The router of one listener.
pub(crate) fn router(desk: &Desk) -> Router {
    let telemetry_path = &desk.shared.telemetry_path;
    table()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.answer))
        .route(telemetry_path, get(metrics::get))
        .fallback(api::unknown_path)
        .method_not_allowed_fallback(api::wrong_method)
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        // The default level takes nine times as long for 15 % fewer bytes.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(desk.clone(), security::guard))
        .with_state(desk.clone())
}
