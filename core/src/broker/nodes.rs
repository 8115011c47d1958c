//! What each node of a cluster says, and what they say together. A single broker is a cluster of one. Counters and levels
//! of nodes are added; what every node says of the whole is taken once. Nothing here may invent a value for a node.

use super::event::What;
use super::{VALUES, Value};
use crate::time::{Micros, Mono, SECOND, seconds};

/// Nodes that are told apart; what further ones say is left out.
const NODES_MAX: usize = 64;
/// A node that was silent for so long while another spoke has left. The slowest dialect speaks once a minute.
const GONE_AFTER: Micros = 300 * SECOND;
/// A broker rounds its uptime.
const SLACK: f64 = 2.0;

/// All nodes of one broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Nodes(Vec<Node>);

#[derive(Clone, Debug)]
struct Node {
    name: Box<str>,
    values: [Option<Known>; VALUES],
    /// When it last told its uptime, and what it was.
    uptime: Option<(Mono, f64)>,
    /// What it counted of its clients, as it told it last.
    counted: Vec<(What, u64)>,
    heard: Mono,
    connection: u32,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    number: f64,
    /// Our connection on which it was said, so that values from before a restart of the broker can be told.
    connection: u32,
    /// It stands in for a better one.
    is_second_best: bool,
}

/// When something is said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Mono,
    pub(super) connection: u32,
    /// A node has another name after each start, so that who has not spoken on this connection is not there.
    pub(super) renames: bool,
}

impl Nodes {
    /// Everything that was said is void: this is another broker.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A node says a number.
    pub(super) fn number(&mut self, name: &str, value: Value, number: f64, second_best: bool, at: Moment) {
        let Some(node) = self.node(name, at) else { return };
        if value == Value::Uptime {
            node.judge_uptime(number, at);
        }
        let better = |known: &Known| second_best && !known.is_second_best;
        if !node.values[value as usize].as_ref().is_some_and(better) {
            let known = Known { number, connection: at.connection, is_second_best: second_best };
            node.values[value as usize] = Some(known);
        }
    }

    /// A node says how often something happened since it started; gives how often since it said so last. The first time
    /// says nothing: it may all have been long ago.
    pub(super) fn counted(&mut self, name: &str, what: What, number: u64, at: Moment) -> u64 {
        let Some(node) = self.node(name, at) else { return 0 };
        let Some((_, before)) = node.counted.iter_mut().find(|(known, _)| *known == what) else {
            node.counted.push((what, number));
            return 0;
        };
        let before = std::mem::replace(before, number);
        // A lower number is that of a node that began anew.
        if number < before { number } else { number - before }
    }

    /// What all nodes say together, if any says it.
    pub(super) fn value(&self, value: Value) -> Option<f64> {
        let told = self.0.iter().filter_map(|node| node.values[value as usize]).map(|known| known.number);
        match value {
            // The oldest node is the cluster's age; retained messages are kept by every node alike.
            Value::Uptime | Value::Retained => told.reduce(f64::max),
            _ => told.reduce(|sum, more| sum + more),
        }
    }

    fn node(&mut self, name: &str, at: Moment) -> Option<&mut Node> {
        let left = |node: &Node| {
            if at.renames { node.connection != at.connection } else { at.now.since(node.heard) > GONE_AFTER }
        };
        self.0.retain(|node| &*node.name == name || !left(node));
        let place = match self.0.iter().position(|node| &*node.name == name) {
            Some(place) => place,
            None if self.0.len() < NODES_MAX => {
                self.0.push(Node::new(name, at));
                self.0.len() - 1
            }
            None => return None,
        };
        let node = &mut self.0[place];
        (node.heard, node.connection) = (at.now, at.connection);
        Some(node)
    }
}

impl Node {
    fn new(name: &str, at: Moment) -> Self {
        let (values, heard, connection) = ([None; VALUES], at.now, at.connection);
        Self { name: name.into(), values, uptime: None, counted: Vec::new(), heard, connection }
    }

