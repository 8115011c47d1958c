//! Topic filters with named captures (`plant/{area}/{device}/telemetry`), parsed once.
//! A pattern that exists is valid. Nothing here may look at a payload.

use std::borrow::Cow;
use std::fmt;

mod narrow;

pub use narrow::narrow_subscriptions;

/// The longest topic that MQTT can carry.
pub const TOPIC_BYTES_MAX: usize = 65_535;

/// The longest device id that is kept; so much fits into the path of a request, however it is encoded.
pub const ID_BYTES_MAX: usize = 1024;

/// A name as it is kept: one that is too long is cut and ends in a hash of the whole, so that strangers decide
/// neither how much memory a name takes nor which two names look alike. `bytes_max` has room for the mark.
pub fn bounded(name: &str, bytes_max: usize) -> Cow<'_, str> {
    if name.len() <= bytes_max {
        return Cow::Borrowed(name);
    }
    let mark = format!("…{:016x}", fnv1a(name));
    Cow::Owned(format!("{}{mark}", cut(name, bytes_max.saturating_sub(mark.len()))))
}

/// The beginning of a text, at most so many bytes, cut between two characters.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// FNV-1a, 64 bits: the same in every version and on every machine.
pub(crate) fn fnv1a(text: &str) -> u64 {
    fnv1a_bytes(text.as_bytes())
}

/// The same of anything.
pub(crate) fn fnv1a_bytes(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One level of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// Exactly this text.
    Literal(Box<str>),
    /// Any one level: `+` (no name) or `{name}`.
    One(Option<Box<str>>),
    /// One or more levels, named: `{name...}`. At most once in a pattern.
    Many(Box<str>),
    /// The rest, also nothing at all: `#`, last.
    Rest,
}

/// A filter of the configuration: MQTT's syntax, and `{x}`, `{x...}` besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    levels: Box<[Level]>,
}

/// Why a text is no pattern. Each says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The text is empty.
    Empty,
    /// More than 65,535 bytes.
    TooLong,
    /// A NUL character, which MQTT forbids in topics.
    Nul,
    /// `#` anywhere but as the last level.
    HashNotLast,
    /// `+`, `#`, `{` or `}` inside a longer level.
    WildcardInLevel(String),
    /// `{}` or `{...}` without a name, or a name with other characters than letters, digits and `_`.
    BadName(String),
    /// Two captures of one name.
    NameTwice(String),
    /// More than one `{x...}`, or `{x...}` together with `#`.
    TwoMany,
    /// A topic that begins with `$` belongs to the broker.
    Dollar,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the filter is empty; write at least one level, or # for everything"),
            Self::TooLong => {
                write!(f, "the filter is longer than {TOPIC_BYTES_MAX} bytes, which MQTT forbids")
            }
            Self::Nul => f.write_str("the filter contains a NUL character, which MQTT forbids"),
            Self::HashNotLast => {
                f.write_str("# must be the last level; use {name...} for levels in the middle")
            }
            Self::WildcardInLevel(level) => {
                write!(f, "level «{level}» mixes a wildcard with text; a wildcard fills its level alone")
            }
            Self::BadName(level) => {
                write!(f, "capture «{level}» needs a name of letters, digits and _, such as {{device}}")
            }
            Self::NameTwice(name) => write!(f, "{{{name}}} occurs twice; give each capture its own name"),
            Self::TwoMany => f.write_str("only one level may stand for many: one {name...} or one #"),
            Self::Dollar => {
                f.write_str("topics that begin with $ belong to the broker and are read by its dialect, and shared subscriptions ($share) would leave messages to others: to divide a fleet see [shard]")
            }
        }
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        match text {
            "" => return Err(PatternError::Empty),
            _ if text.len() > TOPIC_BYTES_MAX => return Err(PatternError::TooLong),
            _ if text.contains('\0') => return Err(PatternError::Nul),
            _ if text.starts_with('$') => return Err(PatternError::Dollar),
            _ => {}
        }
        let levels = text.split('/').map(parse_level).collect::<Result<Box<[Level]>, _>>()?;
        if levels.iter().rev().skip(1).any(|level| *level == Level::Rest) {
            return Err(PatternError::HashNotLast);
        }
        if levels.iter().filter(|level| matches!(level, Level::Many(_) | Level::Rest)).count() > 1 {
            return Err(PatternError::TwoMany);
        }
        let pattern = Self { text: text.into(), levels };
        let names: Vec<&str> = pattern.captures().collect();
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(*name)) {
            return Err(PatternError::NameTwice((*twice.1).to_owned()));
        }
        Ok(pattern)
    }

    /// The levels, in order.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the captures, in order.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(|level| match level {
            Level::One(Some(name)) | Level::Many(name) => Some(&**name),
            _ => None,
        })
    }

    /// The narrowest filter of plain MQTT that covers this pattern: what the broker is asked for.
    pub fn mqtt_filter(&self) -> String {
        let mut filter = String::with_capacity(self.text.len());
        for (at, level) in self.levels.iter().enumerate() {
            if at > 0 {
                filter.push('/');
            }
            match level {
                Level::Literal(text) => filter.push_str(text),
                Level::One(_) => filter.push('+'),
                Level::Many(_) | Level::Rest => {
                    filter.push('#');
                    break;
                }
            }
        }
        filter
    }
}

/// True when every topic that `narrow` matches is matched by `wide` (both plain MQTT filters).
pub fn covers(wide: &str, narrow: &str) -> bool {
    let mut wide_levels = wide.split('/');
    let mut narrow_levels = narrow.split('/');
    loop {
        match (wide_levels.next(), narrow_levels.next()) {
            // `a/#` also matches `a`, so it covers it.
            (Some("#"), _) | (None, None) => return true,
            (Some(_), Some("#")) => return false,
            (Some("+"), Some(_)) => {}
            (Some(w), Some(n)) if w == n => {}
            _ => return false,
        }
    }
}

