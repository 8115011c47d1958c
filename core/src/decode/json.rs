//! JSON, read in one pass along the plan of its stream: RFC 8259, no more and no less. No document is built;
//! what nobody asks for is checked and passed over. Numbers too large for a float are infinite, names that
//! occur twice count as they stand the second time, and half a surrogate pair is odd but no error.
//!
//! It must accept exactly what a strict reader accepts; a differential test holds it to `serde_json`. The one
//! exception: where every number is a point, the members of an object that occurs twice are joined.

use super::lexer::{Bad, Lexer, Read, is_plain};
use super::plan::{Node, NodeId, Plan};
use super::take::{Found, take_point};
use super::{Bounds, Decoded, Malformed, Text, span};
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
    if is_plain(text) {
        read_as::<true>(text, plan, bounds, out)
    } else {
        read_as::<false>(text, plan, bounds, out)
    }
}

fn read_as<const PLAIN: bool>(
    text: &str,
    plan: &Plan,
    bounds: Bounds,
    out: &mut Decoded,
) -> Result<(), Malformed> {
    let lex: Lexer<PLAIN> = Lexer { text, bytes: text.as_bytes(), at: 0 };
    let leaves = plan.leaves;
    let mut scan = Scan { lex, plan, bounds, out, point: None, leaves, path: String::new(), too_deep: false };
    match scan.document() {
        Ok(()) => Ok(()),
        Err(Bad) if scan.too_deep => Err(Malformed { reason: Reason::Depth, at: scan.lex.at }),
        Err(Bad) => Err(Malformed { reason: Reason::Json, at: scan.lex.at }),
    }
}

struct Scan<'a, const PLAIN: bool> {
    lex: Lexer<'a, PLAIN>,
    plan: &'a Plan,
    bounds: Bounds,
    out: &'a mut Decoded,
    /// The point that is being read.
    point: Option<usize>,
    /// Every number that nothing else asks for is a point here.
    leaves: bool,
    /// Where we are, only kept where every number is a point.
    path: String,
    too_deep: bool,
}

