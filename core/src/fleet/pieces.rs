//! A message of which each member is one of a device. It is counted once, whoever its pieces belong to. Nothing here may
//! ask what a piece means.

use super::Fleet;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::decode::{Decoded, Leaf, Plan};
use crate::reason::Reasons;
use crate::time::Now;

impl Fleet {
    /// A message of which each member is one of a device.
    pub(super) fn split(&mut self, arrival: &Arrival, sought: &Sought, scratch: &mut Decoded, now: Now) {
        let limits = self.rules.limits;
        let bounds = crate::classify::bounds(&limits);
        let is_small = arrival.payload.len() <= limits.payload_bytes_max;
        let mut pieces = Vec::new();
        if is_small && let Ok(text) = scratch.read(arrival.payload, &Plan::whole(), bounds) {
            let root = scratch.document(text).root();
            let members = root.into_iter().flat_map(Leaf::members);
            let piece = |at| text.get(at).unwrap_or("");
            pieces.extend(members.map(|leaf| (leaf.key().to_owned(), piece(leaf.place()))));
        }
        // It is counted once, by the shard of its topic, and each piece is heard by the shard of its device.
        let counts = self.counts_topic(sought);
        if pieces.is_empty() && counts {
            // What is wrong with it is said as of any message; it is nobody's but its topic's.
            self.hear(arrival, sought, scratch, now);
        }
        if pieces.is_empty() {
            self.stats.skipped += u64::from(!counts);
            return;
        }
        let (mut all, mut is_heard) = (Reasons::default(), counts);
        for (name, payload) in pieces {
            let piece = Arrival { payload: payload.as_bytes(), ..*arrival };
            let sought = Sought { named: Some(&name), guess: None, is_piece: true, ..sought.clone() };
            let reasons = if self.keeps_piece(&sought) {
                is_heard = true;
                self.hear(&piece, &sought, scratch, now)
            } else if counts {
                self.only_judge(&piece, &sought, scratch, now)
            } else {
                continue;
            };
            reasons.iter().for_each(|reason| all.add(reason));
        }
        if counts {
            self.count_message(arrival, sought.stream, all, self.link.moment(now.mono));
        }
        self.stats.skipped += u64::from(!is_heard);
    }
}
