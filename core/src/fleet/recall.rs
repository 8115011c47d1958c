//! Commands and answers that the fleet's own connection missed, because we were away: what the log has of them, and
//! what a connection brings that the broker kept messages for. They are no sign of life, and nothing but the commands
//! may learn of them.

use super::Fleet;
use super::passing::when;
use crate::arrival::Arrival;
use crate::exchange::{Said, is_exchange};
use crate::route::StreamId;
use crate::time::{Mono, Now, Wall};
use crate::topics::Found;
use crate::tracker::Edges;
use crate::tracker::{Context, Tracker};
use crate::trackers::commands::Commands;
use crate::trackers::presence::State;

/// A message that was missed.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// Its stream.
    pub stream: StreamId,
    /// Its topic.
    pub topic: Box<str>,
    /// Its device.
    pub device: Box<str>,
    /// What it says.
    pub said: Said,
}

impl Fleet {
    /// Whether a message is a request or an answer, and not one of another shard's devices.
    pub fn is_exchange(&mut self, arrival: &Arrival) -> bool {
        if self.topics.make_room(arrival.topic) {
            self.shapes.clear();
        }
        let known = *self.topics.get(arrival.topic);
        let Found::Stream(stream) = known.found else { return false };
        if !self.homes.is_whole() && !self.is_for_us(arrival, &known) {
            return false;
        }
        self.stream(stream).is_some_and(|rules| is_exchange(rules.kind))
    }

    /// Takes out of a message what it says of a command.
    pub(super) fn set_apart(
        &self,
        (stream, topic): (StreamId, &str),
        slot: Option<u32>,
        said: &mut Said,
    ) -> Option<Missed> {
        if *said == Said::Nothing {
            return None;
        }
        let device = self.devices[slot? as usize].as_ref()?;
        let said = std::mem::replace(said, Said::Nothing);
        Some(Missed { stream, topic: topic.into(), device: device.id.clone(), said })
    }

    /// A message that another connection brought, and that ours did not.
    pub fn catch_up(&mut self, missed: Missed, now: Now) {
        let at = self.link.moment(now.mono);
        self.take_up(missed, at, now, false);
    }

    /// A message of which the log has a record from a moment that the state does not know. The clock goes on to there.
    /// Where the log says also that it is the answer to a command in time, nothing times out before it.
    pub fn recall(&mut self, missed: Missed, wall: Wall, in_time: bool) {
        let at = self.link.recall(wall);
        self.take_up(missed, at, Now { mono: Mono::default(), wall }, in_time);
    }

    /// The log has it that we were back, and the state does not know: the clock stood still until then.
    pub fn recall_back(&mut self, wall: Wall) {
        if !self.link.recall_back(wall) {
            return;
        }
        let at = self.link.known();
        self.watched_since = at;
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        for (device, due) in self.devices.iter_mut().zip(&mut self.due) {
            if let Some(device) = device {
                device.roster.commands.resume(&context, at);
                *due = when(&context, device);
            }
        }
        // Whatever was due before, something else may be now.
        self.earliest = Mono(0);
    }

    /// The log has it that a command was not answered in time, and the state does not know.
    pub fn recall_time_out(&mut self, device: &str, id: &str, wall: Wall) {
        let Some(slot) = self.find(device) else { return };
        let at = self.link.recall(wall);
        let timeout = self.rules.commands.timeout;
        self.with_commands(slot, |commands, edges| commands.time_out(id, timeout, at, edges));
        self.say(slot, Now { mono: Mono::default(), wall });
    }

    /// Does something to the commands of a device, whose counts and time then are found anew.
    fn with_commands(&mut self, slot: u32, change: impl FnOnce(&mut Commands, &mut Edges)) {
        let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
        let Some(device) = self.devices.get_mut(slot) else { return };
        let before = device.roster.commands.count();
        change(&mut device.roster.commands, &mut self.edges);
        self.waiting.count(before, device.roster.commands.count());
        let due = when(&context, device);
        self.due[slot as usize] = due;
        self.earliest = self.earliest.min(due);
    }

