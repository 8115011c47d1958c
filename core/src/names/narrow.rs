//! What the broker is asked for when everything else on the connection would only be in the way. `{x...}` in front
//! of other levels has no narrow filter in plain MQTT: what covers it is `#`, the whole traffic. Here it is asked
//! for level by level, and only what is deeper than anybody builds is covered widely. It must never miss a topic
//! that a pattern takes.

use super::{Level, Pattern, apart};

/// So many levels of `{x...}` are asked for one by one.
const DEPTHS: usize = 6;

/// As `subscriptions`: filters of plain MQTT that cover all patterns, no two of which match one topic. But they
/// match as little besides as can be said in a bounded number of them.
pub fn narrow_subscriptions<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Vec<String> {
    apart(patterns.flat_map(filters))
}

fn filters(pattern: &Pattern) -> Vec<String> {
    let levels = pattern.levels();
    let many = levels.iter().position(|level| matches!(level, Level::Many(_)));
    let Some(at) = many.filter(|at| at + 1 < levels.len()) else { return vec![pattern.mqtt_filter()] };
    let (before, after) = (&levels[..at], &levels[at + 1..]);
    let one_by_one = (1..=DEPTHS).map(|depth| filter(before, depth, after, ""));
    // `a/#` also matches `a`, so that this begins where the others end.
    let deeper = filter(before, DEPTHS + 1 + after.len(), &[], "#");
    one_by_one.chain([deeper]).collect()
}

fn filter(before: &[Level], any: usize, after: &[Level], end: &str) -> String {
    let text = |level: &Level| match level {
        Level::Literal(text) => text.to_string(),
        Level::One(_) | Level::Many(_) | Level::Rest => "+".to_owned(),
    };
    let levels = before.iter().map(text).chain(std::iter::repeat_n("+".to_owned(), any));
    let levels = levels.chain(after.iter().map(text));
    levels.chain((!end.is_empty()).then(|| end.to_owned())).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;
    use crate::route::Router;
    use crate::rules::Kind;
    use proptest::prelude::*;

    fn narrow(texts: &[&str]) -> Vec<String> {
        let patterns: Vec<Pattern> = texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        narrow_subscriptions(patterns.iter())
    }

    fn matching(filters: &[String], topic: &str) -> usize {
        let takes =
            |filter: &&String| Router::new([Pattern::parse(filter).unwrap()].iter()).find(topic).is_some();
        filters.iter().filter(takes).count()
    }

    #[test]
    fn the_audited_streams_of_the_plant_do_not_bring_its_telemetry() {
        let streams = presets::streams("plant").unwrap();
        let audited = streams.iter().filter(|stream| matches!(stream.kind, Kind::Command | Kind::Alarm));
        let filters = narrow_subscriptions(audited.map(|stream| &stream.pattern));
        for (topic, found) in [
            ("plant/a1/l2/d3/command/request", 1),
            ("d3/x/command/request", 1),
            ("a/b/c/d/e/f/dev/alarm/raised", 1),
            ("a/b/c/d/e/f/g/dev/alarm/raised", 1),
            ("a/b/c/d/e/f/g/h/i/j/dev/alarm/raised", 1),
            ("plant/a1/l2/d3/telemetry/temperature", 0),
            ("plant/a1/l2/d3/event/boot", 0),
            ("command/request", 0),
        ] {
            assert_eq!(matching(&filters, topic), found, "{topic}: {filters:?}");
        }
    }

    #[test]
    fn a_pattern_that_plain_mqtt_can_say_is_asked_for_as_it_is() {
        assert_eq!(narrow(&["a/{x}/b", "c/#", "d/{y...}"]), ["a/+/b", "c/#", "d/#"]);
        assert_eq!(narrow(&["a/{x}/b", "a/c/b"]), ["a/+/b"]);
    }

    proptest! {
        #[test]
        fn every_topic_that_a_pattern_takes_is_asked_for_exactly_once(
            texts in prop::collection::vec("(a|b|\\+|\\{m\\.\\.\\.\\})(/(a|b|\\+|\\{n\\.\\.\\.\\})){0,3}(/(a|\\+|#))?", 1..5),
            topic in "(a|b|c)(/(a|b|)){0,11}",
        ) {
            let patterns: Vec<Pattern> = texts.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
            let filters = narrow_subscriptions(patterns.iter());
            if Router::new(patterns.iter()).find(&topic).is_some() {
                prop_assert_eq!(matching(&filters, &topic), 1, "{:?}", filters);
            } else {
                prop_assert!(matching(&filters, &topic) <= 1, "{:?}", filters);
            }
        }
    }
}