    /// An uptime that fell behind the clock means a restart: what was said before it is void, unless it has been said again
    /// since. Some brokers let retained values expire, so nothing else makes a value void.
    fn judge_uptime(&mut self, uptime: f64, at: Moment) {
        if let Some((then, before)) = self.uptime
            && uptime + SLACK < before + seconds(at.now.since(then))
        {
            for known in &mut self.values {
                *known = known.filter(|known| known.connection == at.connection);
            }
        }
        self.uptime = Some((at.now, uptime));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::clients::{Cause, Change};

    fn at(second: u64, connection: u32) -> Moment {
        Moment { now: Mono(second * SECOND), connection, renames: false }
    }

    #[test]
    fn nodes_are_added_and_what_all_keep_alike_counts_once() {
        let mut nodes = Nodes::default();
        for (name, sent, retained) in [("a@h", 10.0, 7.0), ("b@h", 5.0, 7.0), ("a@h", 12.0, 7.0)] {
            nodes.number(name, Value::BytesSent, sent, false, at(1, 1));
            nodes.number(name, Value::Retained, retained, false, at(1, 1));
        }
        assert_eq!((nodes.value(Value::BytesSent), nodes.value(Value::Retained)), (Some(17.0), Some(7.0)));
        assert_eq!(nodes.value(Value::Heap), None);
    }

    #[test]
    fn a_node_that_left_is_left_out_after_a_while_and_a_lone_one_never() {
        let mut nodes = Nodes::default();
        nodes.number("a", Value::BytesSent, 10.0, false, at(0, 1));
        nodes.number("b", Value::BytesSent, 5.0, false, at(200, 1));
        assert_eq!(nodes.value(Value::BytesSent), Some(15.0));
        nodes.number("b", Value::BytesSent, 6.0, false, at(301, 1));
        assert_eq!(nodes.value(Value::BytesSent), Some(6.0));
        nodes.number("b", Value::BytesReceived, 1.0, false, at(9000, 1));
        assert_eq!(nodes.value(Value::BytesSent), Some(6.0));
    }

    #[test]
    fn a_name_that_changes_with_every_start_is_never_added_to_the_one_before() {
        let mut nodes = Nodes::default();
        let at = |second, connection| Moment { renames: true, ..at(second, connection) };
        nodes.number("6f1a", Value::Heap, 10.0, false, at(0, 1));
        nodes.number("c2b3", Value::Heap, 3.0, false, at(5, 2));
        assert_eq!(nodes.value(Value::Heap), Some(3.0));
    }

    #[test]
    fn the_number_of_nodes_is_bounded() {
        let mut nodes = Nodes::default();
        for node in 0..NODES_MAX + 10 {
            nodes.number(&node.to_string(), Value::Heap, 1.0, false, at(0, 1));
        }
        assert_eq!((nodes.0.len(), nodes.value(Value::Heap)), (NODES_MAX, Some(64.0)));
    }

    #[test]
    fn the_better_value_stays_whatever_comes_later() {
        let mut nodes = Nodes::default();
        let mut say = |number, second_best| {
            nodes.number("a", Value::ClientsConnected, number, second_best, at(0, 1));
            nodes.value(Value::ClientsConnected)
        };
        assert_eq!(say(5.0, true), Some(5.0));
        assert_eq!(say(6.0, true), Some(6.0));
        assert_eq!(say(4.0, false), Some(4.0));
        assert_eq!(say(7.0, true), Some(4.0));
    }

    #[test]
    fn counters_of_clients_are_read_as_what_they_grew_by() {
        let mut nodes = Nodes::default();
        let what = What::Changed(Change::Refused, Cause::NotAuthorized);
        let mut say = |name, number| nodes.counted(name, what, number, at(0, 1));
        assert_eq!((say("a", 100), say("a", 103), say("a", 103)), (0, 3, 0));
        assert_eq!((say("b", 7), say("a", 2)), (0, 2));
    }
}
