//! The views as a browser gets them: what strangers send stays text, who may not look sees nothing, and each view keeps
//! its promises to those who read it with other means than eyes.

use super::*;
use crate::engine::handle::{BrokerOverview, NodesPage, Overview, Question};
use crate::engine::recent::{Looked, Point};
use crate::engine::trend::Sum;
use crate::out::EngineHandle;
use crate::out::testing::{Answered, Setup, ask, desk};
use serde_json::{Value, json};
use std::sync::Arc;

/// Names that strangers may choose, each of which would break a careless page.
fn hostile() -> Vec<String> {
    vec![
        "<script>alert(1)</script>".to_owned(),
        "\"><img src=x onerror=alert(1)>".to_owned(),
        "' onmouseover='alert(1)' x='".to_owned(),
        "</title></style></textarea><svg/onload=alert(1)>".to_owned(),
        "a\u{202e}gpj.exe\u{2066}\u{0}\u{7}\u{061c}\u{feff}".to_owned(),
        "javascript:alert(1)//../../?x=1&y=2#z %00{}".to_owned(),
        "<".repeat(1000),
    ]
}

/// An engine in which every text is this one.
async fn evil_engine(mut questions: tokio::sync::mpsc::Receiver<Question>, evil: String) {
    while let Some(question) = questions.recv().await {
        match question {
            Question::Nodes(_, reply) => {
                let cursor = Some(format!("0:{evil}"));
                let nodes = vec![node(&evil)];
                drop(reply.send(NodesPage {
                    nodes,
                    total: 3,
                    next_cursor: cursor.clone(),
                    first: cursor,
                    before: 1,
                }));
            }
            Question::Node(_, reply) => drop(reply.send(Some(node(&evil)))),
            Question::Look(_, from, reply) => {
                let values = vec![1.0, f64::MAX, -3.0];
                let (stream, name) = (evil.clone(), evil.clone());
                let point = Point { stream, name, value: f64::MIN, stuck_since: Some(Wall(0)), values };
                let span = Some((Wall(0), Wall(5_000_000)));
                drop(reply.send(Some(Looked { total: 120, from, span, points: vec![point] })));
            }
            Question::Queue(_, reply) => {
                let command = json!({"cmd_id": evil, "command": evil, "state": evil, "sent": evil});
                drop(reply.send(Some(json!({"message": evil, "commands": [command]}))));
            }
            Question::Topics(_, reply) => {
                let topic = json!({"topic": evil, "broker": evil, "rate": 1.5, "bytes": 7, "errors": 1});
                drop(reply.send(json!({"topics": [topic], "tracked": 1, "exact": false})));
            }
            Question::Findings(_, reply) => {
                let finding = json!({"ts": evil, "device": evil, "event": evil, "details": evil});
                drop(reply.send(vec![finding]));
            }
            Question::Overview(reply) => {
                let one = BrokerOverview {
                    broker: evil.clone(),
                    offline: 1,
                    sla_broken: vec![evil.clone()],
                    error_ratio_high: 1,
                    ..BrokerOverview::default()
                };
                let sum =
                    |at: i64| Sum { at: Wall(at * 10_000_000), messages: at.unsigned_abs() * 7, bad: 0 };
                drop(reply.send(Overview { brokers: vec![one], trend: (0..5).map(sum).collect() }));
            }
            _ => {}
        }
    }
}

fn node(evil: &str) -> Value {
    json!({
        "id": evil, "broker": evil, "state": evil, "last_seen": evil, "since": evil, "labels": {evil: evil},
        "streams": [{"stream": evil}], "errors": {evil: 3}, "error_ratio": 0.5, "error_ratio_high": true,
        "alarms": [{"id": evil, "type": evil, "point": evil, "priority": evil, "since": evil}],
        "muted": {"since": evil, "until": evil, "reason": evil}, "system": {evil: 1.0},
        "sequence": {"positions": [{"stream": evil, "next": 1}]}, "stuck_points": 2, "lost": 1,
    })
}

fn evil_desk(evil: &str) -> Desk {
    let mut desk = desk(Setup::default());
    let (engine, questions) = EngineHandle::new(8);
    tokio::spawn(evil_engine(questions, evil.to_owned()));
    let shared = Arc::get_mut(&mut desk.shared).unwrap();
    shared.subject.engine = engine;
    shared.subject.brokers[0].name = evil.to_owned();
    shared.subject.brokers[0].devices.set(|state| {
        state.connected = false;
        let (summary, cure) = (evil.to_owned(), evil.to_owned());
        state.failure = Some(crate::ingest::status::Failure { reason: "dns", summary, cure });
        let filter = evil.to_owned();
        state.filters = vec![crate::ingest::status::FilterState {
            filter,
            qos: 1,
            granted: Some(Err(0x87)),
            since: None,
        }];
    });
    desk
}

