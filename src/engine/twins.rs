//! One message that comes over two connections: the one for devices, which is quick and misses what is sent while it is
//! away, and the one for audited messages, for which the broker keeps them. The engine takes each message once, and the
//! order of a request and its answer stays what it was.
//!
//! What the devices' connection brings is taken at once, and crossed out when the other one brings it. What the other one
//! brings first waits a moment for its twin; without one it was missed, and is taken then. After each connect the order
//! is that of the other connection, which missed nothing: the devices' messages wait until it has brought the last of
//! them, or says nothing. Nothing here may read a payload.

mod ahead;
mod given;
#[cfg(test)]
mod tests;

use crate::audit::echo::{Echo, Heard};
use crate::ingest::Inbound;
use ahead::{AHEAD_MAX, Ahead};
use given::Given;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use watchkeeper_core::fleet::Missed;
use watchkeeper_core::save::Logged;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// A message whose twin has not come for so long has none.
const PATIENCE: Micros = 2 * SECOND;
/// When the other connection has been quiet for so long it has caught up.
const QUIET: Micros = SECOND;
/// Nor does the devices' connection wait for longer.
const CATCH_UP: Micros = 5 * SECOND;
/// But while the other connection is away it waits so long: what that one brings first was sent before.
const AWAY: Micros = 30 * SECOND;
/// More messages, or bytes, do not wait until the other connection has caught up.
const PARKED_MAX: usize = 16_384;
const PARKED_BYTES_MAX: usize = 64 << 20;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The devices' connection missed this one.
    Missed(Heard),
    /// This one waited its turn.
    Arrived(Inbound),
    /// So did this one, which is counted already.
    Said(Missed, Mono),
}

/// What waits its turn.
#[derive(Debug)]
enum Parked {
    /// A message, while its connection stands.
    Whole(Inbound),
    /// What it says of a command, after that.
    Said(Missed, Mono),
}

impl Parked {
    fn turn(self) -> Turn {
        match self {
            Self::Whole(message) => Turn::Arrived(message),
            Self::Said(missed, at) => Turn::Said(missed, at),
        }
    }

    fn at(&self) -> Mono {
        match self {
            Self::Whole(message) => message.at,
            Self::Said(_, at) => *at,
        }
    }
}

/// What the other connection has brought and is not dealt with, in its order.
#[derive(Debug)]
enum Brought {
    /// The devices' connection has not brought it yet, or never will.
    Alone(Heard),
    /// It did, and it waits its turn under this number.
    Parked(u64),
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Twins {
    echo: Option<Arc<Echo>>,
    /// What the devices' connection brought and the other one has not.
    ahead: Ahead,
    /// What the other connection brought first, and between those what waits its turn.
    behind: VecDeque<Brought>,
    /// What waits its turn by number, with its hash; and its bytes.
    parked: BTreeMap<u64, (u64, Parked)>,
    parked_bytes: usize,
    given: Given,
    /// Since when we wait for the other connection to catch up.
    catching_up: Option<Mono>,
    /// The devices' connection is gone.
    is_down: bool,
    /// Since when it was up last.
    up_at: Mono,
    heard_at: Mono,
    sessions: u64,
    /// Marks and hashes of what was taken and may stand behind the position.
    taken: VecDeque<(u64, u64)>,
    position: Option<u64>,
    /// The mark that was safe, and the number of the next record after that, when the state was saved last.
    sample: Option<(u64, u64)>,
}

impl Twins {
    /// Goes on from what was saved. Without the other connection everything is taken as it comes.
    pub(crate) fn new(echo: Option<Arc<Echo>>, logged: &Logged) -> Self {
        let mut ahead = Ahead::new();
        for print in &logged.ahead {
            ahead.note(*print, Mono::default());
        }
        Self {
            echo,
            ahead,
            behind: VecDeque::new(),
            parked: BTreeMap::new(),
            parked_bytes: 0,
            given: Given::default(),
            catching_up: None,
            is_down: false,
            up_at: Mono::default(),
            heard_at: Mono::default(),
            sessions: 0,
            taken: VecDeque::new(),
            position: logged.next,
            sample: None,
        }
    }

