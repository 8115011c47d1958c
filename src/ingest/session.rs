//! One connection from CONNECT to its end: subscribe, hand over what arrives, prove that the broker lives. It
//! must never wait for anything but the broker and timers: the library pings inside `poll` alone.

use super::client::{Door, Heard, Link, Sender, open};
use super::dialect::Protocol;
use super::outcome::{Ended, Marks, Outcome, Reached};
use super::reasons::Cause;
use super::report::Report;
use super::status::FilterState;
use super::watch::{Due, Silence, Watch};
use super::{Plan, Sink};
use crate::clock;
use crate::config::{BrokerUrl, Scheme};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep};
use watchkeeper_core::ours::is_ours;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND, micros};

mod arriving;
mod keeping;
mod leaving;
mod subscribing;

use arriving::{told, way};
use keeping::Kept;

/// Messages after which other tasks of this thread get their turn.
const MESSAGES_IN_A_ROW: u32 = 128;
/// While away others want to see the outage grow.
const LOOK_AWAY: Micros = SECOND;
/// Never look more often than this.
const LOOK_LEAST: Micros = 10_000;

/// See the head of this file. The `Link` is not in here: its `poll` must be able to live on while all else changes.
struct Session<'a> {
    plan: &'a Plan,
    report: &'a mut Report,
    sender: Sender,
    protocol: Protocol,
    watch: Watch,
    reached: Reached,
    filters: Vec<FilterState>,
    began: Mono,
    /// When the timer is due.
    look_at: Mono,
    /// Packet id of the SUBSCRIBE whose SUBACK we wait for.
    awaited: Option<u16>,
    marks: Marks,
    /// Messages since other tasks had their turn.
    in_a_row: u32,
    /// DISCONNECT was sent, and this is how it ends then.
    leaving: Option<Ended>,
    /// Every filter was refused.
    deaf: bool,
    /// What waits to be acknowledged, where that is not done at once.
    kept: Option<Kept>,
}

/// Runs one connection to its end.
pub(super) async fn run(
    plan: &Plan,
    url: &BrokerUrl,
    protocol: Protocol,
    report: &mut Report,
    stop: &mut Receiver<bool>,
) -> Outcome {
    let began = clock::mono();
    let tunnel = match way(plan, url, report, stop).await {
        Ok(tunnel) => tunnel,
        Err(ended) => return Outcome::astray(ended, clock::mono()),
    };
    let door = match &tunnel {
        Some(tunnel) => Door::Socket(tunnel.name()),
        None if url.scheme == Scheme::Unix => Door::Socket(&url.host),
        None => Door::Host(url),
    };
    let (mut link, sender) = open(&plan.broker, door, &plan.client_id, protocol, plan.terms);
    let mut session = Session::new(plan, report, sender, protocol, began);
    let ended = match session.live(&mut link, stop).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    };
    let ended = told(&plan.broker, ended, session.reached, tunnel.as_ref());
    let moments = (session.watch.last_heard(), clock::mono());
    let outcome = session.marks.outcome(ended, session.reached, moments, micros(plan.broker.reconnect_min));
    drop((session, link));
    if let (Some(tunnel), Ended::Stopped | Ended::Refused) = (tunnel, &outcome.ended) {
        // The goodbye is still on its way.
        tunnel.finish().await;
    }
    outcome
}

impl<'a> Session<'a> {
    fn new(plan: &'a Plan, report: &'a mut Report, sender: Sender, protocol: Protocol, began: Mono) -> Self {
        Self {
            watch: Watch::new(plan.broker.connect_timeout, plan.broker.idle_after, began),
            filters: plan.filter_states(),
            // Not when it began: dialling is not the sleep of ours that deadlines are put off for.
            look_at: clock::mono(),
            reached: Reached::Nothing,
            began,
            awaited: None,
            marks: Marks::default(),
            in_a_row: 0,
            leaving: None,
            deaf: false,
            kept: plan.keeper.as_deref().map(Kept::new),
            plan,
            report,
            sender,
            protocol,
        }
    }

    /// The loop. A `poll` that has begun is never dropped for a timer or a stop: dropping it could lose a
    /// request that it has taken from its queue but not yet written, and half a write would end the connection.
    /// So it is pinned, and the inner loop comes back to the same future until it is done. That is also why
    /// timers and the stop only touch the `Sender`, whose queue wakes the pending `poll`.
    async fn live(
        &mut self,
        link: &mut Link,
        stop: &mut Receiver<bool>,
    ) -> Result<std::convert::Infallible, Ended> {
        let mut timer = pin!(sleep(Duration::ZERO));
        let mut armed = self.look_at;
        loop {
            let polled = {
                let mut poll = pin!(link.poll());
                loop {
                    if armed != self.look_at {
                        armed = self.look_at;
                        let pause = Duration::from_micros(armed.since(clock::mono()));
                        timer.as_mut().reset(Instant::now() + pause);
                    }
                    tokio::select! {
                        // What arrived comes first: it may be the answer whose lack a timer would complain about.
                        biased;
                        polled = &mut poll => break polled,
                        () = keeping::step(&mut self.kept) => self.settle(clock::mono())?,
                        () = &mut timer => self.look(clock::mono())?,
                        // A vanished sender is a stop as well: nobody is left who could ask.
                        _ = stop.wait_for(|stop| *stop), if self.is_staying() => self.stop()?,
                    }
                }
            };
            let now = clock::now();
            let taken = self.take(link, now);
            if let Err(cause) = polled {
                return Err(self.leaving.take().unwrap_or(Ended::Lost(cause)));
            }
            taken?;
            self.settle(now.mono)?;
            if now.mono >= self.look_at {
                // `poll` can be ready for ever, and then the select above never gets to the timer.
                self.look(now.mono)?;
            }
            self.make_room(stop).await?;
        }
    }

