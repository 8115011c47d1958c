//! What a stream wants to know of a document, compiled once into a tree that is walked along with the payload.
//! Nothing here may see a payload.

use super::sparkplug::Wanted;
use crate::path::{Path, Step};
use crate::presets;
use crate::rules::{DEVICE_MEMBER, DeviceFrom, Format, Kind, Name, StreamRules};

/// Index of a node.
pub(super) type NodeId = u16;

/// The tree of one stream.
#[derive(Debug)]
pub struct Plan {
    pub(super) nodes: Vec<Node>,
    pub(super) format: Format,
    /// Every number that nothing else asks for is a point.
    pub(super) leaves: bool,
    /// Every member of the document is wanted, not only those that are asked for.
    pub(super) whole: bool,
    /// How many members are cross-checked.
    pub(super) claims: usize,
    /// The path of the points goes on below their `*`.
    pub(super) points_below_each: bool,
    /// Members of these names are no points where every number is one.
    no_points: Vec<Box<str>>,
    /// What is read of a payload of Sparkplug, whose members have their places.
    pub(super) wanted: Wanted,
}

/// One place in a document.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) members: Vec<Key>,
    pub(super) indexes: Vec<(u32, NodeId)>,
    pub(super) each: Option<NodeId>,
    pub(super) take: Take,
    /// Every number below is a point, and none elsewhere.
    pub(super) is_base: bool,
    /// What is taken from further down, to be undone when this place is met a second time.
    pub(super) beneath: Option<Box<Beneath>>,
}

/// A member that something is wanted of.
#[derive(Debug)]
pub(super) struct Key {
    name: Box<str>,
    /// How the name begins.
    word: u64,
    pub(super) id: NodeId,
}

impl Node {
    /// The place of a member.
    pub(super) fn member(&self, name: &[u8]) -> Option<NodeId> {
        self.members.iter().find(|key| key.name.as_bytes() == name).map(|key| key.id)
    }

    /// The place of the member whose name stands in a text. Nearly every name is told by its first eight bytes,
    /// which are compared at once.
    #[inline]
    pub(super) fn member_at(&self, text: &[u8], start: usize, end: usize) -> Option<NodeId> {
        let Some(first) = text.get(start..).and_then(|rest| rest.first_chunk()) else {
            return self.member(text.get(start..end)?);
        };
        let word = u64::from_le_bytes(*first) & mask(end - start);
        self.members
            .iter()
            .find(|key| key.word == word && key.name.len() == end - start && key.ends_as(text, start, end))
            .map(|key| key.id)
    }
}

impl Key {
    fn new(name: &str, id: NodeId) -> Self {
        let mut bytes = [0; 8];
        let length = name.len().min(8);
        bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
        Self { name: name.into(), word: u64::from_le_bytes(bytes), id }
    }

    #[inline]
    fn ends_as(&self, text: &[u8], start: usize, end: usize) -> bool {
        end - start <= 8 || text.get(start..end) == Some(self.name.as_bytes())
    }
}

/// Ones in so many bytes, from the first.
#[inline]
fn mask(bytes: usize) -> u64 {
    if bytes >= 8 { u64::MAX } else { (1 << (bytes * 8)) - 1 }
}

/// What is taken from below a place.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each thing that can be asked for")]
pub(super) struct Beneath {
    pub(super) device_id: bool,
    pub(super) timestamp: bool,
    pub(super) sequence: bool,
    pub(super) points: bool,
    pub(super) value: bool,
    pub(super) status: bool,
    pub(super) matched: bool,
    pub(super) claims: Vec<usize>,
}

impl Beneath {
    /// Adds what a child takes, and what is taken from below it.
    fn merge(&mut self, take: &Take, below: Self) {
        self.device_id |= take.device_id | below.device_id;
        self.timestamp |= take.timestamp | below.timestamp;
        self.sequence |= take.sequence | below.sequence;
        self.points |= matches!(take.point, PointEnd::Lone(_)) | below.points;
        self.value |= take.value | below.value;
        self.status |= take.status | below.status;
        self.matched |= matches!(take.point, PointEnd::Each) | below.matched;
        self.claims.extend(below.claims.into_iter().chain(take.claims.iter().copied()));
    }
}

/// Whether the path of the points ends at a place.
#[derive(Clone, Debug, Default)]
pub(super) enum PointEnd {
    /// It does not.
    #[default]
    No,
    /// It does, and what its `*` matched is the name.
    Each,
    /// It does, without a `*`: this is the name.
    Lone(Box<str>),
}

/// What is taken from a place.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one place can be asked for several things at once")]
pub(super) struct Take {
    /// Any of the following.
    pub(super) any: bool,
    /// Something that belongs to the message and not to a point.
    pub(super) apart: bool,
    /// Nothing but the value or the status of a point.
    pub(super) of_point: bool,
    /// A point and nothing else: where it is an object, what counts is in there.
    pub(super) bare_point: bool,
    pub(super) device_id: bool,
    pub(super) timestamp: bool,
    pub(super) sequence: bool,
    pub(super) point: PointEnd,
    pub(super) value: bool,
    pub(super) status: bool,
    pub(super) claims: Vec<usize>,
    /// An object here is the parent of these claims.
    pub(super) claim_parents: Vec<usize>,
}

impl Plan {
    /// The plan for documents of which every member is kept and nothing else is wanted.
    pub fn whole() -> Self {
        let mut plan = Self {
            nodes: vec![Node::default()],
            format: Format::Json,
            leaves: false,
            whole: true,
            claims: 0,
            points_below_each: false,
            no_points: Vec::new(),
            wanted: Wanted::default(),
        };
        plan.foresee(0);
        plan
    }

