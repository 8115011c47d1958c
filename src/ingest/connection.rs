//! Keeps one connection to one broker for ever: an attempt, its end, a pause, the next one. Each attempt has an
//! event loop of its own, so that nothing of a dead connection survives into the next. It must never give up on
//! devices; it gives up on `$SYS` where the broker will not have it.

use super::course::Course;
use super::dial::sniff;
use super::outcome::{Ended, Outcome, Reached};
use super::reasons::Cause;
use super::report::Report;
use super::{Plan, backoff, session};
use crate::clock;
use crate::config::Scheme;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use watchkeeper_core::time::Mono;

/// So many hang-ups on our SUBSCRIBE in a row are an answer.
const SWATS_MAX: u8 = 2;
/// So many times let in and hung up on in a row are no accident.
const THROWN_MAX: u8 = 3;
/// What may be the matter where we were there a moment ago.
const TOO_SOON: &str = "nothing, if it passes within seconds: some brokers (NATS) turn a client id away until they are done with its \
                        last connection; else see the broker's log for the reason";
/// While away others want to see the outage grow.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `stop` says so, or until a connection that may be done without is refused for good.
pub(super) async fn run(plan: Plan, mut report: Report, mut stop: Receiver<bool>) {
    let mut course = Course::new(&plan.broker, backoff::seed());
    let (mut swats, mut thrown) = (0, 0);
    while !*stop.borrow() {
        let mut outcome = attempt(&plan, &course, &mut report, &mut stop).await;
        thrown = throw(&mut outcome, thrown);
        swats = match (outcome.swatted, outcome.reached) {
            (true, _) => swats + 1,
            // Not even a CONNACK: that says nothing about the subscription.
            (false, Reached::Nothing) => swats,
            (false, _) => 0,
        };
        let pause = match &outcome.ended {
            Ended::Stopped => break,
            Ended::Refused => {
                let filters = plan.filters.join("`, `");
                return report.gave_up(&filters, "the broker refuses it", clock::now());
            }
            Ended::Lost(cause) => {
                let turn = course.turn();
                match course.after(outcome.reached, cause) {
                    None => learned(&plan, turn, cause, &mut report),
                    Some(pause) => {
                        let closer = closer(&plan, turn, (cause, &outcome), &mut course, &mut stop).await;
                        lost(&plan, turn, closer.as_ref().unwrap_or(cause), &outcome, &mut report);
                        report.pause(pause, clock::mono());
                        pause
                    }
                }
            }
        };
        if plan.optional && swats >= SWATS_MAX {
            let filters = plan.filters.join("`, `");
            return report.gave_up(&filters, "the broker hangs up when asked for it", clock::now());
        }
        if wait(pause, &mut report, &mut stop).await {
            break;
        }
    }
    report.stopped(clock::now());
}

async fn attempt(plan: &Plan, course: &Course, report: &mut Report, stop: &mut Receiver<bool>) -> Outcome {
    let url = &plan.broker.urls[course.turn()];
    report.attempt((url, course.turn()), clock::mono());
    let mut outcome = session::run(plan, url, course.protocol(), report, stop).await;
    let Ended::Lost(cause) = &outcome.ended else { return outcome };
    let better = match (cause, url.scheme) {
        // A broker that does not answer is one thing, one that cannot be reached another; the library says the same.
        (Cause::ConnectTimeout, Scheme::Mqtt) => tokio::select! {
            accepts = sniff::accepts(url) => accepts.then_some(Cause::Silent),
            _ = stop.wait_for(|stop| *stop) => None,
        },
        (Cause::ConnectTimeout, Scheme::Unix) => Some(Cause::Silent),
        (Cause::Io(kind, text), Scheme::Unix) => Some(Cause::Socket(*kind, text.clone())),
        _ => None,
    };
    if let Some(better) = better {
        outcome.ended = Ended::Lost(better);
    }
    outcome
}

/// Counts how often in a row we were let in and hung up on soon; from some number on that is the cause.
fn throw(outcome: &mut Outcome, before: u8) -> u8 {
    let closed = outcome.ended == Ended::Lost(Cause::Closed);
    match outcome.reached {
        Reached::Up | Reached::Stood if closed => {}
        // Hung up on before SUBACK: the other may have come in between.
        Reached::Accepted if closed => return before,
        _ => return 0,
    }
    let thrown = before.saturating_add(1);
    if thrown >= THROWN_MAX {
        outcome.ended = Ended::Lost(Cause::Thrown);
    }
    thrown
}

/// What the library calls silence or nonsense has reasons that a second look can tell, or the last one told. A broker
/// that let us in before need not be knocked at because it restarts, but something else may be there by and by; and one
/// connection that looks is enough.
async fn closer(
    plan: &Plan,
    turn: usize,
    (cause, outcome): (&Cause, &Outcome),
    course: &mut Course,
    stop: &mut Receiver<bool>,
) -> Option<Cause> {
    if outcome.reached > Reached::Nothing || plan.optional || plan.keeper.is_some() {
        return None;
    }
    let (url, stranger) = (&plan.broker.urls[turn], course.stranger(turn));
    let vague = cause.is_vague() && sniff::may_tell(url, outcome.dialed);
    if stranger.failed(vague, clock::mono()) {
        let heard = tokio::select! {
            heard = sniff::look(url, outcome.dialed, plan.broker.connect_timeout) => heard,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        stranger.told(heard, clock::mono());
    }
    stranger.heard()
}

/// The other version is tried at once: nothing that anybody has to repair.
fn learned(plan: &Plan, turn: usize, cause: &Cause, report: &mut Report) -> Duration {
    let failure = cause.failure(&plan.broker.urls[turn].to_string(), plan.broker.connect_timeout);
    report.learned(&failure, "trying the other protocol version");
    Duration::ZERO
}

/// Tells everybody.
fn lost(plan: &Plan, turn: usize, cause: &Cause, outcome: &Outcome, report: &mut Report) {
    let now = clock::now();
    let mut failure = cause.failure(&plan.broker.urls[turn].to_string(), plan.broker.connect_timeout);
    if outcome.reached == Reached::Nothing && *cause == Cause::Closed && report.was_there_lately(now.mono) {
        TOO_SOON.clone_into(&mut failure.cure);
    }
    if outcome.reached >= Reached::Up {
        report.lost(failure, outcome.last_alive, now);
        plan.sink.down(now.mono, outcome.last_alive);
    } else if plan.optional && outcome.swatted {
        // If it does so again there will be one line, with the cure.
        report.learned(&failure, "the broker hangs up on this subscription");
    } else {
        report.failed(failure, "cannot connect", now);
    }
    if outcome.reached >= Reached::Stood {
        report.held();
    }
}

/// Sleeps, and lets the outage grow meanwhile. True: we are to stop.
async fn wait(pause: Duration, report: &mut Report, stop: &mut Receiver<bool>) -> bool {
    let until: Mono = clock::mono().plus(watchkeeper_core::time::micros(pause));
    loop {
        let now = clock::mono();
        report.tick(now);
        let left = Duration::from_micros(until.since(now));
        if left.is_zero() {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(left.min(TICK)) => {}
            _ = stop.wait_for(|stop| *stop) => return true,
        }
    }
}
