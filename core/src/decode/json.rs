//! JSON, read in one pass along the plan of its stream: RFC 8259, no more and no less. No document is built;
//! what nobody asks for is checked and passed over. Numbers too large for a float are infinite, names that
//! occur twice count as they stand the second time, and half a surrogate pair is odd but no error.
//!
//! It must accept exactly what a strict reader accepts; a differential test holds it to `serde_json`.

use super::lexer::{Lexer, Read};
use super::plan::{Node, NodeId, Plan};
use super::{Bounds, Decoded, Malformed, Member, Text, Value, span};
use crate::reason::Reason;

/// Whether a payload of unknown format is meant as JSON, be it good or bad.
pub(super) fn looks_like(payload: &[u8]) -> bool {
    const BOM: &[u8] = b"\xEF\xBB\xBF";
    let text = payload.strip_prefix(BOM).unwrap_or(payload);
    let first = text.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0));
    matches!(first, Some(b'{' | b'[' | b'"'))
}

/// Reads one document.
pub(super) fn read(text: &str, plan: &Plan, bounds: Bounds, out: &mut Decoded) -> Result<(), Malformed> {
    let lex = Lexer { text, bytes: text.as_bytes(), at: 0 };
    let mut scan = Scan { lex, plan, bounds, out, point: None, path: String::new() };
    scan.lex.space();
    scan.value(Some(0), 0)?;
    scan.lex.space();
    if scan.lex.at == text.len() { Ok(()) } else { Err(scan.lex.bad()) }
}

struct Scan<'a> {
    lex: Lexer<'a>,
    plan: &'a Plan,
    bounds: Bounds,
    out: &'a mut Decoded,
    /// The point that is being read.
    point: Option<usize>,
    /// Where we are, only kept where every number is a point.
    path: String,
}

/// What stands at a place.
#[derive(Clone, Copy)]
enum Found {
    Text(Text),
    Number(f64, Text),
    Null,
    Bool,
    Object,
    Array,
}

