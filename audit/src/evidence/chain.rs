//! Which key signs from which checkpoint on. It begins with a key that is known from elsewhere; each later one is
//! named in a note that the one before it signed. A key counts for the checkpoints that are its own and for no
//! earlier and no later ones, so that whoever steals today's key cannot sign yesterday anew.

use super::note::{self, NoteError, Signer, VerifierKey};
use watchkeeper_core::time::{Wall, parse_rfc3339};

const TITLE: &str = "watchkeeper key change";

/// What a key says of the one that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key that signs this, for the last time.
    pub old: VerifierKey,
    /// The one that signs from here on.
    pub new: VerifierKey,
    /// Number of the first checkpoint that the new key signs.
    pub number: u64,
    /// How many records the log had.
    pub size: u64,
    /// When.
    pub time: Wall,
}

impl KeyChange {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!(
            "{TITLE}\n{}\nnumber {}\nsize {}\ntime {}\nold {}\nnew {}\n",
            self.old.name(),
            self.number,
            self.size,
            self.time.rfc3339(),
            self.old,
            self.new
        )
    }

    /// Reads such a text, and nothing that would not be written so again.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n').skip(2);
        let mut said = |what: &str| lines.next()?.strip_prefix(what);
        let change = Self {
            number: said("number ")?.parse().ok()?,
            size: said("size ")?.parse().ok()?,
            time: parse_rfc3339(said("time ")?)?,
            old: said("old ")?.parse().ok()?,
            new: said("new ")?.parse().ok()?,
        };
        (change.text() == text && change.old.name() == change.new.name()).then_some(change)
    }

    /// The note: signed by `old`.
    pub fn sign(&self, old: &Signer) -> Result<String, NoteError> {
        note::sign(&self.text(), old)
    }
}

/// Why a note does not go on with a chain of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Its signature.
    #[error("{0}")]
    Note(#[from] NoteError),
    /// What it says.
    #[error("not a change of keys, or not one that can follow here")]
    Unfit,
}

/// The keys of a log in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    keys: Vec<VerifierKey>,
    /// Of each key, the number of the first checkpoint that is its own, and how large the log was then.
    from: Vec<(u64, u64)>,
}

impl Chain {
    /// Only the first key.
    pub fn new(genesis: VerifierKey) -> Self {
        Self { keys: vec![genesis], from: vec![(0, 0)] }
    }

    /// Goes on with a note.
    pub fn take(&mut self, note: &str) -> Result<KeyChange, ChainError> {
        let opened = note::open(note, std::slice::from_ref(self.last()))?;
        let change = KeyChange::parse(opened.text).ok_or(ChainError::Unfit)?;
        let fits = change.old == *self.last()
            && !self.keys.iter().any(|key| key.id() == change.new.id())
            && self.from.last().is_some_and(|from| from.0 <= change.number && from.1 <= change.size);
        if !fits || opened.others > 0 {
            return Err(ChainError::Unfit);
        }
        self.keys.push(change.new.clone());
        self.from.push((change.number, change.size));
        Ok(change)
    }

    /// The key that signs now.
    pub fn last(&self) -> &VerifierKey {
        &self.keys[self.keys.len() - 1]
    }

    /// Index of the key whose checkpoint this number is.
    pub fn index_at(&self, number: u64) -> usize {
        self.from.partition_point(|from| from.0 <= number).saturating_sub(1)
    }

    /// Whether the checkpoint of this number may be of this size: none is larger than the log was when the next key
    /// began, or smaller than it was when its own did.
    pub fn allows(&self, number: u64, size: u64) -> bool {
        let key = self.index_at(number);
        self.from[key].1 <= size && self.from.get(key + 1).is_none_or(|next| size <= next.1)
    }

    /// All keys, the first one first.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Signer {
        Signer::generate(|_| "watchkeeper/t".into()).unwrap()
    }

    fn change(old: &Signer, new: &Signer, number: u64) -> KeyChange {
        KeyChange {
            old: old.verifier().clone(),
            new: new.verifier().clone(),
            number,
            size: 7,
            time: Wall(1_756_117_800_000_000),
        }
    }

    #[test]
    fn each_key_counts_for_its_own_checkpoints() {
        let (a, b, c) = (key(), key(), key());
        let mut chain = Chain::new(a.verifier().clone());
        chain.take(&change(&a, &b, 10).sign(&a).unwrap()).unwrap();
        chain.take(&change(&b, &c, 20).sign(&b).unwrap()).unwrap();
        let at = |number| chain.index_at(number);
        assert_eq!(
            [chain.allows(3, 7), chain.allows(3, 8), chain.allows(12, 6), chain.allows(20, 7)],
            [true, false, false, true]
        );
        assert_eq!([at(0), at(9), at(10), at(19), at(20), at(u64::MAX)], [0, 0, 1, 1, 2, 2]);
        assert_eq!(chain.last(), c.verifier());
    }

    #[test]
    fn a_change_that_the_last_key_did_not_sign_is_refused() {
        let (a, b, c) = (key(), key(), key());
        let mut chain = Chain::new(a.verifier().clone());
        chain.take(&change(&a, &b, 10).sign(&a).unwrap()).unwrap();
        for (change, signer) in [
            (change(&a, &c, 20), &a),
            (change(&b, &c, 20), &a),
            (change(&b, &c, 20), &c),
            (change(&a, &c, 20), &b),
            (change(&b, &a, 20), &b),
            (change(&b, &c, 9), &b),
        ] {
            assert!(chain.clone().take(&change.sign(signer).unwrap()).is_err(), "{change:?}");
        }
        let other = Signer::generate(|_| "watchkeeper/u".into()).unwrap();
        assert!(chain.take(&change(&b, &other, 20).sign(&b).unwrap()).is_err());
        assert!(chain.take(&note::sign("watchkeeper/t\n1\n", &b).unwrap()).is_err());
    }
}
