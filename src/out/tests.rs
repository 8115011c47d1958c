//! The server as a client sees it, against a fake engine. The rooms' own tables are beside their code.

use super::testing::{Setup, ask, ask_with, desk};
use super::*;
use crate::config::Web;
use crate::out::rate_limit::Rule;
use flate2::read::GzDecoder;
use std::io::Read;

const OM: (&str, &str) = ("accept", "application/openmetrics-text");

fn with_user() -> WebConfig {
    let hash = bcrypt::hash("secret", 4).unwrap();
    WebConfig { users: [("ann".to_owned(), hash)].into(), ..WebConfig::default() }
}

fn basic(user: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(user))
}

#[tokio::test]
async fn metrics_come_in_the_format_that_was_asked_for() {
    let desk = desk(Setup::default());
    let text = ask(&desk, "GET /metrics", &[]).await;
    assert_eq!(
        (text.status, &text.headers["content-type"]),
        (200, &"text/plain; version=0.0.4; charset=utf-8".parse().unwrap())
    );
    assert!(text.text().contains("watchkeeper_build_info{version=\"1.2.3\",revision=\"abc\"} 1\n"));
    assert!(text.text().contains("watchkeeper_exposition_complete 1\n"));
    assert!(text.text().contains("# TYPE watchkeeper_connect_attempts_total counter\nwatchkeeper_connect_attempts_total{broker=\"main\"} 1\n"));
    assert!(text.text().ends_with("mqtt_messages_received_total{broker=\"main\"} 7\n"));
    let om = ask(&desk, "GET /metrics", &[OM]).await;
    assert_eq!(om.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(om.text().contains("# TYPE watchkeeper_connect_attempts counter\nwatchkeeper_connect_attempts_total{broker=\"main\"} 1.0\n"));
    assert!(om.text().contains("# TYPE process_cpu_seconds counter\n"));
    assert!(om.text().ends_with("mqtt_messages_received_total{broker=\"main\"} 7.0\n# EOF\n"));
    for text in [text.text(), om.text()] {
        let mut families: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
        let all = families.len();
        families.sort_unstable();
        families.dedup();
        assert_eq!(families.len(), all, "a family is there twice");
    }
}

#[tokio::test]
async fn metrics_are_compressed_when_asked() {
    let desk = desk(Setup::default());
    let zipped = ask(&desk, "GET /metrics", &[("accept-encoding", "gzip"), OM]).await;
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    let mut text = String::new();
    GzDecoder::new(&zipped.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("# HELP watchkeeper_build_info") && text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_silent_engine_costs_the_fleets_part_and_no_more() {
    let desk = desk(Setup { engine_stopped: true, ..Setup::default() });
    let metrics = ask(&desk, "GET /metrics", &[OM]).await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text().contains("watchkeeper_exposition_complete 0.0\n")
            && metrics.text().ends_with("# EOF\n")
    );
    ask(&desk, "GET /api/nodes", &[]).await.check_problem(503, "engine is stopping");
    assert_eq!(ask(&desk, "GET /api/health", &[]).await.json()["status"], "degraded");
    assert_eq!(ask(&desk, "GET /", &[]).await.status, 200);
    assert_eq!(ask(&desk, "GET /livez", &[]).await.text(), "ok\n");
}

#[tokio::test]
async fn too_many_scrapes_are_refused_and_a_finished_one_makes_room() {
    let desk = desk(Setup::default());
    let held = Arc::clone(&desk.shared.scrapes).try_acquire_many_owned(4).unwrap();
    ask(&desk, "GET /metrics", &[]).await.check_problem(503, "too many scrapes");
    drop(held);
    assert_eq!(ask(&desk, "GET /metrics", &[]).await.status, 200);
    assert_eq!(desk.shared.scrapes.available_permits(), 4);
    assert!(desk.shared.subject.own.scrape_duration.get() > 0.0);
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_producer() {
    use crate::engine::handle::Question;
    use tower::ServiceExt;
    let mut desk = desk(Setup::default());
    let (engine, mut questions) = EngineHandle::new(1);
    Arc::get_mut(&mut desk.shared).unwrap().subject.engine = engine;
    let request = axum::http::Request::get("/metrics").body(axum::body::Body::empty()).unwrap();
    let response = routes::router(&desk).oneshot(request).await.unwrap();
    let Some(Question::Exposition(_, pieces)) = questions.recv().await else { panic!("no scrape") };
    assert_eq!(desk.shared.scrapes.available_permits(), 3);
    drop(response);
    pieces.closed().await;
    assert_eq!(desk.shared.scrapes.available_permits(), 4);
}

#[tokio::test]
async fn a_locked_listener_shows_metrics_health_and_the_page_only() {
    let desk = desk(Setup { locked: true, ..Setup::default() });
    for path in [
        "/metrics",
        "/api/health",
        "/api/health/",
        "/api/health/mqtt",
        "/livez",
        "/readyz",
        "/-/healthy",
        "/-/ready",
        "/",
    ] {
        assert_eq!(ask(&desk, &format!("GET {path}"), &[]).await.status, 200, "{path}");
    }
    assert!(ask(&desk, "GET /", &[]).await.text().contains("Not shown here"));
    for request in [
        "GET /api/nodes",
        "GET /devices",
        "GET /audit",
        "GET /api/nodes/a",
        "DELETE /api/nodes/a/state",
        "GET /api/openapi.json",
        "GET /x",
    ] {
        ask(&desk, request, &[]).await.check_problem(403, "--web.config.file");
    }
}

#[tokio::test]
async fn the_api_needs_the_token_and_nothing_else_does() {
    let desk = desk(Setup { token: Some("t0ken"), ..Setup::default() });
    let refused = ask(&desk, "GET /api/nodes", &[]).await;
    refused.check_problem(401, "Bearer");
    assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    for wrong in ["Bearer t0ke", "Bearer t0kenn", "Basic t0ken", "t0ken", "Bearer "] {
        ask(&desk, "GET /api/nodes", &[("authorization", wrong)]).await.check_problem(401, "token");
    }
    assert_eq!(ask(&desk, "GET /api/nodes", &[("authorization", "bearer t0ken")]).await.status, 200);
    assert_eq!(ask(&desk, "GET /metrics", &[]).await.status, 200);
    assert_eq!(ask(&desk, "GET /api/health", &[]).await.status, 200);
    assert!(!ask(&desk, "GET /", &[]).await.text().contains("a/&lt;1&gt;"));
    let page = ask(&desk, "GET /devices", &[("authorization", "Bearer t0ken")]).await;
    assert!(page.text().contains("a/&lt;1&gt;"));
}

#[tokio::test]
async fn users_are_asked_for_at_every_endpoint() {
    let desk = desk(Setup { web_config: Some(with_user()), ..Setup::default() });
    for path in ["/metrics", "/", "/devices", "/page.js", "/api/health", "/api/nodes", "/nowhere"] {
        let refused = ask(&desk, &format!("GET {path}"), &[]).await;
        refused.check_problem(401, "user and password");
        assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    for wrong in [basic("ann:wrong"), basic("bob:secret"), basic("ann"), "Basic !".to_owned()] {
        ask(&desk, "GET /metrics", &[("authorization", &wrong)])
            .await
            .check_problem(401, "user and password");
    }
    assert_eq!(ask(&desk, "GET /metrics", &[("authorization", &basic("ann:secret"))]).await.status, 200);
}

#[tokio::test]
async fn that_the_process_lives_is_said_to_everybody_however_often_it_is_asked() {
    let mut config = with_user();
    config.rate_limit = Some(Rule { interval: 3_600_000_000, burst: 1 });
    let desk = desk(Setup { web_config: Some(config), token: Some("t"), locked: true, ..Setup::default() });
    for path in ["/livez", "/readyz", "/-/healthy", "/-/ready"] {
        for headers in [&[][..], &[("authorization", "Basic !")]] {
            assert_eq!(ask(&desk, &format!("GET {path}"), headers).await.text(), "ok\n", "{path}");
        }
    }
    // What says more is still asked for.
    ask(&desk, "GET /api/health", &[]).await.check_problem(401, "user and password");
    ask(&desk, "GET /api/health", &[]).await.check_problem(429, "rate_limit");
}

#[tokio::test]
async fn with_users_and_a_token_the_token_opens_all_and_a_user_not_the_api() {
    let desk = desk(Setup { web_config: Some(with_user()), token: Some("t"), ..Setup::default() });
    assert_eq!(ask(&desk, "GET /metrics", &[("authorization", "Bearer t")]).await.status, 200);
    assert_eq!(ask(&desk, "GET /api/nodes", &[("authorization", "Bearer t")]).await.status, 200);
    let user = basic("ann:secret");
    assert_eq!(ask(&desk, "GET /metrics", &[("authorization", &user)]).await.status, 200);
    ask(&desk, "GET /api/nodes", &[("authorization", &user)]).await.check_problem(401, "token");
}

#[tokio::test]
async fn devices_are_handed_over_and_refusals_are_problems() {
    let desk = desk(Setup::default());
    let page = ask(&desk, "GET /api/nodes?state=offline&limit=5", &[]).await.json();
    assert_eq!((&page["total"], &page["next_cursor"]), (&1.into(), &serde_json::Value::Null));
    assert!(page["nodes"][0]["asked"].as_str().unwrap().contains("limit: Some(5)"));
    assert_eq!(ask(&desk, "GET /api/nodes/a%2F%3C1%3E", &[]).await.json()["id"], "a/<1>");
    assert_eq!(ask(&desk, "DELETE /api/nodes/a%2F%3C1%3E/state", &[]).await.status, 204);
    assert_eq!(ask(&desk, "GET /api/findings?limit=9", &[]).await.json()["findings"][0]["limit"], 9);
    ask(&desk, "GET /api/nodes?limit=0", &[]).await.check_problem(400, "limit must be");
    ask(&desk, "GET /api/nodes?colour=red", &[]).await.check_problem(400, "unknown parameter");
    assert_eq!(ask(&desk, "GET /api/topics?top=9&by=bytes", &[]).await.json()["top"], 9);
    ask(&desk, "GET /api/topics?by=size", &[]).await.check_problem(400, "by must be");
    ask(&desk, "GET /api/findings?limit=x", &[]).await.check_problem(400, "limit must be");
    ask(&desk, "GET /api/nodes/other", &[]).await.check_problem(404, "no device");
    ask(&desk, "GET /api/nodes/%FF", &[]).await.check_problem(400, "UTF-8");
    ask(&desk, "DELETE /api/nodes/other/state", &[]).await.check_problem(404, "no device");
    ask(&desk, "GET /nowhere", &[]).await.check_problem(404, "openapi.json");
    let wrong = ask(&desk, "POST /api/nodes", &[]).await;
    wrong.check_problem(405, "Allow");
    assert_eq!(wrong.headers["allow"], "GET,HEAD");
    let large = [("content-length", "65537")];
    ask(&desk, "DELETE /api/nodes/x/state", &large).await.check_problem(413, "larger than");
    let cross = [("sec-fetch-site", "cross-site")];
    ask(&desk, "DELETE /api/nodes/x/state", &cross).await.check_problem(403, "another web site");
    assert_eq!(ask(&desk, "GET /api/nodes", &cross).await.status, 200);
}

#[tokio::test]
async fn what_was_observed_is_handed_over_by_get_and_by_post() {
    let desk = desk(Setup::default());
    let status = ask(&desk, "GET /api/mqtt/status", &[]).await.json();
    assert_eq!(status["device_manager"]["connected_devices"], 3);
    assert_eq!(status["mqtt_publisher"]["connection_status"], true);
    for method in ["GET", "POST"] {
        let path = |id: &str| format!("{method} /api/nodes/{id}/commands/queue-status");
        assert_eq!(ask(&desk, &path("a%2F%3C1%3E"), &[]).await.json()["node_id"], "a/<1>");
        ask(&desk, &path("other"), &[]).await.check_problem(404, "no device");
    }
    ask(&desk, "POST /api/mqtt/status", &[]).await.check_problem(405, "Allow");
}

#[tokio::test]
async fn the_next_number_of_a_device_is_set_and_refusals_are_problems() {
    let desk = desk(Setup::default());
    let set = async |id: &str, body: &'static str| {
        ask_with(&desk, &format!("POST /api/nodes/{id}/sequence"), &[], body.into()).await
    };
    assert_eq!(set("a%2F%3C1%3E", r#"{"stream":"t","next":7}"#).await.status, 204);
    set("a%2F%3C1%3E", r#"{"stream":"u","next":7}"#).await.check_problem(404, "no sequence numbers");
    set("other", r#"{"stream":"t","next":7}"#).await.check_problem(404, "no device");
    for body in
        ["", "7", r#"{"stream":"t"}"#, r#"{"stream":"t","next":-1}"#, r#"{"stream":"t","next":7,"x":1}"#]
    {
        set("a%2F%3C1%3E", body).await.check_problem(400, "the body must be");
    }
}

#[tokio::test]
async fn a_device_is_muted_with_a_reason_and_an_end_and_refusals_name_the_place() {
    let desk = desk(Setup::default());
    let mute = async |id: &str, body: &'static str| {
        ask_with(&desk, &format!("POST /api/nodes/{id}/mute"), &[], body.into()).await
    };
    let known = "a%2F%3C1%3E";
    assert_eq!(mute(known, r#"{"until":"2h","reason":"works"}"#).await.status, 204);
    assert_eq!(mute(known, r#"{"until":"2999-01-01T00:00:00Z","reason":"works"}"#).await.status, 204);
    mute("other", r#"{"until":"2h","reason":"works"}"#).await.check_problem(404, "no device");
    for (body, part) in [
        ("", "the body must be"),
        (r#"{"until":"2h"}"#, "reason"),
        (r#"{"until":"2h","reason":"x","more":1}"#, "more"),
        (r#"{"until":7,"reason":"x"}"#, "the body must be"),
        (r#"{"until":"soon","reason":"x"}"#, "until: write a duration such as 2h"),
        (r#"{"until":"1999-01-01T00:00:00Z","reason":"x"}"#, "until has passed"),
        (r#"{"until":"2h","reason":" "}"#, "the reason must have"),
    ] {
        mute(known, body).await.check_problem(400, part);
    }
    let lift = |id: &str| format!("DELETE /api/nodes/{id}/mute");
    assert_eq!(ask(&desk, &lift(known), &[]).await.status, 204);
    ask(&desk, &lift("other"), &[]).await.check_problem(404, "no device");
}

#[tokio::test]
async fn an_unhealthy_report_is_a_503() {
    let mut desk = desk(Setup::default());
    assert_eq!(ask(&desk, "GET /api/health", &[]).await.json()["status"], "healthy");
    let shared = Arc::get_mut(&mut desk.shared).unwrap();
    shared.subject.brokers[0].devices.set(|state| {
        state.connected = false;
        state.away_since_mono = Some(watchkeeper_core::time::Mono(0));
    });
    // As the clock of a fresh process stands near zero, the absence is short.
    let report = ask(&desk, "GET /api/health/", &[]).await;
    assert_eq!((report.status, &report.json()["mqtt"]["connected"]), (200, &false.into()));
    let mut inputs = health::inputs(&desk.shared).await;
    inputs.pass(400);
    assert_eq!(health::report(&inputs).response_status(), 503);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers_and_the_files_go_before_ours() {
    let mut config =
        WebConfig { rate_limit: Some(Rule { interval: 3_600_000_000, burst: 3 }), ..WebConfig::default() };
    config.headers = vec![("x-frame-options".parse().unwrap(), "sameorigin".parse().unwrap())];
    let desk = desk(Setup { web_config: Some(config), ..Setup::default() });
    for path in ["/", "/api/nodes", "/nowhere"] {
        let answered = ask(&desk, &format!("GET {path}"), &[]).await;
        assert_eq!(answered.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answered.headers["x-frame-options"], "sameorigin");
        let policy = answered.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert!(path != "/" || answered.text().contains("<td class=\"n\">3</td>"));
    }
    ask(&desk, "GET /", &[]).await.check_problem(429, "rate_limit");
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let document: serde_json::Value = serde_json::from_str(api::OPENAPI).unwrap();
    let mut described: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described.extend(methods.as_object().unwrap().keys().map(|method| format!("{method} {path}")));
    }
    let table = routes::table();
    let mut served: Vec<String> =
        table.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    served.push("get /metrics".to_owned());
    described.sort_unstable();
    served.sort_unstable();
    assert_eq!(described, served);
}

#[test]
fn a_telemetry_path_must_be_free_and_plain() {
    for good in ["/metrics", "/a/b.c"] {
        assert_eq!(routes::telemetry_path_refused(good), None, "{good}");
    }
    for bad in ["", "metrics", "/", "/api/health", "/api/x", "/{x}", "/a b", "/*x"] {
        assert!(routes::telemetry_path_refused(bad).is_some(), "{bad}");
    }
}

fn web(listen: &[std::net::SocketAddr]) -> Web {
    Web {
        listen: listen.to_vec(),
        telemetry_path: "/metrics".to_owned(),
        config_file: None,
        api_token: None,
        enable_lifecycle: false,
    }
}

#[tokio::test]
async fn it_serves_every_address_until_it_is_stopped() {
    use crate::cli::client::{Client, Method};
    let any = "127.0.0.1:0".parse().unwrap();
    let server = http::start(&web(&[any, any]), testing::subject(false)).unwrap();
    let addresses = server.addresses().to_vec();
    for address in &addresses {
        let client = Client::to(*address);
        assert_eq!(client.ask(Method::Get, "/livez", None).await.unwrap().body, b"ok\n");
        let metrics = client.ask(Method::Get, "/metrics", None).await.unwrap().body;
        assert!(metrics.ends_with(b"mqtt_messages_received_total{broker=\"main\"} 7\n"));
    }
    let taken = http::start(&web(&addresses[..1]), testing::subject(true)).unwrap_err().to_string();
    assert!(taken.contains(&addresses[0].to_string()) && taken.contains("--web.listen-address"), "{taken}");
    assert!(server.stop(Duration::from_secs(5)).await);
    let client = Client::to(addresses[0]);
    assert!(client.ask(Method::Get, "/livez", None).await.is_err());
}

#[tokio::test]
async fn a_request_that_lasts_longer_than_the_grace_is_cut_off() {
    use crate::cli::client::{Client, Method};
    use crate::engine::handle::Question;
    let mut subject = testing::subject(true);
    let (engine, mut questions) = EngineHandle::new(1);
    subject.engine = engine;
    let server = http::start(&web(&["127.0.0.1:0".parse().unwrap()]), subject).unwrap();
    let client = Client::to(server.addresses()[0]);
    let scrape = tokio::spawn(async move { client.ask(Method::Get, "/metrics", None).await });
    let Some(Question::Exposition(_, pieces)) = questions.recv().await else { panic!("no scrape") };
    assert!(!server.stop(Duration::from_millis(50)).await);
    pieces.closed().await;
    assert!(scrape.await.unwrap().is_err());
}
