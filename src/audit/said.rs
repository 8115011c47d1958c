//! What the log has of devices and the saved state does not know: found in the last seconds before a kill, and found
//! again after it from the state of before. Such a record is not written a second time. Nothing here may keep back what
//! the log does not have, nor for long.

use super::Desk;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use watchkeeper_audit::record::{Draft, Key, Value};
use watchkeeper_core::time::{Micros, SECOND};

/// More are not remembered; what is beyond is written again.
const SAID_MAX: usize = 65_536;
/// What is found later is something else, however alike.
const FOR: Micros = 120 * SECOND;

/// Hashes of records, and how often each is there.
#[derive(Debug, Default)]
pub(crate) struct Said {
    counts: HashMap<u64, u32>,
}

impl Said {
    /// The log has this.
    pub(super) fn note(&mut self, event: &str, device: &str, stream: &str, details: &str) {
        let print = print(event, device, stream, details);
        if self.counts.len() < SAID_MAX || self.counts.contains_key(&print) {
            *self.counts.entry(print).or_default() += 1;
        }
    }

    /// Whether the log has this record; once for each that it has. We run for so long.
    pub(crate) fn has(&mut self, draft: &Draft, desk: &Desk, running: Micros) -> bool {
        if self.counts.is_empty() {
            return false;
        }
        if running > FOR {
            self.counts = HashMap::new();
            return false;
        }
        // As it would stand in the log.
        let draft = desk.mask().draft(draft.clone());
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => &**text,
            _ => "",
        };
        let print = print(&draft.event, text(Key::Device), text(Key::Stream), text(Key::Details));
        let Some(count) = self.counts.get_mut(&print) else { return false };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&print);
        }
        true
    }
}

fn print(event: &str, device: &str, stream: &str, details: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    [event, device, stream, details].hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_audit::record::Kind;
    use watchkeeper_audit::sources::finding;
    use watchkeeper_core::finding::{Finding, What};
    use watchkeeper_core::time::{Mono, Wall};

    fn gap(last: u64) -> Draft {
        let what = What::Gap { stream: "s".into(), first: 30, last, lost: last - 29 };
        let finding = Finding { at: Mono(5), wall: Wall(9), device: "d".into(), what, muted: false };
        finding::draft("main", &finding, Wall(9)).unwrap()
    }

    fn said(times: u32) -> Said {
        let mut said = Said::default();
        let draft = gap(34);
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        for _ in 0..times {
            said.note(&draft.event, &text(Key::Device), &text(Key::Stream), &text(Key::Details));
        }
        said
    }

    #[test]
    fn what_the_log_has_is_kept_back_as_often_as_it_has_it() {
        let (mut said, desk) = (said(2), Desk::default());
        assert!(!said.has(&gap(35), &desk, 0), "it says something else");
        assert!(said.has(&gap(34), &desk, 0) && said.has(&gap(34), &desk, FOR));
        assert!(!said.has(&gap(34), &desk, 0));
    }

    #[test]
    fn what_is_found_much_later_is_written() {
        let mut said = said(1);
        assert!(!said.has(&gap(34), &Desk::default(), FOR + 1));
        assert!(said.counts.is_empty());
    }

    #[test]
    fn what_is_hidden_in_the_log_is_compared_as_it_stands_there() {
        let desk = Desk::default();
        let open = Draft::new(Wall(9), watchkeeper_audit::record::Level::Warn, Kind::Device, "odd")
            .text(Key::Device, "d")
            .text(Key::Details, "mqtt://user:hunter2@host is away");
        let hidden = desk.mask().draft(open.clone());
        let Some(Value::Text(details)) = hidden.get(Key::Details) else { panic!("{hidden:?}") };
        assert!(!details.contains("hunter2"), "{details}");
        let mut said = Said::default();
        said.note("odd", "d", "", details);
        assert!(said.has(&open, &desk, 0));
    }
}
