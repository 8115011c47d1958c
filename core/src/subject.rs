//! Whose message it is and what it belongs to, without tracking anything: for those who keep messages and not
//! devices. It must name what `Fleet` names, and keep nothing of a message.

use crate::decode::{Bounds, Decoded, Member, Plan};
use crate::names::{ID_BYTES_MAX, bounded};
use crate::route::StreamId;
use crate::rules::{DeviceFrom, FleetRules, Kind, StreamRules};
use crate::shard::Homes;
use crate::streams::Streams;
use crate::topics::identity;

/// Knows the streams of one broker.
#[derive(Debug)]
pub struct Subjects {
    streams: Streams,
    namer: Namer,
    homes: Homes,
}

/// What a message belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The stream, by its place in the rules.
    pub stream: StreamId,
    /// The device.
    pub device: String,
}

impl Subjects {
    /// By the rules of a fleet.
    pub fn new(rules: &FleetRules) -> Self {
        Self { streams: Streams::new(rules), namer: Namer::new(rules), homes: Homes::new(rules) }
    }

    /// The rules of the stream that takes a topic; none: nobody does.
    pub fn stream(&self, topic: &str) -> Option<(StreamId, &StreamRules)> {
        let stream = self.streams.first(topic)?;
        Some((stream, self.streams.rules(stream)))
    }

    /// Whether a device is kept by this process, and not by another shard.
    pub fn keeps(&self, device: &str) -> bool {
        self.homes.keeps(device)
    }

    /// The same of what belongs to no device, by its topic.
    pub fn keeps_topic(&self, topic: &[u8]) -> bool {
        self.homes.keeps_topic(topic)
    }

    /// What a message belongs to. A payload that cannot be read names nobody, and the topic does.
    pub fn find(&mut self, topic: &str, payload: &[u8]) -> Option<Subject> {
        let stream = self.streams.of(topic, payload)?;
        let device = self.namer.device((stream, self.streams.rules(stream)), topic, payload);
        Some(Subject { stream, device })
    }
}

/// Finds the device of a message, and reads no more of it than that takes.
#[derive(Debug)]
pub(crate) struct Namer {
    plans: Vec<Option<Plan>>,
    bounds: Bounds,
    payload_bytes_max: usize,
    /// Lent to the payload that is being read.
    scratch: Decoded,
}

impl Namer {
    pub(crate) fn new(rules: &FleetRules) -> Self {
        Self {
            plans: rules.streams.iter().map(plan).collect(),
            bounds: Bounds { depth_max: rules.limits.json_depth_max, points_max: 0 },
            payload_bytes_max: rules.limits.payload_bytes_max,
            scratch: Decoded::default(),
        }
    }

    /// The device of a message of this stream: as the payload names it, else as the topic does.
    pub(crate) fn device(
        &mut self,
        (stream, rules): (StreamId, &StreamRules),
        topic: &str,
        payload: &[u8],
    ) -> String {
        let plan = self.plans[usize::from(stream)].as_ref();
        let plan = plan.filter(|_| payload.len() <= self.payload_bytes_max);
        let read = plan.and_then(|plan| self.scratch.read(payload, plan, self.bounds).ok());
        let named = read.and_then(|payload| match self.scratch.device_id {
            Member::Text(name) | Member::Number(_, name) => Some(self.scratch.text(payload, name)),
            Member::Absent | Member::Other => None,
        });
        let named =
            named.filter(|name| !name.is_empty()).map(|name| bounded(name, ID_BYTES_MAX).into_owned());
        named.unwrap_or_else(|| identity(rules, topic))
    }
}

/// What is read of a payload: the name of the device and nothing else; none where the topic says it all.
fn plan(rules: &StreamRules) -> Option<Plan> {
    if matches!(rules.device, DeviceFrom::Topic(_)) {
        return None;
    }
    let mut name_only = StreamRules::new(&rules.name, rules.pattern.clone());
    name_only.format = rules.format;
    name_only.device = rules.device.clone();
    // Of telemetry every number would be read, and of most other kinds every member.
    name_only.kind = Kind::Info;
    Some(Plan::new(&name_only))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Arrival;
    use crate::fleet::Fleet;
    use crate::names::Pattern;
    use crate::presets;
    use crate::time::{Mono, Now, Wall};
    use proptest::prelude::*;

    fn rules() -> FleetRules {
        let stream = |name: &str, filter: &str, device: Option<&str>| {
            let pattern = Pattern::parse(filter).unwrap();
            let mut rules = StreamRules::new(name, pattern.clone());
            if let Some(device) = device {
                rules.device = DeviceFrom::parse(device, &pattern).unwrap();
            }
            rules
        };
        let mut streams = presets::streams("plant").unwrap();
        streams.push(stream("deep", "deep/{x}", Some("$.who.id")));
        streams.push(stream("text", "text/{area}/{device}", Some("{area}-{device}")));
        streams.push(presets::generic());
        FleetRules { streams, ..FleetRules::default() }
    }

    /// The device that the fleet takes a message for.
    fn tracked(topic: &str, payload: &[u8]) -> Vec<String> {
        let mut fleet = Fleet::new(rules());
        let now = Now { mono: Mono(1), wall: Wall(1_756_117_800_000_000) };
        fleet.link_up(now);
        fleet.arrival(&Arrival::live(topic, payload), now);
        fleet.devices().map(|device| device.id.to_string()).collect()
    }

    #[test]
    fn a_device_is_found_in_the_topic_or_in_the_payload() {
        let mut subjects = Subjects::new(&rules());
        let mut device = |topic: &str, payload: &str| {
            subjects.find(topic, payload.as_bytes()).map(|subject| subject.device)
        };
        assert_eq!(device("plant/a/l/d3/command/request", "{}").as_deref(), Some("d3"));
        assert_eq!(device("text/a/d", "5").as_deref(), Some("a-d"));
        assert_eq!(device("deep/x", r#"{"who":{"id":"böiler \"7\""}}"#).as_deref(), Some("böiler \"7\""));
        assert_eq!(device("deep/x", r#"{"who":{"id":12}}"#).as_deref(), Some("12"));
        assert_eq!(device("deep/x", "{broken").as_deref(), Some("deep"));
        assert_eq!(device("other/topic", r#"{"device_id":"d9"}"#).as_deref(), Some("d9"));
        assert_eq!(device("other/topic", "7").as_deref(), Some("other"));
        assert_eq!(device("$SYS/broker/uptime", "7"), None);
    }

    #[test]
    fn a_payload_above_the_limit_is_not_read() {
        let mut rules = rules();
        rules.limits.payload_bytes_max = 20;
        let found = Subjects::new(&rules).find("deep/x", br#"{"who":{"id":"d1234567"}}"#).unwrap();
        assert_eq!(found.device, "deep");
    }

    proptest! {
        #[test]
        fn it_names_the_device_that_the_fleet_names(
            topic in "(plant/a/b/d1/command/request|plant/d/telemetry/x|deep/x|text/a/b|o/p|o)",
            payload in r#"(\{"device_id":("a"|7|null|""|\{\})\}|\{"who":\{"id":("b"|1.5|true)\}\}|\{bad|12|)"#,
        ) {
            let found = Subjects::new(&rules()).find(&topic, payload.as_bytes()).map(|subject| subject.device);
            prop_assert_eq!(found.into_iter().collect::<Vec<_>>(), tracked(&topic, payload.as_bytes()));
        }
    }
}
