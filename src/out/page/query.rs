//! The query strings of the page: what a view may be asked for, and addresses made of it. The whole state of a view is
//! in its address, so that a link shows to others what it showed here.

use crate::out::api::{Pairs, pairs};
use crate::out::problem::Problem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a value as it is.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Seconds between two readings of a view, where somebody asks for it.
const EVERY: [&str; 3] = ["5", "10", "60"];

/// The parameters of a view.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// Reads them; each may be given once. An empty one is one that was left out: forms send those.
    pub(super) fn read(query: Pairs, known: &[&str]) -> Result<Self, Problem> {
        let mut asked = Self(Vec::new());
        for (name, value) in pairs(query)? {
            if name != "every" && !known.contains(&name.as_str()) {
                let known = known.iter().chain(&["every"]).copied().collect::<Vec<_>>().join(", ");
                return Err(Problem::bad_request(format!("unknown parameter; known are {known}")));
            }
            if asked.get(&name).is_some() {
                return Err(Problem::bad_request(format!("{name} is given twice; give it once")));
            }
            if name == "every" && !value.is_empty() && !EVERY.contains(&value.as_str()) {
                return Err(Problem::bad_request("every must be one of 5, 10 and 60: seconds"));
            }
            if !value.is_empty() {
                asked.0.push((name, value));
            }
        }
        Ok(asked)
    }

    /// All of them, whatever they are called.
    pub(super) fn any(query: Pairs) -> Result<Self, Problem> {
        Ok(Self(pairs(query)?.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// One of them.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// One of them, or nothing.
    pub(super) fn or_empty(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// One of them as a place in a list; 0 where there is none.
    pub(super) fn place(&self, name: &str) -> Result<usize, Problem> {
        let bad = || Problem::bad_request(format!("{name} must be a whole number"));
        self.get(name).map_or(Ok(0), |text| text.parse().map_err(|_| bad()))
    }

    /// One of them, which must be one of these words; the first where there is none.
    pub(super) fn word<'a>(&self, name: &str, words: &[&'a str]) -> Result<&'a str, Problem> {
        let given = self.get(name).unwrap_or(words[0]);
        let found = words.iter().find(|word| **word == given);
        found
            .copied()
            .ok_or_else(|| Problem::bad_request(format!("{name} must be one of {}", words.join(", "))))
    }

    /// Those that have one of these names.
    pub(super) fn only(&self, names: &[&str]) -> Vec<(String, String)> {
        self.0.iter().filter(|(name, _)| names.contains(&name.as_str())).cloned().collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> &[(String, String)] {
        &self.0
    }

    /// The address of this view with other values for some of the parameters; an empty value takes one away.
    pub(super) fn link(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let kept = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = kept.filter(|(name, _)| changed.iter().all(|(other, _)| other != name));
        link(path, kept.chain(changed.iter().copied()))
    }
}

/// An address.
pub(super) fn link<'a>(path: &str, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut link = path.to_owned();
    for (name, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        link.push(if link.len() == path.len() { '?' } else { '&' });
        link.push_str(&utf8_percent_encode(name, VALUE).to_string());
        link.push('=');
        link.push_str(&utf8_percent_encode(value, VALUE).to_string());
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::Query;

    fn read(pairs: &[(&str, &str)]) -> Result<Asked, Problem> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Asked::read(Ok(Query(pairs)), &["q", "sort"])
    }

    #[test]
    fn an_address_keeps_what_was_asked_and_changes_what_is_said() {
        let asked = read(&[("q", "a b&c"), ("sort", ""), ("every", "10")]).unwrap();
        assert_eq!(asked.link("/devices", &[("sort", "-id")]), "/devices?q=a%20b%26c&every=10&sort=-id");
        assert_eq!(asked.link("/devices", &[("q", ""), ("every", "")]), "/devices");
        assert_eq!(asked.link("/x", &[("q", "\"<>'")]), "/x?every=10&q=%22%3C%3E%27");
    }

    #[test]
    fn each_refusal_names_the_parameter_and_the_cure() {
        let refused = |pairs: &[(&str, &str)]| read(pairs).map(|_| ()).unwrap_err().detail;
        assert_eq!(refused(&[("x", "1")]), "unknown parameter; known are q, sort, every");
        assert_eq!(refused(&[("q", "1"), ("q", "2")]), "q is given twice; give it once");
        assert_eq!(refused(&[("every", "0.1")]), "every must be one of 5, 10 and 60: seconds");
        let asked = read(&[("q", "x")]).unwrap();
        assert_eq!(asked.word("q", &["a", "b"]).unwrap_err().detail, "q must be one of a, b");
        assert_eq!(asked.word("sort", &["a", "b"]), Ok("a"));
        assert_eq!(asked.place("q").unwrap_err().detail, "q must be a whole number");
    }
}
