//! Our own messages there and back, judged: which came back in time, which are lost, which are strangers; and what becomes
//! true over many rounds. It is told what was sent and what came; it must never take a message of anybody else, of an
//! earlier round or of the broker's memory for one of its own.

mod retained;

pub use retained::{ASK_AGAIN, Kept, Look, Retaining};

use crate::finding::Probing;
use crate::received::Received;
use crate::time::{Micros, Mono};

/// So many rounds that fail in a row are no accident, and so many without a loss are none either.
pub const IN_A_ROW: u64 = 3;

/// What our payloads begin with.
const MARK: &str = "watchkeeper-probe";

/// A payload that nobody else has.
pub fn payload(token: u64, number: u64) -> Vec<u8> {
    format!("{MARK} {token:016x} {number}").into_bytes()
}

/// The number in a payload of this token; none: it is somebody else's.
pub fn number(payload: &[u8], token: u64) -> Option<u64> {
    let rest = std::str::from_utf8(payload).ok()?.strip_prefix(MARK)?;
    let number = rest.strip_prefix(&format!(" {token:016x} "))?;
    // What can be written in several ways is not what we wrote.
    number.parse().ok().filter(|parsed: &u64| parsed.to_string() == number)
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It came back after so long.
    Back(Micros),
    /// The broker had it, and it did not come back in time.
    Lost,
    /// It never got as far as that, or nobody can know.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sent,
    /// Acknowledged, or gone out where nothing is acknowledged.
    Taken,
    Refused,
    GivenUp,
    Back(Micros),
}

/// What a message was that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The one with this number, for the first time and in time.
    Back(usize),
    /// One that had come before.
    Again,
    /// One of this round that had been given up.
    Late,
    /// None of this round, or from the broker's memory.
    Stray,
}

/// One round.
#[derive(Clone, Debug)]
pub struct Round {
    token: u64,
    sent: Vec<(u8, Mono, State)>,
    duplicates: [u64; 3],
    strays: u64,
}

impl Round {
    /// `token` is random: it tells this round from all others.
    pub fn new(token: u64) -> Self {
        Self { token, sent: Vec::new(), duplicates: [0; 3], strays: 0 }
    }

    /// The next message, at this quality of service: its number and its payload.
    pub fn next(&mut self, qos: u8, now: Mono) -> (usize, Vec<u8>) {
        let number = self.sent.len();
        self.sent.push((qos.min(2), now, State::Sent));
        (number, payload(self.token, number as u64))
    }

    /// The broker has it: from now on it may be lost.
    pub fn taken(&mut self, number: usize) {
        self.turn(number, State::Sent, State::Taken);
    }

    /// The broker said no.
    pub fn refused(&mut self, number: usize) {
        self.turn(number, State::Sent, State::Refused);
    }

    /// It was waited for long enough.
    pub fn give_up(&mut self, number: usize) {
        self.turn(number, State::Taken, State::GivenUp);
    }

    /// A message came.
    pub fn hear(&mut self, payload: &[u8], is_retained: bool, now: Mono) -> Heard {
        let number = number(payload, self.token).filter(|_| !is_retained);
        let number = number.and_then(|number| usize::try_from(number).ok());
        let Some((number, (qos, at, state))) = number.and_then(|at| Some((at, self.sent.get_mut(at)?)))
        else {
            self.strays += 1;
            return Heard::Stray;
        };
        match *state {
            State::Sent | State::Taken | State::Refused => {
                *state = State::Back(now.since(*at));
                Heard::Back(number)
            }
            State::Back(_) => {
                self.duplicates[usize::from(*qos)] += 1;
                Heard::Again
            }
            State::GivenUp => Heard::Late,
        }
    }

    /// Whether it came back.
    pub fn is_back(&self, number: usize) -> bool {
        matches!(self.sent.get(number), Some((_, _, State::Back(_))))
    }

    /// What came of it. A connection that broke says nothing of what was under way.
    pub fn end(self, is_broken: bool) -> Verdict {
        // Where the broker says of one message that it is not allowed, it may drop another in silence.
        let refuses = self.sent.iter().any(|(_, _, state)| *state == State::Refused);
        let fate = |(qos, _, state): &(u8, Mono, State)| match state {
            State::Back(took) => Fate::Back(*took),
            State::GivenUp if !(is_broken || refuses && *qos == 0) => Fate::Lost,
            _ => Fate::Failed,
        };
        let fates = self.sent.iter().map(|sent| (sent.0, fate(sent))).collect();
        Verdict { fates, duplicates: self.duplicates, strays: self.strays }
    }

