//! Homie 3, 4 and 5: `homie/DEVICE/$state` and `homie/5/DEVICE/$state`, properties below, retained. Nothing here may take
//! a property that somebody sets for one that the device tells.

use super::{json, learned, named_by, prefixed, status, stream, through};
use crate::rules::{Kind, Statement, StatusRules, StreamRules, words};
use crate::trackers::presence::Departure;

/// Its streams.
pub(super) fn streams() -> Vec<StreamRules> {
    let mut of_three = vec![
        state("homie_state", "homie/{device}/$state"),
        online(),
        learned(named_by(
            "{what}",
            stream(Kind::System, "homie_stats", "homie/{device}/$stats/{what}", "{device}"),
        )),
        prefixed(
            "{node}/{property}",
            stream(Kind::Telemetry, "homie", "homie/{device}/{node}/{property}", "{device}"),
        ),
        stream(Kind::Info, "homie_set", "homie/{device}/{node}/{property}/set", "{device}"),
        stream(Kind::Info, "homie_attributes", "homie/{device}/#", "{device}"),
    ];
    // Attributes of the device and of its nodes look like properties and are none.
    let about = |(name, rest): (&str, &str)| {
        stream(Kind::Info, &format!("homie_{name}"), &format!("homie/{{device}}/{rest}"), "{device}")
    };
    let of_nodes = [
        ("firmware", "$fw/{what}"),
        ("implementation", "$implementation/{what}"),
        ("node_name", "{node}/$name"),
        ("node_type", "{node}/$type"),
        ("node_properties", "{node}/$properties"),
        ("node_array", "{node}/$array"),
    ];
    of_three.extend(of_nodes.map(about));
    let property = "homie/5/{device}/{node}/{property}";
    of_three.extend([
        state("homie5_state", "homie/5/{device}/$state"),
        prefixed("{node}/{property}", stream(Kind::Telemetry, "homie5", property, "{device}")),
        stream(Kind::Info, "homie5_set", "homie/5/{device}/{node}/{property}/set", "{device}"),
        stream(Kind::Event, "homie5_alert", "homie/5/{device}/$alert/{alert}", "{device}"),
        stream(Kind::Event, "homie5_log", "homie/5/{device}/$log/{level}", "{device}"),
        // A child goes with the device that it is part of.
        through(
            "$.parent",
            json(stream(Kind::Event, "homie5_description", "homie/5/{device}/$description", "{device}")),
        ),
        stream(Kind::Info, "homie5_broadcast", "homie/5/$broadcast/#", "homie/5"),
        stream(Kind::Info, "homie5_attributes", "homie/5/{device}/#", "{device}"),
    ]);
    of_three
}

fn state(name: &str, filter: &str) -> StreamRules {
    let words = words(&[
        ("ready", Statement::Online),
        ("init", Statement::Online),
        ("alert", Statement::Online),
        ("sleeping", Statement::Asleep),
        ("lost", Statement::Gone(Departure::Will)),
        ("disconnected", Statement::Gone(Departure::Disconnect)),
    ]);
    let mut stream = stream(Kind::Presence, name, filter, "{device}");
    stream.status = Some(Box::new(StatusRules { words, ..StatusRules::default() }));
    stream
}

/// Version 2 had this, and some still say both.
fn online() -> StreamRules {
    let mut stream = stream(Kind::Presence, "homie_online", "homie/{device}/$online", "{device}");
    stream.status = status(None, &["true"], &["false"]);
    stream
}
