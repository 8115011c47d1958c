//! From a topic to its stream: all patterns in one trie, so that a match costs by the depth of the topic and
//! not by the number of streams. The most specific pattern wins, level by level: text before one level before
//! many; equals go by the order of the file. It must never allocate while it matches.

use crate::names::{Level, Pattern};
use crate::ours::is_ours;
use hashbrown::HashMap;

/// Index of a stream in the rules.
pub type StreamId = u16;

/// All patterns.
#[derive(Debug, Default)]
pub struct Router {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node, foldhash::fast::RandomState>,
    one: Option<Box<Node>>,
    /// `{x...}` begins here; what follows it, matched from the end of the topic.
    many: Option<Box<Suffix>>,
    /// `#` stands here.
    rest: Option<StreamId>,
    /// A pattern ends here.
    end: Option<StreamId>,
}

/// What follows a `{x...}`, last level first.
#[derive(Debug, Default)]
struct Suffix {
    literals: HashMap<Box<str>, Suffix, foldhash::fast::RandomState>,
    one: Option<Box<Suffix>>,
    end: Option<StreamId>,
}

impl Router {
    /// Builds the trie; of two equal patterns the first one counts.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let mut router = Self::default();
        for (stream, pattern) in (0..).zip(patterns) {
            insert(&mut router.root, pattern.levels(), stream);
        }
        router
    }

    /// The stream of a topic.
    pub fn find(&self, topic: &str) -> Option<StreamId> {
        // Topics of the broker itself belong to its dialect; some brokers leak them into `#`. Those of ours are of no device.
        if topic.starts_with('$') || is_ours(topic.as_bytes()) {
            return None;
        }
        self.root.find(Some(topic), &|_| true)
    }

    /// The stream of a topic among those that `counts` is true of.
    pub fn find_among(&self, topic: &str, counts: &dyn Fn(StreamId) -> bool) -> Option<StreamId> {
        if topic.starts_with('$') {
            return None;
        }
        self.root.find(Some(topic), &counts)
    }
}

fn insert(mut node: &mut Node, levels: &[Level], stream: StreamId) {
    for (at, level) in levels.iter().enumerate() {
        match level {
            Level::Literal(text) => node = node.literals.entry(text.clone()).or_default(),
            Level::One(_) => node = node.one.get_or_insert_default(),
            Level::Rest => {
                node.rest.get_or_insert(stream);
                return;
            }
            Level::Many(_) => {
                insert_suffix(node.many.get_or_insert_default(), &levels[at + 1..], stream);
                return;
            }
        }
    }
    node.end.get_or_insert(stream);
}

fn insert_suffix(mut node: &mut Suffix, levels: &[Level], stream: StreamId) {
    for level in levels.iter().rev() {
        node = match level {
            Level::Literal(text) => node.literals.entry(text.clone()).or_default(),
            // A pattern has one level that stands for many, so that here only single ones remain.
            _ => node.one.get_or_insert_default(),
        };
    }
    node.end.get_or_insert(stream);
}

impl Node {
    /// `rest` is what is left of the topic: none when it is used up.
    fn find(&self, rest: Option<&str>, counts: &impl Fn(StreamId) -> bool) -> Option<StreamId> {
        let some = |stream: Option<StreamId>| stream.filter(|stream| counts(*stream));
        let Some(rest) = rest else { return some(self.end).or(some(self.rest)) };
        let (level, left) = match rest.split_once('/') {
            Some((level, left)) => (level, Some(left)),
            None => (rest, None),
        };
        self.literals
            .get(level)
            .and_then(|node| node.find(left, counts))
            .or_else(|| self.one.as_ref().and_then(|node| node.find(left, counts)))
            .or_else(|| self.many.as_ref().and_then(|suffix| suffix.find(Some(rest), counts)))
            .or(some(self.rest))
    }
}

impl Suffix {
    /// `rest` is what is left of the topic before the levels already matched.
    fn find(&self, rest: Option<&str>, counts: &impl Fn(StreamId) -> bool) -> Option<StreamId> {
        // At least one level must remain for the levels that stand for many.
        let rest = rest?;
        let (left, level) = match rest.rsplit_once('/') {
            Some((left, level)) => (Some(left), level),
            None => (None, rest),
        };
        self.literals
            .get(level)
            .and_then(|node| node.find(left, counts))
            .or_else(|| self.one.as_ref().and_then(|node| node.find(left, counts)))
            .or(self.end.filter(|stream| counts(*stream)))
    }
}

/// The texts that the captures of `pattern` have in a topic that it matches, in the order of the captures.
pub fn captures<'a>(pattern: &Pattern, topic: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut rest = Some(topic);
    let levels = pattern.levels();
    for (at, level) in levels.iter().enumerate() {
        let Some(text) = rest else { break };
        match level {
            Level::Rest => break,
            Level::Many(_) => {
                let after = levels.len() - at - 1;
                let end = nth_slash_from_end(text, after).unwrap_or(text.len());
                found.push(&text[..end]);
                rest = text.get(end + 1..);
            }
            Level::Literal(_) | Level::One(_) => {
                let (one, left) = match text.split_once('/') {
                    Some((one, left)) => (one, Some(left)),
                    None => (text, None),
                };
                if matches!(level, Level::One(Some(_))) {
                    found.push(one);
                }
                rest = left;
            }
        }
    }
    found
}

