//! From the query string to a question, and everything that is wrong with it. The words are the search's; here is
//! only decided which of them an endpoint takes.

use super::super::api::{Pairs, pairs};
use crate::clock;
use crate::out::problem::Problem;
use serde_json::{Value, json};
use watchkeeper_audit::search::{Query, Words, Wrong};

/// What was asked.
pub(super) struct Question {
    pub(super) query: Query,
    /// As it is recorded: what was looked for, without where a page began.
    pub(super) text: String,
}

/// The parameters of a query string.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn read(query: Pairs) -> Result<Self, Problem> {
        Ok(Self(pairs(query)?))
    }

    /// Those that were read elsewhere.
    pub(super) fn of(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Takes out a parameter that is not the search's; the last one counts, as with the others.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let mut last = None;
        self.0.retain(|(known, value)| {
            let is_it = known == name;
            if is_it {
                last = Some(value.clone());
            }
            !is_it
        });
        last
    }

    /// Whether it is there, and not empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, value)| known == name && !value.is_empty())
    }

    /// Refuses what this endpoint does not take.
    pub(super) fn refuse(&self, names: &[&str], cure: &str) -> Result<(), Problem> {
        let found = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let wrong: Vec<Wrong> = found
            .map(|(name, _)| Wrong {
                parameter: name.clone(),
                what: "it has no meaning here".to_owned(),
                cure: cure.to_owned(),
            })
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(problem(&wrong)) }
    }

    /// The question; `limit` is what an answer may hold at most, and holds by default.
    pub(super) fn question(self, limit: Option<(u64, u64)>) -> Result<Question, Problem> {
        let (mut words, mut wrong) = (Words::default(), Vec::new());
        for (name, value) in &self.0 {
            wrong.extend(words.set(name, value).err());
        }
        if let Some((_, most)) = limit {
            let asked = words.limit.as_ref().and_then(|limit| limit.parse::<u64>().ok());
            if asked.is_some_and(|asked| asked > most) {
                wrong.push(Wrong {
                    parameter: "limit".to_owned(),
                    what: format!("one answer has at most {most} records"),
                    cure: format!("write 1 to {most}, and go on with next_cursor"),
                });
            }
            words.limit.get_or_insert_with(|| limit.map_or(0, |(default, _)| default).to_string());
        }
        let query = match words.query(clock::wall()) {
            Ok(query) if wrong.is_empty() => query,
            Ok(_) => return Err(problem(&wrong)),
            Err(more) => {
                wrong.extend(more);
                return Err(problem(&wrong));
            }
        };
        let shown = self.0.iter().filter(|(name, _)| name != "cursor" && name != "limit");
        let text = shown.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        Ok(Question { query, text })
    }
}

/// Everything that is wrong, in one answer.
fn problem(wrong: &[Wrong]) -> Problem {
    // The command line has another name for it.
    let name = |wrong: &Wrong| match wrong.parameter.as_str() {
        "histogram" => "step".to_owned(),
        name => name.to_owned(),
    };
    let each = wrong.iter().map(|wrong| format!("{}: {}; {}", name(wrong), wrong.what, wrong.cure));
    let detail = each.collect::<Vec<_>>().join("; ");
    let errors: Vec<Value> = wrong
        .iter()
        .map(|wrong| json!({"parameter": name(wrong), "what": wrong.what, "cure": wrong.cure}))
        .collect();
    Problem::bad_request(detail).member("errors", Value::Array(errors))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Parameters(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let asked = parameters("devise=d1&since=yesterday&limit=1001").question(Some((100, 1000)));
        let Err(problem) = asked else { panic!("it is refused") };
        for part in ["devise: ", "since: ", "limit: one answer has at most 1000 records"] {
            assert!(problem.detail.contains(part), "{part}: {}", problem.detail);
        }
    }

    #[test]
    fn what_was_asked_is_told_without_the_page() {
        let question = parameters("type=DEVICE&limit=5&device=d1").question(Some((100, 1000))).ok().unwrap();
        assert_eq!((question.text.as_str(), question.query.limit()), ("type=DEVICE&device=d1", Some(5)));
        let question = parameters("").question(Some((100, 1000))).ok().unwrap();
        assert_eq!((question.text.as_str(), question.query.limit()), ("", Some(100)));
        assert_eq!(parameters("").question(None).ok().unwrap().query.limit(), None);
    }

    #[test]
    fn a_parameter_that_has_no_meaning_here_is_refused() {
        let parameters = parameters("order=desc&until=1m");
        let refused = parameters.refuse(&["order", "until"], "leave it out").unwrap_err();
        assert_eq!(
            refused.detail,
            "order: it has no meaning here; leave it out; until: it has no meaning here; leave it out"
        );
        assert!(parameters.refuse(&["limit"], "").is_ok());
    }
}
