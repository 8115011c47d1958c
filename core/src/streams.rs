//! Which stream takes a message. Whoever looks at messages asks here: the fleet, the audit log, and who has to choose under
//! pressure must decide alike. Nothing here may depend on what was heard before.

use crate::route::{Router, StreamId};
use crate::rules::{FleetRules, StreamRules, is_in_capitals};

/// The streams of one broker.
#[derive(Debug)]
pub(crate) struct Streams {
    router: Router,
    rules: Box<[StreamRules]>,
}

impl Streams {
    /// By the rules of a fleet.
    pub(crate) fn new(rules: &FleetRules) -> Self {
        let router = Router::new(rules.streams.iter().map(|stream| &stream.pattern));
        Self { router, rules: rules.streams.iter().cloned().collect() }
    }

    /// The rules of a stream.
    pub(crate) fn rules(&self, stream: StreamId) -> &StreamRules {
        &self.rules[usize::from(stream)]
    }

    /// The stream of a topic by its form.
    pub(crate) fn first(&self, topic: &str) -> Option<StreamId> {
        let takes = |stream: StreamId| !self.rules(stream).only.capitals || is_in_capitals(topic);
        let first = self.router.find(topic)?;
        if takes(first) { Some(first) } else { self.router.find_among(topic, &takes) }
    }

    /// The stream to which a message is left that the first one does not take. What is left by who asks for a word is not taken
    /// by who asks for anything: it is somebody else's.
    pub(crate) fn rest(&self, topic: &str) -> Option<StreamId> {
        let asks_nothing = |stream: StreamId| {
            let rules = self.rules(stream);
            !rules.is_picky() && !rules.only.capitals
        };
        self.router.find_among(topic, &asks_nothing)
    }

    /// The stream of a message, as far as nothing was announced of its topic.
    pub(crate) fn of(&self, topic: &str, payload: &[u8]) -> Option<StreamId> {
        let first = self.first(topic)?;
        if self.rules(first).takes(payload) { Some(first) } else { self.rest(topic) }
    }
}