    fn take_up(&mut self, missed: Missed, at: Mono, now: Now, in_time: bool) {
        let Missed { stream, topic, device, mut said } = missed;
        // The log may be of a time when more, or other, devices lived here.
        if said == Said::Nothing || !self.homes.keeps(&device) {
            return;
        }
        if let Said::Request(request) = &mut said {
            request.serial = self.waiting.number();
        }
        let known = self.find(&device).filter(|slot| in_time || self.is_kept(*slot, now));
        let Some(slot) = known.or_else(|| self.add(device.into(), stream, &topic, now)) else { return };
        let asked = self.asked_elsewhere(&said, slot);
        if asked.is_none() {
            let watched_since = self.watched_since;
            let context = Context { rules: &self.rules, typical: &self.stats.typical, names: &self.names };
            let Some(device) = self.devices.get_mut(slot) else { return };
            let before = device.roster.commands.count();
            if !in_time {
                device.roster.commands.tick(&context, at, &mut self.edges);
            }
            device.roster.commands.missed(at);
            let is_offline = device.roster.presence.state() == State::Offline;
            let commands = &mut device.roster.commands;
            commands.hear(&context, &said, is_offline, watched_since, at, &mut self.edges);
            device.touched = device.touched.max(at);
            let due = when(&context, device);
            self.waiting.count(before, device.roster.commands.count());
            self.due[slot as usize] = due;
            self.earliest = self.earliest.min(due);
            self.say(slot, now);
        }
        if let Some(asked) = asked {
            self.with_commands(asked, |commands, _| commands.missed(at));
        }
        self.settle_commands((slot, asked), &said, at, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Reader;
    use crate::presets;
    use crate::rules::FleetRules;
    use crate::testing::{Bench, now};
    use crate::time::SECOND;

    fn rules() -> FleetRules {
        let mut rules = FleetRules { streams: presets::streams("plant").unwrap(), ..FleetRules::default() };
        rules.commands.timeout = 20 * SECOND;
        rules
    }

    fn request(id: &str) -> (String, String) {
        ("p/d/command/request".to_owned(), format!(r#"{{"cmd_id":"{id}","command":"get"}}"#))
    }

    fn response(id: &str) -> (String, String) {
        let answer = format!(r#"{{"cmd_id":"{id}","timestamp":1,"status":"success","data":{{}}}}"#);
        ("p/d/command/response".to_owned(), answer)
    }

    fn missed(fleet: &mut Fleet, (topic, payload): &(String, String)) -> Missed {
        let arrival = Arrival { qos: 1, ..Arrival::live(topic, payload.as_bytes()) };
        assert!(fleet.is_exchange(&arrival) && !fleet.is_exchange(&Arrival::live("p/d/telemetry/x", b"")));
        let Found::Stream(stream) = fleet.topics.get(topic.as_bytes()).found else { panic!("{topic}") };
        let said = Reader::new(fleet.rules()).read(stream, topic, &arrival);
        Missed { stream, topic: topic.as_str().into(), device: "d".into(), said }
    }

    #[test]
    fn what_the_log_knows_is_as_if_it_had_been_heard() {
        let mut bench = Bench::new(rules());
        let (topic, payload) = request("1");
        bench.hear(1.0, &Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) });
        bench.look(2.0);
        let mut bench = bench.restart();
        bench.log();
        for (at, message) in [(3.0, response("1")), (4.0, request("2")), (5.0, request("3"))] {
            let missed = missed(&mut bench.fleet, &message);
            bench.fleet.recall(missed, now(at).wall, false);
        }
        bench.fleet.recall_time_out("d", "3", now(6.0).wall);
        bench.fleet.recall_time_out("d", "3", now(6.0).wall);
        assert_eq!(bench.log(), ["3 d command_matched", "6 d command_timed_out"]);
        assert_eq!(bench.fleet.pending_commands(), 1);

        bench.fleet.link_up(now(100.0));
        let missed = missed(&mut bench.fleet, &response("2"));
        bench.fleet.catch_up(missed, now(101.0));
        bench.look(200.0);
        assert_eq!(bench.log(), ["101 d command_matched"]);
        let sent: u64 = bench.fleet.stats.tally.commands.by_name.values().map(|counts| counts.sent).sum();
        assert_eq!((sent, bench.fleet.pending_commands()), (3, 0));
    }

    /// Three commands wait, and we were away for longer than they had.
    fn over_an_absence(is_noted: bool, in_time: bool) -> Vec<String> {
        let mut bench = Bench::new(rules());
        for id in ["1", "2", "3"] {
            let (topic, payload) = request(id);
            bench.hear(1.0, &Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) });
        }
        bench.look(5.0);
        let mut bench = bench.restart();
        bench.log();
        if is_noted {
            bench.fleet.recall_back(now(40.0).wall);
        }
        for id in ["1", "2"] {
            let missed = missed(&mut bench.fleet, &response(id));
            bench.fleet.recall(missed, now(41.0).wall, in_time);
        }
        bench.fleet.link_up(now(50.0));
        bench.look(58.0);
        bench.log()
    }

    #[test]
    fn the_clock_stands_still_over_two_restarts() {
        // The log says nothing of the answers, but when we were back.
        let expected = ["41 d command_matched", "41 d command_matched"];
        assert_eq!(over_an_absence(true, false), expected);
        // It says that they were in time, and nothing of when we were back.
        assert_eq!(over_an_absence(false, true), expected);
    }

    #[test]
    fn what_was_missed_has_no_time() {
        let mut bench = Bench::new(rules());
        let say = |bench: &mut Bench, at, (topic, payload): (String, String)| {
            bench.hear(at, &Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) });
        };
        say(&mut bench, 1.0, request("1"));
        say(&mut bench, 1.5, response("1"));
        let late = missed(&mut bench.fleet, &request("2"));
        bench.fleet.catch_up(late, now(2.0));
        say(&mut bench, 2.5, response("2"));
        say(&mut bench, 3.0, request("3"));
        let late = missed(&mut bench.fleet, &response("3"));
        bench.fleet.catch_up(late, now(3.5));
        say(&mut bench, 4.0, request("4"));
        bench.outage(5.0, 60.0);
        say(&mut bench, 60.5, response("4"));
        say(&mut bench, 61.0, request("5"));
        say(&mut bench, 61.25, response("5"));
        assert_eq!(
            bench.details("command_matched"),
            [
                "1.5 command_matched: get (1): success after 0.500 s",
                "2.5 command_matched: get (2): success; we were away meanwhile",
                "3.5 command_matched: get (3): success; we were away meanwhile",
                "60.5 command_matched: get (4): success; we were away meanwhile",
                "61.25 command_matched: get (5): success after 0.250 s",
            ]
        );
        let times = bench.fleet.stats.tally.commands.by_name["get"].times.histogram().count();
        assert_eq!(times, 2);
    }

    #[test]
    fn a_calendar_that_was_set_far_ahead_times_nothing_out() {
        let mut bench = Bench::new(rules());
        let (topic, payload) = request("1");
        bench.hear(1.0, &Arrival { qos: 1, ..Arrival::live(&topic, payload.as_bytes()) });
        let mut bench = bench.restart();
        bench.log();
        let missed = missed(&mut bench.fleet, &response("1"));
        bench.fleet.recall(missed, now(90_000.0).wall, false);
        assert_eq!(bench.log(), ["1 d command_matched"]);
    }
}
