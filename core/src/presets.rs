//! The built-in streams: the temperature-controller fleet (`plant`) and the generic stream that takes
//! whatever else arrives. Nothing here may be reachable only through a preset: each line could be written
//! in a config file.

use crate::expr::{CrossCheck, Expect};
use crate::names::Pattern;
use crate::path::Path;
use crate::rules::{Format, Kind, StreamRules};
use crate::time::SECOND;

/// The names of all presets.
pub const ALL: &[&str] = &["plant"];

/// Name of the stream that takes what no other takes.
pub const GENERIC: &str = "generic";

/// The streams of a preset, or none if there is no such preset.
pub fn streams(preset: &str) -> Option<Vec<StreamRules>> {
    (preset == "plant").then(plant)
}

/// What takes everything that no other stream takes, where no stream is configured.
pub fn generic() -> StreamRules {
    StreamRules::new(GENERIC, pattern("#"))
}

fn plant() -> Vec<StreamRules> {
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

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("the built-in patterns are valid, as a test shows")
}

#[expect(clippy::unnecessary_wraps, reason = "every setting that takes a path may also be without one")]
fn path(text: &str) -> Option<Path> {
    Some(Path::parse(text).expect("the built-in paths are valid, as a test shows"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_can_be_built() {
        for preset in ALL {
            assert!(!streams(preset).unwrap().is_empty());
        }
        assert_eq!(streams("nonsense").map(|s| s.len()), None);
        assert_eq!(&*generic().name, GENERIC);
    }
}
