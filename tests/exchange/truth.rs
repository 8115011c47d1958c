//! What a master asked of its devices and what they answered: planned beforehand, then sent, then compared.

use std::collections::BTreeMap;

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Answered with this status.
    Answered(&'static str),
    /// Never.
    Left,
}

/// One command.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) device: String,
    pub(crate) command: &'static str,
    pub(crate) id: String,
    pub(crate) request: String,
    pub(crate) fate: Fate,
}

/// What a device answers to an id under this key.
pub(crate) fn answer(key: &str, id: &str, status: &str) -> String {
    format!(
        r#"{{"{key}":"{id}","timestamp":"2026-11-21T06:31:00Z","status":"{status}","execution_time":12,"data":{{"v":1}}}}"#
    )
}

impl Asked {
    /// The `n`-th command of a device, by the one envelope or the other.
    pub(crate) fn new(device: &str, n: usize) -> Self {
        let (id, device) = (format!("{device}-{n:03}"), device.to_owned());
        let fate = match n % 5 {
            0 | 1 => Fate::Answered("success"),
            2 => Fate::Answered("error"),
            3 => Fate::Answered("partial"),
            _ => Fate::Left,
        };
        if n.is_multiple_of(2) {
            let request =
                format!(r#"{{"cmd_id":"{id}","command":"get_status","parameters":{{"verbose":{n}}}}}"#);
            return Self { device, command: "get_status", id, request, fate };
        }
        let request = format!(
            r#"{{"message_id":"{id}","cmd_timestamp":"2026-11-21T06:30:59Z","action":"set_relay","source":"master","parameters":{{"relay_id":{n},"state":"ON"}}}}"#
        );
        Self { device, command: "set_relay", id, request, fate }
    }

    /// What the device says, if anything.
    pub(crate) fn response(&self) -> Option<String> {
        let key = if self.command == "get_status" { "cmd_id" } else { "message_id" };
        match self.fate {
            Fate::Answered(status) => Some(answer(key, &self.id, status)),
            Fate::Left => None,
        }
    }
}

/// How many there are of each kind.
pub(crate) fn count<'a>(
    all: impl IntoIterator<Item = &'a Asked>,
    key: impl Fn(&Asked) -> Option<String>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for key in all.into_iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// The ids of those that are so.
pub(crate) fn ids_of(all: &[Asked], is: impl Fn(&Asked) -> bool) -> Vec<String> {
    let mut ids: Vec<String> = all.iter().filter(|asked| is(asked)).map(|asked| asked.id.clone()).collect();
    ids.sort();
    ids
}
