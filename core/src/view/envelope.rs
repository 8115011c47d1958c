//! Commands, alarms and health of one device as people and programs see them. What is not known is null, never zero.

use crate::fleet::{Device, Fleet};
use crate::time::seconds;
use serde::Serialize;
use std::collections::BTreeMap;

/// A command that waits for its answer.
#[derive(Debug, Serialize)]
pub struct CommandView<'a> {
    /// Its id.
    pub cmd_id: &'a str,
    /// Its name; null: it has none.
    pub command: Option<&'a str>,
    /// `pending`, or `waiting` for a device that is offline.
    pub state: &'static str,
    /// When its request arrived.
    pub sent: String,
    /// For how long we have waited; the time that we were away is not in it.
    pub age_seconds: f64,
    /// How long it still has; null: its time has not begun.
    pub times_out_in_seconds: Option<f64>,
}

/// An alarm that is active.
#[derive(Debug, Serialize)]
pub struct AlarmView<'a> {
    /// The id that the device gave it.
    pub id: Option<&'a str>,
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Where; null: nobody said.
    pub point: Option<&'a str>,
    /// How urgent it is.
    pub priority: &'a str,
    /// Since when it is active.
    pub since: String,
    /// Whether somebody has seen it.
    pub acknowledged: bool,
    /// Whether it comes and goes too often.
    pub flapping: bool,
}

impl Fleet {
    /// The commands of a device that wait for an answer, the oldest first.
    pub fn view_commands<'a>(&'a self, device: &'a Device) -> Vec<CommandView<'a>> {
        let known = self.link.known();
        let view = |(_, entry): (u64, &'a crate::trackers::commands::Entry)| CommandView {
            cmd_id: &entry.id,
            command: Some(&*entry.command).filter(|name| !name.is_empty()),
            state: if entry.since.is_some() { "pending" } else { "waiting" },
            sent: self.link.wall(entry.sent).rfc3339(),
            age_seconds: seconds(known.since(entry.sent)),
            times_out_in_seconds: entry
                .since
                .map(|since| seconds(since.plus(self.rules.commands.timeout).since(known))),
        };
        device.roster.commands.waiting().map(view).collect()
    }

    pub(super) fn view_alarms<'a>(&'a self, device: &'a Device) -> Vec<AlarmView<'a>> {
        let view = |alarm: &'a crate::trackers::alarms::Alarm| AlarmView {
            id: alarm.id.as_deref(),
            kind: &alarm.kind,
            point: Some(&*alarm.point).filter(|point| !point.is_empty()),
            priority: &alarm.priority,
            since: self.link.wall(alarm.since).rfc3339(),
            acknowledged: alarm.is_acknowledged,
            flapping: alarm.is_flapping,
        };
        device.roster.alarms.active().map(view).collect()
    }

    pub(super) fn view_system(&self, device: &Device) -> BTreeMap<String, f64> {
        let names = self.names();
        device.roster.system.fields().map(|(id, value)| (names.get(id).to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::presets;
    use crate::rules::FleetRules;
    use crate::testing::Bench;

    #[test]
    fn a_device_shows_what_it_was_asked_what_is_wrong_and_how_it_is() {
        let streams = presets::streams("plant").unwrap();
        let mut bench = Bench::new(FleetRules { streams, ..FleetRules::default() });
        bench.say(1.0, "p/d/command/request", r#"{"cmd_id":"c1","command":"get"}"#);
        bench.say(2.0, "p/d/alarm/active", r#"{"alarm_type":"DOOR","priority":2}"#);
        bench.say(3.0, "p/d/telemetry/system", r#"{"boot_count":7}"#);
        bench.look(11.0);
        let device = bench.fleet.device("d").unwrap();
        let view = serde_json::to_value(bench.fleet.view(device, crate::testing::now(11.0).wall)).unwrap();
        assert_eq!((&view["pending_commands"], &view["restarts"]), (&1.into(), &0.into()));
        let alarm = r#"{"acknowledged":false,"flapping":false,"id":null,"point":null,"priority":"2","since":"2026-05-01T08:00:02.000000Z","type":"DOOR"}"#;
        assert_eq!(view["alarms"][0].to_string(), alarm);
        assert_eq!(view["system"].to_string(), r#"{"boot_count":7.0}"#);
        let commands = serde_json::to_value(bench.fleet.view_commands(device)).unwrap();
        let command = r#"[{"age_seconds":10.0,"cmd_id":"c1","command":"get","sent":"2026-05-01T08:00:01.000000Z","state":"pending","times_out_in_seconds":110.0}]"#;
        assert_eq!(commands.to_string(), command);
    }
}
