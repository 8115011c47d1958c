//! The two sources that need nobody outside: what `$SYS` says of the broker as a whole, and the commands that we saw for
//! devices that are offline. Both ask the engine; neither may add anything to what it says.

use super::source::{Asked, Source, Trouble};
use crate::engine::handle::{EngineHandle, Stopping};
use crate::engine::queues::{QueueAsk, Totals};
use std::collections::HashSet;
use watchkeeper_core::queues::{Queue, Reading};
use watchkeeper_core::time::Wall;

/// The broker as a whole: one row, whose client id is empty.
pub(super) struct Sys {
    pub(super) engine: EngineHandle,
    pub(super) broker: String,
}

/// One row for each device for which commands wait.
pub(super) struct Inferred {
    pub(super) engine: EngineHandle,
    pub(super) broker: String,
    pub(super) limit: usize,
    /// Of whom was told last that something waits.
    pub(super) told: HashSet<String>,
}

impl Source for Sys {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(async {
            let broker = self.broker.clone();
            let totals = self.engine.queues(|reply| QueueAsk::Totals(broker, reply)).await;
            Ok(whole(totals.map_err(|why| stopping(&why))?))
        })
    }
}

impl Source for Inferred {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(async {
            let (broker, limit) = (self.broker.clone(), self.limit);
            let waiting = self.engine.queues(|reply| QueueAsk::Waiting(broker, limit, reply)).await;
            let mut reading = waiting.map_err(|why| stopping(&why))?;
            let told: HashSet<String> = reading.queues.iter().map(|queue| queue.client_id.clone()).collect();
            // That nothing waits any more is told once, or it would not be seen that the queue became empty.
            for client_id in self.told.difference(&told) {
                let client_id = client_id.clone();
                reading.queues.push(Queue { client_id, depth: Some(0), ..Queue::default() });
            }
            self.told = told;
            Ok(reading)
        })
    }
}

/// The stored messages hold the retained ones and, each once however many clients it waits for, those that wait.
fn whole(totals: Totals) -> Reading {
    let queue = Queue {
        client_id: String::new(),
        depth: totals.stored.zip(totals.retained).map(|(stored, retained)| stored.saturating_sub(retained)),
        inflight: totals.inflight,
        dropped: totals.dropped,
        ..Queue::default()
    };
    Reading { as_of: totals.last_update, queues: vec![queue], refused: 0 }
}

fn stopping(why: &Stopping) -> Trouble {
    Trouble { cause: why.to_string(), cure: "ask again after it has started".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_broker_does_not_say_is_absent() {
        let depth = |stored, retained| {
            let reading = whole(Totals { stored, retained, ..Totals::default() });
            (reading.queues[0].client_id.clone(), reading.queues[0].depth)
        };
        assert_eq!(depth(Some(60), Some(55)), (String::new(), Some(5)));
        assert_eq!(depth(Some(50), Some(55)), (String::new(), Some(0)), "they are not told at one moment");
        assert_eq!(depth(Some(60), None), (String::new(), None));
        assert_eq!(whole(Totals::default()).queues[0], Queue::default());
    }
}
