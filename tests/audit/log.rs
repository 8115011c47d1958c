//! The folder of a log as these tests look at it: by the command line, and line by line.

use crate::support::{Output, run};
use serde_json::Value;
use std::path::Path;

/// `watchkeeper audit COMMAND --dir DIR …`.
pub(crate) fn audit(dir: &Path, command: &str, more: &[&str]) -> Output {
    let dir = dir.to_str().expect("the folder's name is UTF-8");
    run(&[&["audit", command, "--dir", dir], more].concat())
}

/// The records that a search finds, as they are.
pub(crate) fn search(dir: &Path, more: &[&str]) -> Vec<Value> {
    let found = audit(dir, "search", &[&["--format", "json"], more].concat());
    assert!(found.code < 2, "{found:?}");
    let records: Vec<Value> = found.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.code, i32::from(records.is_empty()), "{found:?}");
    records
}

/// Every record, whose numbers must run from 0 without a gap.
pub(crate) fn all(dir: &Path) -> Vec<Value> {
    let records = search(dir, &[]);
    for (at, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], at, "a number is missing or twice there: {record}");
    }
    records
}

/// The events, in the order of the log.
pub(crate) fn events(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["event"].as_str().unwrap()).collect()
}

/// `audit verify`, which must end like this.
pub(crate) fn verifies(dir: &Path, codes: &[i32]) -> Output {
    let verified = audit(dir, "verify", &[]);
    assert!(codes.contains(&verified.code), "{codes:?} is expected: {verified:?}");
    verified
}
