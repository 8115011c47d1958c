//! Coming back with a client id that was let in before. Some brokers turn it away until they are done with the connection
//! before, or because it comes too soon (NATS does both): that is a fact about the broker, which devices that come back at once
//! feel as well, and no broken way. Nothing here may wait for a broker that turns everybody away.

use super::Patient;
use super::report::{Step, Verdict};
use crate::ingest::reasons::Cause;
use crate::talk::{self, Talk};
use std::time::{Duration, Instant};

/// A broker that wants longer than this between two connections of one client is broken for every purpose.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(250);

impl Patient<'_, '_> {
    /// Connects, and where this client id alone is turned away, waits until it is not; gives also what the attempt took that
    /// was let in. An error is what the first attempt met.
    pub(super) async fn come_back(&self, id: &str, v5: bool) -> Result<(Talk, Duration), Cause> {
        let began = Instant::now();
        let knock = |id| talk::again(self.broker, self.url, id, v5, self.limit);
        let first = match knock(id).await {
            Err(cause) if turns_away(&cause) => cause,
            done => return done.map(|talk| (talk, began.elapsed())),
        };
        // Whoever turns away another id as well has nothing against ours.
        let other = format!("{}-3", self.id);
        let Ok(other) = knock(&other).await else { return Err(first) };
        other.leave().await;
        while began.elapsed() < WAIT_MAX {
            tokio::time::sleep(AGAIN).await;
            let at = Instant::now();
            match knock(id).await {
                Ok(talk) => {
                    self.waited.set(self.waited.get().max(began.elapsed()));
                    return Ok((talk, at.elapsed()));
                }
                Err(cause) if turns_away(&cause) => {}
                Err(cause) => return Err(cause),
            }
        }
        Err(first)
    }

    /// What was found out of it on the way, once.
    pub(super) fn returning(&self) {
        let waited = self.waited.get();
        if waited.is_zero() {
            return;
        }
        let ms = waited.as_millis();
        let step =
            Step::tried("return", "connect again with the same client id right after leaving").took(waited);
        let step = step.got(format!(
            "turned away at first, and let in after {ms} ms; another client id was let in at once"
        ));
        self.add(step.is(
            Verdict::Note,
            Some("client_id_wait"),
            format!(
                "this broker wants up to {ms} ms between two connections of one client id: a device that comes back at once \
                 after its connection broke is turned away until then, and so is a sidecar after a restart, which tries again"
            ),
            "let devices wait before they connect again, each time a little longer; a sidecar does so by itself",
        ));
    }
}

/// It hung up on CONNECT, or said no to it.
fn turns_away(cause: &Cause) -> bool {
    matches!(cause, Cause::Closed | Cause::HungUp(_) | Cause::ClientId | Cause::Unavailable(_))
}