    fn turn(&mut self, number: usize, from: State, to: State) {
        if let Some((_, _, state)) = self.sent.get_mut(number).filter(|(_, _, state)| *state == from) {
            *state = to;
        }
    }
}

/// What came of a round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Quality of service and fate of each message that was sent.
    pub fates: Vec<(u8, Fate)>,
    /// Messages that came more than once, by quality of service.
    pub duplicates: [u64; 3],
    /// Messages that were none of this round.
    pub strays: u64,
}

impl Verdict {
    /// Whether a message of this quality of service was sent and all such came back.
    pub fn is_back(&self, qos: u8) -> bool {
        let mut of = self.fates.iter().filter(|(of, _)| *of == qos).peekable();
        of.peek().is_some() && of.all(|(_, fate)| matches!(fate, Fate::Back(_)))
    }

    /// Whether something is lost and nothing came back: a broker that loses now and then brings some of it, one that drops
    /// in silence what is not allowed brings none.
    pub fn is_nothing_back(&self) -> bool {
        self.lost().next().is_some() && self.round_trips().next().is_none()
    }

    /// The times of those that came back.
    pub fn round_trips(&self) -> impl Iterator<Item = (u8, Micros)> {
        self.fates.iter().filter_map(|(qos, fate)| match fate {
            Fate::Back(took) => Some((*qos, *took)),
            Fate::Lost | Fate::Failed => None,
        })
    }

    /// Those that are lost, by their quality of service.
    pub fn lost(&self) -> impl Iterator<Item = u8> {
        self.fates.iter().filter(|(_, fate)| *fate == Fate::Lost).map(|(qos, _)| *qos)
    }
}

/// What became of a session that was left and come back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The broker had kept it.
    pub is_kept: bool,
    /// What came, of the numbers that the broker had taken.
    pub received: Received,
}

impl Tested {
    /// Every number exactly once and in order.
    pub fn is_sound(&self) -> bool {
        let Received { again, late, old, .. } = self.received;
        self.is_kept && self.received.lost() == 0 && (again, late, old) == (0, 0, 0)
    }
}

/// Many rounds of one broker.
#[derive(Clone, Debug, Default)]
pub struct History {
    failed: u64,
    failing_since: Option<Mono>,
    is_losing: bool,
    whole: u64,
    session_fails: bool,
}

impl History {
    /// A round is over; `why` it failed, in one word and a sentence, where it did.
    pub fn round(&mut self, verdict: &Verdict, why: Option<(&str, &str)>, now: Mono) -> Vec<Probing> {
        let mut found = Vec::new();
        let count = verdict.lost().count() as u64;
        if let Some(qos) = verdict.lost().next() {
            self.whole = 0;
            if !std::mem::replace(&mut self.is_losing, true) {
                found.push(Probing::Lost { qos, count, is_all: verdict.is_nothing_back() });
            }
        } else if why.is_none() && self.is_losing {
            self.whole += 1;
            if self.whole >= IN_A_ROW {
                self.is_losing = false;
                found.push(Probing::Delivers);
            }
        }
        found.extend(match why {
            Some(why) => self.fail(why, now),
            None => self.succeed(now),
        });
        found
    }

    fn fail(&mut self, (reason, summary): (&str, &str), now: Mono) -> Option<Probing> {
        self.failed += 1;
        self.failing_since.get_or_insert(now);
        let (reason, summary, rounds) = (reason.into(), summary.into(), self.failed);
        (rounds == IN_A_ROW).then_some(Probing::Failed { reason, summary, rounds })
    }

    fn succeed(&mut self, now: Mono) -> Option<Probing> {
        let since = self.failing_since.take().unwrap_or(now);
        let failed = std::mem::take(&mut self.failed);
        (failed >= IN_A_ROW).then_some(Probing::Restored { after: now.since(since) })
    }

    /// A session was tested; `why` it is not sound, in one word and a sentence, where it is not, and what is lost.
    pub fn session(&mut self, why: Option<(&str, &str)>, lost: u64) -> Option<Probing> {
        let failed = std::mem::replace(&mut self.session_fails, why.is_some());
        match why {
            Some((reason, summary)) if !failed => {
                Some(Probing::SessionFailed { reason: reason.into(), summary: summary.into(), lost })
            }
            None if failed => Some(Probing::SessionSound),
            _ => None,
        }
    }

    /// Whether so many rounds have failed in a row that it was said.
    pub fn is_failing(&self) -> bool {
        self.failed >= IN_A_ROW
    }

    /// Whether a loss was said, and not taken back.
    pub fn is_losing(&self) -> bool {
        self.is_losing
    }
}

#[cfg(test)]
mod tests;
