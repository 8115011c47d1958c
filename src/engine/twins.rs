//! One message that comes over two connections: the one for devices, which is quick and misses what is sent while it is
//! away, and the one for audited messages, for which the broker keeps them. The engine takes each message once, and the
//! order of a request and its answer stays what it was.
//!
//! What the devices' connection brings is taken at once, and crossed out when the other one brings it. What the other one
//! brings first waits a moment for its twin; without one it was missed, and is taken then. After each connect what was
//! missed comes first: until the other connection has caught up, the devices' messages wait. Nothing here may read a
//! payload.

use crate::audit::echo::{Echo, Heard};
use crate::ingest::Inbound;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use watchkeeper_core::save::Logged;
use watchkeeper_core::time::{Micros, Mono, SECOND};

/// A message whose twin has not come for so long has none.
const PATIENCE: Micros = 2 * SECOND;
/// When the other connection has been quiet for so long it has caught up.
const QUIET: Micros = SECOND;
/// Nor does the devices' connection wait for longer.
const CATCH_UP: Micros = 5 * SECOND;
/// More messages are not remembered; of the oldest only how many they were.
const AHEAD_MAX: usize = 65_536;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The devices' connection missed this one.
    Missed(Heard),
    /// This one waited its turn.
    Arrived(Inbound),
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Twins {
    echo: Option<Arc<Echo>>,
    /// What the devices' connection brought and the other one has not, by number.
    ahead: BTreeMap<u64, u64>,
    /// The same by hash.
    numbers: HashMap<u64, VecDeque<u64>>,
    next: u64,
    /// How many were ahead and are not remembered.
    forgotten: u64,
    /// The highest number that the other connection has brought.
    brought: u64,
    /// What the other connection brought first.
    behind: VecDeque<Heard>,
    /// What waits its turn.
    parked: VecDeque<(u64, Inbound)>,
    /// Since when we wait for the other connection to catch up, and the first number since then.
    catching_up: Option<(Mono, u64)>,
    /// It has caught up, and so many of what it brought before that were missed.
    caught_up: Option<usize>,
    /// The devices' connection is gone.
    is_down: bool,
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
        let mut twins = Self {
            echo,
            ahead: BTreeMap::new(),
            numbers: HashMap::new(),
            next: 1,
            forgotten: 0,
            brought: 0,
            behind: VecDeque::new(),
            parked: VecDeque::new(),
            catching_up: None,
            caught_up: None,
            is_down: false,
            heard_at: Mono::default(),
            sessions: 0,
            taken: VecDeque::new(),
            position: logged.next,
            sample: None,
        };
        logged.ahead.iter().for_each(|print| twins.note(*print));
        twins
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
        self.catching_up = Some((at, self.next));
        self.caught_up = None;
        self.is_down = false;
    }

    /// It is gone; what waits its turn came before that.
    pub(crate) fn down(&mut self) {
        self.is_down = true;
    }

    /// The devices' connection brought a message; it comes back when its turn is now.
    pub(crate) fn arrived(&mut self, print: u64, message: Inbound) -> Option<Inbound> {
        match self.behind.iter().position(|heard| heard.print == print) {
            Some(at) => {
                let twin = self.behind.remove(at);
                self.taken.extend(twin.map(|twin| (twin.mark, print)));
            }
            None => self.note(print),
        }
        if self.catching_up.is_none() {
            return Some(message);
        }
        self.parked.push_back((print, message));
        None
    }

    fn note(&mut self, print: u64) {
        if self.ahead.len() == AHEAD_MAX
            && let Some((number, oldest)) = self.ahead.pop_first()
        {
            self.forget(oldest, number);
            self.forgotten += 1;
        }
        self.ahead.insert(self.next, print);
        self.numbers.entry(print).or_default().push_back(self.next);
        self.next += 1;
    }

    fn forget(&mut self, print: u64, number: u64) {
        if let Some(numbers) = self.numbers.get_mut(&print) {
            numbers.retain(|known| *known != number);
            if numbers.is_empty() {
                self.numbers.remove(&print);
            }
        }
    }

    /// Takes what the other connection brought meanwhile.
    fn listen(&mut self) {
        let Some(echo) = self.echo.clone() else { return };
        for heard in echo.take() {
            self.heard_at = self.heard_at.max(heard.at);
            let number = self.numbers.get(&heard.print).and_then(|numbers| numbers.front().copied());
            if let Some(number) = number {
                self.ahead.remove(&number);
                self.forget(heard.print, number);
                self.brought = self.brought.max(number);
                if heard.protected && self.catching_up.is_some_and(|(_, first)| number >= first) {
                    // What comes behind this one is on its way on the devices' connection, too.
                    self.caught_up.get_or_insert(self.behind.len());
                }
                self.taken.push_back((heard.mark, heard.print));
            } else if self.forgotten > 0 {
                self.forgotten -= 1;
                self.taken.push_back((heard.mark, heard.print));
            } else {
                self.behind.push_back(heard);
            }
        }
        let (_, sessions) = echo.link();
        if std::mem::replace(&mut self.sessions, sessions) != sessions {
            // What is not remembered was of a session that is no more.
            self.forgotten = 0;
        }
    }

    /// What is to be done by now, in its order.
    pub(crate) fn turns(&mut self, now: Mono) -> Vec<Turn> {
        self.listen();
        let is_over = self.catching_up.is_some_and(|(since, _)| {
            let connected = self.echo.as_ref().and_then(|echo| echo.link().0);
            let is_quiet = connected
                .is_some_and(|connected| now.since(since.max(connected).max(self.heard_at)) >= QUIET);
            self.caught_up.is_some() || is_quiet || self.is_down || now.since(since) >= CATCH_UP
        });
        let mut turns = Vec::new();
        if is_over {
            self.catching_up = None;
            let old = self.behind.iter().take_while(|heard| now.since(heard.at) >= QUIET).count();
            let missed = self.caught_up.take().unwrap_or(old);
            let missed: Vec<Heard> = self.behind.drain(..missed).collect();
            turns.extend(missed.into_iter().map(|heard| self.missed(heard)));
            turns.extend(self.parked.drain(..).map(|(_, message)| Turn::Arrived(message)));
        }
        while self.catching_up.is_none()
            && (self.behind.len() > AHEAD_MAX
                || self.behind.front().is_some_and(|heard| now.since(heard.at) >= PATIENCE))
            && let Some(heard) = self.behind.pop_front()
        {
            turns.push(self.missed(heard));
        }
        turns
    }

    fn missed(&mut self, heard: Heard) -> Turn {
        self.taken.push_back((heard.mark, heard.print));
        Turn::Missed(heard)
    }

    /// The number behind which the record stands of what arrived until now.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Whether the records of what arrived up to this number are in the log, or nobody brings them. A connection that
    /// is away brings them when it is back.
    pub(crate) fn is_logged(&self, number: u64) -> bool {
        self.echo.is_none()
            || number <= self.brought
            || self.ahead.range(self.brought + 1..=number).next().is_none()
    }

    /// What is to be saved: how far the log is known. `safe` is the last mark that is safe, and `next` the number of
    /// the next record, read after it.
    pub(crate) fn saved(&mut self, safe: u64, next: u64) -> Logged {
        self.position = self.position.or(Some(next));
        // A record of a moment ago may be of a message that is on its way to us; one of the save before is not.
        let waits = !self.behind.is_empty() || !self.parked.is_empty();
        if let Some((safe, next)) = self.sample.filter(|_| !waits) {
            self.position = self.position.max(Some(next));
            self.taken.retain(|(mark, _)| *mark > safe);
        }
        self.sample = Some((safe, next));
        let mut taken: Vec<u64> = self.taken.iter().map(|(_, print)| *print).collect();
        let mut ahead: Vec<u64> = self.ahead.values().copied().collect();
        // What waits its turn is not in the state.
        for (parked, _) in &self.parked {
            for known in [&mut ahead, &mut taken] {
                if let Some(at) = known.iter().rposition(|print| print == parked) {
                    known.remove(at);
                    break;
                }
            }
        }
        Logged { next: self.position, taken, ahead }
    }
}

#[cfg(test)]
mod tests;
