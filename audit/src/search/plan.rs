//! What a question makes possible to skip: literals that every line with an answer has, tokens that every frame with
//! an answer has, and whether counters made in advance are the answer. It may let through too much and never too
//! little; the exact meaning is `Query::matches`.

use super::bloom;
use super::condition::{Condition, Relation, Test};
use super::grams;
use super::index;
use super::needle::Needle;
use super::query::{Answer, Query};
use super::required;
use crate::line::{self, Format};
use crate::record::Type;
use grep_matcher::{LineMatchKind, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use memchr::memmem::Finder;

/// More literals than this are no faster than looking at every line.
const LITERALS_MAX: usize = 6;
/// A literal that is at least so telling is preferred to the regex.
const TELLING: usize = 8;

/// How lines are chosen to be looked at.
#[derive(Debug)]
pub(super) enum Prefilter {
    /// Every line.
    All,
    /// Lines with one of these literals.
    Literals(Vec<Finder<'static>>),
    /// Lines in which this finds something: ripgrep's matcher, which finds literals of its own.
    Lines(Box<RegexMatcher>),
}

/// What can be skipped.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) prefilter: Prefilter,
    /// Of each of these, at least one token must be in a frame: (key, tokens).
    pub(super) tokens: Vec<(String, Vec<u64>)>,
    /// Of each of these, a frame must have all runs of at least one text.
    pub(super) grams: Vec<Vec<Vec<u64>>>,
    /// Types and levels that are asked for, when nothing else is: then counters can answer.
    pub(super) counted: Option<Counted>,
}

/// A question that asks for types and levels only.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    pub(super) kinds: Option<Vec<String>>,
    pub(super) levels: Option<Vec<String>>,
}

/// Alternatives of which every line with an answer has one, and how telling they are.
struct Literals {
    forms: Vec<Vec<u8>>,
    score: usize,
}

impl Plan {
    pub(super) fn of(query: &Query) -> Self {
        let tokens =
            query.conditions.iter().filter_map(|condition| Some((condition.key.clone(), tokens(condition)?)));
        Self {
            prefilter: prefilter(query),
            tokens: tokens.collect(),
            grams: grams(query),
            counted: counted(query),
        }
    }
}

fn prefilter(query: &Query) -> Prefilter {
    let best = literals(query).into_iter().filter(|literals| literals.forms.len() <= LITERALS_MAX);
    let best = best.max_by_key(|literals| literals.score);
    let telling = best.as_ref().is_some_and(|literals| literals.score >= TELLING);
    if !telling && let Some(matcher) = matcher(query) {
        return Prefilter::Lines(Box::new(matcher));
    }
    match best {
        Some(best) => {
            Prefilter::Literals(best.forms.iter().map(|form| Finder::new(form).into_owned()).collect())
        }
        None => Prefilter::All,
    }
}

/// The regex of the question, or its texts when their case does not matter, as ripgrep looks for them.
fn matcher(query: &Query) -> Option<RegexMatcher> {
    let mut builder = RegexMatcherBuilder::new();
    builder.case_insensitive(query.ignore_case).multi_line(true).line_terminator(Some(b'\n'));
    let matcher = if let Some((pattern, _)) = &query.regex {
        builder.build(pattern)
    } else {
        let folded: Vec<&_> = query.needles.iter().filter(|needle| needle.folded()).collect();
        let forms: Vec<String> = match (folded.as_slice(), query.any) {
            ([], _) => return None,
            (all, true) => all.iter().flat_map(|needle| needle.forms()).collect(),
            (all, false) => all.iter().map(|needle| needle.forms()).max_by_key(|forms| forms[0].len())?,
        };
        builder.fixed_strings(true).build_many(&forms)
    };
    // Without a line terminator the pattern may look beyond its line; then every line is looked at by itself.
    matcher.ok().filter(|matcher| matcher.line_terminator().is_some())
}

fn literals(query: &Query) -> Vec<Literals> {
    let mut found = Vec::new();
    let exact = query.needles.iter().filter(|needle| !needle.folded());
    if query.any && query.needles.len() > 1 {
        let forms: Vec<String> = exact.flat_map(Needle::forms).collect();
        found.extend(of_text(forms));
    } else {
        found.extend(exact.filter_map(|needle| of_text(needle.forms())));
    }
    found.extend(query.conditions.iter().filter_map(of_condition));
    found.extend(of_time(query));
    found
}

fn of_text(forms: Vec<String>) -> Option<Literals> {
    let shortest = forms.iter().map(String::len).min()?;
    Some(Literals { forms: forms.into_iter().map(String::into_bytes).collect(), score: 2 * shortest.min(20) })
}

/// Beginnings of the moments between `since` and `until`: both forms write them the same way.
fn of_time(query: &Query) -> Option<Literals> {
    let (since, until) = (line::moment(query.since?), line::moment(query.until?.minus(1)));
    let same = since.bytes().zip(until.bytes()).take_while(|(a, b)| a == b).count();
    (same >= 10).then(|| Literals { forms: vec![since.as_bytes()[..same].to_vec()], score: same })
}

