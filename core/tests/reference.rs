//! The metric reference, `docs/metrics.md`, is rendered from the families themselves. A family that is added,
//! renamed or described anew makes this fail until `WATCHKEEPER_BLESS=1` has written the file again.
//!
//! The labels come from a scene in which every family has a sample; one that has none fails here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::broker::dialects::Said;
use watchkeeper_core::fleet::Fleet;
use watchkeeper_core::presets;
use watchkeeper_core::queues::{Board, Facts, Queue, Reading, Rules, Shown};
use watchkeeper_core::report::{Walk, Watched, families};
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::sample::{Exposition, Type, Writer};
use watchkeeper_core::shard::Shard;
use watchkeeper_core::time::{Mono, Now, SECOND, Wall};

const BEGIN: &str = "2026-11-21T06:31:00Z";

const HEAD: &str = "# Metrics of the fleet and its brokers

Written by `cargo test -p watchkeeper-core --test reference` from the families in `core/src/report/`; do not edit by
hand (`WATCHKEEPER_BLESS=1` writes it anew). What the program says of itself is in [metrics-own.md](metrics-own.md).

See them all: `curl -s http://127.0.0.1:10883/metrics`

Base units, no timestamps. What is not known is absent, never 0. The series of a forgotten device vanish. Families with
the label `device` exist for at most `limits.device_series_max` devices, the worst; the others always count all.
`mqtt_device_info` carries the captures named in `fleet.labels`, `area` and `line` unless told otherwise, and the
user properties of MQTT 5 named in `fleet.user_properties`. A stream of a preset has series once somebody speaks there,
so that `rate()` does not see what came before the first scrape that has them.
`mqtt_point_value` exists only with `metrics.values = true`.

| family | type | labels | what it says |
|---|---|---|---|
";

fn at(seconds: u64) -> Now {
    let begin = watchkeeper_core::time::parse_rfc3339(BEGIN).expect("the constant is a date");
    let wall = Wall(begin.0.saturating_add_unsigned(seconds * SECOND));
    Now { mono: Mono((1000 + seconds) * SECOND), wall }
}

/// A fleet and a broker of which everything is known: a stuck point, a bad message, a broker with statistics.
fn scene() -> Vec<Watched> {
    let mut rules = FleetRules { broker: "main".into(), values: true, ..FleetRules::default() };
    rules.streams = presets::streams("plant").expect("the preset exists");
    rules.labels = vec!["area".into(), "line".into()];
    // Of two shards the one that keeps the device of the scene.
    rules.shard = Shard::new(1, 2).expect("there are two");
    let mut watched = Watched::new(Fleet::new(rules));
    watched.fleet.link_up(at(0));
    for seconds in 0..20 {
        let now = at(seconds);
        let payload = format!(
            r#"{{"timestamp": "{}", "sequence": {seconds}, "points": {{"7": {{"temp": 21.5}}}}}}"#,
            now.wall.rfc3339()
        );
        let topic = "plant/a/1/d7/telemetry/temperature";
        watched.fleet.arrival(&Arrival::live(topic, payload.as_bytes()), now);
    }
    for (seconds, topic, payload) in [
        (1, "command/request", r#"{"cmd_id":"1","command":"get_status"}"#),
        (2, "command/response", r#"{"cmd_id":"1","status":"success","execution_time":5}"#),
        (3, "telemetry/system", r#"{"free_heap":200000,"boot_count":7}"#),
        (4, "alarm/active", r#"{"alarm_type":"HIGH_TEMP","point_id":7,"priority":"HIGH"}"#),
        (5, "event/relay", r#"{"relay_id":1,"state":"ON"}"#),
    ] {
        let topic = format!("plant/a/1/d7/{topic}");
        watched.fleet.arrival(&Arrival::live(&topic, payload.as_bytes()), at(20 + seconds));
    }
    for (topic, payload) in [
        ("version", "mosquitto version 2.0.11"),
        ("uptime", "123 seconds"),
        ("clients/connected", "1"),
        ("messages/received", "1"),
        ("messages/sent", "1"),
        ("publish/messages/received", "1"),
        ("publish/messages/sent", "1"),
        ("publish/messages/dropped", "1"),
        ("bytes/received", "1"),
        ("bytes/sent", "1"),
        ("subscriptions/count", "1"),
        ("retained messages/count", "1"),
        ("store/messages/count", "1"),
        ("messages/inflight", "1"),
        ("heap/current", "1"),
    ] {
        let topic = format!("$SYS/broker/{topic}");
        let said = Said { topic: &topic, payload: payload.as_bytes(), retain: true };
        assert!(watched.broker.take(&said, at(20)).is_empty());
    }
    watched.broker.clients.heard();
    let device = watched.fleet.devices().next().expect("it has spoken").id.to_string();
    let muted = watched.fleet.mute(&device, at(99).wall, "for the manual", at(19).wall);
    assert_eq!(muted, Ok(true));
    watched.queues = Arc::new(queues());
    vec![watched]
}

/// A queue of which a source tells everything.
fn queues() -> Shown {
    let mut board = Board::new(["emqx"], Rules::default(), 10);
    let queue = Queue {
        client_id: "d7".into(),
        depth: Some(1),
        inflight: Some(1),
        bytes: Some(1),
        limit_messages: Some(9),
        oldest: Some(at(9).wall),
        connected: Some(true),
        dropped: Some(1),
    };
    board.reading(0, &Reading { queues: vec![queue], ..Reading::default() }, &|_| Facts::default(), at(20));
    board.shown(at(20))
}

fn exposition() -> String {
    let mut watched = scene();
    let (mut walk, mut writer) = (Walk::new(), Writer::new(Exposition::Text, 128));
    while walk.step(&mut watched, at(20), &mut writer, usize::MAX) {}
    String::from_utf8(writer.buffer).expect("an exposition is text")
}

/// The labels of each family, in the order in which they are written; `le` belongs to the type.
fn labels(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once('{').expect("every series of the fleet has the label broker");
        let rest = rest.rsplit_once('}').expect("labels end with a bracket").0;
        let family =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let known = all.entry(family).or_default();
        for label in rest.split("\",").filter_map(|pair| pair.split_once('=')).map(|(label, _)| label) {
            if label != "le" && !known.contains(&label) {
                known.push(label);
            }
        }
    }
    all
}

fn render() -> String {
    let text = exposition();
    let labels = labels(&text);
    let mut page = HEAD.to_owned();
    for family in families() {
        let desc = family.desc;
        let kind = match desc.kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
            Type::Histogram => "histogram",
        };
        let labels =
            labels.get(desc.name).unwrap_or_else(|| panic!("{} has no sample in the scene", desc.name));
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(page, "| `{}` | {kind} | {} | {} |", desc.name, labels.join(" "), desc.help)
            .expect("a string takes everything");
    }
    page
}

#[test]
fn the_metric_reference_says_what_the_code_says() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = render();
    if std::env::var_os("WATCHKEEPER_BLESS").is_some() {
        std::fs::write(&file, &page).expect("the docs folder can be written");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/metrics.md is stale; write it anew:\n  WATCHKEEPER_BLESS=1 cargo test -p watchkeeper-core --test reference"
    );
}

#[test]
fn every_family_has_a_name_that_prometheus_accepts() {
    for family in families() {
        let desc = family.desc;
        let counter = desc.kind == Type::Counter;
        assert!(desc.name.starts_with("mqtt_") || desc.name.starts_with("watchkeeper_"), "{}", desc.name);
        assert_eq!(desc.name.ends_with("_total"), counter, "{}", desc.name);
        assert!(desc.help.ends_with('.'), "{}", desc.name);
    }
}
