//! Stories that an operator would recognise: a text file of timed messages, and the findings they must give.
//! A stream that was recorded in the field replays the same way, so that a report of a fault is a story.
//!
//! The form of a story, line by line; `#` begins a comment, and `must find` ends the first part:
//!
//! - `stream NAME FILTER key=value …`: the keys `kind`, `format`, `every`, `offline_after`, `stuck_after`, `sequence`,
//!   `modulus`, `window`;
//! - `errors window=5m threshold=20 minimum=10`: the error ratio, in percent;
//! - `00:01:30 TOPIC PAYLOAD`, or `00:01:30 retained TOPIC PAYLOAD`; `{n}` counts up, so that values move;
//! - `00:00:00 to 00:10:00 every 60s TOPIC PAYLOAD`, or `00:01:30 burst 10 TOPIC PAYLOAD` for ten at once; `{90..}` counts
//!   up from 90 in the messages of this line;
//! - `00:01:30 start-from DEVICE STREAM NUMBER`, as an operator says it;
//! - `00:05:00 outage`, `back`, `restart` (saved and restored), `frozen` and `thawed` (the broker is silent),
//!   `end` (the last look).
//!
//! Behind `must find` stands every finding, `00:03:05 DEVICE EVENT`, in the order in which it became true. With a colon
//! behind the event stands its sentence, too.
#![expect(clippy::unwrap_used, reason = "a story that cannot be read is a test that fails")]

mod common;

use common::{START, now};
use std::time::Duration;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::finding::Finding;
use watchkeeper_core::fleet::{Device, Fleet};
use watchkeeper_core::names::Pattern;
use watchkeeper_core::path::Path;
use watchkeeper_core::rules::{Expect, FleetRules, Format, Kind, StreamRules, StuckAfter};
use watchkeeper_core::save::Saved;
use watchkeeper_core::time::{SECOND, micros};

/// What happens in a second of a story.
#[derive(Clone, Debug)]
enum Happening {
    Message { retain: bool, topic: String, payload: String },
    StartFrom { device: String, stream: String, next: u64 },
    Outage,
    Back,
    Restart,
    Frozen,
    Thawed,
    End,
}

/// A story as told.
#[derive(Default)]
struct Story {
    rules: FleetRules,
    happenings: Vec<(u64, Happening)>,
    must_find: Vec<String>,
}

/// `00:01:30` in seconds.
fn clock(text: &str) -> u64 {
    let parts = text.split(':').map(|part| part.parse::<u64>().unwrap());
    parts.fold(0, |sum, part| sum * 60 + part)
}

/// `90s` or `3m`, in seconds.
fn span(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    number.parse::<u64>().unwrap() * if unit == "m" { 60 } else { 1 }
}

