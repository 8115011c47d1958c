//! One broker's log: its lines become events, the events records and counts, in the order of the lines. What finds no
//! room waits, and the file waits with it. Nothing here may skip a line that says something.

use super::Follow;
use super::follow::Follower;
use super::place::Place;
use crate::audit::marks::Marks;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use watchkeeper_audit::record::{Draft, Key, Kind, Level};
use watchkeeper_audit::sources::broker_log::mosquitto::Reader;
use watchkeeper_audit::sources::broker_log::{self, ClientEvent, Teller};
use watchkeeper_core::broker::clients::Clients;
use watchkeeper_core::time::{Micros, Mono, Now, SECOND};

/// Lines between two looks at the other logs.
const LINES: usize = 4_096;
/// Between two complaints about one log.
const SILENCE: Micros = 60 * SECOND;

/// What was counted and not yet taken over by the engine, and what happened to whom.
#[derive(Debug, Default)]
pub(crate) struct Feed(Mutex<Clients>, Mutex<Happened>);

/// Events that wait for the engine, which takes them every second.
const HAPPENED_MAX: usize = 16_384;

#[derive(Debug, Default)]
struct Happened {
    events: Vec<ClientEvent>,
    /// How many found no room.
    shed: u64,
}

impl Feed {
    /// Takes what was counted since the last time.
    pub(crate) fn take(&self) -> Clients {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes what happened to clients since the last time, in its order.
    pub(crate) fn take_happened(&self) -> Vec<ClientEvent> {
        let Happened { events, shed } =
            std::mem::take(&mut *self.1.lock().unwrap_or_else(PoisonError::into_inner));
        if shed > 0 {
            tracing::warn!(
                shed,
                "the broker's log tells of more clients than can be followed for presence; they are counted"
            );
        }
        events
    }

    /// A client came or went. What nobody takes for too long is shed: the records have it.
    fn tell(&self, event: &ClientEvent) {
        let mut happened = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if happened.events.len() < HAPPENED_MAX {
            happened.events.push(event.clone());
        } else {
            happened.shed += 1;
        }
    }

    fn with(&self, count: impl FnOnce(&mut Clients)) {
        count(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// See the head of this file.
pub(super) struct Source {
    pub(super) follow: Follow,
    follower: Follower,
    reader: Reader,
    /// A record that found no room.
    waiting: Option<Draft>,
    /// Places, and the marks with which they are safe.
    places: VecDeque<(u64, Place)>,
    /// The last mark that was taken.
    mark: u64,
    complained: Option<Mono>,
    learned: bool,
}

impl Source {
    pub(super) fn new(follow: Follow, place: Option<&Place>) -> Self {
        Self {
            follower: Follower::new(&follow.path, place),
            follow,
            reader: Reader::of_file(),
            waiting: None,
            places: VecDeque::new(),
            mark: 0,
            complained: None,
            learned: false,
        }
    }

    /// Reads a batch of lines; true when there is more to do soon: records wait for room, for the disk, or lines for us.
    pub(super) fn read(&mut self, marks: &Marks, now: Now) -> bool {
        if self.follower.take_lost() {
            self.waiting = Some(self.lost(now)).filter(|_| self.follow.records);
        }
        let mut lines = 0;
        while self.hand_over(marks) && lines < LINES {
            let line = match self.follower.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    self.complain(&error, now.mono);
                    break;
                }
            };
            lines += 1;
            self.line(&line, now);
        }
        if self.waiting.is_none()
            && lines > 0
            && let Some(place) = self.follower.place()
        {
            // Of the places that one mark makes safe, the last is enough; while the disk refuses they all have one.
            if self.places.back().is_some_and(|(mark, _)| *mark == self.mark) {
                self.places.pop_back();
            }
            self.places.push_back((self.mark, place));
        }
        self.waiting.is_some()
            || lines == LINES
            || self.places.back().is_some_and(|(mark, _)| *mark > marks.safe())
    }

    /// The last place up to which everything is safe.
    pub(super) fn safe(&mut self, mark: u64) -> Option<Place> {
        let safe = self.places.iter().take_while(|(needs, _)| *needs <= mark).count();
        self.places.drain(..safe).next_back().map(|(_, place)| place)
    }

    fn hand_over(&mut self, marks: &Marks) -> bool {
        if let Some(draft) = &self.waiting {
            let Some(mark) = marks.append(draft) else { return false };
            (self.mark, self.waiting) = (mark, None);
        }
        true
    }

    fn line(&mut self, line: &[u8], now: Now) {
        if !std::mem::replace(&mut self.learned, true) {
            self.follow.feed.with(Clients::heard);
            if let Some(first) = self.follower.first_line() {
                self.reader.learn(&first);
            }
        }
        let undated = self.reader.is_undated();
        if let Some(event) = self.reader.read(line) {
            self.follow.feed.with(|clients| event.count(clients));
            self.follow.feed.tell(&event);
            if self.follow.records {
                self.waiting = Some(broker_log::draft(&self.follow.broker, Teller::Log, &event, now.wall));
            }
        } else if self.reader.is_undated() && !undated {
            let (broker, file) = (&self.follow.broker, self.follow.path.display());
            tracing::warn!(
                broker, %file,
                "the broker's log has no dates, so that a client's name could pass for a line of it; it is not read: \
                 set log_timestamp true in the broker, then restart both"
            );
        }
    }

    fn lost(&self, now: Now) -> Draft {
        let (broker, file) = (&self.follow.broker, self.follow.path.display().to_string());
        tracing::warn!(
            broker,
            file,
            "the broker's log was replaced while we were away; what it held last is not recorded"
        );
        Draft::new(now.wall, Level::Warn, Kind::Security, "broker_log_lost")
            .text(Key::Broker, broker)
            .text(Key::File, &file)
    }

    fn complain(&mut self, error: &std::io::Error, now: Mono) {
        if self.complained.is_none_or(|at| now.since(at) >= SILENCE) {
            self.complained = Some(now);
            let (broker, file) = (&self.follow.broker, self.follow.path.display());
            tracing::warn!(broker, %file, %error, "the broker's log cannot be read; let this user read it");
        }
    }
}
