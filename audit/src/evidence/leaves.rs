//! `audit-….leaves`: the first eight bytes of the hash of each line of a segment, so that of a segment that is not
//! what it was, the first bad record can be named. It is never needed to say that a segment is good, and never
//! believed when it says so. Of a closed segment the manifest has its hash, and then it is proved itself.

use super::tree::Hash;

/// Bytes a record.
pub const LEAF_BYTES: usize = 8;

/// What stands in the file for a line.
pub fn short(leaf: &Hash) -> [u8; LEAF_BYTES] {
    std::array::from_fn(|at| leaf[at])
}
