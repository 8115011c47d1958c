//! `GET /`: a page made on the server, without a script and without anything from elsewhere, for plants that have
//! no internet. Every text on it passes `escape::html`; nothing else may put text between its tags.

use super::escape::{html, segment};
use super::security::Access;
use super::{BrokerLink, Desk, answer};
use crate::engine::handle::{BrokerOverview, NodesQuery, Overview};
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

const DEVICES_MAX: usize = 50;

static STYLE: &str = include_str!("page.css");

/// The style is allowed by its hash, so that no other style can come in.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// Serves the page; it answers also when the engine does not.
pub(crate) async fn get(State(desk): State<Desk>, Extension(access): Extension<Access>) -> Response {
    let subject = &desk.shared.subject;
    let overview = answer(subject.engine.overview()).await.ok();
    let devices = if access.api { devices(&desk).await } else { None };
    let page = Page {
        version: subject.version,
        revision: subject.revision,
        telemetry_path: &desk.shared.telemetry_path,
        brokers: &subject.brokers,
        overview: overview.as_ref(),
        devices: devices.as_deref(),
        api: access.api,
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
    ];
    (headers, page.render()).into_response()
}

/// Offline devices first, then those with the most errors.
async fn devices(desk: &Desk) -> Option<Vec<Value>> {
    let query = |state: Option<&str>, sort: &str| NodesQuery {
        state: state.map(str::to_owned),
        sort: Some(sort.to_owned()),
        limit: Some(DEVICES_MAX),
        ..NodesQuery::default()
    };
    let engine = &desk.shared.subject.engine;
    let mut nodes = answer(engine.nodes(query(Some("offline"), "last_seen"))).await.ok()?.nodes;
    nodes.extend(answer(engine.nodes(query(None, "-error_ratio"))).await.ok()?.nodes);
    let mut shown = HashSet::new();
    nodes.retain(|node| shown.insert(text(node, "broker") + "\n" + &text(node, "id")));
    nodes.truncate(DEVICES_MAX);
    Some(nodes)
}

/// What the page shows.
struct Page<'a> {
    version: &'a str,
    revision: &'a str,
    telemetry_path: &'a str,
    brokers: &'a [BrokerLink],
    overview: Option<&'a Overview>,
    devices: Option<&'a [Value]>,
    /// Whether this request may see devices.
    api: bool,
}

impl Page<'_> {
    fn render(&self) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width\"><title>Watchkeeper</title><style>{STYLE}</style></head><body>\n\
             <header><h1>Watchkeeper</h1><p>Observability sidecar for MQTT fleets, version {} ({})</p></header>\n\
             <nav><a href=\"{}\">Metrics</a> <a href=\"/api/health\">Health</a> <a href=\"/api/nodes\">Devices</a> \
             <a href=\"/api/findings\">Findings</a> \
             <a href=\"/api/audit?order=desc\">Log</a> <a href=\"/api/openapi.json\">API description</a></nav>\n<main>\n",
            html(self.version),
            html(self.revision),
            html(self.telemetry_path),
        );
        self.brokers(&mut page);
        self.devices(&mut page);
        page.push_str("</main></body></html>\n");
        page
    }

    fn brokers(&self, page: &mut String) {
        page.push_str("<h2>Brokers</h2>\n");
        if self.overview.is_none() {
            page.push_str("<p class=\"bad\">The engine does not answer: it is stopping or overloaded.</p>\n");
        }
        head(
            page,
            &[
                "Broker",
                "Connection",
                "Online",
                "Offline",
                "Unknown",
                "Never seen",
                "Stuck points",
                "Messages",
            ],
        );
        let none = BrokerOverview::default();
        for link in self.brokers {
            let of = |broker: &&BrokerOverview| broker.broker == link.name;
            let counts = self.overview.and_then(|overview| overview.brokers.iter().find(of)).unwrap_or(&none);
            let (class, connection) = connection(link);
            let _ = write!(
                page,
                "<tr><th>{}</th><td class=\"{class}\">{}</td>",
                html(&link.name),
                html(&connection)
            );
            for count in
                [counts.online, counts.offline, counts.unknown, counts.never_seen, counts.points_stuck]
            {
                let _ = write!(page, "<td class=\"number\">{count}</td>");
            }
            let _ = writeln!(page, "<td class=\"number\">{}</td></tr>", counts.messages);
        }
        page.push_str("</tbody></table>\n");
    }

    fn devices(&self, page: &mut String) {
        page.push_str("<h2>Devices, the worst first</h2>\n");
        let devices = match self.devices {
            Some([]) => return page.push_str("<p>No device was heard of yet.</p>\n"),
            Some(devices) => devices,
            None if self.api => return page.push_str("<p class=\"bad\">The engine does not answer.</p>\n"),
            None => {
                return page.push_str(
                    "<p>Not shown here: who may see them is not known. Send the API token, or \
                open this page on a loopback address.</p>\n",
                );
            }
        };
        head(page, &["Device", "Broker", "State", "Last seen", "Error ratio", "Stuck points", "Lost"]);
        for node in devices {
            let id = text(node, "id");
            let _ = write!(page, "<tr><th><a href=\"/api/nodes/{}\">{}</a></th>", segment(&id), html(&id));
            for key in ["broker", "state", "last_seen", "error_ratio", "stuck_points", "lost"] {
                let value = text(node, key);
                let class = if value == "offline" { " class=\"bad\"" } else { "" };
                let _ = write!(page, "<td{class}>{}</td>", html(&value));
            }
            page.push_str("</tr>\n");
        }
        page.push_str("</tbody></table>\n");
    }
}