    /// Compiles the rules of a stream.
    pub fn new(rules: &StreamRules) -> Self {
        let mut plan = Self {
            nodes: vec![Node::default()],
            format: rules.format,
            leaves: rules.points.is_none() && matches!(rules.kind, Kind::Telemetry | Kind::System),
            whole: rules.kind.is_envelope() || reads_members(rules),
            claims: rules.cross_checks.len(),
            points_below_each: false,
            no_points: rules.no_points.clone(),
            wanted: Wanted { timestamp: rules.timestamp.is_some(), sequence: rules.sequence.is_some() },
        };
        match &rules.device {
            DeviceFrom::Payload(path) | DeviceFrom::PayloadOrTopic(path) => {
                plan.take(0, path.steps(), |take| take.device_id = true);
            }
            // The member is no point even where the topic names the device.
            DeviceFrom::Topic(_) | DeviceFrom::Members => {
                plan.take(0, Path::member(DEVICE_MEMBER).steps(), |_| {});
            }
        }
        if let Some(path) = &rules.timestamp {
            plan.take(0, path.steps(), |take| take.timestamp = true);
        }
        if let Some(path) = &rules.sequence {
            plan.take(0, path.steps(), |take| take.sequence = true);
        }
        if let Some(path) = &rules.points {
            plan.points(path, rules);
        }
        if let Some(path) = rules.points_below.as_ref().filter(|_| plan.leaves) {
            let base = plan.place(0, path.steps());
            plan.nodes[usize::from(base)].is_base = true;
        }
        for (at, check) in rules.cross_checks.iter().enumerate() {
            let steps = check.member.steps();
            plan.take(0, steps, |take| take.claims.push(at));
            let parent = &steps[..steps.len().saturating_sub(1)];
            plan.take(0, parent, |take| take.claim_parents.push(at));
        }
        plan.foresee(0);
        plan
    }

    /// Notes at every place what is taken from below it.
    fn foresee(&mut self, id: NodeId) -> Beneath {
        let node = &self.nodes[usize::from(id)];
        let mut beneath = Beneath { claims: node.take.claim_parents.clone(), ..Beneath::default() };
        let children: Vec<NodeId> = node
            .members
            .iter()
            .map(|member| member.id)
            .chain(node.indexes.iter().map(|(_, id)| *id))
            .collect();
        if let Some(each) = node.each {
            // A point is new whenever its name comes up, so that what is below it never needs to be undone here.
            self.foresee(each);
            beneath.points = true;
        }
        for child in children {
            let below = self.foresee(child);
            let take = &self.nodes[usize::from(child)].take;
            beneath.merge(take, below);
        }
        self.nodes[usize::from(id)].beneath = (beneath != Beneath::default()).then(|| beneath.clone().into());
        beneath
    }

    fn points(&mut self, path: &Path, rules: &StreamRules) {
        let end = if path.is_many() { PointEnd::Each } else { PointEnd::Lone(lone_name(path)) };
        let point = self.take(0, path.steps(), |take| take.point = end);
        self.points_below_each = path.is_many() && path.steps().last() != Some(&Step::Each);
        let value = rules.point_value.as_ref().map_or(&[][..], Path::steps);
        self.take(point, value, |take| take.value = true);
        if let Some(status) = &rules.point_status {
            self.take(point, status.steps(), |take| take.status = true);
        }
    }

    /// Marks the place that the steps lead to.
    fn take(&mut self, node: NodeId, steps: &[Step], mark: impl FnOnce(&mut Take)) -> NodeId {
        let node = self.place(node, steps);
        let take = &mut self.nodes[usize::from(node)].take;
        take.any = true;
        mark(take);
        take.apart = take.device_id | take.timestamp | take.sequence | !take.claims.is_empty();
        take.of_point = !take.apart && matches!(take.point, PointEnd::No);
        take.bare_point = !take.apart && !take.value && !take.status && matches!(take.point, PointEnd::Each);
        node
    }

    fn place(&mut self, node: NodeId, steps: &[Step]) -> NodeId {
        steps.iter().fold(node, |node, step| self.child(node, step))
    }

    /// Whether a member of this name is no point.
    pub(super) fn is_no_point(&self, name: &str) -> bool {
        self.no_points.iter().any(|known| **known == *name)
    }

    fn child(&mut self, node: NodeId, step: &Step) -> NodeId {
        let known = &self.nodes[usize::from(node)];
        let known = match step {
            Step::Member(name) => known.members.iter().find(|key| key.name == *name).map(|key| key.id),
            Step::Index(index) => known.indexes.iter().find(|(n, _)| n == index).map(|(_, id)| *id),
            Step::Each => known.each,
        };
        if let Some(known) = known {
            return known;
        }
        let id = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
        self.nodes.push(Node::default());
        let node = &mut self.nodes[usize::from(node)];
        match step {
            Step::Member(name) => node.members.push(Key::new(name, id)),
            Step::Index(index) => node.indexes.push((*index, id)),
            Step::Each => node.each = Some(id),
        }
        id
    }
}

/// Whether more of a document is looked at than what a plan can ask for.
fn reads_members(rules: &StreamRules) -> bool {
    matches!(rules.kind, Kind::Presence | Kind::Discovery)
        || rules.device == DeviceFrom::Members
        || matches!(rules.kin.parent, Some(Name::Payload(_)))
        || rules.status.as_ref().is_some_and(|status| status.means.is_none() || status.session.is_some())
}

fn lone_name(path: &Path) -> Box<str> {
    match path.steps().last() {
        Some(Step::Member(name)) => name.clone(),
        Some(Step::Index(index)) => index.to_string().into(),
        Some(Step::Each) | None => presets::GENERIC.into(),
    }
}
