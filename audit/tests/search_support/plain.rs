//! The plainest search: what a question means, line by line, with nothing that makes it fast.

use super::plain_fields;
use std::cell::RefCell;
use std::collections::HashMap;
use watchkeeper_audit::search::Words;
use watchkeeper_core::time::parse_rfc3339;

fn contains(line: &str, fields: &[(String, String)], text: &str, fold: bool) -> bool {
    let folded = fold.then(|| regex_of(&regex::escape(text), true));
    let has = |hay: &str| folded.as_ref().map_or_else(|| hay.contains(text), |regex| regex.is_match(hay));
    has(line) || fields.iter().any(|(_, value)| has(value))
}

/// Made once for each pattern.
fn regex_of(pattern: &str, fold: bool) -> regex::Regex {
    thread_local!(static MADE: RefCell<HashMap<(String, bool), regex::Regex>> = RefCell::default());
    let make = || regex::RegexBuilder::new(pattern).case_insensitive(fold).build().unwrap();
    MADE.with_borrow_mut(|made| made.entry((pattern.to_owned(), fold)).or_insert_with(make).clone())
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn field_passes(condition: &str, fields: &[(String, String)], fold: bool) -> bool {
    let at = condition.find(['=', '!', '~', '<', '>']).unwrap();
    let (key, rest) = condition.split_at(at);
    let value = rest.trim_start_matches(['=', '!', '~', '<', '>']);
    let sign = &rest[..rest.len() - value.len()];
    let have = fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let Some(have) = have else { return sign == "=" && value.is_empty() };
    let texts = matches!(key, "reason" | "device" | "client_id" | "type" | "level" | "code" | "old");
    let order = match (number(have), number(value)) {
        (Some(a), Some(b)) if !texts || !sign.contains('=') => a.partial_cmp(&b).unwrap(),
        _ => match (parse_rfc3339(have), parse_rfc3339(value)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => have.cmp(value),
        },
    };
    let regex = || regex_of(value, fold).is_match(have);
    match sign {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        "~" => regex(),
        _ => !regex(),
    }
}

/// The plainest search.
pub fn matches(words: &Words, line: &str) -> bool {
    let fields = plain_fields(line);
    let value =
        |key: &str| fields.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value.as_str());
    let named = |key: &str, words: &[String], commas: bool| {
        let split = |word: &String| {
            if commas {
                word.to_uppercase().split(',').map(str::to_owned).collect()
            } else {
                vec![word.clone()]
            }
        };
        words.is_empty() || words.iter().flat_map(split).any(|word| word == value(key))
    };
    let occurs = |text: &String| contains(line, &fields, text, words.ignore_case);
    let texts: Vec<&String> = words.text.iter().filter(|text| !text.is_empty()).collect();
    let ts = parse_rfc3339(value("ts")).unwrap();
    let bound = |word: &Option<String>| word.as_ref().map(|word| parse_rfc3339(word).unwrap());
    (if words.any && !texts.is_empty() {
        texts.into_iter().any(occurs)
    } else {
        texts.into_iter().all(occurs)
    }) && !words.not.iter().filter(|text| !text.is_empty()).any(occurs)
        && named("type", &words.kind, true)
        && named("level", &words.level, true)
        && named("device", &words.device, false)
        && named("event", &words.event, false)
        && words.field.iter().all(|condition| field_passes(condition, &fields, words.ignore_case))
        && bound(&words.since).is_none_or(|since| ts >= since)
        && bound(&words.until).is_none_or(|until| ts < until)
        && words.regex.as_ref().is_none_or(|regex| regex_of(regex, words.ignore_case).is_match(line))
}