impl<'a, const PLAIN: bool> Scan<'a, PLAIN> {
    fn node(&self, id: NodeId) -> &'a Node {
        &self.plan.nodes[usize::from(id)]
    }

    fn document(&mut self) -> Read {
        self.lex.space();
        self.value(Some(self.node(0)), 0)?;
        self.lex.space();
        if self.lex.at == self.lex.bytes.len() { Ok(()) } else { Err(Bad) }
    }

    /// A value where something is asked for, or where every number is a point.
    fn value(&mut self, node: Option<&'a Node>, depth: usize) -> Read {
        let found = match self.lex.peek() {
            Some(b'"') => Found::Text(self.lex.string(&mut self.out.strings)?),
            Some(b'-' | b'0'..=b'9') => {
                let start = self.lex.at;
                let number = self.lex.number()?;
                Found::Number(number, span(start, self.lex.at, false))
            }
            Some(b'{') => return self.container(node, Found::Object, depth),
            Some(b'[') => return self.container(node, Found::Array, depth),
            Some(b't') => self.lex.word(b"true").map(|()| Found::Bool)?,
            Some(b'f') => self.lex.word(b"false").map(|()| Found::Bool)?,
            Some(b'n') => self.lex.word(b"null").map(|()| Found::Null)?,
            _ => return Err(Bad),
        };
        match node.filter(|node| node.take.any) {
            Some(node) if node.take.of_point => take_point(node, found, self.point, self.out),
            Some(node) => self.take(node, found),
            None if self.leaves => self.leaf(found),
            None => {}
        }
        Ok(())
    }

    fn container(&mut self, node: Option<&'a Node>, found: Found, depth: usize) -> Read {
        self.deeper(depth)?;
        if let Some(node) = node {
            if node.each.is_some() {
                self.out.clear_points();
                self.out.points_seen = true;
            }
            for claim in &node.take.claim_parents {
                self.out.claims[*claim].parent = true;
            }
            // An object is nothing to take where only its members count and nobody asks whether it was there.
            let nothing =
                node.take.bare_point && !self.plan.points_below_each && matches!(found, Found::Object);
            if node.take.any && !nothing {
                self.take(node, found);
            }
        }
        self.lex.space();
        let close = if matches!(found, Found::Object) { b'}' } else { b']' };
        if self.lex.peek() == Some(close) {
            self.lex.at += 1;
            return Ok(());
        }
        if close == b'}' { self.object(node, depth + 1) } else { self.array(node, depth + 1) }
    }

    fn deeper(&mut self, depth: usize) -> Read {
        if depth >= self.bounds.depth_max {
            self.too_deep = true;
            return Err(Bad);
        }
        self.lex.at += 1;
        Ok(())
    }

    fn object(&mut self, node: Option<&'a Node>, depth: usize) -> Read {
        loop {
            if self.lex.peek() != Some(b'"') {
                return Err(Bad);
            }
            let key = self.lex.string(&mut self.out.strings)?;
            self.lex.colon()?;
            self.member(node, key, depth)?;
            if !self.lex.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// The value behind a key.
    #[inline]
    fn member(&mut self, node: Option<&'a Node>, key: Text, depth: usize) -> Read {
        let Some(node) = node else { return self.named(key, None, depth) };
        let child = if key.owned {
            node.member(self.out.text(self.lex.text, key).as_bytes())
        } else {
            node.member_at(self.lex.bytes, key.start as usize, key.end as usize)
        };
        self.below(node, child, key, depth)
    }

    /// The value of a member or element: one that is asked for by itself, a point, or nothing of interest.
    #[inline]
    fn below(&mut self, node: &'a Node, child: Option<NodeId>, key: Text, depth: usize) -> Read {
        let Some(child) = child.map(|id| self.node(id)) else {
            return match node.each {
                Some(each) => self.each(self.node(each), key, depth),
                None if self.leaves => self.named(key, None, depth),
                None => self.skip(depth),
            };
        };
        if let Some(beneath) = &child.beneath {
            self.out.undo(beneath, self.point);
        }
        match child {
            child if child.is_base => self.base(child, depth),
            child if self.leaves => self.named(key, Some(child), depth),
            child => self.value(Some(child), depth),
        }
    }

    /// The place below which every number is a point, and no longer one elsewhere.
    fn base(&mut self, node: &'a Node, depth: usize) -> Read {
        let path = std::mem::take(&mut self.path);
        self.out.clear_points();
        self.leaves = true;
        let result = self.value(Some(node), depth);
        self.leaves = false;
        self.path = path;
        result
    }

    /// A value below `*`: the point that its key names.
    #[inline]
    fn each(&mut self, each: &'a Node, name: Text, depth: usize) -> Read {
        self.point = self.out.begin_point(self.lex.text, name, self.bounds.points_max);
        let result = self.value(Some(each), depth);
        self.point = None;
        result
    }

    /// A value whose path must be known, because it may be a point itself.
    fn named(&mut self, key: Text, child: Option<&'a Node>, depth: usize) -> Read {
        if child.is_none() && self.plan.is_no_point(self.out.text(self.lex.text, key)) {
            return self.skip(depth);
        }
        let before = self.path.len();
        if before > 0 {
            self.path.push('.');
        }
        self.path.push_str(self.out.text(self.lex.text, key));
        let result = self.value(child, depth);
        self.path.truncate(before);
        result
    }

    fn array(&mut self, node: Option<&'a Node>, depth: usize) -> Read {
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
        if child.is_none() && node.is_none_or(|node| node.each.is_none()) && !self.leaves {
            return self.skip(depth);
        }
        let key = self.out.own(&index.to_string());
        match node {
            Some(node) => self.below(node, child, key, depth),
            None => self.named(key, None, depth),
        }
    }

    /// A value that nobody asks for.
    #[inline]
    fn skip(&mut self, depth: usize) -> Read {
        match self.lex.peek() {
            Some(b'"') => self.lex.skip_string(),
            Some(b'-' | b'0'..=b'9') => self.lex.number().map(|_| ()),
            Some(close @ (b'{' | b'[')) => self.skip_container(close + 2, depth),
            Some(b't') => self.lex.word(b"true"),
            Some(b'f') => self.lex.word(b"false"),
            Some(b'n') => self.lex.word(b"null"),
            _ => Err(Bad),
        }
    }

    fn skip_container(&mut self, close: u8, depth: usize) -> Read {
        self.deeper(depth)?;
        self.lex.space();
        if self.lex.peek() == Some(close) {
            self.lex.at += 1;
            return Ok(());
        }
        loop {
            if close == b'}' {
                if self.lex.peek() != Some(b'"') {
                    return Err(Bad);
                }
                self.lex.skip_string()?;
                self.lex.colon()?;
            }
            self.skip(depth + 1)?;
            if !self.lex.more(close)? {
                return Ok(());
            }
        }
    }

    fn take(&mut self, node: &Node, found: Found) {
        self.out.take(node, found, &mut self.point, self.lex.text, self.bounds.points_max);
    }

    /// A scalar that nobody asks for, in a stream where every number is a point.
    fn leaf(&mut self, found: Found) {
        if let Found::Number(number, text) = found {
            let name = self.out.own(&self.path);
            self.out.leaf(name, (number, text), self.lex.text, self.bounds.points_max);
        }
    }
}
