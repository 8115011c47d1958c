//! The temperature-controller fleet: streams below `{site...}/{device}/`, with the checks that the fleet's own validator
//! makes. Nothing here may be reachable only through a preset.

use super::{path, pattern};
use crate::expr::{CrossCheck, Expect};
use crate::rules::{Format, Kind, StreamRules};
use crate::time::SECOND;

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let stream = |name: &str, rest: &str, kind: Kind| StreamRules {
        kind,
        format: Format::Json,
        ..StreamRules::new(name, pattern(&format!("{{site...}}/{{device}}/{rest}")))
    };
    vec![
        temperature(stream("temperature", "telemetry/temperature", Kind::Telemetry)),
        StreamRules { timestamp: path("$.timestamp"), ..stream("system", "telemetry/system", Kind::System) },
        StreamRules {
            timestamp: path("$.timestamp"),
            sequence: path("$.sequence"),
            format: Format::Auto,
            ..stream("telemetry", "telemetry/{channel}", Kind::Telemetry)
        },
        stream("command", "command/request", Kind::Command),
        stream("response", "command/response", Kind::Response),
        stream("alarm", "alarm/{state}", Kind::Alarm),
        StreamRules { format: Format::Auto, ..stream("event", "event/{what}", Kind::Event) },
        StreamRules { format: Format::Auto, ..stream("state", "state/{what}", Kind::Event) },
    ]
}

/// The checks that the fleet's own validator makes on its 60-point telemetry.
fn temperature(stream: StreamRules) -> StreamRules {
    StreamRules {
        timestamp: path("$.timestamp"),
        max_age: Some(60 * SECOND),
        sequence: path("$.sequence"),
        points: path("$.points.*"),
        point_value: path("temp"),
        point_status: path("status"),
        point_min: Some(45),
        range: Some((-50.0, 200.0)),
        statuses: ["OK", "ERROR", "DISCONNECTED"].map(Into::into).to_vec(),
        cross_checks: vec![CrossCheck {
            member: path("$.summary.active_points").expect("the constant is a path"),
            expect: Expect::parse("count(status == 'OK')").expect("the constant is an expression"),
        }],
        ..stream
    }
}
