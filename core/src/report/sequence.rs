//! The families of what sequence numbers and timestamps say. A device without them has no samples here: nothing is
//! known of its losses, and that is not 0.

use super::chosen::Lines;
use super::{Family, Watched, Write};
use crate::fleet::Device;
use crate::sample::{Desc, Writer};
use crate::trackers::sequence::Counts;

/// Families, once a broker or once a device.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::counter("mqtt_messages_lost_total", "Messages missing in the sequences of all devices."),
        write: Write::Broker(|desc, one, _, out| of_all(desc, one, out, one.fleet.stats.lost)),
    },
    Family {
        desc: Desc::counter(
            "mqtt_messages_missed_total",
            "Messages missing from times when we were not listening, which are nobody's loss.",
        ),
        write: Write::Broker(|desc, one, _, out| of_all(desc, one, out, one.fleet.stats.missed)),
    },
    Family {
        desc: Desc::counter(
            "mqtt_device_sequence_gaps_total",
            "Gaps that were not filled within the window.",
        ),
        write: Write::Device(|_, device, out| count(device, out, |counts| counts.gaps)),
    },
    Family {
        desc: Desc::counter("mqtt_device_messages_lost_total", "Messages missing in these gaps."),
        write: Write::Device(|_, device, out| count(device, out, |counts| counts.lost)),
    },
    Family {
        desc: Desc::counter(
            "mqtt_device_messages_missed_total",
            "Messages of the device missing from times when we were not listening.",
        ),
        write: Write::Device(|_, device, out| count(device, out, |counts| counts.missed)),
    },
    Family {
        desc: Desc::counter("mqtt_device_messages_duplicated_total", "Messages that came again."),
        write: Write::Device(|_, device, out| {
            count(device, out, |counts| counts.duplicated);
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_messages_reordered_total", "Messages that came after later ones."),
        write: Write::Device(|_, device, out| {
            count(device, out, |counts| counts.reordered);
        }),
    },
    Family {
        desc: Desc::counter("mqtt_device_sequence_resets_total", "Sequences that began anew."),
        write: Write::Device(|_, device, out| count(device, out, |counts| counts.resets)),
    },
    Family {
        desc: Desc::gauge(
            "mqtt_device_clock_skew_seconds",
            "How far the clock of the device is ahead of ours; negative: behind, or the shortest delay.",
        ),
        write: Write::Device(|_, device, out| {
            if let Some(seconds) = device.roster.skew.seconds() {
                out.lone(seconds);
            }
        }),
    },
];

/// Where no stream has sequence numbers, nothing is known.
fn of_all(desc: &Desc, one: &Watched, out: &mut Writer, count: u64) {
    if one.fleet.rules().streams.iter().any(|stream| stream.sequence.is_some()) {
        out.sample(desc.name, "", &[("broker", one.name())], count as f64);
    }
}

fn count(device: &Device, out: &mut Lines, value: fn(&Counts) -> u64) {
    if let Some(counts) = device.roster.sequence.counts() {
        out.lone(value(counts) as f64);
    }
}
