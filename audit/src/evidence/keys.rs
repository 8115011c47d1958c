//! The key that signs, in a file beside the folder: a copied folder has no secret in it. A new key is announced by
//! the old one in `keys.log` before it takes its place, and whatever moment the machine stops at, one of the files
//! beside the folder fits the end of that chain. A key that does not fit is never passed over in silence, and the
//! first verifier key is never written over.

use super::chain::{Chain, ChainError, KeyChange};
use super::ledger::{Harm, Ledger};
use super::note::{self, NoteError, Signer, VerifierKey};
use super::notes::{Notes, framed, whole_end};
use super::secret_file::{Places, SecretFile};
use crate::folder::KEYS;
use crate::log::disk::Disk;
use std::io::{self, ErrorKind};
use std::path::Path;
use watchkeeper_core::time::Wall;

/// What an operator, and the log, should know of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The first start: this is the key to keep elsewhere.
    Created(VerifierKey),
    /// The key could be read by others and cannot any more; it had these permissions.
    Exposed(u32),
    /// The log goes on with a key that the old one did not announce. It will not verify with the old one.
    Replaced {
        /// The key that signs now.
        key: VerifierKey,
        /// What is not as it was.
        why: &'static str,
    },
    /// A key change that the key before it did not sign.
    BadChange(ChainError),
    /// The file of the first verifier key cannot be read.
    BadVkey(NoteError),
    /// Somebody touched `keys.log` while the log was running.
    Harmed(&'static str),
}

/// When a key changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Number of the next checkpoint.
    pub number: u64,
    /// How many records the log has.
    pub size: u64,
    /// When.
    pub time: Wall,
}

/// What the folder has that a key must fit.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// There is something in it.
    pub exists: bool,
    /// The last checkpoint.
    pub last_note: Option<String>,
}

/// The keys of a log.
pub struct Keys {
    places: Places,
    current: SecretFile,
    chain: Chain,
    ledger: Ledger,
    notices: Vec<Notice>,
    /// A change may be in `keys.log` that we do not hold to; nothing is signed before it is out of there.
    unsettled: bool,
    /// The current key is not in its place yet.
    unplaced: bool,
    since: Option<Wall>,
}

impl Keys {
    /// Reads the keys of the log in `dir`, or makes the first one. `origin` is the first part of the name of a log
    /// that begins.
    pub fn open(disk: &dyn Disk, dir: &Path, origin: &str, log: &Log) -> io::Result<Self> {
        let places = Places::beside(dir)?;
        let mut ledger = Ledger::new(dir.join(KEYS), |disk, path| whole_end(disk.read(path)?));
        ledger.open(disk)?;
        let mut notices = Vec::new();
        let found = places.candidates(&mut notices)?;
        let announced = Announced::read(disk, ledger.path(), places.pinned(&mut notices)?)?;
        notices.extend(announced.bad.map(Notice::BadChange));
        let (current, chain) = match choose(found, announced.chain.as_ref(), log, places.has_vkey()) {
            Choice::Fits(current) => (current, announced.chain),
            Choice::Other(other, why) => (places.begin(other, origin, why, &mut notices)?, None),
        };
        let mut keys = Self {
            chain: chain.unwrap_or_else(|| Chain::new(current.signer.verifier().clone())),
            since: announced.since.or_else(|| current.written(disk)),
            unplaced: current.path != places.key,
            places,
            current,
            ledger,
            notices,
            unsettled: false,
        };
        keys.place()?;
        keys.places.remove_draft()?;
        Ok(keys)
    }

    /// What signs now.
    pub fn current(&self) -> &Signer {
        &self.current.signer
    }

    /// Which key signed what.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// When the key that signs now began to, as far as it is known.
    pub fn since(&self) -> Option<Wall> {
        self.since
    }

    /// What should be told, each thing once.
    pub fn notices(&mut self) -> Vec<Notice> {
        self.notices.extend(self.ledger.take_harm().map(Harm::said).map(Notice::Harmed));
        std::mem::take(&mut self.notices)
    }

    /// Whether the key has signed a checkpoint of this log.
    pub fn is_used(&self) -> bool {
        self.current.used
    }

    /// Called before anything is signed: nothing may be, while `keys.log` may say more than we hold to.
    pub fn settle(&mut self, disk: &dyn Disk) -> io::Result<()> {
        if self.unsettled {
            self.ledger.settle(disk)?;
            self.unsettled = false;
        }
        // Until the key is in its place, the next start finds it in the draft; it is tried again each time.
        let _ = self.place();
        Ok(())
    }

