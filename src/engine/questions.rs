//! Answers to the other rooms. A scrape is written in pieces by a task of its own that borrows the state for
//! one piece at a time, so that a slow reader never holds anybody up.

use super::State;
use super::handle::{MuteWish, Question};
use super::{nodes, overview, probe, queues, status, topics};
use crate::clock;
use bytes::Bytes;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::mpsc;
use watchkeeper_core::mutes::MuteRefused;
use watchkeeper_core::report::Walk;
use watchkeeper_core::sample::{Exposition, Writer};

/// Bytes of one piece of a scrape: some hundreds of microseconds of work.
const PIECE: usize = 64 << 10;

/// Less than this waits for more, in between.
const LEAST: usize = 8 << 10;

/// Answers one question. An asker who has gone is no error.
pub(crate) fn answer(state: &Rc<RefCell<State>>, question: Question) {
    match question {
        Question::Exposition(exposition, pieces) => {
            tokio::task::spawn_local(scrape(Rc::clone(state), exposition, pieces));
        }
        Question::Nodes(query, reply) => {
            drop(reply.send(nodes::page(&state.borrow().watched, &query, clock::now().wall)));
        }
        Question::Node(id, reply) => {
            drop(reply.send(nodes::one(&state.borrow().watched, &id, clock::now().wall)));
        }
        Question::Forget(id, reply) => {
            let mut state = state.borrow_mut();
            let known = state.watched.iter_mut().fold(false, |known, one| one.fleet.forget(&id) | known);
            let _ = reply.send(known);
        }
        Question::SetNext(next, reply) => {
            let mut state = state.borrow_mut();
            let known = state.watched.iter_mut().filter(|one| one.fleet.device(&next.device).is_some());
            let now = clock::now();
            let set = known.map(|one| one.fleet.set_next(&next.device, &next.stream, next.next, now));
            let _ = reply.send(set.reduce(|one, other| one | other));
        }
        Question::Mute(wish, reply) => {
            let _ = reply.send(mute(&mut state.borrow_mut(), &wish));
        }
        Question::Unmute(id, reply) => {
            let mut state = state.borrow_mut();
            let lifted = state.watched.iter_mut().filter_map(|one| one.fleet.mutes.lift(&id)).count() > 0;
            // A mute outlives the state of its device.
            let is_known = lifted || state.watched.iter().any(|one| one.fleet.knows(&id));
            let _ = reply.send(is_known.then_some(lifted));
        }
        Question::Save(waiting) => state.borrow_mut().unsaved.push(waiting),
        Question::Overview(reply) => drop(reply.send(overview::of(&state.borrow()))),
        Question::Look(id, from, reply) => {
            let mut state = state.borrow_mut();
            let State { watched, recent, .. } = &mut *state;
            drop(reply.send(recent.look(watched, &id, from, clock::now())));
        }
        Question::Observed(reply) => drop(reply.send(status::facts(&state.borrow()))),
        Question::Queue(id, reply) => {
            drop(reply.send(status::queue(&state.borrow(), &id, clock::now().wall)));
        }
        Question::Topics(query, reply) => {
            drop(reply.send(topics::top(&state.borrow().watched, &query, clock::mono())));
        }
        Question::Probe(told, reply) => {
            probe::note(&mut state.borrow_mut(), told, clock::now());
            let _ = reply.send(());
        }
        Question::Queues(ask) => queues::answer(&mut state.borrow_mut(), ask, clock::now()),
        Question::Findings(limit, reply) => {
            let mut newest: Vec<_> = state.borrow().findings.iter().rev().cloned().collect();
            // They are said up to a second after they became true, so that their dates are not quite in order.
            newest.sort_by(|a, b| b["ts"].as_str().cmp(&a["ts"].as_str()));
            newest.truncate(limit);
            drop(reply.send(newest));
        }
    }
}

/// On every broker on which the device is known, or must exist.
fn mute(state: &mut State, wish: &MuteWish) -> Result<bool, MuteRefused> {
    let now = clock::now().wall;
    let each =
        state.watched.iter_mut().map(|one| one.fleet.mute(&wish.device, wish.until, &wish.reason, now));
    each.reduce(|one, other| Ok(one? | other?)).unwrap_or(Ok(false))
}

async fn scrape(state: Rc<RefCell<State>>, exposition: Exposition, pieces: mpsc::Sender<Bytes>) {
    let (mut walk, mut writer) = {
        let mut state = state.borrow_mut();
        let State { watched, own, .. } = &mut *state;
        for one in watched.iter_mut() {
            one.connections = own.connections(&one.fleet.rules().broker);
        }
        let label_bytes_max = watched.first().map_or(128, |one| one.fleet.rules().limits.label_bytes_max);
        (Walk::new(), Writer::new(exposition, label_bytes_max))
    };
    loop {
        let more = walk.step(&mut state.borrow_mut().watched, clock::now(), &mut writer, PIECE);
        if (writer.buffer.len() >= LEAST || !more)
            && !writer.buffer.is_empty()
            && pieces.send(Bytes::from(std::mem::take(&mut writer.buffer))).await.is_err()
        {
            return;
        }
        if !more {
            // Nothing at all is the end; whoever misses it knows that the rest is missing.
            let _ = pieces.send(Bytes::new()).await;
            // What was told must not be taken back: a counter that falls after a kill is a restart to Prometheus,
            // which then counts everything again.
            state.borrow().scraped.notify_one();
            return;
        }
        tokio::task::yield_now().await;
    }
}
