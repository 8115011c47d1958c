//! Single values as they are typed: moments, numbers, steps, regexes. What cannot be understood is said with its place
//! and its cure.

use super::moments;
use super::words::{COLUMNS_MAX, Wrong};
use regex::{Regex, RegexBuilder};
use watchkeeper_core::time::{Micros, Wall};

/// A regex may need so much memory.
const REGEX_BYTES_MAX: usize = 1 << 20;

pub(super) fn moment(parameter: &str, word: Option<&str>, now: Wall) -> Result<Option<Wall>, Wrong> {
    let Some(word) = word else { return Ok(None) };
    let bad = || {
        let lost =
            if word.contains(' ') { " (in a URL the plus sign of an offset is written %2B)" } else { "" };
        Wrong::new(parameter, format!("`{word}` is no moment"), format!("{}{lost}", moments::CURE))
    };
    moments::moment(word, now).map(Some).ok_or_else(bad)
}

pub(super) fn limit(word: Option<&str>) -> Result<Option<u64>, Wrong> {
    let Some(word) = word else { return Ok(None) };
    let bad =
        || Wrong::new("limit", format!("`{word}` is no number of records"), "write a whole number from 1");
    word.parse().ok().filter(|limit| *limit > 0).map(Some).ok_or_else(bad)
}

pub(super) fn after(word: Option<&str>) -> Result<Option<u64>, Wrong> {
    let Some(word) = word else { return Ok(None) };
    let bad = || {
        let what = format!("`{word}` is no sequence number");
        Wrong::new("after", what, "write the `seq` of the last record that you have")
    };
    word.parse().map(Some).map_err(|_| bad())
}

pub(super) fn step(word: &str, since: Option<Wall>, until: Option<Wall>) -> Result<Micros, Wrong> {
    let bad = |what: String, cure: &str| Wrong::new("histogram", what, cure);
    let step = moments::span(word).filter(|step| *step >= 1_000);
    let step = step.ok_or_else(|| bad(format!("`{word}` is no length of time"), moments::SPAN_CURE))?;
    let columns = since.zip(until).map_or(0, |(since, until)| until.0.abs_diff(since.0) / step);
    if columns > COLUMNS_MAX as u64 {
        return Err(bad(
            format!("`{word}` makes {columns} columns; {COLUMNS_MAX} are allowed"),
            "ask for longer ones",
        ));
    }
    Ok(step)
}

/// A regex of the user's; `whole` is the parameter in which it stands.
pub(super) fn regex(parameter: &str, whole: &str, pattern: &str, ignore_case: bool) -> Result<Regex, Wrong> {
    let built = RegexBuilder::new(pattern).case_insensitive(ignore_case).size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::Syntax(text) => {
            let (what, at) = syntax(&text);
            let place = at.map_or_else(String::new, |at| format!(" at character {}", at + 1));
            let what = format!("`{whole}`: {what}{place} of the regular expression");
            Wrong::new(parameter, what, "escape a special character with `\\`, or search for a TEXT instead")
        }
        _ => Wrong::new(
            parameter,
            format!("`{whole}` needs too much memory"),
            "use fewer or smaller repetitions",
        ),
    })
}

/// What the regex crate's picture of an error says, and where its mark stands.
fn syntax(text: &str) -> (String, Option<usize>) {
    let mark = text.lines().find(|line| line.trim_start().starts_with('^'));
    let at = mark.and_then(|line| line.find('^')).and_then(|column| column.checked_sub(4));
    let what = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
    (what.unwrap_or("it cannot be understood").to_owned(), at)
}
