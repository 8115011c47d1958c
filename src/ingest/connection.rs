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
use crate::config::{BrokerUrl, Scheme};
use std::time::Duration;
use tokio::sync::watch::Receiver;
use watchkeeper_core::time::Mono;

/// So many hang-ups on our SUBSCRIBE in a row are an answer.
const SWATS_MAX: u8 = 2;
/// While away others want to see the outage grow.
const TICK: Duration = Duration::from_secs(1);

/// Runs until `stop` says so, or until a connection that may be done without is refused for good.
pub(super) async fn run(plan: Plan, mut report: Report, mut stop: Receiver<bool>) {
    let mut course = Course::new(&plan.broker, backoff::seed());
    let mut swats = 0;
    while !*stop.borrow() {
        let outcome = attempt(&plan, &course, &mut report, &mut stop).await;
        swats = match (outcome.swatted, outcome.reached) {
            (true, _) => swats + 1,
            // Not even a CONNACK: that says nothing about the subscription.
            (false, Reached::Nothing) => swats,
            (false, _) => 0,
        };
        let pause = match &outcome.ended {
            Ended::Stopped => break,
            Ended::Refused => return report.gave_up(&plan.filters.join("`, `"), "the broker refuses it"),
            Ended::Lost(cause) => lost(&plan, cause, &outcome, &mut course, &mut report),
        };
        if plan.optional && swats >= SWATS_MAX {
            return report.gave_up(&plan.filters.join("`, `"), "the broker hangs up when asked for it");
        }
        if wait(pause, &mut report, &mut stop).await {
            break;
        }
    }
    report.stopped(clock::mono());
}

async fn attempt(plan: &Plan, course: &Course, report: &mut Report, stop: &mut Receiver<bool>) -> Outcome {
    let url = &plan.broker.urls[course.turn()];
    report.attempt((url, course.turn()), clock::mono());
    let mut outcome = session::run(plan, url, course.protocol(), report, stop).await;
    if let (Ended::Lost(cause), Reached::Nothing) = (&outcome.ended, outcome.reached) {
        let known = course.is_known();
        let closer = tokio::select! {
            closer = closer(cause, url, known) => closer,
            _ = stop.wait_for(|stop| *stop) => None,
        };
        outcome.ended = closer.map_or(outcome.ended, Ended::Lost);
    }
    outcome
}

/// What the library calls silence or nonsense has reasons that a second look can tell. Where the broker has answered
/// before, only silence is looked into: it need not be knocked at because it restarts.
async fn closer(cause: &Cause, url: &BrokerUrl, known: bool) -> Option<Cause> {
    match (cause, url.scheme) {
        (Cause::ConnectTimeout, Scheme::Mqtt) => {
            if !sniff::accepts(url).await {
                return None;
            }
            let heard = if known { None } else { sniff::look(url).await };
            Some(heard.unwrap_or(Cause::Silent))
        }
        (Cause::Closed | Cause::Protocol(_) | Cause::HungUp(_), Scheme::Mqtt) if !known => {
            sniff::look(url).await
        }
        (Cause::Io(kind, text), Scheme::Unix) => Some(Cause::Socket(*kind, text.clone())),
        (Cause::ConnectTimeout, Scheme::Unix) => Some(Cause::Silent),
        _ => None,
    }
}

/// Tells everybody, and gives the pause before the next attempt.
fn lost(plan: &Plan, cause: &Cause, outcome: &Outcome, course: &mut Course, report: &mut Report) -> Duration {
    let now = clock::now();
    let place = plan.broker.urls[course.turn()].to_string();
    let failure = cause.failure(&place, plan.broker.connect_timeout);
    let Some(pause) = course.after(outcome.reached, cause) else {
        report.learned(failure, "trying the other protocol version");
        return Duration::ZERO;
    };
    if outcome.reached >= Reached::Up {
        report.lost(failure, outcome.last_alive, now);
        plan.sink.down(now.mono, outcome.last_alive);
    } else if plan.optional && outcome.swatted {
        // If it does so again there will be one line, with the cure.
        report.learned(failure, "the broker hangs up on this subscription");
    } else {
        report.failed(failure, "cannot connect", now);
    }
    if outcome.reached >= Reached::Stood {
        report.held();
    }
    report.pause(pause, now.mono);
    pause
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
