//! What is odd about a topic, and what was meant most likely. It looks at the topic and at the patterns of the
//! streams, and never changes how a message is judged.

use crate::names::{Level, Pattern};

/// What is odd about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TopicFault {
    /// White space within it.
    Space,
    /// `/` in front.
    LeadingSlash,
    /// `/` at the end.
    TrailingSlash,
    /// `//`.
    EmptyLevel,
    /// A character that cannot be seen.
    ControlCharacter,
    /// No stream takes it.
    NoStream,
}

impl TopicFault {
    /// A mistake in itself, whatever the streams are.
    pub fn is_odd(self) -> bool {
        self != Self::NoStream
    }

    /// What it is.
    pub fn says(self) -> &'static str {
        match self {
            Self::Space => "the topic contains white space",
            Self::LeadingSlash => "the topic begins with /, which makes an empty first level",
            Self::TrailingSlash => "the topic ends with /, which makes an empty last level",
            Self::EmptyLevel => "the topic has an empty level (//)",
            Self::ControlCharacter => "the topic contains a control character",
            Self::NoStream => "no stream takes the topic",
        }
    }
}

/// Mistakes of spelling beyond which a level is taken for another word.
const WRONG_MAX: usize = 2;

/// What is odd about `topic`, and the topic that was meant most likely, where there is one that differs.
pub fn topic<'a>(
    topic: &str,
    patterns: impl IntoIterator<Item = &'a Pattern>,
) -> (Vec<TopicFault>, Option<String>) {
    let mut faults = Vec::new();
    let mut add = |is_so: bool, fault| {
        if is_so {
            faults.push(fault);
        }
    };
    add(topic.contains(|c: char| c.is_whitespace()), TopicFault::Space);
    add(topic.starts_with('/'), TopicFault::LeadingSlash);
    add(topic.len() > 1 && topic.ends_with('/'), TopicFault::TrailingSlash);
    add(topic.trim_matches('/').contains("//"), TopicFault::EmptyLevel);
    add(topic.contains(|c: char| c.is_control() && !c.is_whitespace()), TopicFault::ControlCharacter);
    let cleaned = clean(topic);
    let nearest =
        patterns.into_iter().filter_map(|pattern| fit(&cleaned, pattern)).min_by_key(|(wrong, _)| *wrong);
    add(nearest.as_ref().is_none_or(|(wrong, _)| *wrong > 0), TopicFault::NoStream);
    let meant = nearest.map_or(cleaned, |(_, meant)| meant);
    (faults, (meant != topic && !meant.is_empty()).then_some(meant))
}

/// Without empty levels, unseen characters and white space at the borders of levels; white space within a level is `_`.
fn clean(topic: &str) -> String {
    let level = |level: &str| -> String {
        let level: String = level.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
        level.split_whitespace().collect::<Vec<_>>().join("_")
    };
    topic.split('/').map(level).filter(|level| !level.is_empty()).collect::<Vec<_>>().join("/")
}

/// The topic as `pattern` would take it, and how many letters had to change; none when it is another topic.
///
/// A space that stands where a `/` belongs (`command request`) costs one letter.
fn fit(topic: &str, pattern: &Pattern) -> Option<(usize, String)> {
    let given: Vec<&str> = topic.split('/').collect();
    if let Some(fit) = fit_levels(&given, pattern) {
        return Some(fit);
    }
    let (at, both) = given.iter().enumerate().rev().find(|(_, level)| level.contains('_'))?;
    let (first, second) = both.split_once('_')?;
    let mut split = given.clone();
    split.splice(at..=at, [first, second]);
    let (wrong, meant) = fit_levels(&split, pattern)?;
    Some((wrong + 1, meant))
}

fn fit_levels(given: &[&str], pattern: &Pattern) -> Option<(usize, String)> {
    let levels = pattern.levels();
    let (levels, has_rest) = match levels.split_last() {
        Some((Level::Rest, before)) => (before, true),
        _ => (levels, false),
    };
    let has_many = levels.iter().any(|level| matches!(level, Level::Many(_)));
    let spare = given.len().checked_sub(levels.len())?;
    if spare > 0 && !has_many && !has_rest {
        return None;
    }
    let (mut wrong, mut meant, mut words) = (0, Vec::new(), 0);
    let mut rest = given;
    for level in levels {
        let take = if matches!(level, Level::Many(_)) && !has_rest { spare + 1 } else { 1 };
        let (these, others) = rest.split_at(take);
        rest = others;
        let Level::Literal(word) = level else {
            meant.extend_from_slice(these);
            continue;
        };
        // Each letter too many is a mistake, so that a level of sixty thousand need not be compared.
        if these[0].len() > 4 * (word.len() + WRONG_MAX) {
            return None;
        }
        let distance = distance(these[0], word);
        if distance > WRONG_MAX.min(word.chars().count() / 2) {
            return None;
        }
        words += 1;
        wrong += distance;
        meant.push(&**word);
    }
    meant.extend_from_slice(rest);
    // A pattern without words would take anything for its own.
    (words > 0).then(|| (wrong, meant.join("/")))
}

/// How many letters must be added, left out or changed.
fn distance(given: &str, word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (line, a) in given.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, b) in word.iter().enumerate() {
            let replaced = corner + usize::from(a != *b);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[word.len()]
}