    /// Whether there is another connection.
    pub(crate) fn is_on(&self) -> bool {
        self.echo.is_some()
    }

    /// Whether there is another connection and it is away.
    pub(crate) fn is_away(&self) -> bool {
        self.echo.as_ref().is_some_and(|echo| echo.link().0.is_none())
    }

    /// The devices' connection is up.
    pub(crate) fn up(&mut self, at: Mono) {
        self.catching_up = Some(at);
        (self.is_down, self.up_at) = (false, at);
    }

    /// It is gone. What waits its turn was received before that, as is counted by `receive`; what it says of commands is
    /// left, and waits on.
    pub(crate) fn down(&mut self, mut receive: impl FnMut(Inbound) -> Option<Missed>) {
        self.is_down = true;
        let parked = std::mem::take(&mut self.parked);
        self.parked.extend(parked.into_iter().filter_map(|(number, (print, parked))| match parked {
            Parked::Whole(message) => {
                let at = message.at;
                receive(message).map(|missed| (number, (print, Parked::Said(missed, at))))
            }
            said @ Parked::Said(..) => Some((number, (print, said))),
        }));
    }

    /// The devices' connection brought a message; it comes back when its turn is now, and not at all when it was taken
    /// as missed before.
    pub(crate) fn arrived(&mut self, print: u64, message: Inbound) -> Option<Inbound> {
        if self.given.take(print) {
            return None;
        }
        let waits = self.catching_up.is_some();
        let twin = self
            .behind
            .iter()
            .position(|brought| matches!(brought, Brought::Alone(heard) if heard.print == print));
        let number = match twin {
            None => self.ahead.note(print, message.at),
            Some(at) => {
                let number = self.ahead.number();
                if let Some(Brought::Alone(heard)) = self.behind.remove(at) {
                    self.taken.push_back((heard.mark, print));
                    if waits && heard.protected {
                        self.behind.insert(at, Brought::Parked(number));
                    }
                }
                number
            }
        };
        if !waits {
            return Some(message);
        }
        self.parked_bytes += message.topic.len() + message.payload.len();
        self.parked.insert(number, (print, Parked::Whole(message)));
        None
    }

    /// Takes what the other connection brought meanwhile.
    fn listen(&mut self) {
        let Some(echo) = self.echo.clone() else { return };
        for heard in echo.take() {
            self.heard_at = self.heard_at.max(heard.at);
            let Some(number) = self.ahead.bring(heard.print) else {
                self.behind.push_back(Brought::Alone(heard));
                continue;
            };
            self.taken.push_back((heard.mark, heard.print));
            // At quality of service 0 it may have overtaken what was queued, and says nothing of the order.
            if heard.protected && self.parked.contains_key(&number) {
                self.behind.push_back(Brought::Parked(number));
            }
        }
        let (connected, sessions) = echo.link();
        if std::mem::replace(&mut self.sessions, sessions) != sessions {
            // What came before was of a session that is no more, and its twins with it.
            self.ahead.forget_before(connected.unwrap_or_default());
        }
    }

    /// What is to be done by now, in its order.
    pub(crate) fn turns(&mut self, now: Mono) -> Vec<Turn> {
        self.listen();
        self.given.expire(now);
        self.ahead.forget_overtaken(now);
        let mut turns = Vec::new();
        // Both have brought that one, in one order: what stands before it has no twin any more.
        let common = self.behind.iter().rposition(|brought| matches!(brought, Brought::Parked(_)));
        self.go_on(common.map_or(0, |last| last + 1), now, &mut turns);
        let is_level = common.is_some() && self.parked.is_empty();
        if self.catching_up.is_some_and(|since| is_level || self.is_over(since, now)) {
            self.catching_up = None;
            let old = self.behind.iter().take_while(|brought| is_old(brought, now, QUIET)).count();
            self.go_on(old, now, &mut turns);
            let parked = std::mem::take(&mut self.parked);
            turns.extend(parked.into_values().map(|(_, parked)| parked.turn()));
            self.parked_bytes = 0;
        }
        while self.catching_up.is_none()
            && (self.behind.len() > AHEAD_MAX
                || self.behind.front().is_some_and(|brought| is_old(brought, now, PATIENCE)))
        {
            self.go_on(1, now, &mut turns);
        }
        turns
    }

