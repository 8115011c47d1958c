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
/// More messages are not remembered; of the oldest only how many they were.
const AHEAD_MAX: usize = 65_536;
/// What the other connection has not brought after so long, though it brought later ones, it never will.
const OVERTAKEN: Micros = 60 * SECOND;
/// A message that was missed may still come from the devices' connection within this time.
const LATE: Micros = 60 * SECOND;
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
    fn at(&self) -> Mono {
        match self {
            Self::Whole(message) => message.at,
            Self::Said(_, at) => *at,
        }
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(crate) struct Twins {
    echo: Option<Arc<Echo>>,
    /// What the devices' connection brought and the other one has not, by number, and when.
    ahead: BTreeMap<u64, (u64, Mono)>,
    /// The same by hash.
    numbers: HashMap<u64, VecDeque<u64>>,
    next: u64,
    /// How many were ahead and are not remembered.
    forgotten: u64,
    /// The highest number that the other connection has brought.
    brought: u64,
    /// What the other connection brought first.
    behind: VecDeque<Heard>,
    /// What waits its turn, and its bytes.
    parked: VecDeque<(u64, Parked)>,
    parked_bytes: usize,
    /// What was taken as missed, and how often: the devices' connection may bring it after all.
    missed: VecDeque<(Mono, u64)>,
    given: HashMap<u64, u32>,
    /// Since when we wait for the other connection to catch up, and the first number since then.
    catching_up: Option<(Mono, u64)>,
    /// It has caught up, and so many of what it brought before that were missed.
    caught_up: Option<usize>,
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
        let mut twins = Self {
            echo,
            ahead: BTreeMap::new(),
            numbers: HashMap::new(),
            next: 1,
            forgotten: 0,
            brought: 0,
            behind: VecDeque::new(),
            parked: VecDeque::new(),
            parked_bytes: 0,
            missed: VecDeque::new(),
            given: HashMap::new(),
            catching_up: None,
            caught_up: None,
            is_down: false,
            up_at: Mono::default(),
            heard_at: Mono::default(),
            sessions: 0,
            taken: VecDeque::new(),
            position: logged.next,
            sample: None,
        };
        logged.ahead.iter().for_each(|print| twins.note(*print, Mono::default()));
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
        (self.is_down, self.up_at) = (false, at);
    }

    /// It is gone. What waits its turn was received before that, as is counted by `receive`; what it says of commands is
    /// left, and waits on.
    pub(crate) fn down(&mut self, mut receive: impl FnMut(Inbound) -> Option<Missed>) {
        self.is_down = true;
        let parked = std::mem::take(&mut self.parked);
        self.parked.extend(parked.into_iter().filter_map(|(print, parked)| match parked {
            Parked::Whole(message) => {
                let at = message.at;
                receive(message).map(|missed| (print, Parked::Said(missed, at)))
            }
            said @ Parked::Said(..) => Some((print, said)),
        }));
    }

    /// The devices' connection brought a message; it comes back when its turn is now, and not at all when it was taken
    /// as missed before.
    pub(crate) fn arrived(&mut self, print: u64, message: Inbound) -> Option<Inbound> {
        if self.was_missed(print) {
            return None;
        }
        match self.behind.iter().position(|heard| heard.print == print) {
            Some(at) => {
                let twin = self.behind.remove(at);
                self.taken.extend(twin.map(|twin| (twin.mark, print)));
            }
            None => self.note(print, message.at),
        }
        if self.catching_up.is_none() {
            return Some(message);
        }
        self.parked_bytes += message.topic.len() + message.payload.len();
        self.parked.push_back((print, Parked::Whole(message)));
        None
    }

    fn note(&mut self, print: u64, at: Mono) {
        if self.ahead.len() == AHEAD_MAX {
            self.forget_first();
            self.forgotten += 1;
        }
        self.ahead.insert(self.next, (print, at));
        self.numbers.entry(print).or_default().push_back(self.next);
        self.next += 1;
    }

    /// True once for each message that was taken as missed.
    fn was_missed(&mut self, print: u64) -> bool {
        let Some(count) = self.given.get_mut(&print) else { return false };
        *count -= 1;
        if *count == 0 {
            self.given.remove(&print);
        }
        true
    }

    /// What is too old, or too much, is no longer expected from the devices' connection.
    fn expire_missed(&mut self, now: Mono) {
        while self.missed.len() > AHEAD_MAX
            || self.missed.front().is_some_and(|(at, _)| now.since(*at) >= LATE)
        {
            let Some((_, print)) = self.missed.pop_front() else { return };
            // One that came is out of the count already.
            self.was_missed(print);
        }
    }

    fn forget_first(&mut self) {
        if let Some((number, (print, _))) = self.ahead.pop_first() {
            self.forget(print, number);
        }
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
        let (connected, sessions) = echo.link();
        if std::mem::replace(&mut self.sessions, sessions) != sessions {
            // What came before was of a session that is no more, and its twins with it.
            self.forgotten = 0;
            let since = connected.unwrap_or_default();
            while self.ahead.first_key_value().is_some_and(|(_, (_, at))| *at < since) {
                self.forget_first();
            }
        }
    }

    /// What is to be done by now, in its order.
    pub(crate) fn turns(&mut self, now: Mono) -> Vec<Turn> {
        self.listen();
        self.expire_missed(now);
        let is_overtaken = |(number, (_, at)): (&u64, &(u64, Mono)), brought| {
            *number < brought && now.since(*at) >= OVERTAKEN
        };
        while self.ahead.first_key_value().is_some_and(|first| is_overtaken(first, self.brought)) {
            self.forget_first();
        }
        let is_over = self.catching_up.is_some_and(|(since, _)| {
            let connected = self.echo.as_ref().and_then(|echo| echo.link().0);
            let is_quiet = connected
                .is_some_and(|connected| now.since(since.max(connected).max(self.heard_at)) >= QUIET);
            let is_full = self.parked.len() >= PARKED_MAX || self.parked_bytes >= PARKED_BYTES_MAX;
            let waited = self.parked.front().map_or(since, |(_, first)| first.at().min(since));
            let is_late = match connected {
                Some(connected) => now.since(since.max(connected)) >= CATCH_UP,
                None => now.since(waited) >= AWAY,
            };
            self.caught_up.is_some() || is_quiet || is_full || is_late
        });
        let mut turns = Vec::new();
        if is_over {
            self.catching_up = None;
            let old = self.behind.iter().take_while(|heard| now.since(heard.at) >= QUIET).count();
            let missed = self.caught_up.take().unwrap_or(old);
            let missed: Vec<Heard> = self.behind.drain(..missed).collect();
            turns.extend(missed.into_iter().map(|heard| self.missed(heard, now)));
            self.parked_bytes = 0;
            turns.extend(self.parked.drain(..).map(|(_, parked)| match parked {
                Parked::Whole(message) => Turn::Arrived(message),
                Parked::Said(missed, at) => Turn::Said(missed, at),
            }));
        }
        while self.catching_up.is_none()
            && (self.behind.len() > AHEAD_MAX
                || self.behind.front().is_some_and(|heard| now.since(heard.at) >= PATIENCE))
            && let Some(heard) = self.behind.pop_front()
        {
            turns.push(self.missed(heard, now));
        }
        turns
    }

    fn missed(&mut self, heard: Heard, now: Mono) -> Turn {
        // What was sent while the devices' connection was away does not come over it any more.
        if !self.is_down && heard.at >= self.up_at {
            self.missed.push_back((now, heard.print));
            *self.given.entry(heard.print).or_default() += 1;
        }
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
        let first = self.behind.front().map(|heard| heard.mark);
        let waits =
            |(safe, _): &(u64, u64)| !self.parked.is_empty() || first.is_some_and(|mark| mark <= *safe);
        if let Some((safe, next)) = self.sample.filter(|sample| !waits(sample)) {
            self.position = self.position.max(Some(next));
            self.taken.retain(|(mark, _)| *mark > safe);
        }
        self.sample = Some((safe, next));
        let mut taken: Vec<u64> = self.taken.iter().map(|(_, print)| *print).collect();
        let mut ahead: Vec<u64> = self.ahead.values().map(|(print, _)| *print).collect();
        // What waits its turn is not in the state.
        let mut parked: HashMap<u64, u32> = HashMap::new();
        self.parked.iter().for_each(|(print, _)| *parked.entry(*print).or_default() += 1);
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

#[cfg(test)]
mod tests;
