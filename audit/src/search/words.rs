//! A question as it was typed, on the command line or in a URL, and what is wrong with it: every error at once, each
//! with the parameter, the place in it and the cure. Nothing here may read a clock or a file.

use super::bloom;
use super::condition::Condition;
use super::cursor::Cursor;
use super::fields;
use super::needle::Needle;
use super::query::{Answer, Order, Query};
use super::typed;
use crate::record::{Kind, Level, Type};
use regex::Regex;
use watchkeeper_core::time::Wall;

/// More conditions than this are refused; each costs every line that is looked at.
const CONDITIONS_MAX: usize = 64;
/// More columns of a histogram than this nobody reads.
pub(super) const COLUMNS_MAX: usize = 10_000;

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {what}; {cure}")]
pub struct Wrong {
    /// Its name, as in a URL; on the command line `--` stands before it.
    pub parameter: String,
    /// What is wrong, with the place.
    pub what: String,
    /// What to write instead.
    pub cure: String,
}

impl Wrong {
    pub(super) fn new(parameter: &str, what: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { parameter: parameter.to_owned(), what: what.into(), cure: cure.into() }
    }
}

/// The parameters as they were typed. Those that may be given once hold what was given last.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Texts that must occur.
    pub text: Vec<String>,
    /// One of the texts is enough.
    pub any: bool,
    /// Texts that must not occur.
    pub not: Vec<String>,
    /// The case of letters does not matter, in texts and the regex.
    pub ignore_case: bool,
    /// A regular expression on the whole line.
    pub regex: Option<String>,
    /// Types, each may hold several with commas between.
    pub kind: Vec<String>,
    /// Devices.
    pub device: Vec<String>,
    /// Client ids.
    pub client: Vec<String>,
    /// Events.
    pub event: Vec<String>,
    /// Levels; exactly these, not «at least».
    pub level: Vec<String>,
    /// Conditions on fields: `k=v` `k!=v` `k~regex` `k!~regex` `k>v` `k>=v` `k<v` `k<=v`.
    pub field: Vec<String>,
    /// Not before.
    pub since: Option<String>,
    /// Before.
    pub until: Option<String>,
    /// At most so many records.
    pub limit: Option<String>,
    /// `asc` or `desc`.
    pub order: Option<String>,
    /// Only records with a higher number.
    pub after: Option<String>,
    /// Where an earlier page of the same question ended.
    pub cursor: Option<String>,
    /// Records are counted, not given.
    pub count: bool,
    /// Counted by the value of this field.
    pub by: Option<String>,
    /// Counted in spans of this length.
    pub histogram: Option<String>,
}

/// The names in a URL; on the command line `_` is `-`.
const NAMES: [&str; 20] = [
    "text",
    "any",
    "not",
    "ignore_case",
    "regex",
    "type",
    "device",
    "client",
    "event",
    "level",
    "field",
    "since",
    "until",
    "limit",
    "order",
    "after",
    "cursor",
    "count",
    "by",
    "step",
];

