//! Home Assistant: what its discovery announces of topics of any form, and the birth and will of Home Assistant itself.
//! Nothing here may take a topic from a convention that names it.

use super::{json, only_status, status, stream, with_spaces};
use crate::rules::{Kind, StreamRules};

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut itself = stream(Kind::Presence, "homeassistant_status", "homeassistant/status", "homeassistant");
    itself.status = status(None, &["online"], &["offline"]);
    let mut availability = stream(
        Kind::Presence,
        "homeassistant_availability",
        "homeassistant/{component}/{object}/availability",
        "{object}",
    );
    availability.status = only_status(&["online"], &["offline"]);
    let state = "homeassistant/{component}/{object}/state";
    with_spaces(vec![
        itself,
        discovery("homeassistant_entity", "homeassistant/{component}/{object}/config"),
        discovery("homeassistant_node", "homeassistant/{component}/{node}/{object}/config"),
        availability,
        stream(Kind::Telemetry, "homeassistant_state", state, "{object}"),
        stream(Kind::Info, "homeassistant_set", "homeassistant/{component}/{object}/set", "{object}"),
    ])
}

fn discovery(name: &str, filter: &str) -> StreamRules {
    let mut stream = json(stream(Kind::Discovery, name, filter, "{object}"));
    stream.kin.command_stream = Some("homeassistant_set".into());
    stream.kin.state_stream = Some("homeassistant_state".into());
    stream.kin.availability_stream = Some("homeassistant_availability".into());
    stream
}
