//! The six trials, in their order. Each lets the producer send and moves the consumer about meanwhile, and then waits for
//! what is still under way. Nothing here may judge; that is the report's.

use super::consumer::Consumer;
use super::producer::Producer;
use super::report::{Report, Trial};
use super::state::{Counted, Kept};
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
            let trial = self.over(name)?;
            report.note(&trial, out);
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

    /// What a trial has added, with what a run before it had begun of it; what did not come until now is missing.
    fn over(&mut self, name: &str) -> Result<Trial, Stop> {
        let mut kept = self.kept.borrow_mut();
        let state = &mut kept.state;
        state.received.sent(state.sent);
        let before = std::mem::take(&mut state.counted);
        // What is given up on purpose counts for nothing.
        let first = before.sent.max(state.began);
        let (after, missing) = (state.sums(), state.received.missing());
        let trial = Trial {
            name: name.to_owned(),
            sent: state.sent - first,
            received: after.received - before.totals.received,
            missing: missing.iter().filter(|range| range.last >= first).copied().collect(),
            again: after.again - before.totals.again,
            late: after.late - before.totals.late,
            old: after.old - before.totals.old,
            sessions_lost: std::mem::take(&mut self.consumer.sessions_lost),
            connections_lost: std::mem::take(&mut self.consumer.lost)
                + std::mem::take(&mut self.producer.lost),
            retained: state.retained - before.retained,
            given_up: state.given_up - before.given_up,
        };
        state.counted =
            Counted { sent: state.sent, retained: state.retained, given_up: state.given_up, totals: after };
        state.done.push(trial.clone());
        kept.save().map_err(Stop::File)?;
        Ok(trial)
    }
}