impl Words {
    /// Takes in one parameter of a URL.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let list = match name {
            "text" => &mut self.text,
            "not" => &mut self.not,
            "type" => &mut self.kind,
            "device" => &mut self.device,
            "client" => &mut self.client,
            "event" => &mut self.event,
            "level" => &mut self.level,
            "field" => &mut self.field,
            _ => return self.set_single(name, value),
        };
        if !value.is_empty() {
            list.push(value.to_owned());
        }
        Ok(())
    }

    fn set_single(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let single = match name {
            "regex" => &mut self.regex,
            "since" => &mut self.since,
            "until" => &mut self.until,
            "limit" => &mut self.limit,
            "order" => &mut self.order,
            "after" => &mut self.after,
            "cursor" => &mut self.cursor,
            "by" => &mut self.by,
            "step" | "histogram" => &mut self.histogram,
            _ => return self.set_switch(name, value),
        };
        *single = (!value.is_empty()).then(|| value.to_owned());
        Ok(())
    }

    fn set_switch(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let switch = match name {
            "any" => &mut self.any,
            "ignore_case" => &mut self.ignore_case,
            "count" => &mut self.count,
            _ => {
                let cure = fields::suggestion(name, NAMES.iter().copied())
                    .unwrap_or_else(|| format!("the parameters are {}", NAMES.join(", ")));
                return Err(Wrong::new(name, "there is no such parameter", cure));
            }
        };
        *switch = match value {
            "" | "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(Wrong::new(name, format!("`{value}` is neither"), "write `true` or `false`")),
        };
        Ok(())
    }

    /// The question, or everything that is wrong with it. «Ago» is counted from `now`.
    pub fn query(&self, now: Wall) -> Result<Query, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let hash = self.hash();
        let order = note(self.order(), &mut wrong).unwrap_or_default();
        let cursor = note(self.cursor(hash, order), &mut wrong).flatten();
        let now = cursor.map_or(now, |cursor| cursor.now);
        let since = note(typed::moment("since", self.since.as_deref(), now), &mut wrong).flatten();
        let until = note(typed::moment("until", self.until.as_deref(), now), &mut wrong).flatten();
        let query = Query {
            needles: self.needles("text", &self.text, &mut wrong),
            any: self.any,
            nots: self.needles("not", &self.not, &mut wrong),
            regex: note(self.regex(), &mut wrong).flatten(),
            ignore_case: self.ignore_case,
            conditions: self.conditions(now, &mut wrong),
            since,
            until,
            order,
            limit: note(typed::limit(self.limit.as_deref()), &mut wrong).flatten(),
            after: note(typed::after(self.after.as_deref()), &mut wrong).flatten(),
            cursor,
            answer: note(self.answer(since, until), &mut wrong).unwrap_or(Answer::Lines),
            hash,
            now,
        };
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let what = format!("nothing lies between {} and {}", since.rfc3339(), until.rfc3339());
            wrong.push(Wrong::new("until", what, "write a moment after `since`"));
        }
        if wrong.is_empty() { Ok(query) } else { Err(wrong) }
    }

    /// Everything that decides which records are an answer; the order is in the cursor itself.
    fn hash(&self) -> u64 {
        let lists = [
            &self.text,
            &self.not,
            &self.kind,
            &self.device,
            &self.client,
            &self.event,
            &self.level,
            &self.field,
        ];
        let singles = [&self.regex, &self.since, &self.until, &self.after];
        let text = format!("{lists:?}{singles:?}{}{}", self.any, self.ignore_case);
        bloom::hash(text.as_bytes(), 1)
    }

    fn order(&self) -> Result<Order, Wrong> {
        match self.order.as_deref() {
            None | Some("asc") => Ok(Order::Asc),
            Some("desc") => Ok(Order::Desc),
            Some(word) => Err(Wrong::new(
                "order",
                format!("`{word}` is no order"),
                "write `asc` for the oldest first or `desc` for the newest first",
            )),
        }
    }

    fn cursor(&self, hash: u64, order: Order) -> Result<Option<Cursor>, Wrong> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let again = "leave the cursor out to begin at the start";
        let Some(cursor) = Cursor::from_text(text) else {
            return Err(Wrong::new("cursor", "this is no cursor of this version", again));
        };
        if cursor.query != hash || cursor.order != order {
            return Err(Wrong::new(
                "cursor",
                "it belongs to another question",
                "repeat the question that gave it word by word; only `limit` may differ, or leave the cursor out",
            ));
        }
        Ok(Some(cursor))
    }

    fn needles(&self, parameter: &str, texts: &[String], wrong: &mut Vec<Wrong>) -> Vec<Needle> {
        let made = texts.iter().filter(|text| !text.is_empty()).map(|text| {
            Needle::new(text, self.ignore_case).map_err(|_| {
                Wrong::new(parameter, "this text is too long for `ignore-case`", "write a shorter one")
            })
        });
        made.filter_map(|made| note(made, wrong)).collect()
    }

    fn regex(&self) -> Result<Option<(String, Regex)>, Wrong> {
        let Some(pattern) = &self.regex else { return Ok(None) };
        let regex = typed::regex("regex", pattern, pattern, self.ignore_case)?;
        Ok(Some((pattern.clone(), regex)))
    }

    fn conditions(&self, now: Wall, wrong: &mut Vec<Wrong>) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let upper = |words: &[String]| words.iter().map(|word| word.to_ascii_uppercase()).collect::<Vec<_>>();
        let kinds = || Kind::ALL.iter().map(|kind| kind.word());
        let levels = || Level::ALL.iter().map(|level| level.word());
        conditions.extend(note(fields::known("type", &upper(&self.kind), kinds), wrong).flatten());
        conditions.extend(note(fields::known("level", &upper(&self.level), levels), wrong).flatten());
        conditions.extend(fields::one_of("event", Type::Text, &self.event));
        conditions.extend(fields::one_of("device", Type::Text, &self.device));
        conditions.extend(fields::one_of("client_id", Type::Text, &self.client));
        let asked = self.field.iter().map(|word| fields::condition(word, now, self.ignore_case));
        conditions.extend(asked.filter_map(|condition| note(condition, wrong)));
        if conditions.len() > CONDITIONS_MAX {
            let what = format!("{} conditions; {CONDITIONS_MAX} are allowed", conditions.len());
            wrong.push(Wrong::new("field", what, "ask with fewer"));
        }
        conditions
    }

    fn answer(&self, since: Option<Wall>, until: Option<Wall>) -> Result<Answer, Wrong> {
        let step = self.histogram.as_deref().map(|word| typed::step(word, since, until)).transpose()?;
        if let Some(key) = self.by.as_deref() {
            fields::type_of("by", key)?;
            if matches!(key, "seq" | "ts") {
                let what = format!("`{key}` differs in every record");
                return Err(Wrong::new("by", what, "count over time with `histogram`, or by another field"));
            }
        }
        let counted = self.count || self.by.is_some() || step.is_some();
        Ok(if counted { Answer::Counts { by: self.by.clone(), step } } else { Answer::Lines })
    }
}

fn note<T>(outcome: Result<T, Wrong>, wrong: &mut Vec<Wrong>) -> Option<T> {
    outcome.map_err(|error| wrong.push(error)).ok()
}

#[cfg(test)]
#[path = "words_tests.rs"]
mod tests;
