//! From CONNACK to the last SUBACK, and what it means when the broker refuses. Nothing here may wait.

use super::Session;
use crate::ingest::outcome::{Ended, Reached};
use crate::ingest::reasons::Cause;
use watchkeeper_core::time::{Mono, Now};

impl Session<'_> {
    /// CONNACK. We subscribe whether or not the broker kept a session: what it keeps may be older than our filters.
    pub(super) fn accepted(&mut self, resumed: bool, now: Now) -> Result<(), Ended> {
        self.reached = Reached::Accepted;
        self.keep(resumed, now);
        self.report.accepted(self.protocol);
        self.report.filters(&mut self.filters, now.wall);
        let now = now.mono;
        self.watch.subscribing(now);
        self.marks.subscribed_at = Some(now);
        if self.sender.subscribe(&self.plan.filters, self.plan.qos) {
            Ok(())
        } else {
            Err(Ended::Lost(Cause::BadFilter))
        }
    }

    pub(super) fn suback(&mut self, codes: &[Result<u8, u8>], now: Now) -> Result<(), Ended> {
        self.awaited = None;
        if codes.len() != self.filters.len() {
            let text = format!("SUBACK has {} codes for {} filters", codes.len(), self.filters.len());
            return Err(Ended::Lost(Cause::Protocol(text)));
        }
        for (state, code) in self.filters.iter_mut().zip(codes) {
            state.granted = Some(*code);
        }
        self.report.filters(&mut self.filters, now.wall);
        self.watch.subscribed(now.mono);
        self.subscribed();
        let deaf = codes.iter().all(Result::is_err);
        if deaf && self.plan.optional {
            return self.leave(Ended::Refused);
        }
        self.hear(deaf, now.mono);
        if self.marks.up_at.is_none() && self.leaving.is_none() {
            self.up(now);
        }
        Ok(())
    }

    /// Connected and deaf is no watching: what we may not hear must not count as silence of the devices. The
    /// round trip of an idle connection asks for the filters again.
    fn hear(&mut self, deaf: bool, now: Mono) {
        let changed = deaf != self.deaf && self.marks.up_at.is_some();
        self.deaf = deaf;
        match (changed, deaf) {
            (true, true) => self.plan.sink.down(now, self.watch.last_heard()),
            (true, false) => self.plan.sink.up(now),
            (false, _) => {}
        }
    }

    fn up(&mut self, now: Now) {
        self.reached = Reached::Up;
        self.marks.up_at = Some(now.mono);
        self.report.up(now.mono.since(self.began), self.protocol, &self.filters, now);
        if !self.deaf {
            self.plan.sink.up(now.mono);
        }
    }
}
