//! The configuration as a tree of values that know where they were written: a line of the file, an environment
//! variable or a flag. Nothing here may know what a key means.
//!
//! Serde stops at the first unknown key or wrong type. An operator with five mistakes wants five answers, so the
//! tree is walked by the reader in `raw` instead, which refuses just as much and goes on.

use super::problem::{Fault, Ledger, fault};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// These bytes of the file.
    File(Range<usize>),
    /// This environment variable.
    Env(Rc<str>),
    /// This flag.
    Flag(&'static str),
    /// Nowhere: what is missing, or a default.
    Nowhere,
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where it is.
    pub(crate) place: Place,
    /// What it is.
    pub(crate) value: Value,
}

/// Members of a table by key, each with the place of the key.
pub(crate) type Members = BTreeMap<String, (Place, Node)>;

/// A value, as typed.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A string of the file.
    Text(String),
    /// An integer that fits 64 bits.
    Integer(i64),
    /// A float.
    Float(f64),
    /// A boolean.
    Boolean(bool),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Members),
    /// Text of the environment or of a flag, whose type is what the key asks for.
    Raw(String),
    /// What no key takes: a date, or an integer beyond 64 bits.
    Other(&'static str),
}

impl Value {
    /// What a user calls it.
    pub(crate) fn what(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Raw(_) => "text",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(what) => what,
        }
    }
}

/// Reads a TOML text; every syntax error goes to the ledger.
pub(crate) fn parse(text: &str, ledger: &Ledger<'_>) -> Members {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        ledger.refuse(&Place::File(span), "", syntax_fault(error.message()));
    }
    members(table.into_inner(), &Place::File)
}

/// Reads one TOML value out of an environment variable.
pub(crate) fn parse_value(text: &str, place: &Place) -> Result<Value, Fault> {
    let here = |_: Range<usize>| place.clone();
    let parsed = DeValue::parse(text).map_err(|error| syntax_fault(error.message()))?;
    Ok(node(parsed, &here).value)
}

fn syntax_fault(message: &str) -> Fault {
    let cure = if message.contains("duplicate key") {
        "remove or rename one of the two"
    } else if message.contains("string values must be quoted") || message.contains("quoted") {
        "put the value in quotes, such as key = \"value\""
    } else {
        "correct the TOML syntax here; text stands in quotes, a section is [name], a member of a list [[name]]"
    };
    fault(message.replace('\n', ", "), cure)
}

fn members(table: DeTable<'_>, place: &dyn Fn(Range<usize>) -> Place) -> Members {
    table
        .into_iter()
        .map(|(key, value)| {
            let at = place(key.span());
            (key.into_inner().into_owned(), (at, node(value, place)))
        })
        .collect()
}

fn node(value: Spanned<DeValue<'_>>, place: &dyn Fn(Range<usize>) -> Place) -> Node {
    let at = place(value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("an integer beyond 64 bits"), Value::Integer),
        DeValue::Float(number) => {
            number.as_str().parse().map_or(Value::Other("a number that cannot be read"), Value::Float)
        }
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(list.into_iter().map(|item| node(item, place)).collect()),
        DeValue::Table(table) => Value::Table(members(table, place)),
    };
    Node { place: at, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::SourceFile;

    #[test]
    fn values_know_their_place() {
        let text = "a = 1_000\nb = [1.5, 'x']\n[c]\nd = true\n[[e]]\nf = 0x10\n";
        let ledger = Ledger::new(None);
        let tree = parse(text, &ledger);
        let (key, node) = &tree["a"];
        assert_eq!((key, &node.place), (&Place::File(0..1), &Place::File(4..9)));
        assert!(matches!(node.value, Value::Integer(1000)));
        assert!(matches!(&tree["b"].1.value, Value::List(items) if items.len() == 2));
        assert!(matches!(&tree["c"].1.value, Value::Table(table) if table.contains_key("d")));
        assert!(matches!(&tree["e"].1.value, Value::List(items) if items.len() == 1));
        assert!(ledger.close().is_ok());
    }

    #[test]
    fn every_syntax_error_is_told() {
        let text = "a = \nb = hello\nc = 1\nc = 2\n".to_owned();
        let file = SourceFile { path: "w.toml".into(), text };
        let ledger = Ledger::new(Some(&file));
        parse(&file.text, &ledger);
        let problems = ledger.close().unwrap_err().0;
        let lines: Vec<_> = problems.iter().filter_map(|problem| Some(problem.line_column?.0)).collect();
        assert_eq!(lines, [1, 2, 4]);
    }
}