    /// Whether nobody can wait for the other connection any longer.
    fn is_over(&self, since: Mono, now: Mono) -> bool {
        let connected = self.echo.as_ref().and_then(|echo| echo.link().0);
        let is_full = self.parked.len() >= PARKED_MAX
            || self.parked_bytes >= PARKED_BYTES_MAX
            || self.behind.len() > AHEAD_MAX;
        let is_late = if let Some(connected) = connected {
            let began = since.max(connected);
            now.since(began.max(self.heard_at)) >= QUIET || now.since(began) >= CATCH_UP
        } else {
            let first = self.parked.first_key_value().map(|(_, (_, first))| first.at());
            now.since(first.map_or(since, |first| first.min(since))) >= AWAY
        };
        is_full || is_late
    }

    /// Deals with so many of what the other connection brought.
    fn go_on(&mut self, count: usize, now: Mono, turns: &mut Vec<Turn>) {
        for brought in self.behind.drain(..count) {
            match brought {
                Brought::Parked(number) => {
                    turns.extend(self.parked.remove(&number).map(|(_, parked)| parked.turn()));
                }
                Brought::Alone(heard) => {
                    // What was sent while the devices' connection was away does not come over it any more.
                    if !self.is_down && heard.at >= self.up_at {
                        self.given.note(heard.print, now);
                    }
                    self.taken.push_back((heard.mark, heard.print));
                    turns.push(Turn::Missed(heard));
                }
            }
        }
    }

    /// The number behind which the record stands of what arrived until now.
    pub(crate) fn last(&self) -> u64 {
        self.ahead.last()
    }

    /// Whether the records of what arrived up to this number are in the log, or nobody brings them. A connection that
    /// is away brings them when it is back.
    pub(crate) fn is_logged(&self, number: u64) -> bool {
        self.echo.is_none() || self.ahead.is_brought(number)
    }

    /// What is to be saved: how far the log is known. `safe` is the last mark that is safe, and `next` the number of
    /// the next record, read after it.
    pub(crate) fn saved(&mut self, safe: u64, next: u64) -> Logged {
        self.position = self.position.or(Some(next));
        // A record of a moment ago may be of a message that is on its way to us; one of the save before is not.
        let first = self.behind.iter().find_map(|brought| match brought {
            Brought::Alone(heard) => Some(heard.mark),
            Brought::Parked(_) => None,
        });
        let waits =
            |(safe, _): &(u64, u64)| !self.parked.is_empty() || first.is_some_and(|mark| mark <= *safe);
        if let Some((safe, next)) = self.sample.filter(|sample| !waits(sample)) {
            self.position = self.position.max(Some(next));
            self.taken.retain(|(mark, _)| *mark > safe);
        }
        self.sample = Some((safe, next));
        let mut taken: Vec<u64> = self.taken.iter().map(|(_, print)| *print).collect();
        let mut ahead: Vec<u64> = self.ahead.prints().collect();
        // What waits its turn is not in the state.
        let mut parked: HashMap<u64, u32> = HashMap::new();
        self.parked.values().for_each(|(print, _)| *parked.entry(*print).or_default() += 1);
        for known in [&mut ahead, &mut taken] {
            known.reverse();
            known.retain(|print| match parked.get_mut(print) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            });
            known.reverse();
        }
        Logged { next: self.position, taken, ahead }
    }
}

fn is_old(brought: &Brought, now: Mono, than: Micros) -> bool {
    match brought {
        Brought::Alone(heard) => now.since(heard.at) >= than,
        Brought::Parked(_) => true,
    }
}
