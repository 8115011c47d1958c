//! Whose a message is, by its topic or its payload, and the labels that topics give. Nothing here may see a message.

use crate::names::{Level, Pattern};
use crate::path::Path;

/// Where the identity of a device comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceFrom {
    /// Text and captures, such as `{area}/{line}/{device}`.
    Topic(Box<[Part]>),
    /// A member of the payload; where it is missing, the topic without its last level, and an error.
    Payload(Path),
    /// A member of the payload where there is one, else the topic without its last level.
    PayloadOrTopic(Path),
    /// Each member of the payload is a device by its name, and what stands there is its message.
    Members,
}

/// A piece of an identity template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Taken as it is.
    Text(Box<str>),
    /// The n-th capture of the pattern.
    Capture(usize),
}

/// The member that names a device where no other is configured.
pub const DEVICE_ID: &str = "$.device_id";

/// The same, without the `$.`.
pub(crate) const DEVICE_MEMBER: &str = "device_id";

impl DeviceFrom {
    /// The `{device}` capture; without one, the payload's `device_id`, else the topic without its last level.
    pub fn by_default(pattern: &Pattern) -> Self {
        match pattern.captures().position(|name| name == "device") {
            Some(at) => Self::Topic(Box::new([Part::Capture(at)])),
            None => Self::PayloadOrTopic(Path::member(DEVICE_MEMBER)),
        }
    }

    /// Reads `device = "…"`: a path, or text with captures of `pattern`. The error says what is wrong.
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Self, String> {
        if text == "$.*" {
            return Ok(Self::Members);
        }
        if text.starts_with('$') {
            let path = Path::parse(text).map_err(|error| error.to_string())?;
            return if path.is_many() {
                Err("a device is one member of the payload, or each of its members: $.*".to_owned())
            } else {
                Ok(Self::Payload(path))
            };
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').ok_or("{ is never closed")? + open;
            let name = &rest[open + 1..close];
            let at = pattern.captures().position(|capture| capture == name).ok_or_else(|| {
                let known: Vec<&str> = pattern.captures().collect();
                format!("the filter has no capture {{{name}}}; it has {known:?}")
            })?;
            if open > 0 {
                parts.push(Part::Text(rest[..open].into()));
            }
            parts.push(Part::Capture(at));
            rest = &rest[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        if parts.is_empty() {
            return Err(
                "an identity needs a capture such as {device}, a path such as $.device_id, or a name"
                    .to_owned(),
            );
        }
        Ok(Self::Topic(parts.into()))
    }
}

/// Where a label of `mqtt_device_info` comes from in the topics of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelFrom {
    /// The n-th capture.
    Capture(usize),
    /// The level so far from the end (0: the last) of the n-th capture, which stands for many.
    FromEnd(usize, usize),
}

impl LabelFrom {
    /// Finds `label` among the captures; `area` and `line` are also the last two levels of `{site...}`.
    pub fn find(pattern: &Pattern, label: &str) -> Option<Self> {
        if let Some(at) = pattern.captures().position(|name| name == label) {
            return Some(Self::Capture(at));
        }
        let site = pattern.captures().position(|name| name == "site")?;
        let many =
            pattern.levels().iter().any(|level| matches!(level, Level::Many(name) if &**name == "site"));
        match label {
            "line" if many => Some(Self::FromEnd(site, 0)),
            "area" if many => Some(Self::FromEnd(site, 1)),
            _ => None,
        }
    }
}