/// True when some topic is matched by both (plain MQTT filters).
pub fn overlap(one: &str, other: &str) -> bool {
    let mut ones = one.split('/');
    let mut others = other.split('/');
    loop {
        match (ones.next(), others.next()) {
            // `a/#` also matches `a`.
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// The narrowest filter that covers both.
fn joined(one: &str, other: &str) -> String {
    let mut ones = one.split('/');
    let mut others = other.split('/');
    let mut levels = Vec::new();
    loop {
        match (ones.next(), others.next()) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => levels.push(a),
            (Some("#") | None, _) | (_, Some("#") | None) => {
                levels.push("#");
                break;
            }
            _ => levels.push("+"),
        }
    }
    levels.join("/")
}

/// Filters of plain MQTT that cover all patterns, no two of which match one topic: some brokers deliver a message
/// once for each subscription that matches it, and nothing in it says so. Where two would overlap, what covers
/// both is asked for.
pub fn subscriptions<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Vec<String> {
    apart(patterns.map(Pattern::mqtt_filter))
}

/// Joins filters until no two of them match one topic.
fn apart(filters: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for mut filter in filters {
        // Each turn takes one away, so this ends.
        while let Some(at) = kept.iter().position(|known| overlap(known, &filter)) {
            let known = kept.remove(at);
            filter = if covers(&known, &filter) { known } else { joined(&known, &filter) };
        }
        kept.push(filter);
    }
    kept
}

fn parse_level(level: &str) -> Result<Level, PatternError> {
    match level {
        "#" => return Ok(Level::Rest),
        "+" => return Ok(Level::One(None)),
        _ => {}
    }
    let inner = level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some(inner) = inner {
        let (name, many) = inner.strip_suffix("...").map_or((inner, false), |name| (name, true));
        let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return match (good, many) {
            (false, _) => Err(PatternError::BadName(level.to_owned())),
            (true, true) => Ok(Level::Many(name.into())),
            (true, false) => Ok(Level::One(Some(name.into()))),
        };
    }
    if level.contains(['+', '#', '{', '}']) {
        return Err(PatternError::WildcardInLevel(level.to_owned()));
    }
    Ok(Level::Literal(level.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, filter: &str) {
        assert_eq!(Pattern::parse(text).map(|p| p.mqtt_filter()), Ok(filter.to_owned()), "{text}");
    }

    #[test]
    fn a_name_is_cut_between_characters_and_stays_itself() {
        assert_eq!(bounded("grün", 5), "grün");
        let cut = bounded("ääääääääääääääääääää", 30);
        assert!(cut.len() <= 30 && cut.starts_with("äääää…"), "{cut}");
        assert_ne!(cut, bounded("ääääääääääääääääääüü", 30));
        assert_eq!(bounded(&cut, 30), cut, "what was cut is not cut again");
    }

    #[test]
    fn a_pattern_asks_the_broker_for_what_covers_it() {
        check("plant/{area}/{line}/{device}/telemetry/temperature", "plant/+/+/+/telemetry/temperature");
        check("{site...}/{device}/telemetry/temperature", "#");
        check("plant/{site...}/{device}/x", "plant/#");
        check("a/+/b/#", "a/+/b/#");
        check("#", "#");
        check("/a", "/a");
        check("/", "/");
        check("a//b", "a//b");
    }

    #[test]
    fn a_bad_pattern_says_what_to_change() {
        for (text, error) in [
            ("", PatternError::Empty),
            ("a/#/b", PatternError::HashNotLast),
            ("a+/b", PatternError::WildcardInLevel("a+".into())),
            ("a/{b", PatternError::WildcardInLevel("{b".into())),
            ("a/{}", PatternError::BadName("{}".into())),
            ("a/{b c}", PatternError::BadName("{b c}".into())),
            ("{a}/{a}", PatternError::NameTwice("a".into())),
            ("{a...}/x/{b...}", PatternError::TwoMany),
            ("{a...}/#", PatternError::TwoMany),
            ("$SYS/#", PatternError::Dollar),
            ("a\0b", PatternError::Nul),
        ] {
            assert_eq!(Pattern::parse(text), Err(error), "{text}");
        }
        assert_eq!(Pattern::parse(&"a".repeat(70_000)), Err(PatternError::TooLong));
    }

    #[test]
    fn no_two_subscriptions_match_one_topic() {
        let ask = |texts: &[&str]| {
            let patterns: Vec<Pattern> = texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
            subscriptions(patterns.iter())
        };
        assert_eq!(ask(&["a/b", "a/+", "a/#", "c/{x}/d", "c/e/d", "b/+/c"]), ["a/#", "c/+/d", "b/+/c"]);
        assert_eq!(ask(&["plant/+/x/t", "plant/a/{device}/t"]), ["plant/+/+/t"]);
        assert_eq!(ask(&["a/b", "c/d"]), ["a/b", "c/d"]);
        assert_eq!(ask(&["+/b", "a/+", "a/c/d"]), ["+/+", "a/c/d"]);
        assert_eq!(ask(&["a/+/#", "+/b"]), ["+/+/#"]);
        assert_eq!(ask(&["x/{m...}", "#"]), ["#"]);
        assert_eq!(joined("a/b", "a/b/c"), "a/b/#");
        assert!(covers("a/#", "a"));
        assert!(!covers("a/+", "a/#"));
        assert!(!covers("a/+", "a"));
    }
}
