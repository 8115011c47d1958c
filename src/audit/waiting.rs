//! Records that the log has no room for yet, in their order and bounded. What is beyond the bounds is counted by
//! event, and told by one record as soon as there is room again. Nothing here may block, or lose without a count.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use watchkeeper_audit::record::{Draft, Key, Value};
use watchkeeper_audit::sources::life;
use watchkeeper_core::time::{Wall, seconds};

/// Records that wait at most.
pub(crate) const DRAFTS_MAX: usize = 65_536;

/// Bytes that they hold at most.
pub(crate) const BYTES_MAX: usize = 32 << 20;

/// See the head of this file.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    drafts: VecDeque<Draft>,
    bytes: usize,
    dropped: Option<Dropped>,
}

/// What was dropped since the last record about it.
#[derive(Debug)]
struct Dropped {
    by_event: BTreeMap<Cow<'static, str>, u64>,
    first: Wall,
    last: Wall,
}

impl Waiting {
    /// Takes a record in; false when there is no room and it was counted instead. Once something was dropped,
    /// everything is, until half of the room is free: one record then tells of one gap, not of a thousand.
    pub(crate) fn push(&mut self, draft: Draft) -> bool {
        let bytes = held(&draft);
        if self.dropped.is_some() {
            if self.drafts.len() > DRAFTS_MAX / 2 || self.bytes > BYTES_MAX / 2 {
                self.drop(draft);
                return false;
            }
            self.tell();
        }
        if self.drafts.len() >= DRAFTS_MAX || self.bytes + bytes > BYTES_MAX {
            self.drop(draft);
            return false;
        }
        self.bytes += bytes;
        self.drafts.push_back(draft);
        true
    }

    /// Hands over as long as they are taken; true when nothing waits any more.
    pub(crate) fn hand_over(&mut self, mut take: impl FnMut(&Draft) -> bool) -> bool {
        loop {
            while let Some(draft) = self.drafts.front() {
                if !take(draft) {
                    return false;
                }
                self.bytes -= held(draft);
                self.drafts.pop_front();
            }
            if self.dropped.is_none() {
                return true;
            }
            self.tell();
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.drafts.len()
    }

    fn drop(&mut self, draft: Draft) {
        let at = draft.ts;
        let dropped =
            self.dropped.get_or_insert_with(|| Dropped { by_event: BTreeMap::new(), first: at, last: at });
        (dropped.first, dropped.last) = (dropped.first.min(at), dropped.last.max(at));
        *dropped.by_event.entry(draft.event).or_default() += 1;
    }

    /// The record about what was dropped, in its place.
    fn tell(&mut self) {
        let Some(dropped) = self.dropped.take() else { return };
        let draft = dropped.draft();
        self.bytes += held(&draft);
        self.drafts.push_back(draft);
    }
}

impl Dropped {
    fn draft(self) -> Draft {
        let count: u64 = self.by_event.values().sum();
        let each: Vec<String> =
            self.by_event.iter().map(|(event, count)| format!("{event} {count}")).collect();
        let details = format!(
            "the log took nothing for so long that these were not recorded, from {} to {}: {}",
            self.first.rfc3339(),
            self.last.rfc3339(),
            each.join(", ")
        );
        let lasted = u64::try_from(self.last.0.saturating_sub(self.first.0)).unwrap_or_default();
        life::records_dropped(self.first, count, "queue", &details).float(Key::Seconds, seconds(lasted))
    }
}

/// About what a record holds on to.
fn held(draft: &Draft) -> usize {
    let texts = draft.fields.iter().map(|(_, value)| match value {
        Value::Text(text) => text.len(),
        _ => 0,
    });
    size_of::<Draft>() + draft.fields.len() * size_of::<(Key, Value)>() + texts.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_audit::record::{Kind, Level};

    fn draft(at: i64, event: &'static str) -> Draft {
        Draft::new(Wall(at), Level::Info, Kind::Device, event)
    }

    fn all(waiting: &mut Waiting) -> Vec<String> {
        let mut events = Vec::new();
        assert!(waiting.hand_over(|draft| {
            events.push(draft.event.to_string());
            true
        }));
        events
    }

    #[test]
    fn they_are_handed_over_in_order_as_far_as_they_are_taken() {
        let mut waiting = Waiting::default();
        for event in ["a", "b", "c"] {
            assert!(waiting.push(draft(1, event)));
        }
        let mut room = 2;
        assert!(!waiting.hand_over(|_| {
            room -= 1;
            room >= 0
        }));
        assert_eq!((waiting.len(), all(&mut waiting)), (1, vec!["c".to_owned()]));
        assert_eq!(waiting.bytes, 0);
    }

    #[test]
    fn what_is_beyond_the_room_is_counted_and_told_once_in_its_place() {
        let mut waiting = Waiting::default();
        assert!((0..DRAFTS_MAX).all(|_| waiting.push(draft(1, "online"))));
        assert!(!waiting.push(draft(5_000_000, "late")));
        assert!(!waiting.push(draft(2_000_000, "offline")) && !waiting.push(draft(3_000_000, "late")));
        let mut room = DRAFTS_MAX / 4;
        waiting.hand_over(|_| {
            room -= 1;
            room > 0
        });
        assert!(!waiting.push(draft(4_000_000, "late")), "a quarter of the room is not enough");
        let mut room = DRAFTS_MAX / 2;
        waiting.hand_over(|_| {
            room -= 1;
            room > 0
        });
        assert!(waiting.push(draft(6_000_000, "online")));
        let mut told = None;
        waiting.hand_over(|draft| {
            told = (draft.event == "records_dropped").then(|| draft.clone()).or(told.take());
            true
        });
        let told = told.expect("one record tells of the gap");
        assert_eq!((told.ts, told.get(Key::Count)), (Wall(2_000_000), Some(&Value::Int(4))));
        let Some(Value::Text(details)) = told.get(Key::Details) else { panic!("it has details") };
        assert!(
            details.ends_with(
                "from 1970-01-01T00:00:02.000000Z to 1970-01-01T00:00:05.000000Z: late 3, offline 1"
            )
        );
        assert!(all(&mut waiting).is_empty() && waiting.dropped.is_none());
    }

    #[test]
    fn a_gap_that_nothing_follows_is_told_as_well() {
        let mut waiting = Waiting::default();
        let long = draft(1, "x").text(Key::Details, &"y".repeat(BYTES_MAX / 2));
        assert!(waiting.push(long.clone()) && !waiting.push(long.clone()) && !waiting.push(draft(1, "z")));
        assert_eq!(all(&mut waiting), ["x", "records_dropped"]);
        assert_eq!(waiting.bytes, 0);
    }
}
