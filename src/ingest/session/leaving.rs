//! The goodbye of a connection: what is sent, and from when on we count as gone. Nothing here may wait.

use super::Session;
use crate::clock;
use crate::ingest::outcome::Ended;

impl Session<'_> {
    /// Says goodbye, so that the broker does not take us for dead. Without a CONNACK there is nobody to say it to.
    pub(super) fn leave(&mut self, ended: Ended) -> Result<(), Ended> {
        if self.watch.is_connecting() || !self.sender.disconnect() {
            return Err(ended);
        }
        let now = clock::now();
        if ended == Ended::Stopped {
            self.report.leaving(now);
        }
        self.watch.leaving(now.mono);
        self.look_at = self.watch.next();
        self.leaving = Some(ended);
        Ok(())
    }
}
