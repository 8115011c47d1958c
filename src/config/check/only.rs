//! Which messages a `[[stream]]` takes of its topics, and whether spaces in them are mistakes. Nothing here may accept a
//! stream that takes nothing.

use crate::config::problem::fault;
use crate::config::raw::Table;
use crate::config::words;
use watchkeeper_core::rules::{Only, StreamRules};

/// Reads all of it.
pub(super) fn read(table: &mut Table<'_>, rules: &mut StreamRules) {
    let is_set = |table: &mut Table<'_>, key| table.get(key, words::boolean).is_some_and(|at| at.value);
    let objects = is_set(table, "only_objects");
    let scalars = table.get("only_scalars", words::boolean);
    if let Some(both) = scalars.as_ref().filter(|at| at.value && objects) {
        both.refuse(table.ledger, "no payload is an object and none at once", "remove one of the two");
    }
    let beginning = table.list("only_beginning", words::text).unwrap_or_default();
    for empty in beginning.iter().filter(|text| text.value.is_empty()) {
        table.ledger.refuse(
            &empty.place,
            &empty.key,
            fault("every payload begins with nothing", "write how a payload begins, such as \"[D][\""),
        );
    }
    let said = table.list("only_words", words::text).unwrap_or_default();
    for empty in said.iter().filter(|text| text.value.is_empty()) {
        let cure = "write a word that a payload may be, such as \"on\"";
        table.ledger.refuse(&empty.place, &empty.key, fault("an empty text is no word", cure));
    }
    rules.only = Only {
        objects,
        scalars: scalars.is_some_and(|at| at.value),
        beginning: beginning.into_iter().map(|text| text.value.into_boxed_str()).collect(),
        capitals: is_set(table, "only_capitals"),
        words: said.into_iter().map(|text| text.value.into_boxed_str()).collect(),
    };
    rules.spaces = is_set(table, "spaces");
}
