//! What devices announce of their topics: which says that they are there, in which words, and how long a value holds.
//! It is the discovery of Home Assistant, as others speak it, too. Nothing here may take a topic from a stream that names
//! it, and a template that is not understood says nothing.

use super::Fleet;
use super::sought::Sought;
use crate::arrival::Arrival;
use crate::decode::{Decoded, Is, Leaf};
use crate::path::Path;
use crate::reason::Reasons;
use crate::rules::{Kind, Statement, StatusRules};
use crate::time::{Micros, Now, SECOND};
use crate::topics::{Announced, identity};
use crate::trackers::presence::{Departure, State};
use hashbrown::HashMap;

/// Short retained messages on topics that nobody has announced yet: a broker sends what it keeps in any order.
#[derive(Debug, Default)]
pub(super) struct Early {
    kept: HashMap<Box<[u8]>, Box<[u8]>, foldhash::quality::RandomState>,
}

impl Early {
    /// Keeps a message that may be a statement, while there is room.
    pub(super) fn keep(&mut self, arrival: &Arrival) {
        const MANY: usize = 4096;
        const SHORT: usize = 64;
        const NAME: usize = 256;
        let fits = arrival.payload.len() <= SHORT && arrival.topic.len() <= NAME;
        if fits && (self.kept.len() < MANY || self.kept.contains_key(arrival.topic)) {
            self.kept.insert(arrival.topic.into(), arrival.payload.into());
        }
    }
}

/// One thing that was announced.
struct Found {
    topic: String,
    /// What a plain value there is called.
    name: String,
    what: What,
}

impl Found {
    fn of(topic: &str, base: &str, what: What) -> Self {
        Self { topic: whole(topic, base), name: called(topic), what }
    }
}

/// What comes on a topic.
enum What {
    /// Values, which no longer hold after such a silence.
    Values(Option<Micros>),
    /// Words of presence.
    Presence(StatusRules),
    /// What the device is told.
    Commands,
}

impl Fleet {
    /// A message that announces topics.
    pub(super) fn discovery(&mut self, arrival: &Arrival, sought: &Sought, read: &mut Decoded, now: Now) {
        let at = usize::from(sought.stream);
        let moment = self.link.moment(now.mono);
        let limits = self.rules.limits;
        let is_small = arrival.payload.len() <= limits.payload_bytes_max;
        let bounds = crate::classify::bounds(&limits);
        let text = match read.read(arrival.payload, &self.plans[at], bounds) {
            Ok(text) if is_small && !arrival.payload.is_empty() => text,
            // An empty message takes an announcement back; what it said of topics is still true of them.
            Ok(_) => return self.count_announcement(arrival, sought, Reasons::default(), moment),
            Err(malformed) => {
                let reasons =
                    if arrival.payload.is_empty() { Reasons::default() } else { malformed.reason.into() };
                return self.count_announcement(arrival, sought, reasons, moment);
            }
        };
        self.count_announcement(arrival, sought, Reasons::default(), moment);
        let Some(root) = read.document(text).root() else { return };
        let device = whose(root).unwrap_or_else(|| identity(&self.rules.streams[at], sought.topic));
        let kin = &self.rules.streams[at].kin;
        let stream = |name: &Option<Box<str>>| name.as_ref().and_then(|name| self.stream_named(name));
        let (values, presence) = (stream(&kin.state_stream), stream(&kin.availability_stream));
        let commands = stream(&kin.command_stream);
        for Found { topic, name, what } in announcements(root) {
            let (stream, status, expires) = match what {
                What::Values(expires) => (values, None, expires),
                What::Presence(status) => (presence, Some(status), None),
                What::Commands => (commands, None, None),
            };
            let Some(stream) = stream else { continue };
            let what =
                Announced { stream, device: device.as_str().into(), name: name.into(), status, expires };
            self.announce(&topic, what, now);
        }
    }