/// All views, with this text wherever an address may hold one.
fn addresses(text: &str) -> Vec<String> {
    let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    vec![
        "/".to_owned(),
        format!("/devices?q={text}"),
        format!("/devices?sort={text}"),
        format!("/devices/{text}"),
        format!("/topics?by={text}"),
        "/topics".to_owned(),
        format!("/queues?q={text}"),
        format!("/queues/{text}"),
        format!("/audit?text={text}&{text}=1"),
        "/system".to_owned(),
    ]
}

/// The tags and attributes that our own templates may make. Whatever else opens a tag came from a stranger.
#[track_caller]
fn check_markup(page: &str, address: &str) {
    const TAGS: [&str; 50] = [
        "html", "head", "meta", "title", "link", "style", "script", "body", "a", "header", "img", "nav",
        "ul", "li", "main", "div", "h1", "p", "time", "section", "h2", "span", "b", "dl", "dt", "dd",
        "table", "caption", "thead", "tr", "th", "tbody", "td", "svg", "path", "rect", "form", "label",
        "input", "select", "option", "button", "noscript", "code", "footer", "!DOCTYPE", "em", "small", "ol",
        "i",
    ];
    let style = page.find("<style>").unwrap()..page.find("</style>").unwrap();
    let outside = format!("{}{}", &page[..style.start], &page[style.end..]);
    for piece in outside.split('<').skip(1) {
        let tag: String = piece.trim_start_matches('/').chars().take_while(|c| !" >".contains(*c)).collect();
        assert!(TAGS.contains(&tag.as_str()), "{address}: <{piece}");
        let inside = piece.split('>').next().unwrap();
        let names: String = inside.split('"').step_by(2).collect();
        assert!(!names.contains(" on") && !names.contains("style="), "{address}: <{inside}>");
        assert!(!inside.contains("href=\"javascript:"), "{address}: <{inside}>");
        assert!(inside.matches('"').count().is_multiple_of(2), "{address}: <{inside}>");
    }
    // Nothing but our own line ends controls what is seen.
    let odd = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}\u{061c}\u{feff}".contains(c);
    assert!(!page.contains(odd), "{address}");
}

#[tokio::test]
async fn what_strangers_send_never_becomes_markup() {
    for evil in hostile() {
        let desk = evil_desk(&evil);
        for address in addresses(&evil) {
            let answered = ask(&desk, &format!("GET {address}"), &[]).await;
            assert!(answered.headers["content-type"].to_str().unwrap().starts_with("text/html"), "{address}");
            check_markup(answered.text(), &address);
        }
    }
}

#[tokio::test]
async fn a_page_holds_no_more_than_a_page_may_weigh() {
    // The longest id there may be, on every row.
    let desk = evil_desk(&"x".repeat(1000));
    for address in ["/", "/devices", "/devices/x", "/topics", "/queues", "/system"] {
        let answered = ask(&desk, &format!("GET {address}"), &[]).await;
        assert!(answered.body.len() < 100_000, "{address}: {}", answered.body.len());
    }
}

