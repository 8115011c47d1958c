//! Who asked the log what, over HTTP: each question is a record, and a page that asks the same every few seconds is
//! one a minute that says how often. Nothing here may know how a question is answered.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use watchkeeper_audit::record::{Draft, Key};
use watchkeeper_audit::sources::life::{self, Asker};
use watchkeeper_core::names::bounded;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND};

/// The same question by the same people is a record again after so long.
const AGAIN_AFTER: Micros = 60 * SECOND;

/// More askers and questions than this are not told apart; each is a record then.
const REMEMBERED: usize = 1024;

/// Bytes of a question that are kept.
const QUERY_BYTES_MAX: usize = 1024;

/// What was done with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Deed {
    /// Looked for something, or followed.
    Searched,
    /// Took it away in another form.
    Exported,
}

/// What was asked of late.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    hasher: RandomState,
    last: Mutex<HashMap<u64, Last>>,
}

#[derive(Debug)]
struct Last {
    told: Mono,
    /// So often since then.
    since: u64,
}

impl Asked {
    /// The record about a question, unless the same was told a moment ago.
    pub(crate) fn note(
        &self,
        deed: Deed,
        asker: Asker<'_>,
        query: &str,
        matches: u64,
        now: Now,
    ) -> Option<Draft> {
        let hash = self.hasher.hash_one((deed, asker.user, asker.source_ip, query));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let young = |told: Mono| now.mono.since(told) < AGAIN_AFTER;
        let mut again = 0;
        match last.get_mut(&hash) {
            Some(last) if young(last.told) => {
                last.since += 1;
                return None;
            }
            Some(last) => (last.told, again, last.since) = (now.mono, last.since, 0),
            None => {
                if last.len() >= REMEMBERED {
                    last.retain(|_, last| young(last.told));
                }
                if last.len() < REMEMBERED {
                    last.insert(hash, Last { told: now.mono, since: 0 });
                }
            }
        }
        let query = &bounded(query, QUERY_BYTES_MAX);
        let draft = match deed {
            Deed::Searched => life::searched(now.wall, asker, query, matches),
            Deed::Exported => life::exported(now.wall, asker, query, matches),
        };
        // So often it was asked since the record before, this time included.
        Some(if again > 0 { draft.int(Key::Count, again + 1) } else { draft })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_audit::record::Value;
    use watchkeeper_core::time::Wall;

    fn ask(asked: &Asked, at: u64, user: &str, query: &str) -> Option<Draft> {
        let now = Now { mono: Mono(at * SECOND), wall: Wall(0) };
        asked.note(Deed::Searched, Asker { user, source_ip: "::1" }, query, 3, now)
    }

    #[test]
    fn a_page_that_asks_the_same_again_and_again_is_one_record_a_minute() {
        let asked = Asked::default();
        assert_eq!(ask(&asked, 1, "ann", "type=DEVICE").unwrap().get(Key::Count), None);
        assert!((2..=60).all(|at| ask(&asked, at, "ann", "type=DEVICE").is_none()));
        assert!(ask(&asked, 2, "bob", "type=DEVICE").is_some() && ask(&asked, 2, "ann", "").is_some());
        let later = ask(&asked, 61, "ann", "type=DEVICE").unwrap();
        assert_eq!(later.get(Key::Count), Some(&Value::Int(60)));
    }

    #[test]
    fn many_different_questions_are_a_record_each_and_cost_a_bounded_memory() {
        let asked = Asked::default();
        assert!((0..3000).all(|n| ask(&asked, 1, "ann", &n.to_string()).is_some()));
        assert_eq!(asked.last.lock().unwrap().len(), REMEMBERED);
        assert!(ask(&asked, 62, "ann", "new").is_some());
        assert_eq!(asked.last.lock().unwrap().len(), 1, "what is old makes room");
    }

    #[test]
    fn a_long_question_is_cut_between_characters() {
        let draft = ask(&Asked::default(), 1, "", &"é".repeat(2000)).unwrap();
        let Some(Value::Text(query)) = draft.get(Key::Query) else { panic!("it has a query") };
        assert!(query.len() <= QUERY_BYTES_MAX && query.contains("é…"), "{query}");
    }
}
