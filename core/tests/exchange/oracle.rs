//! What must be counted of commands in a world in which nobody is offline, told a second time and in another way: a
//! list of commands that is gone through from the beginning for everything that happens. Slow, short and plain.

use crate::world::{Happening, World};
use serde_json::Value;
use std::collections::BTreeMap;
use watchkeeper_core::time::SECOND;

/// The time for which nothing times out after an outage.
const GRACE: u64 = 10 * SECOND;

/// A command that is waited for or remembered.
struct Command {
    device: String,
    id: u64,
    name: String,
    request: String,
    sent: u64,
    settled: Option<u64>,
    standing: &'static str,
}

/// The counts, by a name of their own.
pub(crate) type Counts = BTreeMap<String, u64>;

#[derive(Default)]
struct Oracle {
    commands: Vec<Command>,
    counts: Counts,
    /// When we were back.
    resumed: u64,
    spared: u64,
    timeout: u64,
}

/// Goes through a world.
pub(crate) fn counts(world: &World) -> Counts {
    let mut oracle = Oracle { timeout: world.rules.commands.timeout, ..Oracle::default() };
    // The time that we were away, and since when we are.
    let (mut away, mut down) = (0, Some(0));
    for (at, happening) in &world.happenings {
        let now = down.unwrap_or(*at) - away;
        match happening {
            Happening::Down => {
                oracle.pass(now);
                down = Some(*at);
            }
            Happening::Up => {
                away += at - down.take().unwrap_or(*at);
                oracle.resumed = now;
                oracle.spared = now + GRACE.min(oracle.timeout);
            }
            Happening::Alive => {}
            Happening::Message { topic, payload, .. } => {
                let (device, stream) = topic.split_once('/').unwrap();
                oracle.pass(now);
                oracle.hear(device, stream, payload, now);
            }
        }
    }
    oracle.pass(down.unwrap_or(world.end) - away);
    oracle.counts.insert("pending".into(), 0);
    for command in &oracle.commands {
        *oracle.counts.get_mut("pending").unwrap() += u64::from(command.settled.is_none());
    }
    oracle.counts
}

impl Oracle {
    fn count(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Time passes up to now.
    fn pass(&mut self, now: u64) {
        let mut timed_out = Vec::new();
        for command in self.commands.iter_mut().filter(|command| command.settled.is_none()) {
            let deadline = (command.sent + self.timeout).max(self.spared);
            if deadline < now {
                (command.settled, command.standing) = (Some(deadline), "timed out");
                timed_out.push(format!("timeout {}", command.name));
            }
        }
        for what in timed_out {
            self.count(what);
        }
        let timeout = self.timeout;
        self.commands.retain(|command| command.settled.is_none_or(|settled| settled + timeout >= now));
    }

    fn hear(&mut self, device: &str, stream: &str, payload: &str, now: u64) {
        let Ok(said) = serde_json::from_str::<Value>(payload) else { return };
        match (stream, said["cmd_id"].as_u64()) {
            ("request", id) => self.request(device, id, &said, payload, now),
            ("response", Some(id)) => self.response(device, id, &said),
            _ => {}
        }
        if stream == "response"
            && let Some(last) = self.commands.iter_mut().find(|command| command.settled == Some(u64::MAX))
        {
            last.settled = Some(now);
        }
    }

    fn request(&mut self, device: &str, id: Option<u64>, said: &Value, payload: &str, now: u64) {
        let name = said["command"].as_str().filter(|name| !name.contains(';')).unwrap_or("other").to_owned();
        let Some(id) = id else { return self.count(format!("sent {name}")) };
        let same = |command: &&Command| command.device == device && command.id == id;
        if let Some(known) = self.commands.iter().rev().find(same) {
            let (twin, standing) = (known.request == payload, known.standing);
            match (standing, twin) {
                ("timed out", _) => {}
                (_, true) => return self.count("repeated".into()),
                ("waits", false) => {
                    self.count("reused".into());
                    return self.count(format!("sent {name}"));
                }
                _ => {}
            }
        }
        self.count(format!("sent {name}"));
        let (device, request) = (device.to_owned(), payload.to_owned());
        self.commands.push(Command {
            device,
            id,
            name,
            request,
            sent: now,
            settled: None,
            standing: "waits",
        });
    }

    fn response(&mut self, device: &str, id: u64, said: &Value) {
        let same = |command: &&mut Command| command.device == device && command.id == id;
        let Some(command) = self.commands.iter_mut().rev().find(same) else {
            return self.count("orphan".into());
        };
        if command.standing == "answered" {
            return self.count("again".into());
        }
        let status = match said["status"].as_str().unwrap() {
            "odd" => "other",
            status => status,
        };
        let what = format!("answered {} {status}", command.name);
        // Where we were away between the two nobody knows how long it took.
        let time = (command.sent > self.resumed).then(|| format!("time {}", command.name));
        let is_late = command.standing == "timed out";
        command.standing = if status == "partial" { "in part" } else { "answered" };
        // When it was settled is filled in by the caller.
        command.settled = command.settled.or(Some(u64::MAX));
        self.count(what);
        if let Some(time) = time {
            self.count(time);
        }
        if is_late {
            self.count("late".into());
        }
        if said["execution_time"].is_u64() {
            self.count("device".into());
        }
    }
}
