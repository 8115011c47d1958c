//! Ten connections one after the other, and a moment of staying: whether it works every time, and whether somebody else has
//! our client id. Nothing here may publish.

use super::Patient;
use super::report::Step;
use crate::ingest::reasons::Cause;
use crate::talk::Talk;
use std::time::{Duration, Instant};

/// Connections.
const TIMES: u32 = 10;
/// Another client with our id is back within this.
const STAY: Duration = Duration::from_secs(2);

impl Patient<'_, '_> {
    pub(super) async fn stability(&self, v5: bool) {
        let began = Instant::now();
        let (mut times, mut causes) = (Vec::new(), Vec::new());
        let mut last = None;
        for turn in 1..=TIMES {
            // A broker that keeps a returning id waiting would be asked for a minute; what it thinks of that is known.
            let is_own = turn == TIMES || self.waited.get().is_zero();
            let id = if is_own { self.id.clone() } else { format!("{}-{turn}", self.id) };
            match self.come_back(&id, v5).await {
                Ok((talk, took)) => {
                    times.push(took);
                    if turn == TIMES {
                        last = Some(talk);
                    } else {
                        talk.leave().await;
                    }
                }
                Err(cause) => causes.push(cause),
            }
        }
        times.sort();
        let ms = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let step = Step::tried("stability", format!("connect {TIMES} times")).took(began.elapsed());
        let step = step.got(format!(
            "{} of {TIMES} let in; {:.1} to {:.1} ms, median {:.1} ms",
            times.len(),
            ms(times.first()),
            ms(times.last()),
            ms(times.get(times.len() / 2))
        ));
        self.add(match causes.first() {
            Some(cause) => self.failed(step, cause),
            None => step,
        });
        if let Some(talk) = last {
            self.stay(talk).await;
        }
    }

    /// Whoever has the same id comes back and evicts us.
    async fn stay(&self, mut talk: Talk) {
        let step = Step::tried("client id", format!("stay for {} s as {}", STAY.as_secs(), self.id));
        match talk.message(STAY).await {
            Ok(_) => {
                self.add(step.got("nobody else has it"));
                talk.leave().await;
            }
            // Whoever thinks that another has the id asks for it by name; brokers hang up on the older of two, often in silence.
            Err(Cause::Closed) if self.wishes.client_id.is_some() => {
                self.add(self.failed(step, &Cause::Thrown));
            }
            Err(cause) => {
                let step = self.failed(step, &cause);
                self.add(step);
            }
        }
    }
}
