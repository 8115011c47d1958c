//! What a `[[stream]]` says of presence, and what its messages belong together with. Nothing here may accept a word that
//! means two things.

use crate::config::problem::{Fault, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::Node;
use crate::config::words;
use watchkeeper_core::names::Pattern;
use watchkeeper_core::rules::{
    DeviceFrom, Kind, Name, Part, Statement, StatusRules, StreamRules, point_name,
};
use watchkeeper_core::trackers::presence::Departure;

/// The keys that list words, and what the words mean.
const LISTS: &[(&str, Statement)] = &[
    ("online", Statement::Online),
    ("asleep", Statement::Asleep),
    ("offline", Statement::Gone(Departure::Will)),
    ("left", Statement::Gone(Departure::Disconnect)),
];

/// Reads all of it; gives the streams that are named.
pub(super) fn read(table: &mut Table<'_>, rules: &mut StreamRules, has_filter: bool) -> Vec<At<String>> {
    rules.status = status(table, rules.kind).map(Box::new);
    kin(table, rules, has_filter)
}

fn status(table: &mut Table<'_>, kind: Kind) -> Option<StatusRules> {
    let means = table.get("means", words::choice(LISTS));
    let at = table.get("status", words::path);
    let mut known: Vec<(Box<str>, Statement)> = Vec::new();
    for (key, meaning) in LISTS {
        for word in table.list(key, words::text).unwrap_or_default() {
            if known.iter().any(|(other, _)| other.eq_ignore_ascii_case(word.value.trim())) {
                word.refuse(
                    table.ledger,
                    format!("«{}» is listed twice", word.value),
                    "a word means one thing",
                );
            }
            known.push((word.value.trim().into(), *meaning));
        }
    }
    let session = table.get("session", words::path);
    let grows = table.get("session_grows", words::boolean);
    if let Some(alone) = grows.as_ref().filter(|_| session.is_none()) {
        alone.refuse(table.ledger, "there is no session whose number grows", "add session = \"$.session\"");
    }
    let only_known = table.get("only_known", words::boolean);
    let lonely =
        [at.as_ref().map(|at| (&at.place, &at.key)), only_known.as_ref().map(|at| (&at.place, &at.key))];
    let has_words = kind == Kind::Presence || !known.is_empty();
    for (place, key) in lonely.into_iter().flatten().filter(|_| !has_words) {
        let cure = "add online = [\"online\"] and offline = [\"offline\"], or kind = \"presence\"";
        table.ledger.refuse(place, key, fault("the stream has no words of presence", cure));
    }
    let means = means.map(|at| at.value);
    if means.is_none() && !has_words {
        return None;
    }
    let usual =
        if known.is_empty() && means.is_none() { StatusRules::usual() } else { StatusRules::default() };
    Some(StatusRules {
        means,
        at: at.map(|at| at.value),
        words: if known.is_empty() { usual.words } else { known },
        session: session.map(|at| at.value),
        session_grows: grows.is_some_and(|at| at.value),
        only_known: only_known.is_some_and(|at| at.value),
    })
}

fn kin(table: &mut Table<'_>, rules: &mut StreamRules, has_filter: bool) -> Vec<At<String>> {
    // Without a filter its captures are not known, and the filter is what is wrong.
    let pattern = has_filter.then(|| rules.pattern.clone());
    rules.kin.parent = table.get("parent", captured(pattern.as_ref(), Name::parse)).and_then(|at| at.value);
    rules.kin.client = table.get("client", captured(pattern.as_ref(), client)).and_then(|at| at.value);
    rules.kin.point_name =
        table.get("point_name", captured(pattern.as_ref(), point_name)).and_then(|at| at.value);
    let prefix = table.get("point_prefix", words::boolean);
    if let Some(alone) = prefix.as_ref().filter(|at| at.value && rules.kin.point_name.is_none() && has_filter)
    {
        alone.refuse(table.ledger, "there is no name to put in front", "add point_name = \"{component}\"");
    }
    rules.kin.point_prefix = prefix.is_some_and(|at| at.value);
    rules.kin.sequence_begins = table.or("sequence_begins", false, words::boolean);
    let mut named = Vec::new();
    let mut stream = |key: &'static str| {
        let name = table.get(key, words::name)?;
        named.push(name.clone());
        Some(name.value.into_boxed_str())
    };
    rules.kin.joins = stream("joins");
    rules.kin.sequence_with = stream("sequence_with");
    rules.kin.state_stream = stream("state_stream");
    rules.kin.command_stream = stream("command_stream");
    rules.kin.availability_stream = stream("availability_stream");
    named
}

/// Text with captures of the filter, as one of the core's parsers takes it.
fn captured<T>(
    pattern: Option<&Pattern>,
    parse: fn(&str, &Pattern) -> Result<T, String>,
) -> impl Fn(&Node) -> Result<Option<T>, Fault> {
    move |node| {
        let text = words::text(node)?;
        let Some(pattern) = pattern else { return Ok(None) };
        let wrong = |why: String| {
            fault(format!("«{text}» cannot be used: {why}"), "write captures of the filter, such as {device}")
        };
        parse(&text, pattern).map(Some).map_err(wrong)
    }
}

fn client(text: &str, pattern: &Pattern) -> Result<Box<[Part]>, String> {
    match DeviceFrom::parse(text, pattern)? {
        DeviceFrom::Topic(parts) => Ok(parts),
        _ => Err("a client id is made of the topic".to_owned()),
    }
}
