//! The families of single devices, made from their state when they are asked for, so that a forgotten device
//! leaves nothing behind. A level that is not known is not written.

use super::chosen::Lines;
use super::{Family, Watched, Write};
use crate::fleet::Device;
use crate::sample::Desc;
use crate::time::seconds;
use crate::trackers::cadence::Pace;
use crate::trackers::presence::State;

/// Families, once a device.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::gauge("mqtt_device_info", "What the topics say of a device."),
        write: Write::Device(info),
    },
    Family { desc: Desc::gauge("mqtt_device_up", "Whether the device speaks."), write: Write::Device(up) },
    Family {
        desc: Desc::gauge("mqtt_device_last_message_timestamp_seconds", "When the device last spoke."),
        write: Write::Device(|_, device, out| {
            if let Some(at) = device.last_message {
                out.lone(at.seconds());
            }
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_messages_total", "Live messages of the device."),
        write: Write::Device(|one, device, out| {
            paces(one, device, out, |pace| Some(pace.messages as f64));
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_connects_total", "Times the device came."),
        write: Write::Device(|_, device, out| {
            out.lone(f64::from(device.roster.presence.connects));
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_disconnects_total", "Times the device went."),
        write: Write::Device(|_, device, out| {
            out.lone(f64::from(device.roster.presence.disconnects));
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_flaps_total", "Times the device was nearly called offline."),
        write: Write::Device(|_, device, out| {
            out.lone(f64::from(device.roster.presence.flaps));
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_restarts_total", "Times the device started anew, by whatever sign."),
        write: Write::Device(|_, device, out| {
            if let Some(starts) = device.roster.starts() {
                out.lone(f64::from(starts));
            }
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_errors_total", "Messages of the device with an error, by reason."),
        write: Write::Device(errors),
    },
    Family {
        desc: Desc::gauge("mqtt_device_error_ratio", "Share of bad messages in the sliding window."),
        write: Write::Device(|_, device, out| {
            if let Some(ratio) = device.roster.errors.ratio() {
                out.lone(ratio);
            }
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_device_interval_seconds", "Mean time between two messages of the device."),
        write: Write::Device(|one, device, out| {
            paces(one, device, out, |pace| (pace.intervals > 0).then_some(pace.mean / 1e6));
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_device_interval_expected_seconds", "Expected time between two messages."),
        write: Write::Device(expected),
    },
    Family {
        desc: Desc::counter("mqtt_device_interval_deviations_total", "Messages that came early or late."),
        write: Write::Device(deviations),
    },
    Family {
        desc: Desc::gauge("mqtt_device_points", "Points of the device."),
        write: Write::Device(|_, device, out| {
            out.lone(device.roster.stuck.points() as f64);
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_device_points_stuck", "Points of the device whose value stands still."),
        write: Write::Device(|_, device, out| {
            out.lone(f64::from(device.roster.stuck.stuck()));
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_device_commands_pending", "Commands that wait for an answer of the device."),
        write: Write::Device(|_, device, out| {
            if let Some(pending) = device.roster.commands.pending() {
                out.lone(pending as f64);
            }
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_device_system_value", "What the device says of its own health."),
        write: Write::Device(system),
    },
    Family {
        desc: Desc::gauge("mqtt_point_stuck_since_timestamp_seconds", "Since when the value stands still."),
        write: Write::Device(stuck_since),
    },
    Family {
        desc: Desc::gauge("mqtt_point_value", "The last value of a point."),
        write: Write::Device(values),
    },
];

fn paces(one: &Watched, device: &Device, out: &mut Lines, value: fn(&Pace) -> Option<f64>) {
    for pace in device.roster.cadence.streams().iter() {
        if let (Some(rules), Some(value)) = (one.fleet.stream(pace.stream), value(pace)) {
            let labels = [("stream", &*rules.name)];
            out.sample(&labels, value);
        }
    }
}

fn info(one: &Watched, device: &Device, out: &mut Lines) {
    let mut labels = Vec::new();
    for (label, value) in one.fleet.rules().labels.iter().zip(device.labels.iter()) {
        if !value.is_empty() {
            labels.push((&**label, value));
        }
    }
    out.sample(&labels, 1.0);
}

fn up(_: &Watched, device: &Device, out: &mut Lines) {
    match device.roster.presence.state() {
        State::Unknown => {}
        State::Online => out.lone(1.0),
        State::Offline => out.lone(0.0),
    }
}

fn errors(_: &Watched, device: &Device, out: &mut Lines) {
    for (reason, count) in device.roster.errors.reasons() {
        let labels = [("reason", reason.as_str())];
        out.sample(&labels, *count as f64);
    }
}

fn expected(one: &Watched, device: &Device, out: &mut Lines) {
    for pace in device.roster.cadence.streams().iter() {
        let Some(rules) = one.fleet.stream(pace.stream).filter(|rules| rules.is_periodic()) else {
            continue;
        };
        if let Some(every) = pace.expected(rules) {
            let labels = [("stream", &*rules.name)];
            out.sample(&labels, seconds(every));
        }
    }
}

fn deviations(one: &Watched, device: &Device, out: &mut Lines) {
    for pace in device.roster.cadence.streams().iter() {
        let Some(rules) = one.fleet.stream(pace.stream).filter(|rules| rules.is_periodic()) else {
            continue;
        };
        for (direction, count) in [("early", pace.early), ("late", pace.late)] {
            let labels = [("stream", &*rules.name), ("direction", direction)];
            out.sample(&labels, f64::from(count));
        }
    }
}

fn system(one: &Watched, device: &Device, out: &mut Lines) {
    let names = one.fleet.names();
    for (field, value) in device.roster.system.fields() {
        let labels = [("field", names.get(field))];
        out.sample(&labels, value);
    }
}

/// A point is named by its stream too where two streams of the device have one of the same name.
fn stuck_since(one: &Watched, device: &Device, out: &mut Lines) {
    if device.roster.stuck.stuck() == 0 {
        return;
    }
    let names = one.fleet.names();
    for (stream, name, point) in device.roster.stuck.named(&names) {
        let (Some(since), Some(rules)) = (point.stuck_since(), one.fleet.stream(stream)) else { continue };
        let labels = [("stream", &*rules.name), ("point", &*name)];
        out.sample(&labels, one.fleet.link().wall(since).seconds());
    }
}

fn values(one: &Watched, device: &Device, out: &mut Lines) {
    if !one.fleet.rules().values {
        return;
    }
    let names = one.fleet.names();
    for (stream, name, point) in device.roster.stuck.named(&names) {
        let Some(rules) = one.fleet.stream(stream) else { continue };
        let labels = [("stream", &*rules.name), ("point", &*name)];
        out.sample(&labels, point.value);
    }
}