    fn announce(&mut self, topic: &str, mut what: Announced, now: Now) {
        if let Some(known) = self.topics.announced(topic.as_bytes()) {
            if self.rank(known) > self.rank(&what) {
                return;
            }
            if known.device != what.device && what.status.is_some() {
                // What several devices share says nothing of one of them.
                what.device = topic.rsplit_once('/').map_or(topic, |(parent, _)| parent).into();
            } else {
                what.expires = known.expires.into_iter().chain(what.expires).min();
            }
            if **known == what {
                return;
            }
        }
        if self.topics.make_room(topic.as_bytes()) {
            self.shapes.clear();
        }
        let known = *self.topics.get(topic.as_bytes());
        let before = known.slot.and_then(|guess| self.devices.still(guess));
        // Of a topic whose stream depends on the payload no device is remembered.
        let by_topic = || self.find(topic.rsplit_once('/').map_or(topic, |(parent, _)| parent));
        let before = before.or_else(|| (!known.is_certain()).then(by_topic).flatten());
        let device = what.device.clone();
        if !self.topics.announce(topic.as_bytes(), what) {
            self.stats.announcements_refused += 1;
            return;
        }
        // What was known of the topic was forgotten with that.
        self.shapes.forget(known.habit);
        if let Some(slot) = before {
            self.forget_mistaken(slot, &device);
        }
        if let Some(payload) = self.early.kept.remove(topic.as_bytes()) {
            self.hear_again(topic, &payload, now);
        }
    }

    /// A topic may be announced twice: who tells of presence there may show that as a value, too, and a value may be set
    /// where it is told.
    fn rank(&self, what: &Announced) -> u8 {
        let is_told = self.rules.streams[usize::from(what.stream)].kind == Kind::Info;
        if what.status.is_some() { 2 } else { u8::from(!is_told) }
    }

    /// A device that was only made of a kept message on a topic that turns out to be another's.
    fn forget_mistaken(&mut self, slot: u32, device: &str) {
        let is_mistaken = self.devices[slot as usize].as_ref().is_some_and(|known| {
            let is_unheard = known.roster.presence.state() == State::Unknown && known.last_message.is_none();
            is_unheard && *known.id != *device && !self.expected.contains(&known.id)
        });
        if is_mistaken {
            self.remove(slot);
        }
    }

    /// What the broker had sent before it sent the announcement.
    fn hear_again(&mut self, topic: &str, payload: &[u8], now: Now) {
        let known = *self.topics.get(topic.as_bytes());
        let found = self.decide(known.found, payload);
        let crate::topics::Found::Announced(stream) = found else { return };
        let kept = self.topics.announced(topic.as_bytes()).is_some_and(|what| self.homes.keeps(&what.device));
        if !kept {
            return;
        }
        let mut sought =
            Sought { is_piece: true, ..Sought::of((found, stream), topic, &known, &self.devices) };
        sought.announced = self.topics.announced(topic.as_bytes()).cloned();
        let arrival = Arrival { retain: true, ..Arrival::live(topic, payload) };
        self.hear(&arrival, &sought, &mut Decoded::default(), now);
    }
}

/// The value of a member by its name or its short name.
fn named<'a>(of: Leaf<'a>, long: &str, short: &str) -> Option<Leaf<'a>> {
    (of.is() == Is::Object).then(|| of.member(long).or_else(|| of.member(short))).flatten()
}

fn word<'a>(of: Leaf<'a>, long: &str, short: &str) -> Option<&'a str> {
    named(of, long, short).and_then(Leaf::word)
}

/// The device that announces: its first identifier, the address of its connection, or the entity's own id.
fn whose(root: Leaf<'_>) -> Option<String> {
    let device = named(root, "device", "dev");
    let first =
        |leaf: Leaf<'_>| leaf.word().or_else(|| leaf.members().find_map(Leaf::word)).map(str::to_owned);
    let identifier = device.and_then(|device| named(device, "identifiers", "ids")).and_then(first);
    let address = || {
        let connections = device.and_then(|device| named(device, "connections", "cns"))?;
        let pair = connections.members().next()?;
        pair.members().nth(1).and_then(Leaf::word).map(str::to_owned)
    };
    identifier.or_else(address).or_else(|| word(root, "unique_id", "uniq_id").map(str::to_owned))
}

/// Everything that a document announces: of one entity, or of all entities of a device.
fn announcements(root: Leaf<'_>) -> Vec<Found> {
    let base = word(root, "~", "~").unwrap_or("");
    let mut found = entity(root, base);
    let components = named(root, "components", "cmps");
    for component in components.into_iter().flat_map(Leaf::members) {
        found.extend(entity(component, base));
    }
    found
}

