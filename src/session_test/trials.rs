//! The six trials, in their order. Each lets the producer send and moves the consumer about meanwhile, and then waits for
//! what is still under way. Nothing here may judge; that is the report's.

use super::consumer::Consumer;
use super::producer::Producer;
use super::report::{Report, Trial};
use super::state::{Kept, Totals};
use super::{Session, Stop, Way, Wishes};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The consumer is there for so long before it leaves.
const THERE: Duration = Duration::from_millis(500);
/// Between two looks whether everything has come.
const LOOK: Duration = Duration::from_millis(50);
/// Numbers that are left out where the count is set by hand.
const JUMP: u64 = 100;

/// What the consumer does next.
#[derive(Clone, Copy, Debug)]
enum Move {
    Receive(Duration),
    Leave,
    /// The connection ends without DISCONNECT, and what is known is read from the file.
    Die,
    Away(Duration),
    Return,
}

/// See the head of this file.
pub(super) struct Trials<'a> {
    way: &'a Way<'a>,
    kept: RefCell<Kept>,
    wishes: &'a Wishes,
    consumer: Consumer,
    producer: Producer,
}

impl<'a> Trials<'a> {
    pub(super) fn new(way: &'a Way<'a>, kept: Kept, wishes: &'a Wishes) -> Self {
        let (consumer, producer) = (Consumer::default(), Producer::default());
        Self { way, kept: RefCell::new(kept), wishes, consumer, producer }
    }

    /// Makes those that are not over yet.
    pub(super) async fn all(&mut self, report: &mut Report, out: &mut dyn Write) -> Result<(), Stop> {
        let away = self.wishes.away;
        let trip = [Move::Receive(THERE), Move::Leave, Move::Away(away), Move::Return];
        let death = [Move::Receive(THERE), Move::Die, Move::Away(away), Move::Return];
        let trips = trip.repeat(usize::try_from(self.wishes.cycles).unwrap_or(1));
        let rest = report.rest(&self.kept.borrow().state.done);
        let mut before = self.counts();
        self.consumer.come(self.way, &self.kept).await?;
        for name in rest {
            match name {
                "delivery" => self.act(&[], Some(5)).await?,
                "away_under_load" => self.act(&trip, None).await?,
                "away_again_and_again" => self.act(&trips, None).await?,
                "killed" => self.act(&death, None).await?,
                "reset" => self.reset().await?,
                _ => self.start_from().await?,
            }
            let trial = self.over(name, &before);
            before = self.counts();
            report.note(&trial, out);
            let mut kept = self.kept.borrow_mut();
            kept.state.done.push(trial);
            kept.save().map_err(Stop::File)?;
        }
        let kept = self.kept.borrow();
        report.sum(&kept.state);
        Ok(())
    }

    /// Ends the session at the broker, which would keep it for nothing.
    pub(super) async fn end(mut self) -> Result<Kept, Stop> {
        self.consumer.leave().await;
        self.producer.leave().await;
        self.end_session().await?;
        Ok(self.kept.into_inner())
    }

    async fn end_session(&mut self) -> Result<(), Stop> {
        let id = self.kept.borrow().state.consumer();
        let (talk, _) = self.way.enter(&id, Session::Passing).await?;
        talk.leave().await;
        let mut kept = self.kept.borrow_mut();
        kept.state.has_session = false;
        kept.save().map_err(Stop::File)
    }

    /// Producer and consumer at once; then until everything has come, or nothing does any more.
    async fn act(&mut self, moves: &[Move], bursts: Option<u32>) -> Result<(), Stop> {
        let Self { way, kept, wishes, consumer, producer } = self;
        let (stop, is_done) = (Cell::new(false), Cell::new(false));
        let produce = async {
            producer.run(way, kept, &stop, bursts).await?;
            is_done.set(true);
            Ok(())
        };
        let consume = async {
            for step in moves {
                match *step {
                    Move::Receive(time) => drop(consumer.receive(way, kept, time).await?),
                    Move::Leave => consumer.leave().await,
                    Move::Die => {
                        consumer.cut();
                        kept.borrow_mut().reread().map_err(Stop::File)?;
                    }
                    Move::Away(time) => sleep(time).await,
                    Move::Return => consumer.come(way, kept).await?,
                }
            }
            if bursts.is_none() {
                stop.set(true);
            }
            let mut last = Instant::now();
            loop {
                if consumer.receive(way, kept, LOOK).await? || !is_done.get() {
                    last = Instant::now();
                }
                let is_whole = {
                    let state = &kept.borrow().state;
                    state.received.next() >= state.sent && state.received.missing().is_empty()
                };
                if is_done.get() && (is_whole || last.elapsed() >= wishes.settle) {
                    return Ok(());
                }
            }
        };
        tokio::try_join!(produce, consume).map(|_| ())
    }

    /// Whoever ends a session gives up what was queued for it, on purpose; nothing of that may come afterwards.
    async fn reset(&mut self) -> Result<(), Stop> {
        self.consumer.leave().await;
        self.producer.run(self.way, &self.kept, &Cell::new(false), Some(1)).await?;
        self.end_session().await?;
        let first = self.kept.borrow().state.sent;
        self.begin_at(first).await
    }

    /// The count is set by hand, at both ends.
    async fn start_from(&mut self) -> Result<(), Stop> {
        self.consumer.leave().await;
        let first = self.kept.borrow().state.sent + JUMP;
        self.begin_at(first).await
    }

    async fn begin_at(&mut self, first: u64) -> Result<(), Stop> {
        self.set(first)?;
        self.consumer.come(self.way, &self.kept).await?;
        self.act(&[], Some(2)).await
    }

    fn set(&self, first: u64) -> Result<(), Stop> {
        let mut kept = self.kept.borrow_mut();
        kept.state.start_from(first);
        kept.save().map_err(Stop::File)
    }

    fn counts(&self) -> Counts {
        let state = &self.kept.borrow().state;
        let mut totals = state.totals.clone();
        totals.add(&state.received);
        let connections_lost = self.consumer.lost + self.producer.lost;
        Counts { sent: state.sent, totals, sessions_lost: self.consumer.sessions_lost, connections_lost }
    }

    /// What a trial has added; what did not come until now is missing.
    fn over(&mut self, name: &str, before: &Counts) -> Trial {
        let mut kept = self.kept.borrow_mut();
        let state = &mut kept.state;
        state.received.sent(state.sent);
        let first = before.sent.max(state.began);
        let (sent, missing) = (state.sent - first, state.received.missing());
        let missing: Vec<_> = missing.iter().filter(|range| range.last >= first).copied().collect();
        drop(kept);
        let after = self.counts();
        Trial {
            name: name.to_owned(),
            sent,
            received: after.totals.received - before.totals.received,
            missing,
            again: after.totals.again - before.totals.again,
            late: after.totals.late - before.totals.late,
            old: after.totals.old - before.totals.old,
            sessions_lost: after.sessions_lost - before.sessions_lost,
            connections_lost: after.connections_lost - before.connections_lost,
        }
    }
}

/// How things stand between two trials.
struct Counts {
    sent: u64,
    totals: Totals,
    sessions_lost: u32,
    connections_lost: u32,
}
