//! The part of a connection that acknowledges only what is safe. All of it happens on the polling task and touches the
//! `Sender` alone, so that a pending `poll` lives on; acknowledgements leave in the order in which messages came.

use super::Session;
use crate::ingest::Inbound;
use crate::ingest::keep::{Keeper, Ledger, Waiting};
use crate::ingest::outcome::Ended;
use crate::ingest::reasons::Cause;
use tokio::sync::watch::Receiver;
use watchkeeper_core::time::{Micros, Mono, Now, micros};

/// What found no room is offered again so soon.
const AGAIN: Micros = 20_000;

/// What one connection keeps.
pub(super) struct Kept {
    steps: Receiver<u64>,
    /// None before CONNACK.
    ledger: Option<Box<dyn Ledger>>,
    /// Something waits for room in the log.
    waits: bool,
    /// UNSUBACKs that are to come before the session has just the filters that are wanted.
    unsubscribing: usize,
    /// We are to stop, and wait so long for what was taken.
    until: Option<Mono>,
}

impl Kept {
    /// Nothing is kept yet.
    pub(super) fn new(keeper: &dyn Keeper) -> Self {
        Self { steps: keeper.steps(), ledger: None, waits: false, unsubscribing: 0, until: None }
    }

    /// A message; it comes after CONNACK, and perhaps before SUBACK: a session that was resumed delivers at once.
    pub(super) fn message(&mut self, message: Inbound, now: Now) {
        if let Some(ledger) = &mut self.ledger {
            ledger.message(message, now);
        }
    }
}

/// Turns ready when something more is safe; never where nothing is kept.
pub(super) async fn step(kept: &mut Option<Kept>) {
    let changed = match kept {
        Some(kept) => kept.steps.changed().await,
        None => return std::future::pending().await,
    };
    if changed.is_err() {
        // The log is gone, and nothing will be safe any more.
        std::future::pending::<()>().await;
    }
}

impl Session<'_> {
    /// CONNACK: the ledger of this connection begins, and what nobody wants any more is given back.
    pub(super) fn keep(&mut self, resumed: bool, now: Now) {
        let (Some(kept), Some(keeper)) = (&mut self.kept, &self.plan.keeper) else { return };
        kept.ledger = Some(keeper.open(resumed, now));
        let unwanted = keeper.unwanted();
        kept.unsubscribing = unwanted.iter().filter(|filter| self.sender.unsubscribe(filter)).count();
        for _ in 0..kept.unsubscribing {
            self.asked(now.mono);
        }
    }

    /// UNSUBSCRIBE is on its way, behind the acknowledgements so far.
    pub(super) fn asked(&mut self, now: Mono) {
        if let Some(Kept { ledger: Some(ledger), .. }) = &mut self.kept {
            ledger.asked(now);
        }
    }

    /// SUBACK.
    pub(super) fn subscribed(&self) {
        if let (Some(kept), Some(keeper)) = (&self.kept, &self.plan.keeper)
            && kept.unsubscribing == 0
        {
            keeper.subscribed();
        }
    }

    /// UNSUBACK; those of the round trips come later.
    pub(super) fn unsubscribed(&mut self) {
        if let Some(Kept { ledger: Some(ledger), .. }) = &mut self.kept {
            ledger.answered();
        }
        let Some(kept) = self.kept.as_mut().filter(|kept| kept.unsubscribing > 0) else { return };
        kept.unsubscribing -= 1;
        if self.marks.up_at.is_some() {
            self.subscribed();
        }
    }

    /// Acknowledges what is safe by now.
    pub(super) fn settle(&mut self, now: Mono) -> Result<(), Ended> {
        let Some(Kept { ledger: Some(ledger), waits, until, steps, .. }) = &mut self.kept else {
            return Ok(());
        };
        // What is noticed here is not to wake us once more.
        steps.mark_unchanged();
        let waiting = ledger.look();
        *waits = waiting != Waiting::Nothing;
        while let Some(delivery) = ledger.due() {
            // A full queue empties as we poll, and then we come here again.
            if !self.sender.ack(delivery) {
                break;
            }
            ledger.sent();
        }
        if ledger.wants_to_ask(now) && self.sender.unsubscribe(&self.plan.round_trip) {
            ledger.asked(now);
        }
        if waiting == Waiting::TooMuch {
            return Err(Ended::Lost(Cause::Backlog));
        }
        if *waits {
            self.look_at = self.look_at.min(now.plus(AGAIN));
        }
        let over = until.is_some_and(|until| ledger.is_settled() || now >= until);
        if over && self.leaving.is_none() { self.leave(Ended::Stopped) } else { Ok(()) }
    }

    /// When the ledger wants to be looked at again.
    pub(super) fn keep_looking(&self, now: Mono) -> Mono {
        let Some(kept) = &self.kept else { return Mono::NEVER };
        let again = if kept.waits { now.plus(AGAIN) } else { Mono::NEVER };
        kept.until.filter(|_| self.leaving.is_none()).map_or(again, |until| until.min(again))
    }

    /// We were not asked to stop yet.
    pub(super) fn is_staying(&self) -> bool {
        self.leaving.is_none() && self.kept.as_ref().is_none_or(|kept| kept.until.is_none())
    }

    /// We are to stop: at once, or when what was taken is safe and acknowledged. DISCONNECT follows the
    /// acknowledgements in one queue, so that it comes after them.
    pub(super) fn stop(&mut self) -> Result<(), Ended> {
        let now = crate::clock::mono();
        let (Some(Kept { ledger: Some(ledger), until, .. }), Some(keeper)) =
            (&mut self.kept, &self.plan.keeper)
        else {
            return self.leave(Ended::Stopped);
        };
        ledger.close();
        let end = now.plus(micros(keeper.patience()));
        *until = Some(end);
        self.look_at = self.look_at.min(end);
        self.settle(now)
    }
}
