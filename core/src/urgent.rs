//! What must get through when not everything can: which messages are telemetry, that the next one makes good, which
//! are not, and whose they are. Asked only under pressure and before a message is taken, so it knows the rules and nothing of
//! the fleet.

use crate::rules::{DeviceFrom, FleetRules, Kind, StatusRules};
use crate::streams::Streams;
use crate::topics::identity;

/// Tells urgent messages from telemetry.
#[derive(Debug)]
pub struct Urgency {
    streams: Streams,
    usual: StatusRules,
}

/// What a message is for whoever has to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urgent {
    /// Of what kind its stream is; none: no stream takes it.
    pub kind: Option<Kind>,
    /// It is no telemetry.
    pub is_urgent: bool,
}

impl Urgency {
    /// By these rules.
    pub fn new(rules: &FleetRules) -> Self {
        Self { streams: Streams::new(rules), usual: StatusRules::usual() }
    }

    /// What this message is. A topic that no stream of its own takes may have been announced as one of presence, which is
    /// not known here: there a word such as `offline` is urgent.
    pub fn of(&self, topic: &[u8], payload: &[u8]) -> Urgent {
        let stream = std::str::from_utf8(topic).ok().and_then(|topic| self.streams.of(topic, payload));
        let stream = stream.map(|stream| self.streams.rules(stream));
        let kind = stream.map(|stream| stream.kind);
        let is_urgent = match stream {
            Some(stream) if is_telemetry(stream.kind) => {
                let status = stream.status.as_ref();
                status.is_some_and(|status| status.means.is_some() || status.knows(payload))
                    || stream.pattern.as_str() == "#" && self.is_word(payload)
            }
            Some(_) => true,
            None => self.is_word(payload),
        };
        Urgent { kind, is_urgent }
    }

    /// The device that speaks on this topic; none where the topic does not tell. Room is shared between these: one that
    /// floods over many topics is one.
    pub fn speaker(&self, topic: &[u8]) -> Option<String> {
        let topic = std::str::from_utf8(topic).ok()?;
        let stream = self.streams.rules(self.streams.first(topic)?);
        matches!(stream.device, DeviceFrom::Topic(_)).then(|| identity(stream, topic))
    }

    /// Switches say `0`, `1`, `true` and `false` as well; longer words are of presence alone.
    fn is_word(&self, payload: &[u8]) -> bool {
        payload.len() > "false".len() && self.usual.knows(payload)
    }
}

/// What the next message of the same kind makes good.
fn is_telemetry(kind: Kind) -> bool {
    matches!(kind, Kind::Telemetry | Kind::System | Kind::Info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Pattern;
    use crate::presets;
    use crate::rules::{Statement, StreamRules};

    fn check(urgency: &Urgency, topic: &str, payload: &str, kind: Option<Kind>, is_urgent: bool) {
        let found = urgency.of(topic.as_bytes(), payload.as_bytes());
        assert_eq!(found, Urgent { kind, is_urgent }, "{topic} {payload}");
    }

    #[test]
    fn commands_and_presence_are_urgent_and_telemetry_is_not() {
        let streams = presets::streams("plant").unwrap();
        let urgency = Urgency::new(&FleetRules { streams, ..FleetRules::default() });
        let plant = |rest: &str| format!("plant/a/l/d/{rest}");
        check(&urgency, &plant("telemetry/temperature"), "{}", Some(Kind::Telemetry), false);
        check(&urgency, &plant("command/request"), "{}", Some(Kind::Command), true);
        check(&urgency, &plant("command/response"), "{}", Some(Kind::Response), true);
        check(&urgency, &plant("alarm/active"), "{}", Some(Kind::Alarm), true);
        check(&urgency, "elsewhere", "1", None, false);
        check(&urgency, "elsewhere", "offline", None, true);
        assert!(!urgency.of(b"\xFF", b"1").is_urgent);
    }

    #[test]
    fn who_speaks_is_named_where_the_topic_tells() {
        let mut streams = presets::streams("plant").unwrap();
        streams.push(presets::generic());
        let urgency = Urgency::new(&FleetRules { streams, ..FleetRules::default() });
        let speaker = |topic: &str| urgency.speaker(topic.as_bytes());
        assert_eq!(speaker("plant/a/l/d/telemetry/1").as_deref(), Some("d"));
        assert_eq!(speaker("plant/a/l/d/command/request").as_deref(), Some("d"));
        assert_eq!(speaker("sensors/1"), None, "its payload may name any device");
        assert_eq!(urgency.speaker(b"\xFF"), None);
    }

    #[test]
    fn what_is_not_in_capitals_is_no_subject_of_tasmota() {
        let mut streams = presets::streams("tasmota").unwrap();
        streams.push(presets::generic());
        let urgency = Urgency::new(&FleetRules { streams, ..FleetRules::default() });
        check(&urgency, "tele/line1/temperature", "20.5", Some(Kind::Telemetry), false);
        check(&urgency, "tele/plug/EVENT", "x", Some(Kind::Event), true);
        assert_eq!(urgency.speaker(b"tele/line1/temperature"), None);
        assert_eq!(urgency.speaker(b"tele/plug/EVENT").as_deref(), Some("plug"));
    }

    #[test]
    fn a_stream_that_depends_on_the_payload_is_chosen_as_the_fleet_does() {
        let pattern = |text| Pattern::parse(text).unwrap();
        let mut words = StreamRules::new("words", pattern("x/{device}"));
        words.kind = Kind::Presence;
        words.status = Some(Box::new(StatusRules { only_known: true, ..StatusRules::usual() }));
        let mut births = StreamRules::new("births", pattern("y/{device}"));
        births.status =
            Some(Box::new(StatusRules { means: Some(Statement::Online), ..StatusRules::default() }));
        let all = StreamRules::new("all", pattern("#"));
        let urgency =
            Urgency::new(&FleetRules { streams: vec![words, births, all], ..FleetRules::default() });
        check(&urgency, "x/d", "0", Some(Kind::Presence), true);
        check(&urgency, "x/d", "21.5", Some(Kind::Telemetry), false);
        check(&urgency, "y/d", "21.5", Some(Kind::Telemetry), true);
        check(&urgency, "z/d", "1", Some(Kind::Telemetry), false);
        check(&urgency, "z/d", "Offline", Some(Kind::Telemetry), true);
    }
}
