//! Queues as a source reads them, one after the other, become a reading: each client once, the deepest first, no more
//! than were asked for. Nothing here may make up a number: what is unknown of a part is unknown of the whole.

use super::{Queue, Reading};
use crate::time::Wall;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// So many clients are held while a source is read. It bounds memory, whatever the source says.
pub const CLIENTS_MAX: usize = 1_000_000;

/// Collects the queues of one reading.
#[derive(Debug)]
pub struct Gather {
    limit: usize,
    clients: HashMap<String, Queue>,
    beyond: u64,
}

impl Gather {
    /// For a reading with so many clients at most.
    pub fn new(limit: usize) -> Self {
        Self { limit, clients: HashMap::new(), beyond: 0 }
    }

    /// One of possibly several queues of a client: they are added up.
    pub fn add(&mut self, queue: Queue) {
        self.enter(queue, |known, more| *known = sum(known, more));
    }

    /// The one queue of a client. Where pages are turned while clients come and go, one may be told twice: the later
    /// word counts.
    pub fn put(&mut self, queue: Queue) {
        self.enter(queue, |known, newer| *known = newer);
    }

    fn enter(&mut self, queue: Queue, again: impl FnOnce(&mut Queue, Queue)) {
        let full = self.clients.len() >= CLIENTS_MAX;
        match self.clients.entry(queue.client_id.clone()) {
            Entry::Occupied(mut known) => again(known.get_mut(), queue),
            Entry::Vacant(_) if full => self.beyond += 1,
            Entry::Vacant(place) => _ = place.insert(queue),
        }
    }

    /// The deepest, and how many were left out.
    pub fn finish(self, as_of: Option<Wall>) -> Reading {
        let mut queues: Vec<Queue> = self.clients.into_values().collect();
        // `None` is less than every number: who is unknown comes last.
        queues.sort_unstable_by(|a, b| b.depth.cmp(&a.depth).then_with(|| a.client_id.cmp(&b.client_id)));
        let left_out = queues.len().saturating_sub(self.limit);
        queues.truncate(self.limit);
        Reading { as_of, queues, refused: self.beyond + left_out as u64 }
    }
}

/// Two queues of one client.
fn sum(a: &Queue, b: Queue) -> Queue {
    let plus = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    let oldest = match (a.oldest, b.oldest) {
        (Some(one), Some(other)) => Some(one.min(other)),
        // An empty queue has no oldest message, and hides none.
        (Some(one), None) if b.depth == Some(0) => Some(one),
        (None, Some(other)) if a.depth == Some(0) => Some(other),
        _ => None,
    };
    let connected = match (a.connected, b.connected) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    };
    Queue {
        depth: plus(a.depth, b.depth),
        inflight: plus(a.inflight, b.inflight),
        bytes: plus(a.bytes, b.bytes),
        limit_messages: plus(a.limit_messages, b.limit_messages),
        oldest,
        connected,
        dropped: plus(a.dropped, b.dropped),
        client_id: b.client_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(client_id: &str, depth: impl Into<Option<u64>>) -> Queue {
        Queue { client_id: client_id.into(), depth: depth.into(), ..Queue::default() }
    }

    #[test]
    fn the_deepest_come_first_and_the_others_are_counted() {
        let mut gather = Gather::new(3);
        for (client, depth) in [("a", Some(1)), ("b", None), ("c", Some(7)), ("d", Some(0)), ("e", Some(7))] {
            gather.put(queue(client, depth));
        }
        let reading = gather.finish(Some(Wall(5)));
        let clients: Vec<_> = reading.queues.iter().map(|queue| queue.client_id.as_str()).collect();
        assert_eq!((clients, reading.refused, reading.as_of), (vec!["c", "e", "a"], 2, Some(Wall(5))));
    }

    #[test]
    fn queues_of_one_client_are_added_up_and_the_unknown_stays_unknown() {
        let mut gather = Gather::new(10);
        gather.add(Queue { bytes: Some(10), oldest: Some(Wall(9)), connected: Some(false), ..queue("a", 3) });
        gather.add(Queue { oldest: Some(Wall(4)), connected: Some(true), ..queue("a", 4) });
        gather.add(queue("b", 1));
        gather.add(queue("b", None));
        gather.add(Queue { oldest: Some(Wall(4)), connected: Some(false), ..queue("c", 1) });
        gather.add(Queue { connected: Some(false), ..queue("c", 0) });
        let queues = gather.finish(None).queues;
        let a = Queue { oldest: Some(Wall(4)), connected: Some(true), ..queue("a", 7) };
        let c = Queue { oldest: Some(Wall(4)), connected: Some(false), ..queue("c", 1) };
        assert_eq!(queues, [a, c, queue("b", None)]);
    }

    #[test]
    fn a_client_that_is_told_twice_is_one_client() {
        let mut gather = Gather::new(10);
        gather.put(queue("a", 3));
        gather.put(queue("a", 4));
        let reading = gather.finish(None);
        assert_eq!((reading.queues, reading.refused), (vec![queue("a", 4)], 0));
    }
}
