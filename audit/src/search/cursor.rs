//! Where a walk through the answers goes on. It names a place by sequence number, so that it stays right while
//! segments are closed, compressed and pruned, and it belongs to one question.

use super::query::Order;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use watchkeeper_core::time::Wall;

const VERSION: u8 = 1;
const BYTES: usize = 26;

/// A place in the answers to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The direction of the walk.
    pub(super) order: Order,
    /// Everything up to this record, in that direction and it included, was dealt with.
    pub(super) seq: u64,
    /// `Query::hash`.
    pub(super) query: u64,
    /// What «ago» is counted from, on every page the same.
    pub(super) now: Wall,
}

impl Cursor {
    /// As text that is safe in a URL.
    pub fn to_text(&self) -> String {
        let mut bytes = vec![VERSION, u8::from(self.order == Order::Desc)];
        bytes.extend(self.seq.to_be_bytes());
        bytes.extend(self.query.to_be_bytes());
        bytes.extend(self.now.0.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads it again; nothing when it is no cursor of this version.
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes: [u8; BYTES] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let number = |at: usize| bytes[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let order = match bytes[..2] {
            [VERSION, 0] => Order::Asc,
            [VERSION, 1] => Order::Desc,
            _ => return None,
        };
        Some(Self { order, seq: number(2), query: number(10), now: Wall(number(18).cast_signed()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_is_none() {
        for order in [Order::Asc, Order::Desc] {
            let cursor = Cursor { order, seq: u64::MAX - 1, query: 77, now: Wall(-5) };
            let text = cursor.to_text();
            assert_eq!(Cursor::from_text(&text), Some(cursor));
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        }
        for bad in ["", "x", "AAAA", &"A".repeat(35), &"_".repeat(35), "ÄÄ"] {
            assert_eq!(Cursor::from_text(bad), None, "{bad}");
        }
    }
}