impl Story {
    fn read(text: &str) -> Self {
        let mut story = Self::default();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines.by_ref().take_while(|line| *line != "must find") {
            story.line(line);
        }
        story.must_find = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        story.happenings.sort_by_key(|(at, _)| *at);
        story
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["stream", name, filter, ..] => self.stream(name, filter, &words[3..]),
            ["errors", ..] => self.errors(&words[1..]),
            [from, "to", until, "every", every, topic, ..] => {
                let payload = line.split_once(topic).unwrap().1.trim();
                let moments = (clock(from)..=clock(until)).step_by(usize::try_from(span(every)).unwrap());
                for (nth, at) in moments.enumerate() {
                    self.message(at, false, topic, &counted(payload, nth));
                }
            }
            [at, "burst", times, topic, ..] => {
                let payload = line.split_once(topic).unwrap().1.trim();
                for nth in 0..times.parse().unwrap() {
                    self.message(clock(at), false, topic, &counted(payload, nth));
                }
            }
            [at, "start-from", device, stream, next] => {
                let (device, stream) = (device.to_owned(), stream.to_owned());
                let next = next.parse().unwrap();
                self.happenings.push((clock(at), Happening::StartFrom { device, stream, next }));
            }
            [at, "retained", topic, ..] => {
                let payload = line.split_once(topic).unwrap().1.trim();
                self.message(clock(at), true, topic, payload);
            }
            [at, word] => {
                let happening = match word {
                    "outage" => Happening::Outage,
                    "back" => Happening::Back,
                    "restart" => Happening::Restart,
                    "frozen" => Happening::Frozen,
                    "thawed" => Happening::Thawed,
                    "end" => Happening::End,
                    other => panic!("{other} is nothing that happens"),
                };
                self.happenings.push((clock(at), happening));
            }
            [at, topic, ..] => {
                self.message(clock(at), false, topic, line.split_once(topic).unwrap().1.trim());
            }
            _ => panic!("«{line}» is no line of a story"),
        }
    }

    fn message(&mut self, at: u64, retain: bool, topic: &str, payload: &str) {
        let payload = payload.replace("{n}", &self.happenings.len().to_string());
        self.happenings.push((at, Happening::Message { retain, topic: topic.into(), payload }));
    }

    fn stream(&mut self, name: &str, filter: &str, settings: &[&str]) {
        let mut rules = StreamRules::new(name, Pattern::parse(filter).unwrap());
        for setting in settings {
            match setting.split_once('=').unwrap() {
                ("format", "json") => rules.format = Format::Json,
                ("kind", kind) => rules.kind = kind_of(kind),
                ("every", every) => rules.expect = Expect::Every(span(every) * SECOND),
                ("offline_after", after) => rules.offline_after = Some(span(after) * SECOND),
                ("stuck_after", times) => rules.stuck_after = StuckAfter::Repeats(times.parse().unwrap()),
                ("sequence", path) => {
                    rules.format = Format::Json;
                    rules.sequence = Some(Path::parse(path).unwrap());
                }
                ("modulus", modulus) => rules.sequence_modulus = modulus.parse().unwrap(),
                ("window", window) => rules.reorder_window = span(window) * SECOND,
                _ => panic!("{setting} is no setting of a story"),
            }
        }
        self.rules.streams.push(rules);
    }

    fn errors(&mut self, settings: &[&str]) {
        for setting in settings {
            match setting.split_once('=').unwrap() {
                ("window", window) => {
                    self.rules.errors.window = micros(Duration::from_secs(span(window)));
                }
                ("threshold", percent) => {
                    self.rules.errors.threshold = percent.parse::<f64>().unwrap() / 100.0;
                }
                ("minimum", minimum) => self.rules.errors.minimum = minimum.parse().unwrap(),
                _ => panic!("{setting} is no setting of a story"),
            }
        }
    }

    /// Lives through the story, second by second, and tells what was found.
    fn found(&self) -> Vec<String> {
        let mut fleet = Fleet::new(self.rules.clone());
        let mut found = Vec::new();
        let (mut away, mut frozen) = (false, false);
        let mut left = self.happenings.iter().peekable();
        let end = self.happenings.last().unwrap().0;
        fleet.link_up(now(0));
        for second in 0..=end {
            let at = now(second * SECOND);
            if !frozen {
                fleet.alive(at.mono);
            }
            while let Some((_, happening)) = left.next_if(|(at, _)| *at <= second) {
                match happening {
                    Happening::Message { retain, topic, payload } => {
                        let arrival = Arrival::live(topic, payload.as_bytes());
                        fleet.arrival(&Arrival { qos: 1, retain: *retain, ..arrival }, at);
                    }
                    Happening::StartFrom { device, stream, next } => {
                        assert!(fleet.set_next(device, stream, *next, at));
                    }
                    Happening::Outage => away = true,
                    Happening::Back => away = false,
                    Happening::Frozen => frozen = true,
                    Happening::Thawed => frozen = false,
                    Happening::Restart => fleet = restarted(&fleet, &self.rules),
                    Happening::End => {}
                }
            }
            if away {
                fleet.link_down(at);
            } else {
                fleet.link_up(at);
            }
            fleet.tick(at);
            found.extend(fleet.take_findings());
        }
        found.sort_by_key(|finding| finding.at);
        let sentences = self.must_find.iter().map(|line| line.contains(": ")).chain(std::iter::repeat(false));
        found.iter().zip(sentences).map(|(finding, sentence)| told(finding, sentence)).collect()
    }
}

/// A payload in which `{90..}` has become the n-th number from 90.
fn counted(payload: &str, nth: usize) -> String {
    let Some((before, (first, after))) = payload.split_once("..}").and_then(|(before, after)| {
        let (before, first) = before.rsplit_once('{')?;
        Some((before, (first.parse::<usize>().ok()?, after)))
    }) else {
        return payload.to_owned();
    };
    format!("{before}{}{after}", first + nth)
}

fn kind_of(word: &str) -> Kind {
    match word {
        "telemetry" => Kind::Telemetry,
        "command" => Kind::Command,
        "response" => Kind::Response,
        "alarm" => Kind::Alarm,
        "event" => Kind::Event,
        "config" => Kind::Config,
        "system" => Kind::System,
        _ => panic!("{word} is no kind of a stream"),
    }
}

fn told(finding: &Finding, sentence: bool) -> String {
    let at = (finding.wall.0 - START).unsigned_abs() / SECOND;
    let (hours, minutes, seconds) = (at / 3600, at / 60 % 60, at % 60);
    let details = if sentence { format!(": {}", finding.what.details()) } else { String::new() };
    let whose = if finding.device.is_empty() { "fleet" } else { &finding.device };
    format!("{hours:02}:{minutes:02}:{seconds:02} {whose} {}{details}", finding.what.event())
}

fn restarted(fleet: &Fleet, rules: &FleetRules) -> Fleet {
    let bytes = postcard::to_stdvec(&fleet.save()).unwrap();
    let saved: Saved<Device> = postcard::from_bytes(&bytes).unwrap();
    let mut fleet = Fleet::new(rules.clone());
    fleet.restore(saved);
    fleet
}

fn check(text: &str) {
    let story = Story::read(text);
    assert_eq!(story.found().join("\n"), story.must_find.join("\n"), "\n{text}");
}

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(include_str!(concat!("stories/", stringify!($name), ".txt"))); })*
    };
}

stories! {
    a_device_is_gone
    a_device_flaps
    a_sensor_is_frozen
    the_broker_is_frozen
    a_message_is_late_once
    retained_messages_after_a_restart_of_the_broker
    we_restart_with_our_state
    commands_wait_for_a_device_that_is_offline
    a_command_has_no_answer
    we_restart_while_commands_are_under_way
    an_alarm_is_raised_seen_and_over
    a_device_starts_again_and_again
    somebody_changes_a_setting
    a_burst_of_bad_messages
    our_network_fails
    messages_are_lost
    a_producer_and_our_interruptions
    a_producer_begins_anew
    an_operator_says_where_to_go_on
    a_slow_way_mixes_messages_up
    numbers_of_one_byte
    the_load_generator_writes_random_numbers
}
