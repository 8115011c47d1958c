//! The families of commands, alarms and events over the whole fleet. Names come from strangers and are bounded where
//! they are counted.

use super::look::Totals;
use super::{Family, Watched, Write};
use crate::sample::{Desc, Writer};
use crate::tally::{CommandCounts, Commands};

/// Families, once a broker.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        desc: Desc::counter(
            "mqtt_commands_total",
            "Commands that were sent, by name; a request that comes twice is one.",
        ),
        write: Write::Broker(|desc, one, _, out| by_name(desc, one, out, |counts| Some(counts.sent))),
    },
    Family {
        desc: Desc::counter(
            "mqtt_commands_qos0_total",
            "Commands that were published at QoS 0 and can be lost unnoticed.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            by_name(desc, one, out, |counts| Some(counts.qos0).filter(|count| *count > 0));
        }),
    },
    Family {
        desc: Desc::counter(
            "mqtt_command_responses_total",
            "Answers that belong to a command, late ones included.",
        ),
        write: Write::Broker(|desc, one, _, out| responses(desc, one, out)),
    },
    Family {
        desc: Desc::histogram(
            "mqtt_command_response_seconds",
            "Time from command to answer, by their arrival.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            for (command, counts) in &commands(one).by_name {
                if counts.times.histogram().count() > 0 {
                    let labels = [("broker", one.name()), ("command", &**command)];
                    out.histogram(desc.name, &labels, counts.times.histogram());
                }
            }
        }),
    },
    Family {
        desc: Desc::histogram(
            "mqtt_command_device_seconds",
            "What the devices say that their commands took.",
        ),
        write: Write::Broker(|desc, one, _, out| {
            let times = commands(one).device.histogram();
            if times.count() > 0 {
                out.histogram(desc.name, &[("broker", one.name())], times);
            }
        }),
    },
    Family {
        desc: Desc::gauge("mqtt_commands_pending", "Commands that wait for an answer."),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.pending_commands() as u64)),
    },
    Family {
        desc: Desc::gauge("mqtt_commands_waiting", "Those of them that wait for a device that is offline."),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.waiting_commands() as u64)),
    },
    Family {
        desc: Desc::counter("mqtt_command_timeouts_total", "Commands without an answer in time."),
        write: Write::Broker(|desc, one, _, out| by_name(desc, one, out, |counts| Some(counts.timeouts))),
    },
    count("mqtt_command_orphan_responses_total", "Answers that belong to no command."),
    count("mqtt_command_late_responses_total", "Answers after the time-out."),
    count("mqtt_command_repeated_requests_total", "Requests that came twice, byte by byte."),
    count("mqtt_command_reused_ids_total", "Requests with the id of another that waited."),
    count("mqtt_command_repeated_responses_total", "Answers to what had its answer."),
    Family {
        desc: Desc::counter(
            "mqtt_command_faults_total",
            "Requests and answers that break a rule, by its cause.",
        ),
        write: Write::Broker(|desc, one, _, out| faults(desc, one, out)),
    },
    Family {
        desc: Desc::counter("mqtt_alarm_transitions_total", "Transitions of alarms, by type and priority."),
        write: Write::Broker(|desc, one, _, out| transitions(desc, one, out)),
    },
    Family {
        desc: Desc::gauge("mqtt_alarms_active", "Alarms that are active, by type and priority."),
        write: Write::Totals(|desc, one, totals, out| alarms(desc, one, totals, out, |counts| counts.0)),
    },
    Family {
        desc: Desc::gauge("mqtt_alarms_unacknowledged", "Those of them that nobody has acknowledged."),
        write: Write::Totals(|desc, one, totals, out| alarms(desc, one, totals, out, |counts| counts.1)),
    },
    Family {
        desc: Desc::counter("mqtt_events_total", "Events, by the words of the payload or of the topic."),
        write: Write::Broker(|desc, one, _, out| events(desc, one, out)),
    },
    count(
        "watchkeeper_commands_dropped_total",
        "Commands beyond pending_max, given up before they were answered.",
    ),
    Family {
        desc: Desc::counter("watchkeeper_alarms_refused_total", "Alarms for which their device had no room."),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, one.fleet.stats.tally.alarms_refused)),
    },
];

/// A family of one count.
const fn count(name: &'static str, help: &'static str) -> Family {
    Family {
        desc: Desc::counter(name, help),
        write: Write::Broker(|desc, one, _, out| lone(desc, one, out, counted(desc, one))),
    }
}

/// Which count a family shows.
fn counted(desc: &Desc, one: &Watched) -> u64 {
    let of = commands(one);
    match desc.name {
        "mqtt_command_orphan_responses_total" => of.orphans,
        "mqtt_command_late_responses_total" => of.late,
        "mqtt_command_repeated_requests_total" => of.repeated,
        "mqtt_command_reused_ids_total" => of.ids_reused,
        "mqtt_command_repeated_responses_total" => of.answered_again,
        _ => of.dropped,
    }
}

fn commands(one: &Watched) -> &Commands {
    &one.fleet.stats.tally.commands
}

fn lone(desc: &Desc, one: &Watched, out: &mut Writer, value: u64) {
    out.sample(desc.name, "", &[("broker", one.name())], value as f64);
}

fn by_name(desc: &Desc, one: &Watched, out: &mut Writer, value: fn(&CommandCounts) -> Option<u64>) {
    for (command, counts) in &commands(one).by_name {
        if let Some(value) = value(counts) {
            out.sample(desc.name, "", &[("broker", one.name()), ("command", command)], value as f64);
        }
    }
}

fn responses(desc: &Desc, one: &Watched, out: &mut Writer) {
    for (command, counts) in &commands(one).by_name {
        for (status, count) in &counts.answers {
            let labels = [("broker", one.name()), ("command", &**command), ("status", &**status)];
            out.sample(desc.name, "", &labels, *count as f64);
        }
    }
}

fn faults(desc: &Desc, one: &Watched, out: &mut Writer) {
    let Commands { request_faults, response_faults, .. } = commands(one);
    for (direction, causes) in [("request", request_faults), ("response", response_faults)] {
        for (cause, count) in causes {
            let labels = [("broker", one.name()), ("direction", direction), ("cause", &**cause)];
            out.sample(desc.name, "", &labels, *count as f64);
        }
    }
}

fn transitions(desc: &Desc, one: &Watched, out: &mut Writer) {
    for ((kind, priority), transitions) in &one.fleet.stats.tally.alarms {
        for (transition, count) in transitions {
            let labels = [
                ("broker", one.name()),
                ("type", &**kind),
                ("priority", &**priority),
                ("transition", &**transition),
            ];
            out.sample(desc.name, "", &labels, *count as f64);
        }
    }
}

fn alarms(desc: &Desc, one: &Watched, totals: &Totals, out: &mut Writer, value: fn((u64, u64)) -> u64) {
    for ((kind, priority), counts) in &totals.alarms {
        let labels = [("broker", one.name()), ("type", &**kind), ("priority", &**priority)];
        out.sample(desc.name, "", &labels, value(*counts) as f64);
    }
}

fn events(desc: &Desc, one: &Watched, out: &mut Writer) {
    for ((stream, event), count) in &one.fleet.stats.tally.events {
        let labels = [("broker", one.name()), ("stream", &**stream), ("event", &**event)];
        out.sample(desc.name, "", &labels, *count as f64);
    }
}
