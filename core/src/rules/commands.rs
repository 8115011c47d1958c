//! What the configuration means for commands: where a request and its answer have their id, how long an answer may
//! take, what an answer must say, and which commands there are. Nothing in this file may fail once it was read.

use crate::path::Path;
use crate::time::{Micros, SECOND};

/// `[commands]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRules {
    /// Where the id may be that a request and its answer have in common; the first one that is there counts most.
    pub pair: Vec<TakenFrom>,
    /// Where a request may have the name of the command; the first one that is there counts.
    pub name: Vec<TakenFrom>,
    /// Without an answer for longer than this, a command has timed out.
    pub timeout: Micros,
    /// Commands that are waited for at once, over all devices; beyond it the oldest is given up.
    pub pending_max: usize,
    /// How quick answers must be.
    pub sla: Vec<Sla>,
    /// What the status of an answer may be.
    pub statuses: Vec<Box<str>>,
    /// What an answer must have beside its id.
    pub required: Vec<Path>,
    /// The commands that exist; empty: any.
    pub known: Vec<Known>,
}

/// Where a word of a message is taken from.
#[derive(Clone, Debug, PartialEq)]
pub enum TakenFrom {
    /// A member of the payload.
    Member(Path),
    /// A capture of the topic.
    Capture(Box<str>),
}

/// A share of answers that must come within a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sla {
    /// The share, between 0 and 1.
    pub quantile: f64,
    /// The longest time.
    pub within: Micros,
}

/// A command that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name.
    pub name: Box<str>,
    /// What it may be told.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: Box<str>,
    /// What it must be.
    pub kind: ParameterType,
    /// The smallest number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The words that are allowed; empty: any.
    pub values: Vec<Box<str>>,
    /// Whether the command needs it.
    pub required: bool,
}

/// What a parameter must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterType {
    /// Anything.
    Any,
    /// A number.
    Number,
    /// A number without a fraction.
    Integer,
    /// Text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// An object.
    Object,
    /// An array.
    Array,
}

impl ParameterType {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::Array => "array",
        }
    }
}

impl TakenFrom {
    /// Reads `$.cmd_id`, or `{cmd_id}` for a capture. The error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if good {
                Ok(Self::Capture(name.into()))
            } else {
                Err("a capture is a name of letters, digits and _ in braces".to_owned())
            };
        }
        let path = Path::parse(text).map_err(|error| error.to_string())?;
        if path.is_many() {
            Err("* is for points; one member is meant".to_owned())
        } else {
            Ok(Self::Member(path))
        }
    }
}

impl Default for CommandRules {
    fn default() -> Self {
        let from = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| TakenFrom::parse(text).expect("the constants can be read, as a test shows"))
                .collect()
        };
        Self {
            pair: from(&["$.cmd_id", "$.message_id"]),
            name: from(&["$.command", "$.action", "{command}"]),
            timeout: 120 * SECOND,
            pending_max: 10_000,
            sla: vec![Sla { quantile: 0.95, within: SECOND / 2 }, Sla { quantile: 0.99, within: SECOND }],
            statuses: ["success", "error", "partial"].map(Into::into).to_vec(),
            required: ["timestamp", "status", "data"].map(Path::member).to_vec(),
            known: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_from_a_member_or_a_capture() {
        assert_eq!(TakenFrom::parse("$.a.b"), Ok(TakenFrom::Member(Path::parse("$.a.b").unwrap())));
        assert_eq!(TakenFrom::parse("{cmd_id}"), Ok(TakenFrom::Capture("cmd_id".into())));
        for bad in ["{}", "{a b}", "a b", "$.x.*", ""] {
            assert!(TakenFrom::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(CommandRules::default().pair.len(), 2);
    }
}