#[track_caller]
fn check_frame(answered: &Answered, address: &str) {
    let page = answered.text();
    for (part, times) in [
        ("<h1>", 1),
        ("<main id=\"main\"", 1),
        ("class=\"skip\" href=\"#main\"", 1),
        ("aria-current=\"page\"", 1),
        ("<html lang=\"en\">", 1),
    ] {
        assert_eq!(page.matches(part).count(), times, "{address}: {part}");
    }
    assert_eq!(page.matches("<table>").count(), page.matches("<caption>").count(), "{address}");
    assert!(!page.contains("<th>") && !page.contains("<th class"), "{address}: a head without its scope");
    for field in page.split("<input ").skip(1).chain(page.split("<select ").skip(1)) {
        let field = field.split('>').next().unwrap();
        let id = field.split("id=\"").nth(1).and_then(|rest| rest.split('"').next());
        let is_labelled = id.is_some_and(|id| page.contains(&format!("<label for=\"{id}\">")));
        assert!(is_labelled || field.contains("type=\"hidden\""), "{address}: {field}");
    }
    let policy = answered.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(policy.contains("script-src"), page.contains("<script "), "{address}");
    assert_eq!(answered.headers["x-content-type-options"], "nosniff");
    assert_eq!(answered.headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn every_view_has_one_heading_labelled_fields_and_a_strict_policy() {
    let desk = evil_desk("d1");
    for address in ["/", "/devices", "/devices/d1", "/topics", "/queues", "/queues/d1", "/audit", "/system"] {
        check_frame(&ask(&desk, &format!("GET {address}"), &[]).await, address);
    }
    let page = ask(&desk, "GET /devices?sort=-messages", &[]).await;
    assert_eq!(page.text().matches("aria-sort=\"descending\"").count(), 1);
    let script = ask(&desk, "GET /page.js", &[]).await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!script.text().contains(word), "the script makes markup of text: {word}");
    }
    assert_eq!(ask(&desk, "GET /page.svg", &[]).await.headers["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn whom_nothing_may_be_shown_sees_the_landing_page_and_no_device() {
    const SECRET: &str = "d-secret-7";
    for (setup, is_locked) in [
        (Setup { locked: true, ..Setup::default() }, true),
        (Setup { token: Some("t0ken"), ..Setup::default() }, false),
    ] {
        let mut desk = desk(setup);
        let (engine, questions) = EngineHandle::new(8);
        tokio::spawn(evil_engine(questions, SECRET.to_owned()));
        Arc::get_mut(&mut desk.shared).unwrap().subject.engine = engine;
        let landing = ask(&desk, "GET /", &[]).await;
        assert_eq!(landing.status, 200);
        assert!(landing.text().contains("Not shown here") && !landing.text().contains(SECRET));
        assert!(!landing.text().contains("<nav") && !landing.text().contains("href=\"/devices"));
        for address in addresses(SECRET).iter().filter(|address| *address != "/") {
            let refused = ask(&desk, &format!("GET {address}"), &[]).await;
            refused.check_problem(if is_locked { 403 } else { 401 }, "");
            assert!(!refused.text().contains(SECRET), "{address}");
        }
        for file in ["/page.js", "/page.svg"] {
            assert_eq!(ask(&desk, &format!("GET {file}"), &[]).await.status, 200);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_a_page_that_says_why() {
    let desk = desk(Setup::default());
    for (address, status, part) in [
        ("/devices?state=gone", 400, "state must be one of online, offline, unknown, never_seen"),
        ("/devices?limit=7", 400, "limit must be one of 50, 100"),
        (
            "/devices?colour=red",
            400,
            "unknown parameter; known are state, q, sort, limit, cursor, before, every",
        ),
        ("/devices/other", 404, "no device has this id"),
        ("/topics?by=size", 400, "by must be one of rate, bytes, errors"),
        ("/queues?from=x", 400, "from must be a whole number"),
        ("/queues/c1", 404, "no source of queues is configured"),
        ("/system?every=1", 400, "every must be one of 5, 10 and 60"),
        ("/audit", 404, "the audit log is off"),
        ("/audit?limit=101", 400, "at most 100 records"),
    ] {
        let answered = ask(&desk, &format!("GET {address}"), &[]).await;
        assert_eq!(answered.status, status, "{address}");
        assert!(answered.text().contains(part), "{address}: {}", answered.text());
    }
    let stopped = crate::out::testing::desk(Setup { engine_stopped: true, ..Setup::default() });
    assert_eq!(ask(&stopped, "GET /", &[]).await.status, 200);
    assert_eq!(ask(&stopped, "GET /devices", &[]).await.status, 503);
    assert_eq!(ask(&stopped, "GET /system", &[]).await.status, 200);
}

#[tokio::test]
async fn a_fleet_whose_broker_is_away_is_not_called_well() {
    let page = ask(&evil_desk("d1"), "GET /", &[]).await;
    assert!(page.text().contains("not known now") && page.text().contains("this is what was known last"));
    let desk = desk(Setup::default());
    let page = ask(&desk, "GET /", &[]).await;
    assert!(page.text().contains("all well") && !page.text().contains("not known now"), "{}", page.text());
}

#[tokio::test]
async fn a_view_is_read_again_only_where_somebody_asks_for_it() {
    let desk = desk(Setup::default());
    assert!(!ask(&desk, "GET /devices", &[]).await.headers.contains_key("refresh"));
    let again = ask(&desk, "GET /devices?q=a&every=10", &[]).await;
    assert_eq!(again.headers["refresh"], "10");
    assert!(again.text().contains("<a href=\"/devices?q=a\">stop refreshing</a>"), "{}", again.text());
}
