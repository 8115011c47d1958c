//! For tests: a fake engine that answers every question, and a router to ask. No test may sleep.

use super::routes::router;
use super::*;
use crate::engine::handle::{BrokerOverview, NodesPage, Overview, Question};
use crate::engine::recent::Looked;
use crate::engine::status::Facts;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use ring::hmac;
use serde_json::{Value, json};
use tower::ServiceExt;
use watchkeeper_core::mutes::Mutes;
use watchkeeper_core::sample::Exposition;

/// How the server under test is set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) locked: bool,
    pub(crate) token: Option<&'static str>,
    pub(crate) web_config: Option<WebConfig>,
    pub(crate) engine_stopped: bool,
    pub(crate) audit: Option<Window>,
}

pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn check_problem(&self, status: u16, part: &str) {
        assert_eq!(
            (self.status, &self.headers["content-type"]),
            (status, &"application/problem+json".parse().unwrap())
        );
        let json = self.json();
        assert_eq!((&json["type"], &json["status"]), (&json!("about:blank"), &json!(status)));
        assert!(json["detail"].as_str().unwrap().contains(part), "{json}");
    }
}

pub(crate) fn subject(engine_stopped: bool) -> Subject {
    let (engine, questions) = EngineHandle::new(8);
    if !engine_stopped {
        tokio::spawn(fake_engine(questions));
    }
    let link = Arc::new(LinkStatus::default());
    link.set(|state| {
        state.connected = true;
        state.protocol = Some("5");
    });
    let own = Own::new().unwrap();
    own.connect_attempts.with_label_values(&["main"]).inc();
    let brokers = vec![BrokerLink {
        name: "main".to_owned(),
        devices: link,
        sys: None,
        audit: None,
        probe: None,
        unverified: false,
    }];
    let audit = Window::default();
    let queues = crate::queues::Window::default();
    let started = crate::clock::now();
    let shard = watchkeeper_core::shard::Shard::default();
    Subject {
        engine,
        own,
        audit,
        queues,
        brokers,
        reload: None,
        shard,
        started,
        version: "1.2.3",
        revision: "abc",
    }
}

async fn fake_engine(mut questions: tokio::sync::mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        match question {
            Question::Exposition(exposition, pieces) => {
                let (family, value) = match exposition {
                    Exposition::Text => ("mqtt_messages_received_total", "7"),
                    Exposition::OpenMetrics => ("mqtt_messages_received", "7.0"),
                };
                let head = format!("# HELP {family} Messages.\n# TYPE {family} counter\n");
                for piece in [head, format!("mqtt_messages_received_total{{broker=\"main\"}} {value}\n")] {
                    let _ = pieces.send(piece.into()).await;
                }
                let _ = pieces.send(Bytes::new()).await;
            }
            Question::Nodes(query, reply) => {
                let node = json!({"id": "a/<1>", "state": "online", "asked": format!("{query:?}")});
                let _ = reply.send(NodesPage { nodes: vec![node], total: 1, ..NodesPage::default() });
            }
            Question::Node(id, reply) => drop(reply.send((id == "a/<1>").then(|| json!({"id": id})))),
            Question::Forget(id, reply) => drop(reply.send(id == "a/<1>")),
            Question::Unmute(id, reply) => drop(reply.send((id == "a/<1>").then_some(true))),
            Question::SetNext(next, reply) => {
                let set = (next.device == "a/<1>").then(|| (&*next.stream, next.next) == ("t", 7));
                let _ = reply.send(set);
            }
            Question::Mute(wish, reply) => {
                let mut mutes = Mutes::default();
                let wished = mutes.set(&wish.device, wish.until, &wish.reason, crate::clock::wall());
                let _ = reply.send(wished.map(|()| wish.device == "a/<1>"));
            }
            Question::Save(waiting) => drop(waiting.send(Ok(()))),
            Question::Overview(reply) => {
                let broker =
                    BrokerOverview { broker: "main".to_owned(), online: 3, ..BrokerOverview::default() };
                let _ = reply.send(Overview { brokers: vec![broker], trend: Vec::new() });
            }
            Question::Findings(limit, reply) => drop(reply.send(vec![json!({"limit": limit})])),
            Question::Look(id, from, reply) => {
                drop(reply.send((id == "a/<1>").then(|| Looked { from, ..Looked::default() })));
            }
            Question::Observed(reply) => drop(reply.send(Facts { online: 3, ..Facts::default() })),
            Question::Queue(id, reply) => {
                drop(reply.send((id == "a/<1>").then(|| json!({"node_id": id}))));
            }
            Question::Queues(_) | Question::Probe(..) => {}
            Question::Topics(query, reply) => drop(reply.send(json!({"top": query.top}))),
        }
    }
}

pub(crate) fn desk(setup: Setup) -> Desk {
    let key = || hmac::Key::new(hmac::HMAC_SHA256, b"test");
    let mut subject = subject(setup.engine_stopped);
    subject.audit = setup.audit.unwrap_or_default();
    let shared = Shared {
        subject,
        telemetry_path: "/metrics".to_owned(),
        silence: super::health::Silence::default(),
        exposed: Vec::new(),
        scrapes: Arc::new(Semaphore::new(SCRAPES_MAX)),
        audit: super::audit::Room::default(),
        histories: Arc::new(Semaphore::new(HISTORIES_MAX)),
        token: setup.token.map(|token| Token::new(key(), &token.to_owned().into())),
        web_config: setup.web_config.map(|config| RwLock::new(Arc::new(config))),
        basic_auth: basic_auth::Comparer::new(key()),
        rate_limit: rate_limit::Bucket::default(),
    };
    Desk { shared: Arc::new(shared), listener: Listener { locked: setup.locked } }
}

/// `METHOD /path`, and headers.
pub(crate) async fn ask(desk: &Desk, request: &str, headers: &[(&str, &str)]) -> Answered {
    ask_with(desk, request, headers, Body::empty()).await
}

/// The same with a body.
pub(crate) async fn ask_with(desk: &Desk, request: &str, headers: &[(&str, &str)], body: Body) -> Answered {
    let (method, path) = request.split_once(' ').unwrap();
    let mut builder = Request::builder().method(method).uri(path).header("host", "here");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let response = router(desk).oneshot(builder.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answered { status: parts.status.as_u16(), headers: parts.headers, body }
}
