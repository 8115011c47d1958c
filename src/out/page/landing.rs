//! What `GET /` shows to whom it does not know: that the program is there, how it is, and how one may see more. No
//! device, topic, client or record may stand here.

use super::View;
use super::markup::Markup;
use super::overview_parts::issues;
use super::query::Asked;
use super::words::badge;
use crate::out::{Desk, health};
use axum::response::Response;
use serde_json::Value;

pub(super) async fn get(desk: &Desk) -> Response {
    let report = health::report(&health::inputs(&desk.shared).await);
    let report = serde_json::to_value(report).unwrap_or_default();
    let asked = Asked::default();
    let mut view = View::new(desk, "/", "Not open to everybody", &asked);
    view.may_repeat = false;
    view.is_open = false;
    body(&mut view.body, &report, desk.listener.locked);
    view.answer()
}

fn body(page: &mut Markup, report: &Value, is_locked: bool) {
    page.raw("<p>This is the observability sidecar of an MQTT broker.</p>\n<section aria-label=\"Health\"><p>Health: ");
    page.add(&badge(super::words::text(&report["status"]))).raw("</p>");
    page.raw("</section>\n<section><h2>Not shown here</h2>");
    page.raw(if is_locked {
        "<p>Devices, topics, queues and the audit log are shown on loopback addresses only, because other machines reach \
         this address and nothing says who may ask. Set <code>--web.config.file</code> with <code>basic_auth_users</code>, \
         and the browser asks for user and password.</p>"
    } else {
        "<p>Devices, topics, queues and the audit log need the API token, as <code>Authorization: Bearer …</code>, which \
         browsers do not send by themselves. For people at browsers set <code>basic_auth_users</code> in \
         <code>--web.config.file</code> in place of the token.</p>"
    });
    page.raw("</section>\n");
    issues(page, &without_names(&report["issues"]));
}

/// The issues of the program itself. Those that speak of the fleet or of clients may name somebody.
fn without_names(issues: &Value) -> Value {
    const OWN: [&str; 3] = ["broker_never_connected", "broker_unreachable", "engine_silent"];
    let issues = issues.as_array().into_iter().flatten();
    let own = issues.filter(|issue| {
        let code = issue["code"].as_str().unwrap_or_default();
        OWN.contains(&code) || (code.starts_with("audit_") && !code.contains("filter"))
    });
    Value::Array(own.cloned().collect())
}
