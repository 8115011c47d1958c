//! When a broker was not watched, as records: what is not in the log of that time was not seen. Nothing here judges a
//! connection; it is told.

use crate::ingest::status::LinkStatus;
use std::sync::Arc;
use watchkeeper_audit::record::{Draft, Key};
use watchkeeper_audit::sources::life;
use watchkeeper_core::time::{Micros, Now, SECOND};

/// A first connection that takes longer than this is an outage, and told as one.
const FIRST_WITHIN: Micros = 10 * SECOND;

/// One broker.
pub(crate) struct Outages {
    broker: Box<str>,
    link: Arc<LinkStatus>,
    /// Since when it is away; none while it is watched.
    away: Option<Away>,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    since: Now,
    /// Said already.
    told: bool,
}

impl Outages {
    /// A broker that is not watched yet: since now, or since it was left for a reload.
    pub(crate) fn new(broker: &str, link: Arc<LinkStatus>, now: Now) -> Self {
        let state = link.get();
        let since = state.away_since.zip(state.away_since_mono).map(|(wall, mono)| Now { mono, wall });
        let away = Away { since: since.unwrap_or(now), told: false };
        Self { broker: broker.into(), link, away: Some(away) }
    }

    /// Goes on where the one before a reload was: an outage that was told already goes on being one.
    pub(crate) fn go_on(&mut self, before: &Self) {
        self.away = before.away.or(self.away);
    }

    /// Connected, and every subscription granted.
    pub(crate) fn up(&mut self, at: Now) -> Option<Draft> {
        let away = self.away.take()?;
        let lasted = at.mono.since(away.since.mono);
        if !away.told {
            return Some(life::watching_began(at.wall, &self.broker, lasted));
        }
        let reason = self.link.get().failure.map_or("", |failure| failure.reason);
        Some(life::outage_ended(at.wall, &self.broker, lasted, reason))
    }

    /// Gone; the broker was last heard then.
    pub(crate) fn down(&mut self, at: Now) -> Option<Draft> {
        if self.away.is_some() {
            return None;
        }
        self.away = Some(Away { since: at, told: true });
        Some(self.began(at))
    }

    /// Time passed.
    pub(crate) fn tick(&mut self, now: Now) -> Option<Draft> {
        let away = self.away.as_mut().filter(|away| !away.told)?;
        if now.mono.since(away.since.mono) < FIRST_WITHIN {
            return None;
        }
        away.told = true;
        let since = away.since;
        Some(self.began(since))
    }

    fn began(&self, at: Now) -> Draft {
        let link = self.link.get();
        // Of a connection that holds, the last failure is an old one: it was the broker that stood still. So it is of one that
        // we left ourselves.
        let is_ours = link.left.is_some_and(|left| Some(left.mono) == link.away_since_mono);
        let failure = link.failure.filter(|_| !link.connected && !is_ours);
        let (reason, details) = failure.map_or(("", String::new()), |it| (it.reason, it.summary));
        life::outage_began(at.wall, &self.broker, reason).text(Key::Details, &details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::status::Failure;
    use watchkeeper_core::time::{Mono, Wall};

    fn at(second: u64) -> Now {
        let micros = second * SECOND;
        Now { mono: Mono(micros), wall: Wall(i64::try_from(micros).unwrap()) }
    }

    fn said(draft: Option<Draft>) -> Option<(String, i64)> {
        draft.map(|draft| (draft.event.into_owned(), draft.ts.0 / 1_000_000))
    }

    #[test]
    fn an_outage_is_told_when_it_begins_and_when_it_ends() {
        let link = Arc::new(LinkStatus::default());
        let mut outages = Outages::new("main", Arc::clone(&link), at(0));
        assert_eq!(said(outages.up(at(1))), Some(("watching_began".to_owned(), 1)));
        assert_eq!(said(outages.tick(at(100))), None);
        let failure = Failure { reason: "closed", summary: "it hung up".to_owned(), cure: String::new() };
        link.set(|state| state.failure = Some(failure));
        let began = outages.down(at(90)).unwrap();
        assert_eq!(began.ts, Wall(90_000_000));
        assert!(format!("{began:?}").contains("it hung up") && format!("{began:?}").contains("closed"));
        assert_eq!(said(outages.down(at(95))), None);
        assert_eq!(said(outages.tick(at(200))), None);
        let ended = outages.up(at(300)).unwrap();
        assert!(format!("{ended:?}").contains("Float(210.0)"), "{ended:?}");
        assert_eq!(said(Some(ended)), Some(("outage_ended".to_owned(), 300)));
    }

    #[test]
    fn after_a_reload_a_broker_was_away_since_it_was_left_and_an_outage_goes_on() {
        let link = Arc::new(LinkStatus::default());
        let mut before = Outages::new("main", Arc::clone(&link), at(0));
        link.set(|state| state.up(at(1)));
        before.up(at(1));
        link.set(|state| state.away(at(50)));
        let mut after = Outages::new("main", Arc::clone(&link), at(52));
        after.go_on(&before);
        let began = after.up(at(53)).unwrap();
        assert!(format!("{began:?}").contains("Float(3.0)"), "{began:?}");
        assert_eq!(said(Some(began)), Some(("watching_began".to_owned(), 53)));
        assert_eq!(said(after.down(at(60))), Some(("outage_began".to_owned(), 60)));
        let mut again = Outages::new("main", link, at(70));
        again.go_on(&after);
        assert_eq!(said(again.tick(at(90))), None, "it was told");
        let ended = again.up(at(100)).unwrap();
        assert!(format!("{ended:?}").contains("Float(40.0)"), "{ended:?}");
        assert_eq!(said(Some(ended)), Some(("outage_ended".to_owned(), 100)));
    }

    #[test]
    fn a_broker_that_is_not_there_at_the_start_is_an_outage_since_then() {
        let mut outages = Outages::new("main", Arc::default(), at(5));
        assert_eq!(said(outages.tick(at(14))), None);
        assert_eq!(said(outages.tick(at(15))), Some(("outage_began".to_owned(), 5)));
        assert_eq!(said(outages.tick(at(16))), None);
        assert_eq!(said(outages.up(at(60))), Some(("outage_ended".to_owned(), 60)));
    }
}
