//! When the writer asks for signatures: within a second of new records, once a minute without, and at the end. A
//! signature that fails holds up no record; it is told, and asked for again.

use super::failure::{Doing, Failure};
use super::status::Cause;
use super::writer::Writer;
use watchkeeper_core::time::{Micros, Now, SECOND, Wall};

/// New records wait no longer for a checkpoint, but for the pace of the ticks.
const SIGN_AFTER: Micros = SECOND / 2;
/// Checkpoints are not closer to each other than this, so that a steady trickle of records gives one a second: a
/// second less half a tick, because ticks are not exactly even and the one after it would be too late.
const SIGN_APART: Micros = SECOND * 7 / 8;
/// Without new records there is a checkpoint so often.
const SIGN_IDLE: Micros = 60 * SECOND;

impl Writer {
    /// Signs what is there if it is time.
    pub(super) fn sign_if_due(&mut self, now: Now) {
        let fresh = self.unsigned_since.is_some_and(|since| now.mono.since(since) >= SIGN_AFTER);
        let apart = |least| self.signed_at.is_none_or(|at| now.mono.since(at) >= least);
        if (fresh && apart(SIGN_APART)) || apart(SIGN_IDLE) {
            self.sign();
        }
    }

    /// Signs what is there; says whether that went well.
    pub(super) fn sign(&mut self) -> bool {
        let now = self.now();
        self.shared.busy(Some(now.mono));
        let signed = self.sync_live().and_then(|()| self.checkpoint(now.wall));
        self.shared.busy(None);
        let Err(failure) = signed else { return true };
        if failure.cause() == Cause::NoSpace && !self.room.is_full() {
            // As for a record: the reserve is given up, so that this can be said, and signed.
            self.disk_is_full(&failure.to_string(), now);
            self.refused(&failure);
            return false;
        }
        let mut status = self.shared.status();
        status.write_failures += 1;
        status.lag(Some(failure.to_string()), now.wall);
        drop(status);
        if self.hush.sign.speak(self.now().mono) {
            tracing::error!("the audit log cannot be signed: {failure}");
        }
        // Not at every tick: the disk that refuses has enough to do.
        let now = self.now().mono;
        self.signed_at = Some(now);
        self.unsigned_since = self.unsigned_since.map(|_| now);
        false
    }

    /// Has the evidence sign the tree as it is.
    pub(super) fn checkpoint(&mut self, now: Wall) -> Result<(), Failure> {
        self.seal.checkpoint(&*self.disk, now).doing(|| "signing a checkpoint".to_owned())?;
        self.unsigned_since = None;
        self.signed_at = Some(self.now().mono);
        let mut status = self.shared.status();
        status.checkpoint = self.seal.signed();
        status.lag(None, now);
        Ok(())
    }

    /// What time alone makes due, like a new key.
    pub(super) fn ask_evidence(&mut self, now: Now) {
        if now.mono < self.due_at {
            return;
        }
        self.due_at = now.mono.plus(SECOND);
        // A new key names the size of the log, and after a power cut there must not be less than that.
        if let Err(failure) = self.sync_live() {
            self.shared.status().lag(Some(failure.to_string()), now.wall);
            return;
        }
        match self.seal.due(&*self.disk, now.wall) {
            Ok(drafts) => drafts.iter().for_each(|draft| self.say(draft)),
            Err(error) => {
                self.shared.status().lag(Some(error.to_string()), now.wall);
                if self.hush.sign.speak(now.mono) {
                    tracing::error!(%error, "the evidence of the audit log could not do what was due");
                }
            }
        }
    }
}