fn head(page: &mut String, columns: &[&str]) {
    page.push_str("<table><thead><tr>");
    for column in columns {
        let _ = write!(page, "<th>{}</th>", html(column));
    }
    page.push_str("</tr></thead><tbody>\n");
}

fn connection(link: &BrokerLink) -> (&'static str, String) {
    let state = link.devices.get();
    match (state.connected, state.failure) {
        (true, _) => ("good", "connected".to_owned()),
        (false, Some(failure)) => ("bad", format!("away: {}", failure.summary)),
        (false, None) => ("bad", "connecting".to_owned()),
    }
}

/// A field for people: a list by its length, what is absent as a dash.
fn text(node: &Value, key: &str) -> String {
    match &node[key] {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.len().to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() != 0.0 => format!("{float:.3}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(devices: Option<&[Value]>, api: bool) -> String {
        let link = BrokerLink {
            name: "<b>".to_owned(),
            devices: std::sync::Arc::default(),
            sys: None,
            audit: None,
            probe: None,
            unverified: false,
        };
        let telemetry_path = "/metrics";
        let overview = Overview::default();
        let brokers = [link];
        let overview = Some(&overview);
        Page { version: "1", revision: "r", telemetry_path, brokers: &brokers, overview, devices, api }
            .render()
    }

    #[test]
    fn what_strangers_send_never_becomes_markup() {
        let evil = "<img src=x onerror=alert(1)>\"'";
        let node = json!({"id": evil, "broker": evil, "state": evil, "last_seen": evil, "lost": {"a": evil}});
        let page = page(Some(&[node]), true);
        assert!(!page.contains("<img") && !page.contains("<b>"), "{page}");
        assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;"));
        assert!(page.contains("href=\"/api/nodes/%3Cimg%20src"));
        assert!(!page.contains("<script"));
    }

    #[test]
    fn devices_are_left_out_where_they_may_not_be_seen() {
        assert!(page(None, false).contains("Send the API token"));
        assert!(page(None, true).contains("The engine does not answer."));
        assert!(page(Some(&[]), true).contains("No device was heard of yet."));
    }

    #[test]
    fn fields_are_shown_for_people() {
        let node = json!({"a": 3, "b": 0.123_456, "c": ["x", "y"], "e": "t", "f": 1.0});
        let shown: Vec<String> = ["a", "b", "c", "d", "e"].iter().map(|key| text(&node, key)).collect();
        assert_eq!(shown, ["3", "0.123", "2", "–", "t"]);
    }
}
