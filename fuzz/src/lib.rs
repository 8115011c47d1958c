//! What must hold whatever bytes arrive, as pure functions of the bytes: each panics when something does not.
//! A fuzzer feeds them without end, and a test of the stable toolchain for some seconds.
//!
//! Nothing here may depend on a clock, on chance or on what was fed before.

mod audit_line;
mod certificate;
mod mosquitto_db;
mod operations;
mod payload;
mod shapes;
mod sparkplug;

pub use audit_line::audit_line;
pub use certificate::certificate;
pub use mosquitto_db::mosquitto_db;
pub use operations::operations;
pub use payload::payload;
pub use shapes::shapes;
pub use sparkplug::sparkplug;

use watchkeeper_core::broker::dialects::Said;
use watchkeeper_core::broker::{Broker, Value};
use watchkeeper_core::names::{Level, Pattern, covers, subscriptions};
use watchkeeper_core::path::Path;
use watchkeeper_core::route::{Router, captures};
use watchkeeper_core::time::{Mono, Now, Wall};

/// Lines of filters, then an empty line, then a topic: the router agrees with the plain meaning of filters, and
/// the subscriptions cover what the filters match.
pub fn filters(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (filters, topic) = text.split_once("\n\n").unwrap_or((&text, "a/b/c"));
    let patterns: Vec<Pattern> =
        filters.lines().take(20).filter_map(|line| Pattern::parse(line).ok()).collect();
    let _ = Path::parse(topic).map(|path| assert_eq!(Path::parse(&path.to_string()), Ok(path)));
    if topic.split('/').count() > 12 {
        return;
    }
    let levels: Vec<&str> = topic.split('/').collect();
    let ours = !topic.starts_with('$');
    let any = ours && patterns.iter().any(|pattern| matches(pattern.levels(), &levels));
    let found = Router::new(patterns.iter()).find(topic).map(usize::from);
    assert_eq!(found.is_some(), any, "{topic:?}");
    let Some(pattern) = found.map(|at| &patterns[at]) else { return };
    assert!(matches(pattern.levels(), &levels));
    assert_eq!(captures(pattern, topic).len(), pattern.captures().count());
    let asked = subscriptions(patterns.iter());
    assert!(asked.iter().any(|filter| covers(filter, &pattern.mqtt_filter())));
    let twice = asked.iter().enumerate().any(|(at, one)| {
        asked.iter().enumerate().any(|(other_at, other)| at != other_at && covers(other, one))
    });
    assert!(!twice, "{asked:?}");
}

/// The plain meaning of a pattern.
fn matches(levels: &[Level], topic: &[&str]) -> bool {
    match (levels.split_first(), topic.split_first()) {
        (None, None) | (Some((Level::Rest, _)), _) => true,
        (Some((Level::Literal(text), rest)), Some((level, left))) => **text == **level && matches(rest, left),
        (Some((Level::One(_), rest)), Some((_, left))) => matches(rest, left),
        (Some((Level::Many(_), rest)), Some(_)) => (1..=topic.len()).any(|n| matches(rest, &topic[n..])),
        _ => false,
    }
}

/// Lines of a topic of `$SYS`, a space and a payload: no value is ever anything but a finite number from 0.
pub fn sys(bytes: &[u8]) {
    let mut broker = Broker::default();
    for (second, line) in (0..).zip(bytes.split(|byte| *byte == b'\n')) {
        let at = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
        let (topic, payload) = line.split_at(at);
        let now = Now { mono: Mono(second * 1_000_000), wall: Wall(0) };
        if topic.is_empty() {
            broker.connected();
        } else {
            let topic = String::from_utf8_lossy(topic);
            broker.take(&Said { topic: &topic, payload: payload.get(1..).unwrap_or_default(), retain: false }, now);
        }
        for value in Value::ALL {
            assert!(broker.value(value).is_none_or(|number| number.is_finite() && number >= 0.0));
        }
        assert!(broker.version().is_none_or(|version| version.chars().count() <= 64));
    }
}
