//! What can be wrong with a request or an answer: the closed set, each with a word for metrics and a sentence for
//! people. Nothing here may judge.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The payload is a document, but no object.
    NotObject,
    /// There is no id.
    NoId,
    /// The id is neither text nor a number.
    IdType,
    /// The request names no command.
    NoCommand,
    /// The name has characters that no name of a command has.
    BadCommand(Box<str>),
    /// The name is not in the list of commands.
    UnknownCommand(Box<str>),
    /// A member that must be there is not.
    Missing(Box<str>),
    /// A parameter that the command does not have.
    UnknownParameter(Box<str>),
    /// A member is not what it must be.
    Type {
        /// The member.
        member: Box<str>,
        /// What it must be.
        expected: &'static str,
    },
    /// A number that is too small or too large.
    Range {
        /// The member.
        member: Box<str>,
        /// The number.
        value: f64,
        /// The smallest and the largest that are allowed.
        within: (Option<f64>, Option<f64>),
    },
    /// A word that is not in its list.
    Value {
        /// The member.
        member: Box<str>,
        /// The word.
        value: Box<str>,
    },
}

impl Fault {
    /// The label value of `cause`.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NotObject => "not_object",
            Self::NoId => "no_id",
            Self::IdType => "id_type",
            Self::NoCommand => "no_command",
            Self::BadCommand(_) => "bad_command",
            Self::UnknownCommand(_) => "unknown_command",
            Self::Missing(_) => "missing_field",
            Self::UnknownParameter(_) => "unknown_parameter",
            Self::Type { .. } => "type",
            Self::Range { .. } => "range",
            Self::Value { .. } => "value",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotObject => f.write_str("it is no object"),
            Self::NoId => f.write_str("it has no id"),
            Self::IdType => f.write_str("its id is neither text nor a number"),
            Self::NoCommand => f.write_str("it names no command"),
            Self::BadCommand(name) => write!(f, "«{name}» is no name of a command"),
            Self::UnknownCommand(name) => write!(f, "there is no command «{name}»"),
            Self::Missing(member) => write!(f, "{member} is missing"),
            Self::UnknownParameter(name) => write!(f, "the command has no parameter «{name}»"),
            Self::Type { member, expected } => write!(f, "{member} is no {expected}"),
            Self::Range { member, value, within: (Some(min), Some(max)) } => {
                write!(f, "{member} is {value}, outside {min} to {max}")
            }
            Self::Range { member, value, within: (Some(min), None) } => {
                write!(f, "{member} is {value}, below {min}")
            }
            Self::Range { member, value, within: (None, max) } => {
                write!(f, "{member} is {value}, above {}", max.unwrap_or(f64::INFINITY))
            }
            Self::Value { member, value } if value.is_empty() => write!(f, "{member} cannot be empty"),
            Self::Value { member, value } => write!(f, "{member} cannot be «{value}»"),
        }
    }
}
