//! `ThingsBoard`: gateways name their devices in the payload; a device that connects itself is only known by its token, which
//! no topic shows. Nothing here may make one device of all.

use super::{json, list, means, path, stream};
use crate::rules::{Kind, Statement, StreamRules};
use crate::trackers::presence::Departure;

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let gateway = |kind, name: &str, what: &str, device: &str| {
        json(stream(kind, name, &format!("v1/gateway/{what}"), device))
    };
    let mut connect = gateway(Kind::Presence, "thingsboard_connect", "connect", "$.device");
    connect.status = Some(Box::new(means(Statement::Online)));
    let mut disconnect = gateway(Kind::Presence, "thingsboard_disconnect", "disconnect", "$.device");
    disconnect.status = Some(Box::new(means(Statement::Gone(Departure::Disconnect))));
    // Of several readings in one message the first is looked at.
    let mut values = gateway(Kind::Telemetry, "thingsboard_gateway", "telemetry", "$.*");
    values.timestamp = path("$[0].ts");
    values.points = path("$[0].values.*");
    let mut own = json(stream(Kind::Telemetry, "thingsboard", "v1/devices/me/telemetry", "v1/devices/me"));
    own.timestamp = path("$.ts");
    own.points_below = path("$.values");
    // Where several readings come as a list, each has its own.
    own.no_points = list(&["ts"]);
    vec![
        connect,
        disconnect,
        values,
        gateway(Kind::Telemetry, "thingsboard_gateway_attributes", "attributes", "$.*"),
        gateway(Kind::Info, "thingsboard_gateway_rpc", "rpc", "$.device"),
        // What is asked of the platform and what it answers.
        stream(Kind::Info, "thingsboard_gateway_asked", "v1/gateway/#", "v1/gateway"),
        own,
        json(stream(Kind::Telemetry, "thingsboard_attributes", "v1/devices/me/attributes", "v1/devices/me")),
        stream(Kind::Info, "thingsboard_rpc", "v1/devices/me/#", "v1/devices/me"),
    ]
}