impl<'a> Scan<'a> {
    fn node(&self, id: NodeId) -> &'a Node {
        &self.plan.nodes[usize::from(id)]
    }

    fn value(&mut self, node: Option<NodeId>, depth: usize) -> Read {
        let found = match self.lex.peek() {
            Some(b'{') => {
                self.enter(node, Found::Object, depth)?;
                return self.object(node, depth + 1);
            }
            Some(b'[') => {
                self.enter(node, Found::Array, depth)?;
                return self.array(node, depth + 1);
            }
            Some(b'"') => Found::Text(self.lex.string(&mut self.out.strings)?),
            Some(b'-' | b'0'..=b'9') => {
                let start = self.lex.at;
                let number = self.lex.number()?;
                Found::Number(number, span(start, self.lex.at, false))
            }
            Some(b't') => self.lex.word(b"true").map(|()| Found::Bool)?,
            Some(b'f') => self.lex.word(b"false").map(|()| Found::Bool)?,
            Some(b'n') => self.lex.word(b"null").map(|()| Found::Null)?,
            _ => return Err(self.lex.bad()),
        };
        match node.map(|id| self.node(id)).filter(|node| node.take.any) {
            Some(node) => self.take(node, found),
            None if self.plan.leaves => self.leaf(found),
            None => {}
        }
        Ok(())
    }

    /// An object or array begins, perhaps where something is asked for.
    fn enter(&mut self, node: Option<NodeId>, found: Found, depth: usize) -> Read {
        if depth >= self.bounds.depth_max {
            return Err(Malformed { reason: Reason::Depth, at: self.lex.at });
        }
        self.lex.at += 1;
        let Some(node) = node.map(|id| self.node(id)) else { return Ok(()) };
        if node.each.is_some() {
            self.out.clear_points();
            self.out.points_seen = true;
        }
        for claim in &node.take.claim_parents {
            self.out.claims[*claim].parent = true;
        }
        if node.take.any {
            self.take(node, found);
        }
        Ok(())
    }

    fn object(&mut self, node: Option<NodeId>, depth: usize) -> Read {
        self.lex.space();
        if self.lex.peek() == Some(b'}') {
            self.lex.at += 1;
            return Ok(());
        }
        let node = node.map(|id| self.node(id));
        loop {
            if self.lex.peek() != Some(b'"') {
                return Err(self.lex.bad());
            }
            let key = self.lex.string(&mut self.out.strings)?;
            self.lex.space();
            self.lex.expect(b':')?;
            self.lex.space();
            self.member(node, key, depth)?;
            if !self.lex.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// The value behind a key.
    #[inline]
    fn member(&mut self, node: Option<&'a Node>, key: Text, depth: usize) -> Read {
        let Some(node) = node else {
            return if self.plan.leaves { self.named(key, None, depth) } else { self.value(None, depth) };
        };
        let name = self.out.text(self.lex.text, key).as_bytes();
        let child = node.members.iter().find(|(member, _)| member.as_bytes() == name).map(|(_, id)| *id);
        match (child, node.each) {
            (None, Some(each)) => self.each(each, key, depth),
            _ if self.plan.leaves => self.named(key, child, depth),
            _ => self.value(child, depth),
        }
    }

    /// A value below `*`: the point that its key names.
    fn each(&mut self, each: NodeId, name: Text, depth: usize) -> Read {
        self.point = self.out.begin_point(self.lex.text, name, self.bounds.points_max);
        let result = self.value(Some(each), depth);
        self.point = None;
        result
    }

    /// A value whose path must be known, because it may be a point itself.
    fn named(&mut self, key: Text, child: Option<NodeId>, depth: usize) -> Read {
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(self.out.text(self.lex.text, key));
        let result = self.value(child, depth);
        self.path.truncate(before);
        result
    }

    fn array(&mut self, node: Option<NodeId>, depth: usize) -> Read {
        self.lex.space();
        if self.lex.peek() == Some(b']') {
            self.lex.at += 1;
            return Ok(());
        }
        let node = node.map(|id| self.node(id));
        for index in 0.. {
            self.element(node, index, depth)?;
            if !self.lex.more(b']')? {
                break;
            }
        }
        Ok(())
    }

    fn element(&mut self, node: Option<&'a Node>, index: u32, depth: usize) -> Read {
        let child = node.and_then(|node| node.indexes.iter().find(|(at, _)| *at == index)).map(|(_, id)| *id);
        let each = node.and_then(|node| node.each);
        if child.is_none() && each.is_none() && !self.plan.leaves {
            return self.value(None, depth);
        }
        let key = self.out.own(&index.to_string());
        match (child, each) {
            (None, Some(each)) => self.each(each, key, depth),
            _ if self.plan.leaves => self.named(key, child, depth),
            _ => self.value(child, depth),
        }
    }

    /// Stores what stands at a place where something is asked for.
    fn take(&mut self, node: &Node, found: Found) {
        let take = &node.take;
        let member = match found {
            Found::Text(text) => Member::Text(text),
            Found::Number(number, text) => Member::Number(number, text),
            Found::Null | Found::Bool | Found::Object | Found::Array => Member::Other,
        };
        if take.device_id {
            self.out.device_id = member;
        }
        if take.timestamp {
            self.out.timestamp = member;
        }
        if take.sequence {
            self.out.sequence = member;
        }
        for claim in &take.claims {
            self.out.claims[*claim].member = member;
        }
        if let Some(lone) = &take.point {
            self.begin(lone.as_deref());
        }
        let Some(point) = self.point.and_then(|at| self.out.points.get_mut(at)) else { return };
        if take.value {
            point.value = match found {
                Found::Number(number, _) => Value::Number(number),
                Found::Null => Value::Absent,
                _ => Value::Wrong,
            };
        } else if take.point.is_some() {
            // The point should hold its value, and may be no container at all.
            point.value = match found {
                Found::Null | Found::Object => Value::Absent,
                Found::Array if !node.indexes.is_empty() => Value::Absent,
                _ => Value::Wrong,
            };
        }
        if take.status {
            point.status = member;
        }
    }

    /// The path of the points ends here.
    fn begin(&mut self, lone: Option<&str>) {
        if let Some(name) = lone {
            let name = self.out.own(name);
            self.out.points_seen = true;
            self.point = self.out.begin_point(self.lex.text, name, self.bounds.points_max);
        }
        if let Some(point) = self.point.and_then(|at| self.out.points.get_mut(at)) {
            point.matched = true;
        }
    }

    /// A scalar that nobody asks for, in a stream where every number is a point.
    fn leaf(&mut self, found: Found) {
        if let Found::Number(number, _) = found {
            let path = std::mem::take(&mut self.path);
            let name = self.out.own(&path);
            self.path = path;
            self.out.points_seen = true;
            if let Some(at) = self.out.begin_point(self.lex.text, name, self.bounds.points_max) {
                self.out.points[at].value = Value::Number(number);
            }
        }
    }
}
