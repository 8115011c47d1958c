//! What is done with a value that somebody asked for: it is stored, and undone when its place is met a second
//! time. Nothing here may look at the text of a document.

use super::plan::{Beneath, Node, PointEnd};
use super::{Claim, Decoded, Member, Text, Value};

/// What stands at a place.
#[derive(Clone, Copy)]
pub(super) enum Found {
    Text(Text),
    Number(f64, Text),
    Null,
    Bool,
    Object,
    Array,
}

impl Found {
    fn member(self) -> Member {
        match self {
            Found::Text(text) => Member::Text(text),
            Found::Number(number, text) => Member::Number(number, text),
            Found::Null | Found::Bool | Found::Object | Found::Array => Member::Other,
        }
    }
}

impl Decoded {
    /// Stores what stands at a place where something is asked for. `point` is the point that is being read.
    pub(super) fn take(
        &mut self,
        node: &Node,
        found: Found,
        point: &mut Option<usize>,
        payload: &str,
        points_max: usize,
    ) {
        let take = &node.take;
        match &take.point {
            PointEnd::No => {}
            PointEnd::Each => self.mark(*point),
            PointEnd::Lone(name) => {
                let name = self.own(name);
                self.points_seen = true;
                *point = self.begin_point(payload, name, points_max);
                self.mark(*point);
            }
        }
        take_point(node, found, *point, self);
        if take.apart {
            self.take_apart(node, found.member());
        }
    }

    /// Members that belong to the message and not to a point.
    fn take_apart(&mut self, node: &Node, member: Member) {
        let take = &node.take;
        if take.device_id {
            self.device_id = member;
        }
        if take.timestamp {
            self.timestamp = member;
        }
        if take.sequence {
            self.sequence = member;
        }
        for claim in &take.claims {
            self.claims[*claim].member = member;
        }
    }

    /// The path of the points ends here.
    fn mark(&mut self, point: Option<usize>) {
        if let Some(point) = point.and_then(|at| self.points.get_mut(at)) {
            point.matched = true;
        }
    }

    /// A place is met, perhaps for the second time: what was taken from below it does not count.
    pub(super) fn undo(&mut self, beneath: &Beneath, point: Option<usize>) {
        if beneath.device_id {
            self.device_id = Member::Absent;
        }
        if beneath.timestamp {
            self.timestamp = Member::Absent;
        }
        if beneath.sequence {
            self.sequence = Member::Absent;
        }
        for claim in &beneath.claims {
            self.claims[*claim] = Claim::default();
        }
        if beneath.points {
            self.clear_points();
        }
        let Some(point) = point.and_then(|at| self.points.get_mut(at)) else { return };
        point.matched &= !beneath.matched;
        if beneath.value {
            point.value = Value::Absent;
        }
        if beneath.status {
            point.status = Member::Absent;
        }
    }

    /// A number in a stream where every number is a point.
    pub(super) fn leaf(&mut self, name: Text, number: (f64, Text), payload: &str, points_max: usize) {
        self.points_seen = true;
        if let Some(at) = self.begin_point(payload, name, points_max) {
            self.points[at].value = Value::Number(number.0);
            self.points[at].value_at = number.1.start;
        }
    }
}

/// What belongs to the point that is being read.
#[inline]
pub(super) fn take_point(node: &Node, found: Found, point: Option<usize>, out: &mut Decoded) {
    let Some(point) = point.and_then(|at| out.points.get_mut(at)) else { return };
    let take = &node.take;
    if let (true, Found::Number(_, text)) = (take.value, found) {
        point.value_at = text.start;
    }
    if take.value {
        point.value = match found {
            Found::Number(number, _) => Value::Number(number),
            Found::Null => Value::Absent,
            _ => Value::Wrong,
        };
    } else if !matches!(take.point, PointEnd::No) {
        // The point should hold its value, and may be no container at all.
        point.value = match found {
            Found::Null | Found::Object => Value::Absent,
            Found::Array if !node.indexes.is_empty() => Value::Absent,
            _ => Value::Wrong,
        };
    }
    if take.status {
        point.status = found.member();
    }
}
