//! What commands, answers and alarms say of themselves: the outermost members of a JSON payload, under the names that
//! fleets give them. It is bounded, tells no values beyond these, and must never fail.

use serde_json::Value as Json;

/// A longer payload is hashed and not read.
const BYTES_MAX: usize = 65_536;
/// So many names of parameters are told, and so many characters of each.
const PARAMETERS_MAX: usize = 16;
const PARAMETER_CHARS_MAX: usize = 64;

/// A part and the names that it may stand under, the better one first.
pub(super) type Part = &'static [&'static str];

pub(super) const MESSAGE_ID: Part = &["message_id", "messageId", "msg_id"];
pub(super) const COMMAND_ID: Part = &["cmd_id", "command_id", "cmdId", "request_id", "correlation_id"];
pub(super) const COMMAND: Part = &["command", "cmd", "action", "method"];
pub(super) const SOURCE: Part = &["source", "user", "operator", "acknowledged_by", "origin"];
pub(super) const STATUS: Part = &["status", "result"];
pub(super) const SUCCESS: Part = &["success", "ok"];
pub(super) const REASON: Part = &["reason", "error", "error_message", "message"];
pub(super) const ALARM_ID: Part = &["alarm_id", "alarmId", "id"];
pub(super) const ALARM: Part = &["alarm_type", "alarmType", "alarm", "type"];
pub(super) const EVENT: Part = &["event", "event_type", "type", "action"];
pub(super) const POINT: Part = &["point_id", "pointId", "point"];
pub(super) const POINT_NAME: Part = &["point_name", "pointName"];
pub(super) const PRIORITY: Part = &["priority", "severity"];
pub(super) const TRANSITION: Part = &["state_transition", "stateTransition", "transition"];
pub(super) const VALUE: Part = &["temperature", "value"];
pub(super) const THRESHOLD: Part = &["threshold", "limit"];
pub(super) const MADE: Part = &["cmd_timestamp", "timestamp", "ts"];
pub(super) const TOOK: Part = &["execution_time", "execution_time_ms"];
const PARAMETERS: Part = &["parameters", "params"];

/// A payload that is an object; nothing is known of every other.
#[derive(Debug, Default)]
pub(super) struct Envelope(Json);

impl Envelope {
    /// Reads a payload; the error says why there is nothing to tell.
    pub(super) fn read(payload: &[u8]) -> Result<Self, String> {
        if payload.len() > BYTES_MAX {
            return Err("the payload is too long to be read".to_owned());
        }
        // The reader gives up at a depth of 128.
        serde_json::from_slice(payload).map(Self).map_err(|error| {
            format!("the payload is no JSON from line {} column {} on", error.line(), error.column())
        })
    }

    /// A part that is text, a number or a truth, as text; empty without it.
    pub(super) fn text(&self, part: Part) -> String {
        let scalar = |name: &&str| match self.0.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            Json::Bool(yes) => Some(yes.to_string()),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        part.iter().find_map(scalar).unwrap_or_default()
    }

    /// A part that is a number.
    pub(super) fn number(&self, part: Part) -> Option<f64> {
        part.iter().find_map(|name| self.0.get(name)?.as_f64())
    }

    /// A part that is a truth.
    pub(super) fn truth(&self, part: Part) -> Option<bool> {
        part.iter().find_map(|name| self.0.get(name)?.as_bool())
    }

    /// The names of the parameters, as one text. Their values are the payload's, which is not ours to tell.
    pub(super) fn parameters(&self) -> String {
        let Some(Json::Object(given)) = PARAMETERS.iter().find_map(|name| self.0.get(name)) else {
            return String::new();
        };
        let short = |name: &String| name.chars().take(PARAMETER_CHARS_MAX).collect::<String>();
        let mut names: Vec<String> = given.keys().take(PARAMETERS_MAX).map(short).collect();
        if given.len() > PARAMETERS_MAX {
            names.push(format!("{} more", given.len() - PARAMETERS_MAX));
        }
        names.join(", ")
    }
}
