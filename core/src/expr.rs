//! Cross-checks: a member of the payload that must equal a count, minimum, maximum or sum of its points
//! (`"$.summary.active_points" = "count(status == 'OK')"`). Nothing here may look beyond one message.

use crate::path::Path;
use std::fmt;

/// One cross-check.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossCheck {
    /// The member that claims.
    pub member: Path,
    /// What it must equal.
    pub expect: Expect,
}

/// What is computed from the points of one message.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// The number of points, all or with (or without) this status.
    Count(Option<StatusIs>),
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The sum of the values.
    Sum,
}

/// `status == 'OK'` or `status != 'OK'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusIs {
    /// The text compared with.
    pub status: Box<str>,
    /// True for `!=`.
    pub negated: bool,
}

/// Why a text is no cross-check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExprError;

impl fmt::Display for ExprError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected count(), count(status == 'OK'), count(status != 'OK'), min(value), max(value) or sum(value)")
    }
}

impl std::error::Error for ExprError {}

impl Expect {
    /// Reads the right side of a cross-check.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        let text = text.trim();
        let (function, rest) = text.split_once('(').ok_or(ExprError)?;
        let argument = rest.strip_suffix(')').ok_or(ExprError)?.trim();
        match (function.trim(), argument) {
            ("count", "" | "*") => Ok(Self::Count(None)),
            ("count", condition) => parse_condition(condition).map(|is| Self::Count(Some(is))),
            ("min", "value") => Ok(Self::Min),
            ("max", "value") => Ok(Self::Max),
            ("sum", "value") => Ok(Self::Sum),
            _ => Err(ExprError),
        }
    }
}

fn parse_condition(text: &str) -> Result<StatusIs, ExprError> {
    let rest = text.strip_prefix("status").ok_or(ExprError)?.trim_start();
    let (negated, rest) = match (rest.strip_prefix("=="), rest.strip_prefix("!=")) {
        (Some(rest), _) => (false, rest),
        (None, Some(rest)) => (true, rest),
        (None, None) => return Err(ExprError),
    };
    let rest = rest.trim();
    let quoted = |quote| rest.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    let status = quoted('\'').or_else(|| quoted('"')).ok_or(ExprError)?;
    if status.contains(['\'', '"']) {
        return Err(ExprError);
    }
    Ok(StatusIs { status: status.into(), negated })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expressions_of_the_manual_are_read() {
        let ok = |negated| Expect::Count(Some(StatusIs { status: "OK".into(), negated }));
        assert_eq!(Expect::parse("count(status == 'OK')"), Ok(ok(false)));
        assert_eq!(Expect::parse(" count( status!=\"OK\" ) "), Ok(ok(true)));
        assert_eq!(Expect::parse("count()"), Ok(Expect::Count(None)));
        assert_eq!(Expect::parse("max(value)"), Ok(Expect::Max));
        for bad in [
            "",
            "count",
            "count(",
            "count(state == 'OK')",
            "count(status = 'OK')",
            "avg(value)",
            "count(status == OK)",
        ] {
            assert_eq!(Expect::parse(bad), Err(ExprError), "{bad}");
        }
    }
}
