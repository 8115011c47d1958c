//! `Zigbee2MQTT` with its usual base topic: `zigbee2mqtt/NAME`, where a name may have several levels, and the bridge that all
//! of them speak through. A battery sensor may be silent for a day and be well. Nothing here may take a topic of another
//! base.

use super::{json, list, named_by, path, status, stream, through, with_spaces};
use crate::rules::{Format, Kind, StreamRules};
use crate::time::SECOND;

const BRIDGE: &str = "zigbee2mqtt/bridge";

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let of_name = |kind, name: &str, rest: &str| {
        through(BRIDGE, stream(kind, name, &format!("zigbee2mqtt/{{name...}}{rest}"), "{name}"))
    };
    let mut bridge = stream(Kind::Presence, "zigbee2mqtt_bridge", "zigbee2mqtt/bridge/state", BRIDGE);
    bridge.status = status(Some("$.state"), &["online"], &["offline"]);
    let mut availability = of_name(Kind::Presence, "zigbee2mqtt_availability", "/availability");
    availability.status.clone_from(&bridge.status);
    // An empty message takes back what was kept of a name that is no more.
    let mut values = of_name(Kind::Telemetry, "zigbee2mqtt", "");
    values.timestamp = path("$.last_seen");
    // Versions of firmware are no measurement.
    values.no_points = list(&["update"]);
    // What `Zigbee2MQTT` itself allows devices on battery, which report by themselves: 25 hours. Of others, and of groups,
    // silence says nothing: a lamp that nobody uses has nothing to say.
    values.offline_after = Some(25 * 3600 * SECOND);
    values.offline_with = Some("battery".into());
    // What a remote was pressed for, in a word of its own.
    let mut action = of_name(Kind::Event, "zigbee2mqtt_action", "/action");
    action.format = Format::Text;
    let asked = |name: &str, rest: &str| {
        let mut stream = of_name(Kind::Info, name, rest);
        stream.kin.parent = None;
        stream
    };
    // Where each attribute has a topic of its own. A name may have levels, too, but what is said there is an object.
    let mut of_attribute =
        named_by("{attribute}", of_name(Kind::Telemetry, "zigbee2mqtt_attribute", "/{attribute}"));
    of_attribute.only.scalars = true;
    (of_attribute.offline_after, of_attribute.offline_with) =
        (values.offline_after, values.offline_with.clone());
    with_spaces(vec![
        bridge,
        json(stream(Kind::System, "zigbee2mqtt_health", "zigbee2mqtt/bridge/health", BRIDGE)),
        stream(Kind::Info, "zigbee2mqtt_about", "zigbee2mqtt/bridge/#", BRIDGE),
        availability,
        action,
        of_name(Kind::Info, "zigbee2mqtt_set", "/set"),
        of_name(Kind::Info, "zigbee2mqtt_get", "/get"),
        // Versions of firmware again, each on a topic of its own.
        of_name(Kind::Info, "zigbee2mqtt_update_installed", "/update-installed_version"),
        of_name(Kind::Info, "zigbee2mqtt_update_latest", "/update-latest_version"),
        asked("zigbee2mqtt_set_attribute", "/set/{attribute}"),
        asked("zigbee2mqtt_get_attribute", "/get/{attribute}"),
        of_attribute,
        named_by("{name}", values),
    ])
}
