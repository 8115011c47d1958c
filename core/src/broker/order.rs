//! Events of clients as brokers send them, made into events that are true: told once, in any order, without farewells of
//! clients that never came. It remembers a hash of each client id, and so many of them; it must never hold back an event
//! of a client that it does not know.

use super::clients::{Cause, Change};
use super::event::{ClientEvent, What};
use crate::time::{Micros, Mono, SECOND};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// Clients that are remembered; the oldest gives way.
const CLIENTS_MAX: usize = 16_384;
/// What belongs together comes within so long.
const TOGETHER: Micros = 5 * SECOND;
/// Events of one client that are known again.
const MARKS: usize = 4;

/// Which event it is, by the broker's own account; equal marks of one client and one change are one event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// What is equal in both deliveries of an event: a moment, a number.
    pub(super) stamp: Option<i64>,
    /// This make delivers events in any order, so that a farewell may come before its welcome.
    pub(super) unordered: bool,
}

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    hasher: foldhash::quality::RandomState,
    known: HashMap<u64, Client, foldhash::quality::RandomState>,
    age: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Client {
    /// Connections that it has: two for the moment in which one takes over from the other.
    open: u8,
    refused: Option<Mono>,
    doubled: Option<Mono>,
    seen: [Option<(Change, i64)>; MARKS],
}

impl Order {
    /// Our connection was lost, and with it events.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.age.clear();
    }

    /// The event as it counts; none where it is no event.
    pub(super) fn take(&mut self, mut event: ClientEvent, mark: Mark, now: Mono) -> Option<ClientEvent> {
        let (What::Changed(change, cause), Some(id)) = (event.what, &event.client) else {
            return Some(event);
        };
        let hash = self.hasher.hash_one(id);
        let was_known = self.known.contains_key(&hash);
        let client = self.client(hash);
        if mark.stamp.is_some_and(|stamp| client.again(change, stamp)) {
            return None;
        }
        if mark.unordered {
            return Some(event);
        }
        match change {
            Change::Connected => client.came(now),
            Change::Refused => client.refused = Some(now),
            Change::Disconnected => {
                let cause = client.left(cause, was_known, now)?;
                event.what = What::Changed(change, cause);
            }
        }
        Some(event)
    }

    fn client(&mut self, hash: u64) -> &mut Client {
        if !self.known.contains_key(&hash) {
            if self.age.len() >= CLIENTS_MAX
                && let Some(oldest) = self.age.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.age.push_back(hash);
        }
        self.known.entry(hash).or_default()
    }
}

impl Client {
    /// Whether this very event was told before.
    fn again(&mut self, change: Change, stamp: i64) -> bool {
        if self.seen.contains(&Some((change, stamp))) {
            return true;
        }
        self.seen.rotate_right(1);
        self.seen[0] = Some((change, stamp));
        false
    }

    fn came(&mut self, now: Mono) {
        if self.open > 0 {
            self.doubled = Some(now);
        }
        self.open = (self.open + 1).min(2);
    }

    /// A farewell; none where nobody left.
    fn left(&mut self, cause: Cause, was_known: bool, now: Mono) -> Option<Cause> {
        let together = |at: Option<Mono>| at.is_some_and(|at| now.since(at) <= TOGETHER);
        // Who was refused never came; some makes report that it goes.
        if together(self.refused.take()) {
            return None;
        }
        if was_known && self.open == 0 {
            return None;
        }
        // The new connection is reported before the end of the old one.
        let over = self.open == 2 && together(self.doubled.take());
        self.open = self.open.saturating_sub(1);
        let vague = matches!(cause, Cause::Closed | Cause::Network | Cause::Other);
        Some(if over && vague { Cause::TakenOver } else { cause })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, change: Change, cause: Cause) -> ClientEvent {
        ClientEvent { client: Some(id.into()), ..ClientEvent::new(What::Changed(change, cause), None) }
    }

    /// What becomes of a run of events, `(second, change, cause, stamp)`.
    fn told(events: &[(u64, Change, Cause, Option<i64>)], unordered: bool) -> Vec<What> {
        let mut order = Order::default();
        let each = events.iter().filter_map(|(second, change, cause, stamp)| {
            let mark = Mark { stamp: *stamp, unordered };
            order.take(event("d", *change, *cause), mark, Mono(second * SECOND))
        });
        each.map(|event| event.what).collect()
    }

    use Cause::{Accepted, ByClient, Closed, NotAuthorized, TakenOver};
    use Change::{Connected, Disconnected, Refused};

    #[test]
    fn an_old_connection_that_ends_after_the_new_one_began_was_taken_over() {
        let run = [
            (0, Connected, Accepted, Some(1)),
            (9, Connected, Accepted, Some(2)),
            (9, Disconnected, Closed, Some(2)),
            (20, Disconnected, Closed, Some(3)),
        ];
        let whats: Vec<What> =
            [(Connected, Accepted), (Connected, Accepted), (Disconnected, TakenOver), (Disconnected, Closed)]
                .map(|(change, cause)| What::Changed(change, cause))
                .to_vec();
        assert_eq!(told(&run, false), whats);
    }

    #[test]
    fn a_farewell_of_who_was_refused_is_no_event() {
        let run = [(0, Refused, NotAuthorized, Some(1)), (0, Disconnected, Closed, Some(1))];
        assert_eq!(told(&run, false), [What::Changed(Refused, NotAuthorized)]);
        // Nor does it end the connection of who was in.
        let run = [
            (0, Connected, Accepted, None),
            (1, Refused, NotAuthorized, None),
            (1, Disconnected, Closed, None),
            (9, Disconnected, ByClient, None),
        ];
        assert_eq!(told(&run, false).len(), 3);
    }

    #[test]
    fn what_is_delivered_twice_is_one_event() {
        let run = [(0, Connected, Accepted, Some(1)), (1, Connected, Accepted, Some(1))];
        assert_eq!(told(&run, false).len(), 1);
        let run = [
            (0, Connected, Accepted, None),
            (9, Disconnected, ByClient, None),
            (9, Disconnected, ByClient, None),
        ];
        assert_eq!(told(&run, false).len(), 2);
    }

    #[test]
    fn any_order_is_right_where_the_make_promises_none() {
        let run = [
            (0, Disconnected, ByClient, Some(0)),
            (0, Disconnected, ByClient, Some(1)),
            (1, Connected, Accepted, Some(1)),
            (1, Connected, Accepted, Some(0)),
            (2, Disconnected, ByClient, Some(1)),
        ];
        assert_eq!(told(&run, true).len(), 4);
    }

    #[test]
    fn a_farewell_of_a_client_that_is_not_known_counts() {
        assert_eq!(told(&[(0, Disconnected, ByClient, None)], false).len(), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut order = Order::default();
        for id in 0..CLIENTS_MAX + 100 {
            order.take(event(&id.to_string(), Connected, Accepted), Mark::default(), Mono(0));
        }
        assert_eq!((order.known.len(), order.age.len()), (CLIENTS_MAX, CLIENTS_MAX));
    }
}
