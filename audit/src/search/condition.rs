//! What is asked of one field. A record without the field has no value to compare: only `key=`, with nothing behind it,
//! is true of it; an empty value counts as none. Text is compared as text, numbers as numbers, moments as moments.

use crate::line;
use crate::record::Type;
use regex::Regex;
use std::cmp::Ordering;
use watchkeeper_core::time::Wall;

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Other,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Other => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// It is one of these texts.
    OneOf(Vec<String>),
    /// It is there, and not empty.
    Present,
    /// It is not there, or empty.
    Absent,
    /// As text; with both a number, as numbers, unless equality is asked of a text.
    Compared(Relation, String),
    /// As a moment.
    Moment(Relation, Wall),
    /// A part of it is matched, or none is.
    Matched(Regex, bool),
}

/// What is asked of the value of a key.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// The key.
    pub(super) key: String,
    /// The type of its values.
    pub(super) ty: Type,
    /// What is asked.
    pub(super) test: Test,
}

impl Condition {
    /// True when the value passes.
    fn passes(&self, value: &str) -> bool {
        match &self.test {
            Test::OneOf(words) => words.iter().any(|word| word == value),
            Test::Present => !value.is_empty(),
            Test::Absent => value.is_empty(),
            Test::Compared(relation, word) => relation.holds(self.compare(*relation, value, word)),
            Test::Moment(relation, at) => {
                line::parse_moment(value).is_some_and(|value| relation.holds(value.cmp(at)))
            }
            Test::Matched(regex, wanted) => regex.is_match(value) == *wanted,
        }
    }

    fn compare(&self, relation: Relation, value: &str, word: &str) -> Ordering {
        let by_text = self.ty == Type::Text && matches!(relation, Relation::Equal | Relation::Other);
        let numbers = if by_text { None } else { compare_numbers(value, word) };
        numbers.unwrap_or_else(|| value.cmp(word))
    }
}

/// True when the line passes all conditions. Of a key that stands there twice the first counts.
pub(super) fn all_pass(conditions: &[Condition], line: &str) -> bool {
    if conditions.is_empty() {
        return true;
    }
    let mut seen: u64 = 0;
    for (key, value) in line::fields(line) {
        for (n, condition) in conditions.iter().enumerate() {
            if condition.key != *key || seen & 1 << n != 0 {
                continue;
            }
            if !condition.passes(&value) {
                return false;
            }
            seen |= 1 << n;
        }
        if seen.count_ones() as usize == conditions.len() {
            return true;
        }
    }
    let mut rest = conditions.iter().enumerate().filter(|(n, _)| seen & 1 << n == 0);
    rest.all(|(_, condition)| matches!(condition.test, Test::Absent))
}

/// The order of two numbers, when both are: exactly when both are whole, else as floats.
fn compare_numbers(a: &str, b: &str) -> Option<Ordering> {
    if let (Ok(a), Ok(b)) = (a.parse::<i128>(), b.parse::<i128>()) {
        return Some(a.cmp(&b));
    }
    number(a)?.partial_cmp(&number(b)?)
}

/// A finite number.
pub(super) fn number(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}