    /// Called once the first checkpoint is on the disk: from here on this key belongs to this log, and whoever has
    /// the verifier key may ask for a checkpoint.
    pub fn mark_used(&mut self) -> io::Result<()> {
        if self.current.used {
            return Ok(());
        }
        self.places.write_vkey(self.current.signer.verifier())?;
        self.current.mark_used(&self.places)
    }

    /// Has the current key announce a new one, which signs from then on. After an error the old one goes on.
    pub fn rotate(&mut self, disk: &dyn Disk, turn: Turn) -> io::Result<KeyChange> {
        self.settle(disk)?;
        if self.unplaced {
            return Err(io::Error::other("the last key is not in its place yet"));
        }
        let old = self.current.signer.verifier().clone();
        let signer = Signer::generate(|_| old.name().to_owned()).map_err(other)?;
        let new = signer.verifier().clone();
        let Turn { number, size, time } = turn;
        let change = KeyChange { old, new, number, size, time };
        let note = change.sign(&self.current.signer).map_err(other)?;
        let mut chain = self.chain.clone();
        chain.take(&note).map_err(io::Error::other)?;
        self.places.remove_draft()?;
        let next = SecretFile::create(&self.places.draft, signer, true)?;
        self.unsettled = true;
        self.ledger.append(disk, framed(&note).as_bytes())?;
        // From here on the new key signs, whatever else goes wrong.
        (self.unsettled, self.unplaced) = (false, true);
        (self.chain, self.current, self.since) = (chain, next, Some(time));
        let _ = self.place();
        Ok(change)
    }

    /// Puts the current key where it belongs.
    fn place(&mut self) -> io::Result<()> {
        if self.unplaced {
            self.current.rename(&self.places)?;
            self.unplaced = false;
        }
        Ok(())
    }
}

fn other(error: NoteError) -> io::Error {
    io::Error::other(error)
}

enum Choice {
    Fits(SecretFile),
    /// One that does not fit, or none at all; and why, unless the log begins.
    Other(Option<SecretFile>, Option<&'static str>),
}

/// Finds the key that the log has to go on with. `found` has the one in its place first.
fn choose(mut found: Vec<SecretFile>, announced: Option<&Chain>, log: &Log, pinned: bool) -> Choice {
    let fits = |file: &SecretFile| match (announced, &log.last_note) {
        (Some(chain), _) => chain.last() == file.signer.verifier(),
        (None, Some(note)) => note::open(note, std::slice::from_ref(file.signer.verifier())).is_ok(),
        (None, None) => true,
    };
    if found.is_empty() {
        return Choice::Other(None, (log.exists || pinned).then_some("the signing key is gone"));
    }
    if !log.exists && found[0].used {
        return Choice::Other(None, Some("the folder is empty, and the key has signed a log before"));
    }
    let fitting = found.iter().position(fits);
    let key = found.swap_remove(fitting.unwrap_or(0));
    match fitting {
        Some(_) => Choice::Fits(key),
        None => Choice::Other(Some(key), Some("the signing key is another one than it was")),
    }
}

/// The chain as the folder has it.
struct Announced {
    /// None when nothing says which key the first one is.
    chain: Option<Chain>,
    /// When its last key began.
    since: Option<Wall>,
    /// What in it does not fit.
    bad: Option<ChainError>,
}

impl Announced {
    fn read(disk: &dyn Disk, path: &Path, pinned: Option<VerifierKey>) -> io::Result<Self> {
        let mut found = Self { chain: pinned.map(Chain::new), since: None, bad: None };
        let mut notes = match disk.read(path) {
            Ok(file) => Notes::new(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        while let Some(piece) = notes.read()?.filter(|piece| piece.whole) {
            let text = piece.text().unwrap_or_default();
            if found.chain.is_none() {
                let first = text.rfind("\n\n").and_then(|end| KeyChange::parse(&text[..=end]));
                found.chain = first.map(|change| Chain::new(change.old));
            }
            match found.chain.as_mut().map_or(Err(ChainError::Unfit), |chain| chain.take(text)) {
                Ok(change) => found.since = Some(change.time),
                Err(error) => found.bad = found.bad.or(Some(error)),
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
