//! The conditions on fields, as they are typed. A name that no record can have is refused with the nearest that one
//! can have: a search that silently finds nothing would be taken for an answer.

use super::condition::{Condition, Relation, Test, number};
use super::moments;
use super::typed::regex;
use super::words::Wrong;
use crate::record::{Key, Kind, Level, Type};
use watchkeeper_core::time::Wall;

/// What every record has, beside `Key::ALL`.
const ALWAYS: [(&str, Type); 5] = [
    ("seq", Type::Int),
    ("ts", Type::Time),
    ("level", Type::Text),
    ("type", Type::Text),
    ("event", Type::Text),
];
/// Names that people try, and ours.
const ALIASES: [(&str, &str); 6] = [
    ("client", "client_id"),
    ("time", "ts"),
    ("timestamp", "ts"),
    ("kind", "type"),
    ("ip", "source_ip"),
    ("username", "user"),
];
/// The signs, the longer ones first where one begins another.
const SIGNS: [&str; 8] = ["!=", "!~", ">=", "<=", "=", "~", ">", "<"];

/// The type of a field's values, or what is wrong with its name.
pub(super) fn type_of(parameter: &str, name: &str) -> Result<Type, Wrong> {
    if let Some((_, ty)) = ALWAYS.iter().find(|(always, _)| *always == name) {
        return Ok(*ty);
    }
    if let Some(key) = Key::from_word(name) {
        return Ok(key.ty());
    }
    let alias = ALIASES
        .iter()
        .find(|(typed, _)| *typed == name)
        .map(|(_, ours)| format!("it is called `{ours}` here"));
    let names = || ALWAYS.iter().map(|(name, _)| *name).chain(Key::ALL.iter().map(|key| key.word()));
    let cure = alias
        .or_else(|| suggestion(name, names()))
        .unwrap_or_else(|| format!("the fields are {}", names().collect::<Vec<_>>().join(", ")));
    Err(Wrong::new(parameter, format!("no record has a field `{name}`"), cure))
}

/// «Did you mean», when one of the names is near.
pub(super) fn suggestion<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = names.map(|name| (strsim::damerau_levenshtein(typed, name), name)).min()?;
    let enough = near.0 <= typed.chars().count().div_ceil(3).min(3);
    enough.then(|| format!("did you mean `{}`?", near.1))
}

/// Words with commas between, each once.
fn split(words: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words.iter().flat_map(|word| word.split(',')).map(str::trim).filter(|word| !word.is_empty()) {
        if !all.iter().any(|have| have == word) {
            all.push(word.to_owned());
        }
    }
    all
}

/// The value is one of these; nothing is asked where none is given. Values of a device may hold commas.
pub(super) fn one_of(key: &str, ty: Type, words: &[String]) -> Option<Condition> {
    let words: Vec<String> = words.iter().filter(|word| !word.is_empty()).cloned().collect();
    let test = Test::OneOf(words.clone());
    (!words.is_empty()).then(|| Condition { key: key.to_owned(), ty, test })
}

/// The same for words of a closed list.
pub(super) fn known<I: Iterator<Item = &'static str>>(
    parameter: &str,
    words: &[String],
    all: impl Fn() -> I,
) -> Result<Option<Condition>, Wrong> {
    let words = split(words);
    if let Some(bad) = words.iter().find(|word| !all().any(|known| known == word.as_str())) {
        let cure = suggestion(bad, all())
            .unwrap_or_else(|| format!("there are {}", all().collect::<Vec<_>>().join(", ")));
        return Err(Wrong::new(parameter, format!("there is no {parameter} `{bad}`"), cure));
    }
    Ok(one_of(parameter, Type::Text, &words))
}

/// One condition: a name, a sign, a value.
pub(super) fn condition(typed: &str, now: Wall, ignore_case: bool) -> Result<Condition, Wrong> {
    let parts = typed.find(['=', '!', '~', '<', '>']).and_then(|at| {
        let (name, rest) = typed.split_at(at);
        let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
        Some((name.trim(), *sign, &rest[sign.len()..]))
    });
    let Some((name, sign, value)) = parts.filter(|(name, ..)| !name.is_empty()) else {
        let cure = "write `key=value`, `key!=value`, `key~regex`, `key>value` or `key<value`, \
                    such as `device=tc-17` or `latency_ms>500`";
        return Err(Wrong::new("field", format!("`{typed}` is no condition"), cure));
    };
    let ty = type_of("field", name)?;
    if matches!(sign, "=" | "!=") && !value.is_empty() {
        let words = [value.to_owned()];
        match name {
            "type" => drop(known("type", &words, || Kind::ALL.iter().map(|kind| kind.word()))?),
            "level" => drop(known("level", &words, || Level::ALL.iter().map(|level| level.word()))?),
            _ => {}
        }
    }
    let test = test(typed, ty, sign, value, now, ignore_case)?;
    Ok(Condition { key: name.to_owned(), ty, test })
}

fn test(typed: &str, ty: Type, sign: &str, value: &str, now: Wall, ignore_case: bool) -> Result<Test, Wrong> {
    let relation = match sign {
        "~" | "!~" => return Ok(Test::Matched(regex("field", typed, value, ignore_case)?, sign == "~")),
        "=" if value.is_empty() => return Ok(Test::Absent),
        "!=" if value.is_empty() => return Ok(Test::Present),
        "=" => Relation::Equal,
        "!=" => Relation::Other,
        ">" => Relation::Greater,
        ">=" => Relation::GreaterOrEqual,
        "<" => Relation::Less,
        _ => Relation::LessOrEqual,
    };
    let bad =
        |what: &str, cure: &str| Wrong::new("field", format!("`{typed}`: `{value}` is no {what}"), cure);
    match ty {
        Type::Text if relation == Relation::Equal => Ok(Test::OneOf(vec![value.to_owned()])),
        Type::Int | Type::Float if number(value).is_none() => {
            Err(bad("number", "write a number such as `500`"))
        }
        Type::Bool if !matches!(value, "true" | "false") => Err(bad("yes or no", "write `true` or `false`")),
        Type::Text | Type::Int | Type::Float | Type::Bool => Ok(Test::Compared(relation, value.to_owned())),
        Type::Time => match moments::moment(value, now) {
            Some(at) => Ok(Test::Moment(relation, at)),
            None => Err(bad("moment", moments::CURE)),
        },
    }
}