/// The text from one capture to another in a topic that the pattern matches, without a copy.
pub fn capture<'a>(pattern: &Pattern, topic: &'a str, first: usize, last: usize) -> Option<&'a str> {
    let levels = pattern.levels();
    let (mut begin, mut at, mut seen) = (None, 0, 0);
    for (place, level) in levels.iter().enumerate() {
        let rest = topic.get(at..)?;
        let end = match level {
            Level::Rest => break,
            Level::Many(_) => nth_slash_from_end(rest, levels.len() - place - 1),
            Level::Literal(_) | Level::One(_) => rest.find('/'),
        };
        let end = end.map_or(topic.len(), |end| at + end);
        if matches!(level, Level::Many(_) | Level::One(Some(_))) {
            begin = begin.or((seen == first).then_some(at));
            if seen == last {
                return begin.and_then(|begin| topic.get(begin..end));
            }
            seen += 1;
        }
        at = end + 1;
    }
    None
}

/// Where the last `levels` levels of the text begin, less their separator.
fn nth_slash_from_end(text: &str, levels: usize) -> Option<usize> {
    match levels {
        0 => None,
        n => text.rmatch_indices('/').nth(n - 1).map(|(at, _)| at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    fn check(texts: &[&str], topic: &str, stream: Option<usize>, found: &[&str]) {
        let patterns = patterns(texts);
        let router = Router::new(patterns.iter());
        let id = router.find(topic).map(usize::from);
        assert_eq!(id, stream, "{topic}");
        if let Some(id) = id {
            assert_eq!(captures(&patterns[id], topic), found, "{topic}");
        }
    }

    #[test]
    fn what_this_program_says_itself_leads_nowhere_whatever_the_filter() {
        let patterns: Vec<Pattern> = ["#", "watchkeeper/#", "watchkeeper/probe/{device}/round-trip"]
            .map(|text| Pattern::parse(text).unwrap())
            .to_vec();
        let router = Router::new(patterns.iter());
        for topic in
            ["watchkeeper/probe/wk/round-trip", "watchkeeper/doctor/1f/qos0", "watchkeeper/session-test/x"]
        {
            assert_eq!(router.find(topic), None, "{topic}");
        }
        assert_eq!((router.find("watchkeeper/tc01/t"), router.find("a/b")), (Some(1), Some(0)));
    }

    #[test]
    fn the_most_specific_pattern_takes_a_topic() {
        let all = [
            "#",
            "{site...}/{device}/telemetry/{channel}",
            "{site...}/{device}/telemetry/temperature",
            "plant/{area}/x",
            "plant/+/x/#",
            "plant/a/{area}",
        ];
        check(&all, "plant/a1/l2/d3/telemetry/temperature", Some(2), &["plant/a1/l2", "d3"]);
        check(&all, "plant/a1/l2/d3/telemetry/summary", Some(1), &["plant/a1/l2", "d3", "summary"]);
        check(&all, "d3/telemetry/summary", Some(0), &[]);
        check(&all, "p/d3/telemetry/summary", Some(1), &["p", "d3", "summary"]);
        check(&all, "plant/a/x", Some(5), &["x"]);
        check(&all, "plant/b/x", Some(3), &["b"]);
        check(&all, "plant/b/x/y", Some(4), &[]);
        check(&all, "anything", Some(0), &[]);
        check(&all, "$SYS/broker/uptime", None, &[]);
        check(&["a/#"], "a", Some(0), &[]);
        check(&["a/+"], "a", None, &[]);
        check(&["/{x}"], "/b", Some(0), &["b"]);
        check(&["a/{x...}"], "a/b/c", Some(0), &["b/c"]);
        check(&["a/{x...}"], "a", None, &[]);
        check(&["{x...}"], "a//", Some(0), &["a//"]);
        check(&["a/{x...}/z/{y}"], "a/b/z/c", Some(0), &["b", "c"]);
        check(&["a/b", "a/b"], "a/b", Some(0), &[]);
    }

    /// The plain definition of a match, to check the trie against.
    fn naive(levels: &[Level], topic: &[&str]) -> bool {
        match (levels.split_first(), topic.split_first()) {
            (None, None) | (Some((Level::Rest, _)), _) => true,
            (Some((Level::Literal(text), rest)), Some((level, left))) => {
                **text == **level && naive(rest, left)
            }
            (Some((Level::One(_), rest)), Some((_, left))) => naive(rest, left),
            (Some((Level::Many(_), rest)), Some(_)) => (1..=topic.len()).any(|n| naive(rest, &topic[n..])),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn the_trie_agrees_with_the_definition(
            filters in prop::collection::vec("(a|b|\\+|\\{x\\})(/(a|b|\\+|\\{y\\}|\\{m\\.\\.\\.\\}))?(/(a|\\+|#))?", 1..6),
            topic in "(a|b|c)(/(a|b|)){0,4}",
        ) {
            let patterns: Vec<Pattern> = filters.iter().filter_map(|text| Pattern::parse(text).ok()).collect();
            let router = Router::new(patterns.iter());
            let levels: Vec<&str> = topic.split('/').collect();
            let any = patterns.iter().any(|pattern| naive(pattern.levels(), &levels));
            let found = router.find(&topic);
            prop_assert_eq!(found.is_some(), any);
            if let Some(id) = found {
                prop_assert!(naive(patterns[usize::from(id)].levels(), &levels));
            }
        }

        #[test]
        fn no_topic_makes_it_panic(topic in ".{0,40}") {
            let patterns = patterns(&["{a...}/{b}/c", "+/{d}/#", "x/{e...}"]);
            let router = Router::new(patterns.iter());
            if let Some(id) = router.find(&topic) {
                captures(&patterns[usize::from(id)], &topic);
            }
        }
    }
}
