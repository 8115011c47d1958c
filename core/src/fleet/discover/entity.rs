//! What one document of Home Assistant's discovery says: the topics of an entity, or of all entities of a device, and what
//! comes on them. A template that is not understood says nothing, and nothing here may look at more than the document.

use crate::decode::{Is, Leaf};
use crate::path::Path;
use crate::rules::{Statement, StatusRules};
use crate::time::{Micros, SECOND};
use crate::trackers::presence::Departure;

/// One thing that was announced.
pub(super) struct Found {
    pub(super) topic: String,
    /// What a plain value there is called.
    pub(super) name: String,
    pub(super) what: What,
}

impl Found {
    fn of(topic: &str, base: &str, what: What) -> Self {
        let whole = whole(topic, base);
        let name = Some(called(topic)).filter(|name| !name.is_empty()).unwrap_or_else(|| called(&whole));
        Self { topic: whole, name, what }
    }
}

/// What comes on a topic.
pub(super) enum What {
    /// Values, which no longer hold after such a silence.
    Values(Option<Micros>),
    /// Words of presence.
    Presence(StatusRules),
    /// What the device is told.
    Commands,
}

/// The value of a member by its name or its short name.
fn named<'a>(of: Leaf<'a>, long: &str, short: &str) -> Option<Leaf<'a>> {
    (of.is() == Is::Object).then(|| of.member(long).or_else(|| of.member(short))).flatten()
}

fn word<'a>(of: Leaf<'a>, long: &str, short: &str) -> Option<&'a str> {
    named(of, long, short).and_then(Leaf::word)
}

/// The device that announces: its first identifier, the address of its connection, or the entity's own id.
pub(super) fn whose(root: Leaf<'_>) -> Option<String> {
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
pub(super) fn announcements(root: Leaf<'_>) -> Vec<Found> {
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
            // The topic of a trigger is pressed by somebody; that of a camera is full of pictures.
            Told::Plain if named(of, "automation_type", "atype").is_none() => What::Commands,
            Told::State => What::Values(expires),
            Told::Plain | Told::More => What::Values(None),
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
    Plain,
    State,
    More,
    Command,
}

/// By the name of a member, long or short: `state_topic`, the topics of further values such as `brightness_state_topic`
/// and `json_attributes_topic`, and those of commands. That of presence is looked at apart.
fn told_by(name: &str) -> Option<Told> {
    if matches!(name, "topic" | "t") {
        return Some(Told::Plain);
    }
    let stem = name.strip_suffix("_topic").or_else(|| name.strip_suffix("_t"))?;
    // A picture is no value.
    let command = matches!(stem, "image" | "img")
        || stem.starts_with("set_")
        || stem.ends_with("command")
        || stem.ends_with("cmd");
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
    let rest = topic.strip_prefix('~').or_else(|| topic.strip_suffix('~')).map(|rest| rest.trim_matches('/'));
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