    /// A flood must not starve the other tasks of this thread, nor the wish to stop.
    async fn make_room(&mut self, stop: &Receiver<bool>) -> Result<(), Ended> {
        if self.in_a_row < MESSAGES_IN_A_ROW {
            return Ok(());
        }
        self.in_a_row = 0;
        tokio::task::yield_now().await;
        if *stop.borrow() && self.is_staying() { self.stop() } else { Ok(()) }
    }

    /// Hands over all that was read. One reading of the clock serves for it; it lay in one buffer.
    fn take(&mut self, link: &mut Link, now: Now) -> Result<(), Ended> {
        let sink: &dyn Sink = &*self.plan.sink;
        let (mut ended, mut alive, mut messages, mut ours) = (Ok(()), false, 0_u32, 0_u32);
        while let Some(heard) = link.pop(now.mono) {
            if !alive && heard.is_incoming() {
                alive = true;
                if let Some(since) = self.watch.heard(now.mono) {
                    self.stood_still(since, now.mono);
                }
                // Whoever takes a new session for granted asks when the broker was heard before it.
                if !matches!(heard, Heard::ConnAck { .. }) {
                    sink.alive(now.mono);
                }
            }
            match heard {
                // The probe's are no activity of the fleet; those that are to be acknowledged go the way of all.
                Heard::Message(message) if self.kept.is_none() && is_ours(&message.topic) => ours += 1,
                Heard::Message(message) => {
                    messages += 1;
                    match &mut self.kept {
                        Some(kept) => kept.message(message, now),
                        None => sink.message(message),
                    }
                }
                // What follows an end in the same buffer was delivered, too.
                other => ended = ended.and(self.control(&other, now)),
            }
        }
        if alive {
            sink.alive(now.mono);
            // An answer may have moved the next question to before the deadline of the last one.
            self.look_at = self.look_at.min(self.watch.next());
        }
        self.in_a_row += messages + ours;
        if messages > 0 {
            self.watch.message(now.mono);
            self.marks.message(now.mono);
            self.report.messages(now);
        }
        ended
    }

    fn control(&mut self, heard: &Heard, now: Now) -> Result<(), Ended> {
        match heard {
            Heard::ConnAck { resumed, keeps } => {
                self.report.session(self.plan.terms, *keeps);
                self.accepted(*resumed, now)
            }
            Heard::Subscribing(id) => {
                self.awaited = Some(*id);
                Ok(())
            }
            Heard::SubAck(id, codes) if self.awaited == Some(*id) => self.suback(codes, now),
            Heard::UnsubAck => {
                self.watch.answered();
                self.unsubscribed();
                Ok(())
            }
            Heard::Left => Err(self.leaving.take().unwrap_or(Ended::Stopped)),
            _ => Ok(()),
        }
    }

    /// The connection held, but for a while nothing could get through: to the fleet that is an outage like any other.
    fn stood_still(&mut self, since: Mono, now: Mono) {
        self.report.stood_still(since, now);
        self.plan.sink.down(now, since);
        if !self.deaf {
            self.plan.sink.up(now);
        }
    }

    /// The timer: asks what is to be asked, and gives up what did not answer.
    fn look(&mut self, now: Mono) -> Result<(), Ended> {
        let late = now.since(self.look_at);
        if late > SECOND {
            self.watch.forgive(late);
        }
        self.settle(now)?;
        match self.watch.check(now) {
            None => {}
            // A full queue is not told apart: it means that nothing can be written, which is what we ask about.
            Some(Due::Ask) => {
                if self.sender.unsubscribe(&self.plan.round_trip) {
                    self.asked(now);
                }
                self.watch.asked(now);
            }
            Some(Due::Verify) => {
                self.awaited = None;
                self.sender.subscribe(&self.plan.filters, self.plan.qos);
                self.watch.verifying(now);
            }
            Some(Due::Over(silence)) => return Err(self.over(silence)),
        }
        let mut next = self.watch.next().min(self.keep_looking(now));
        if self.marks.up_at.is_none() {
            self.report.tick(now);
            next = next.min(now.plus(LOOK_AWAY));
        }
        self.look_at = next.max(now.plus(LOOK_LEAST));
        Ok(())
    }

    fn over(&mut self, silence: Silence) -> Ended {
        Ended::Lost(match silence {
            Silence::Connack => Cause::ConnectTimeout,
            Silence::Suback => Cause::SubackTimeout,
            Silence::Frozen => Cause::Frozen,
            Silence::Idle => Cause::Idle,
            Silence::Farewell => return self.leaving.take().unwrap_or(Ended::Stopped),
        })
    }
}