fn of_condition(condition: &Condition) -> Option<Literals> {
    let key = condition.key.as_str();
    // These stand at fixed places, in the pipe form without their keys.
    let placed = matches!(key, "seq" | "ts" | "type" | "level");
    match &condition.test {
        Test::OneOf(words) => {
            let forms = words.iter().flat_map(|word| text_forms(key, word)).collect();
            let shortest = words.iter().map(String::len).min()?;
            Some(Literals { forms, score: if placed { 5 } else { 2 * shortest.min(16) + 6 } })
        }
        Test::Compared(Relation::Equal, word) if condition.ty == Type::Int && !placed => {
            let whole = word.parse::<i64>().ok()?;
            let forms =
                vec![format!("\"{key}\":{whole}").into_bytes(), format!(" | {key}={whole}").into_bytes()];
            Some(Literals { forms, score: 6 })
        }
        Test::Absent => None,
        _ if placed => None,
        _ => {
            let forms = vec![format!("\"{key}\":").into_bytes(), format!(" | {key}=").into_bytes()];
            Some(Literals { forms, score: 3 })
        }
    }
}

/// How `key=word` stands in the two forms.
fn text_forms(key: &str, word: &str) -> [Vec<u8>; 2] {
    let json = format!("\"{key}\":\"{}\"", line::escaped(word, Format::Json));
    let pipe = match key {
        "type" | "level" => format!(" | {word} | "),
        _ if line::is_bare(word) => format!(" | {key}={word}"),
        _ => format!(" | {key}=\"{}\"", line::escaped(word, Format::Pipe)),
    };
    [json.into_bytes(), pipe.into_bytes()]
}

/// The tokens of which a frame must have one, when the filters know the key.
fn tokens(condition: &Condition) -> Option<Vec<u64>> {
    if !index::indexed(&condition.key) {
        return None;
    }
    match &condition.test {
        Test::OneOf(words) => Some(words.iter().map(|word| bloom::token(&condition.key, word)).collect()),
        Test::Compared(Relation::Equal, word) if condition.ty == Type::Int => {
            let whole = word.parse::<i64>().ok()?;
            Some(vec![bloom::token(&condition.key, &whole.to_string())])
        }
        _ => None,
    }
}

/// The runs of the texts of which every line with an answer has one.
fn grams(query: &Query) -> Vec<Vec<Vec<u64>>> {
    let mut texts: Vec<Vec<Vec<u8>>> = Vec::new();
    if !query.ignore_case {
        let forms = |needle: &Needle| needle.forms().into_iter().map(String::into_bytes);
        if query.any {
            texts.push(query.needles.iter().flat_map(forms).collect());
        } else {
            texts.extend(query.needles.iter().map(|needle| forms(needle).collect()));
        }
        let pattern = query.regex.iter().flat_map(|(pattern, _)| required::texts(pattern));
        texts.extend(pattern.map(|text| vec![text]));
    }
    // Every frame has every level.
    let asked = |key: &str| !index::indexed(key) && key != "level";
    for condition in query.conditions.iter().filter(|condition| asked(&condition.key)) {
        if let Test::OneOf(words) = &condition.test {
            texts.push(words.iter().flat_map(|word| text_forms(&condition.key, word)).collect());
        }
    }
    let runs = texts.iter().map(|forms| forms.iter().map(|form| grams::asked(form)).collect::<Vec<_>>());
    // A text of which nothing can be said may be anywhere.
    runs.filter(|forms| !forms.is_empty() && forms.iter().all(|runs| !runs.is_empty())).collect()
}

fn counted(query: &Query) -> Option<Counted> {
    let Answer::Counts { by, .. } = &query.answer else { return None };
    let by_known = by.as_deref().is_none_or(|key| matches!(key, "type" | "level"));
    let texts = query.needles.is_empty() && query.nots.is_empty() && query.regex.is_none();
    if !by_known || !texts {
        return None;
    }
    let mut counted = Counted::default();
    for condition in &query.conditions {
        let place = match condition.key.as_str() {
            "type" => &mut counted.kinds,
            "level" => &mut counted.levels,
            _ => return None,
        };
        match &condition.test {
            Test::OneOf(words) if place.is_none() => *place = Some(words.clone()),
            _ => return None,
        }
    }
    Some(counted)
}

/// Goes through a text from place to place where a line may be an answer.
#[derive(Debug)]
pub(super) struct Hits<'p> {
    prefilter: &'p Prefilter,
    /// The next place of each literal, where it is known.
    next: Vec<Option<usize>>,
    /// Lines that were looked at in vain.
    misses: u32,
}

/// A regex whose literals mislead so often in one text is better matched as it is.
const MISSES_MAX: u32 = 16;

impl<'p> Hits<'p> {
    pub(super) fn new(prefilter: &'p Prefilter) -> Self {
        let count = if let Prefilter::Literals(finders) = prefilter { finders.len() } else { 0 };
        Self { prefilter, next: vec![Some(0); count], misses: 0 }
    }

    /// Says that the line of the last place was no answer.
    pub(super) fn missed(&mut self) {
        self.misses += 1;
    }

    /// A place in the next line, at `from` or behind it, that may be an answer. `from` is the start of a line and
    /// never goes back within a text.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        match self.prefilter {
            Prefilter::All => (from < text.len()).then_some(from),
            Prefilter::Lines(matcher) if self.misses > MISSES_MAX => {
                let end = matcher.shortest_match(&text[from..]).ok()??;
                Some(from + end)
            }
            Prefilter::Lines(matcher) => {
                let (LineMatchKind::Confirmed(at) | LineMatchKind::Candidate(at)) =
                    matcher.find_candidate_line(&text[from..]).ok()??;
                Some(from + at)
            }
            Prefilter::Literals(finders) => {
                for (finder, next) in finders.iter().zip(&mut self.next) {
                    if next.is_some_and(|at| at <= from) {
                        *next = finder.find(&text[from..]).map(|at| from + at);
                    }
                }
                self.next.iter().flatten().min().copied()
            }
        }
    }
}
