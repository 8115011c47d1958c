//! The Merkle tree of RFC 6962 (the same in RFC 9162) over the exact lines of the log, as a compact range: the roots
//! of the largest full subtrees, one a set bit of the size. It holds at most 64 hashes however long the log is, and
//! adding a line costs two hashes. Nothing is invented here: whoever has a library for the RFC gets the same roots.

use sha2::{Digest, Sha256};

/// SHA-256 of something.
pub type Hash = [u8; 32];

/// The leaf of a line; `line` has its `\n`.
pub fn leaf(line: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update([0]);
    sha.update(line);
    sha.finalize().into()
}

/// The node above two others.
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut both = [1; 65];
    both[1..33].copy_from_slice(left);
    both[33..].copy_from_slice(right);
    Sha256::digest(both).into()
}

/// The tree of the first `size` lines, less what is not needed to go on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    size: u64,
    /// Roots of full subtrees, the largest and oldest first; as many as `size` has bits set.
    hashes: Vec<Hash>,
}

impl Range {
    /// The tree of no line.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tree that `to_hashes` was taken of; none if these cannot be the hashes of a tree of that size.
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self { size, hashes })
    }

    /// What, beside the size, is needed to go on: the largest and oldest subtree first.
    pub fn to_hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// How many lines it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the leaf of the next line.
    pub fn push(&mut self, leaf: Hash) {
        self.push_full(leaf, 0);
    }

    /// Adds the root of a full subtree of `2^height` lines; the size is a multiple of that.
    fn push_full(&mut self, root: Hash, height: u32) {
        let mut hash = root;
        // Each set bit at the end of the size is a full subtree that the new one makes twice as large.
        let mut full = (self.size >> height).trailing_ones();
        while full > 0
            && let Some(left) = self.hashes.pop()
        {
            hash = node(&left, &hash);
            full -= 1;
        }
        self.hashes.push(hash);
        self.size += 1 << height;
    }

    /// Goes on as if lines without a byte stood in the place of records that are lost, up to `size`. However many
    /// these are, it costs no more than the depth of the tree.
    pub fn skip_to(&mut self, size: u64) {
        let mut holes = vec![leaf(&[])];
        while self.size < size {
            let height = self.size.trailing_zeros().min((size - self.size).ilog2());
            while holes.len() <= height as usize {
                let last = &holes[holes.len() - 1];
                holes.push(node(last, last));
            }
            self.push_full(holes[height as usize], height);
        }
    }

    /// The root: «Merkle Tree Hash» in the RFC.
    pub fn root(&self) -> Hash {
        let mut newest_first = self.hashes.iter().rev();
        match newest_first.next() {
            None => Sha256::digest([]).into(),
            Some(newest) => newest_first.fold(*newest, |right, left| node(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::to_hex as hex;

    /// The inputs and the roots of 0 to 8 of them that Certificate Transparency's own tests have.
    const INPUTS: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn from_hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// Section 2.1 of the RFC, word for word.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            more => {
                let split = more.len().next_power_of_two() / 2;
                node(&naive(&more[..split]), &naive(&more[split..]))
            }
        }
    }

    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        let mut range = Range::new();
        assert_eq!(hex(&range.root()), ROOTS[0]);
        for (input, root) in INPUTS.iter().zip(&ROOTS[1..]) {
            range.push(leaf(&from_hex(input)));
            assert_eq!(hex(&range.root()), *root, "of {} leaves", range.size());
        }
        assert_eq!(hex(&leaf(&[0])), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    }

    #[test]
    fn the_roots_are_those_of_the_definition_at_every_size() {
        let leaves: Vec<Hash> = (0..300_u32).map(|number| leaf(&number.to_le_bytes())).collect();
        let mut range = Range::new();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(range.root(), naive(&leaves[..size]), "{size}");
            range.push(*leaf);
        }
        assert_eq!(range.root(), naive(&leaves));
    }

    #[test]
    fn a_tree_goes_on_from_its_hashes_alone() {
        let mut whole = Range::new();
        for number in 0..77_u32 {
            whole.push(leaf(&number.to_le_bytes()));
            let mut taken = Range::from_hashes(whole.size(), whole.to_hashes().to_vec()).unwrap();
            let mut on = whole.clone();
            for later in 0..9_u32 {
                taken.push(leaf(&later.to_be_bytes()));
                on.push(leaf(&later.to_be_bytes()));
            }
            assert_eq!(taken.root(), on.root());
        }
        assert!(Range::from_hashes(3, vec![[0; 32]]).is_none());
        assert!(Range::from_hashes(0, vec![[0; 32]]).is_none());
        assert_eq!(Range::from_hashes(0, vec![]), Some(Range::new()));
    }

    #[test]
    fn lost_records_count_as_lines_without_a_byte() {
        for (size, to) in [(0, 0), (0, 1), (0, 16), (3, 3), (3, 4), (5, 64), (6, 77), (9, 4)] {
            let mut skipped = Range::new();
            (0..size).for_each(|_| skipped.push(leaf(b"line\n")));
            let mut pushed = skipped.clone();
            skipped.skip_to(to);
            (size..to).for_each(|_| pushed.push(leaf(b"")));
            assert_eq!(skipped, pushed, "{size} to {to}");
        }
        let mut far = Range::new();
        far.skip_to(u64::MAX);
        assert_eq!((far.size(), far.to_hashes().len()), (u64::MAX, 64));
    }
}