fn entity(of: Leaf<'_>, base: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let expires = named(of, "expire_after", "exp_aft").and_then(Leaf::number).and_then(span);
    for member in of.members().filter(|_| of.is() == Is::Object) {
        let (Some(kind), Some(topic)) = (told_by(member.key()), member.word()) else { continue };
        let what = match kind {
            Told::State => What::Values(expires),
            Told::More => What::Values(None),
            Told::Command => What::Commands,
        };
        found.push(Found::of(topic, base, what));
    }
    if let Some(topic) = word(of, "availability_topic", "avty_t") {
        let template = word(of, "availability_template", "avty_tpl");
        found.extend(availability(of, topic, template, base));
    }
    let Some(list) = named(of, "availability", "avty") else { return found };
    let one = (list.is() == Is::Object).then_some(list);
    let many = list.members().filter(|_| list.is() == Is::Array);
    for each in one.into_iter().chain(many) {
        let Some(topic) = word(each, "topic", "t") else { continue };
        found.extend(availability(each, topic, word(each, "value_template", "val_tpl"), base));
    }
    found
}

/// A topic that says whether somebody is there; none where its template is more than the name of a member.
fn availability(of: Leaf<'_>, topic: &str, template: Option<&str>, base: &str) -> Option<Found> {
    let at = match template {
        Some(template) => Some(member_of(template)?),
        None => None,
    };
    let available = word(of, "payload_available", "pl_avail").unwrap_or("online");
    let gone = word(of, "payload_not_available", "pl_not_avail").unwrap_or("offline");
    let words = vec![(available.into(), Statement::Online), (gone.into(), Statement::Gone(Departure::Will))];
    let status = StatusRules { at, words, ..StatusRules::default() };
    Some(Found::of(topic, base, What::Presence(status)))
}

/// What a member of an entity names a topic of.
enum Told {
    State,
    More,
    Command,
}

/// By the name of a member, long or short: `state_topic`, the topics of further values such as `brightness_state_topic`
/// and `json_attributes_topic`, and those of commands. That of presence is looked at apart.
fn told_by(name: &str) -> Option<Told> {
    // That of a trigger or a picture.
    if matches!(name, "topic" | "t") {
        return Some(Told::More);
    }
    let stem = name.strip_suffix("_topic").or_else(|| name.strip_suffix("_t"))?;
    let command = stem.starts_with("set_") || stem.ends_with("command") || stem.ends_with("cmd");
    Some(match stem {
        "availability" | "avty" => return None,
        "state" | "stat" => Told::State,
        _ if command => Told::Command,
        _ => Told::More,
    })
}

/// `{{ value_json.state }}` and `{{ value_json['state'] }}` as paths.
fn member_of(template: &str) -> Option<Path> {
    let inner = template.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    Path::parse(&format!("${}", inner.strip_prefix("value_json")?)).ok().filter(|path| !path.is_many())
}

/// A topic may begin or end with the base that all topics of a document share.
fn whole(topic: &str, base: &str) -> String {
    match (topic.strip_prefix('~'), topic.strip_suffix('~')) {
        (Some(rest), _) => format!("{base}{rest}"),
        (None, Some(rest)) => format!("{rest}{base}"),
        (None, None) => topic.to_owned(),
    }
}

/// What a plain value on a topic is called: what stands beside the base, else the levels that tell. Devices announce a topic
/// for each value, and many of them end alike: in a last level that says nothing, or in one for each of several channels.
fn called(topic: &str) -> String {
    const BARE: [&str; 5] = ["state", "status", "value", "get", "current"];
    let rest = topic.strip_prefix("~/").or_else(|| topic.strip_suffix("/~"));
    let levels: Vec<&str> = rest.unwrap_or(topic).split('/').collect();
    let is_bare = levels.len() > 1 && levels.last().is_some_and(|last| BARE.contains(last));
    let telling = &levels[..levels.len() - usize::from(is_bare)];
    let count = match (rest, telling.len()) {
        (Some(_), all) => all,
        (None, 4..) => 2,
        (None, _) => 1,
    };
    telling[telling.len().saturating_sub(count)..].join("/")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 s to a year")]
fn span(seconds: f64) -> Option<Micros> {
    const LONGEST: f64 = 366.0 * 86_400.0;
    (1.0..=LONGEST).contains(&seconds).then_some((seconds * SECOND as f64) as Micros)
}
