//! `GET /system`: ourselves. Connections and what the broker granted, our own queues and what they refused, limits, the
//! writer of the log, who may look. Health judges the fleet no more than here.

use super::View;
use super::overview_parts::issues;
use super::query::Asked;
use super::system_parts::{connections, filters, limits, log, ours, own_queues};
use super::words::{badge, text};
use crate::clock;
use crate::out::api::Pairs;
use crate::out::{Desk, health};
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use watchkeeper_core::time::seconds;

/// Serves the state of the program.
pub(in crate::out) async fn get(State(desk): State<Desk>, query: Pairs) -> Response {
    let asked = match Asked::read(query, &[]) {
        Ok(asked) => asked,
        Err(problem) => return super::refused(&desk, "/system", &problem),
    };
    let inputs = health::inputs(&desk.shared).await;
    let report = serde_json::to_value(health::report(&inputs)).unwrap_or_default();
    let mut view = View::new(&desk, "/system", "System", &asked);
    let (now, page) = (view.now, &mut view.body);
    page.raw("<section class=\"verdict\" aria-label=\"Health\"><p>").add(&badge(text(&report["status"])));
    page.raw(" This program, not the fleet.</p></section>\n");
    issues(page, &of_the_program(&report["issues"]));
    let running = seconds(clock::mono().since(desk.shared.subject.started.mono));
    ours(page, &desk, running);
    connections(page, &report, now);
    own_queues(page, &desk.shared.subject.own);
    if let Some(overview) = inputs.overview() {
        limits(page, overview);
    }
    log(page, &report["audit"], now);
    filters(page, &report);
    view.answer()
}

/// Issues of the fleet are on the overview.
fn of_the_program(issues: &Value) -> Value {
    const FLEET: [&str; 3] = ["error_ratio_high", "sla_broken", "failures_high"];
    let each = issues.as_array().into_iter().flatten();
    Value::Array(each.filter(|issue| !FLEET.contains(&text(&issue["code"]))).cloned().collect())
}
