//! What is audited and what is not, to be read by people. A record that is not listed here must not exist: tests hold
//! each source to the list, and docs/audited.md is written from it.

use crate::record::{Kind, Level};

/// An event that is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its word.
    pub event: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The levels that it may have.
    pub levels: &'static [Level],
    /// When it is written.
    pub when: &'static str,
}

const INFO: &[Level] = &[Level::Info];
const WARN: &[Level] = &[Level::Warn];
const ERROR: &[Level] = &[Level::Error];
const INFO_WARN: &[Level] = &[Level::Info, Level::Warn];
const WARN_ERROR: &[Level] = &[Level::Warn, Level::Error];

const fn of(kind: Kind, event: &'static str, levels: &'static [Level], when: &'static str) -> Entry {
    Entry { event, kind, levels, when }
}

/// Every event that is recorded, in the order of the types.
pub const AUDITED: &[Entry] = &[
    of(Kind::Connection, "client_connected", INFO, "the broker or its log says that a client came"),
    of(
        Kind::Connection,
        "client_disconnected",
        INFO_WARN,
        "the broker or its log says that a client went, and how",
    ),
    of(
        Kind::Connection,
        "client_refused",
        INFO_WARN,
        "a client was turned away for want of room, or before it said who it is",
    ),
    of(
        Kind::Connection,
        "session_expired",
        INFO,
        "the broker gave up the session of a client that was away for long",
    ),
    of(
        Kind::Connection,
        "failures_high",
        WARN,
        "too many of our own connections fail, over the window of `[errors]`",
    ),
    of(Kind::Connection, "failures_normal", INFO, "few enough do again"),
    of(Kind::Connection, "probe_failed", WARN, "three rounds of the probe in a row failed, with the cause"),
    of(Kind::Connection, "probe_restored", INFO, "all messages of the probe came back again"),
    of(Kind::Command, "command_requested", INFO, "a message on a stream of kind command"),
    of(
        Kind::Command,
        "command_answered",
        INFO_WARN,
        "a message on a stream of kind response; WARN when it says that the command failed, which a part of an answer does not",
    ),
    of(
        Kind::Command,
        "command_matched",
        INFO,
        "an answer was matched with its command, with the time it took",
    ),
    of(
        Kind::Command,
        "command_answered_late",
        WARN,
        "the same, but the command had timed out or was given up before",
    ),
    of(Kind::Command, "command_timed_out", WARN, "a command had no answer in its time"),
    of(Kind::Command, "command_orphan_response", WARN, "an answer belongs to no command that was seen"),
    of(Kind::Command, "command_repeated", INFO, "the same request came again, byte by byte"),
    of(Kind::Command, "command_id_reused", WARN, "another request has the id of one that still waits"),
    of(Kind::Command, "command_answered_again", WARN, "a command that had its answer was answered once more"),
    of(
        Kind::Command,
        "command_qos0",
        WARN,
        "a command was published at QoS 0 and can be lost unnoticed; once an hour and name",
    ),
    of(Kind::Command, "command_retained", WARN, "a command is retained: whoever subscribes gets it again"),
    of(
        Kind::Command,
        "commands_delivered",
        INFO_WARN,
        "the commands that waited for a device have had their answer or their time; WARN when not all were answered, or not in order",
    ),
    of(
        Kind::Command,
        "failures_high",
        WARN,
        "too many commands are refused or not answered, over the window of `[errors]`",
    ),
    of(Kind::Command, "failures_normal", INFO, "few enough do again"),
    of(Kind::Command, "sla_broken", WARN, "answers are slower than `commands.sla` promises"),
    of(Kind::Command, "sla_kept", INFO, "they are quick enough again, or too few to be judged"),
    of(Kind::Command, "request_invalid", WARN, "a request breaks its rules"),
    of(Kind::Command, "response_invalid", WARN, "an answer breaks its rules"),
    of(
        Kind::Alarm,
        "alarm_raised",
        WARN_ERROR,
        "a message on a stream of kind alarm says that it is active; ERROR when it is critical",
    ),
    of(Kind::Alarm, "alarm_cleared", INFO, "the same says that it is over"),
    of(Kind::Alarm, "alarm_acknowledged", INFO, "the same says that somebody has taken note"),
    of(Kind::Alarm, "alarm", WARN_ERROR, "the same says none of these in words that are understood"),
    of(Kind::Alarm, "alarm_changed", WARN, "an active alarm has another state or priority than it had"),
    of(Kind::Alarm, "alarm_flapping", WARN, "an alarm is raised again and again"),
    of(Kind::Alarm, "alarm_steady", INFO, "it no longer is"),
    of(Kind::Config, "config_message", INFO, "a message on a stream of kind config"),
    of(
        Kind::Config,
        "config_seen",
        INFO,
        "the first document on a topic of such a stream since the start, or since it was forgotten for want of memory",
    ),
    of(
        Kind::Config,
        "config_changed",
        INFO,
        "a value of the document is another than before, with both values; one record a value, at most 64 a message",
    ),
    of(Kind::Config, "config_removed", INFO, "an empty message removed the document"),
    of(
        Kind::Security,
        "client_refused",
        WARN,
        "a client was refused: bad user name or password, not allowed, bad protocol",
    ),
    of(Kind::Security, "publish_denied", WARN, "a client was not allowed to publish"),
    of(Kind::Security, "subscribe_denied", WARN, "a client was not allowed to subscribe"),
    of(
        Kind::Security,
        "topic_not_text",
        WARN,
        "the broker handed over a message whose topic is no UTF-8, which it must not",
    ),
    of(
        Kind::Security,
        "broker_log_lost",
        WARN,
        "the broker's log file was replaced while we were away, and what it held last is not at hand",
    ),
    of(
        Kind::Security,
        "session_lost",
        WARN,
        "the broker did not keep our session: what it handed out meanwhile may be missing",
    ),
    of(
        Kind::Security,
        "file_replaced",
        WARN_ERROR,
        "the file that was being written was removed, renamed or shortened by somebody else; ERROR when records are gone",
    ),
    of(Kind::Security, "log_truncated", ERROR, "the log is shorter than what was signed"),
    of(
        Kind::Security,
        "not_intact",
        ERROR,
        "the log is not what was signed, as a verification at the start or the daily one found",
    ),
    of(Kind::Security, "log_altered", ERROR, "records are not what they were when they were signed"),
    of(
        Kind::Security,
        "records_missing",
        ERROR,
        "records that should be in the folder are not, or cannot be read",
    ),
    of(Kind::Security, "evidence_damaged", ERROR, "a file of the evidence is damaged, or not all there"),
    of(Kind::Security, "key_created", INFO, "the first key of the log was made"),
    of(Kind::Security, "key_rotated", INFO, "checkpoints are signed with another key from here on"),
    of(Kind::Security, "key_replaced", ERROR, "the log goes on with a key that the old one did not announce"),
    of(
        Kind::Security,
        "key_at_risk",
        WARN,
        "others could read the signing key, or it could not be changed in time",
    ),
    of(Kind::Delivery, "messages_dropped", WARN, "the broker's log says that it drops messages for a client"),
    of(Kind::Delivery, "gap", WARN, "sequence numbers are missing, and did not arrive within the window"),
    of(
        Kind::Delivery,
        "missed",
        WARN,
        "sequence numbers are missing from a time in which we were not listening",
    ),
    of(Kind::Delivery, "duplicate", INFO, "messages came whose numbers had come before; one record a run"),
    of(Kind::Delivery, "reordered", INFO, "messages came after later ones; one record a run"),
    of(
        Kind::Delivery,
        "no_sequence",
        WARN,
        "the numbers of a stream are in no order, and are not judged until they are",
    ),
    of(Kind::Delivery, "queue_high", WARN, "four fifths of what may wait for a client do"),
    of(Kind::Delivery, "queue_cleared", INFO, "three fifths or less do again"),
    of(Kind::Delivery, "queue_growing", WARN, "the queue of a client will be full within an hour"),
    of(Kind::Delivery, "queue_settled", INFO, "it will not be full within two"),
    of(Kind::Delivery, "queue_stale", WARN, "the oldest message in a queue has waited for an hour"),
    of(Kind::Delivery, "queue_fresh", INFO, "none has waited for half an hour"),
    of(
        Kind::Delivery,
        "queue_stuck",
        WARN,
        "the queue of a client that is there and misses nothing stays as it is for ten minutes: delivered, but not cleaned up",
    ),
    of(Kind::Delivery, "queue_moves", INFO, "it becomes shorter again, or the client went"),
    of(
        Kind::Delivery,
        "queue_drained",
        INFO_WARN,
        "after a client was back its queue became empty, with the time it took; WARN when commands were not answered in order",
    ),
    of(Kind::Delivery, "queue_dropped", WARN, "the broker dropped messages of a queue"),
    of(
        Kind::Delivery,
        "queue_expired",
        WARN,
        "a queue became shorter while its client was away: messages expired or were removed",
    ),
    of(Kind::Delivery, "queue_flapping", WARN, "a client was back five times within ten minutes"),
    of(Kind::Delivery, "queue_steady", INFO, "it was not for ten minutes"),
    of(
        Kind::Delivery,
        "probe_lost",
        WARN,
        "a message of the probe went out or was acknowledged by the broker, and did not come back",
    ),
    of(Kind::Delivery, "probe_delivers", INFO, "for three rounds in a row nothing was lost"),
    of(
        Kind::Delivery,
        "session_probe_failed",
        WARN,
        "the broker did not keep the session of the probe, or something that had waited for it is missing, twice there or out of order",
    ),
    of(Kind::Delivery, "session_probe_sound", INFO, "it was kept, and everything was there"),
    of(
        Kind::Delivery,
        "probe_retained_failed",
        WARN,
        "in three rounds of the probe in a row a retained message did not come to whoever subscribed after it, or could not be taken away",
    ),
    of(
        Kind::Delivery,
        "probe_retained_sound",
        INFO,
        "it came with its mark, and was gone when it was taken away",
    ),
    of(
        Kind::Delivery,
        "probe_retained_none",
        INFO,
        "what failed is over: the broker says, or shows by hanging up three times, that it keeps no retained messages",
    ),
    of(
        Kind::Delivery,
        "sla_broken",
        WARN,
        "messages of the probe are slower there and back than `probe.sla` promises",
    ),
    of(Kind::Delivery, "sla_kept", INFO, "they are quick enough again, or too few to be judged"),
    of(
        Kind::Delivery,
        "failures_high",
        WARN,
        "too many messages with sequence numbers are lost, over the window of `[errors]`",
    ),
    of(Kind::Delivery, "failures_normal", INFO, "few enough do again"),
    of(Kind::Device, "reset", WARN, "the sequence numbers of a device began anew: it restarted"),
    of(Kind::Device, "restart", WARN, "a device started anew, by its boot count, its uptime or its own word"),
    of(
        Kind::Device,
        "heap_fragmented",
        WARN,
        "the free heap of a device is in pieces too small to be of use",
    ),
    of(Kind::Device, "heap_sound", INFO, "it no longer is"),
    of(Kind::Device, "first_seen", INFO, "the first message of a device"),
    of(Kind::Device, "online", INFO, "a device speaks, or speaks again"),
    of(
        Kind::Device,
        "offline",
        WARN,
        "a device is gone: it was silent for too long, or its will, the broker or its parent says so; `reason` tells which",
    ),
    of(Kind::Device, "flap", WARN, "a device was silent for too long and came back within the hold-off"),
    of(Kind::Device, "late", WARN, "no message when one was due"),
    of(Kind::Device, "stuck", WARN, "a value stands still"),
    of(Kind::Device, "unstuck", INFO, "a value that stood still moves again"),
    of(Kind::Device, "forgotten", INFO, "a device was silent for so long that nothing of it is kept"),
    of(Kind::Device, "mute_ended", INFO, "the time for which a device was muted is over"),
    of(Kind::Device, "message", INFO, "a message on any other stream with audit = true"),
    of(Kind::Payload, "malformed", WARN, "a payload could not be read; sampled"),
    of(Kind::Payload, "invalid", WARN, "a payload breaks a rule of its stream; sampled"),
    of(Kind::Payload, "error_ratio_high", WARN, "too many of a device's messages are bad"),
    of(Kind::Payload, "error_ratio_normal", INFO, "few enough of them are again"),
    of(
        Kind::Payload,
        "failures_high",
        WARN,
        "too many messages of all devices are bad, over the window of `[errors]`",
    ),
    of(Kind::Payload, "failures_normal", INFO, "few enough do again"),
    of(Kind::System, "started", INFO, "the program runs"),
    of(Kind::System, "stopped", INFO, "the program ends as it was asked to"),
    of(
        Kind::System,
        "config_reloaded",
        INFO_WARN,
        "the configuration was read again; WARN when it was refused",
    ),
    of(
        Kind::System,
        "watching_began",
        INFO,
        "a broker is heard for the first time since the start or a reload; `seconds`: so long was it not",
    ),
    of(Kind::System, "outage_began", WARN, "a broker is no longer heard"),
    of(Kind::System, "outage_ended", INFO, "it is heard again"),
    of(Kind::System, "stood_still", WARN, "this process was stopped for a while, and saw late what happened"),
    of(Kind::System, "clock_stepped", WARN, "the calendar was set"),
    of(Kind::System, "rotated", INFO, "a segment of the log was closed"),
    of(Kind::System, "pruned", INFO, "a segment was deleted as the configuration asks"),
    of(Kind::System, "recovered", WARN, "a torn line at the end of the log was cut off at the start"),
    of(
        Kind::System,
        "unsigned_kept",
        INFO,
        "records that no checkpoint covered at the start; they are kept, and signed from now on",
    ),
    of(Kind::System, "write_failed", ERROR, "the disk refused to write; nothing was lost by it"),
    of(
        Kind::System,
        "records_dropped",
        ERROR,
        "records found no room, and the configuration says to drop them then",
    ),
    of(Kind::System, "disk_low", WARN, "the disk of the log is filling"),
    of(Kind::System, "disk_full", ERROR, "it is full"),
    of(Kind::System, "disk_resumed", INFO, "there is room again"),
    of(Kind::System, "searched", INFO, "somebody searched the log over HTTP"),
    of(Kind::System, "exported", INFO, "somebody took records away over HTTP"),
    of(Kind::System, "device_forgotten", WARN, "somebody had everything known of a device deleted"),
    of(Kind::System, "sequence_set", WARN, "somebody said which sequence number of a device is next"),
    of(Kind::System, "muted", WARN, "somebody muted a device"),
    of(Kind::System, "unmuted", WARN, "somebody let it be heard again before its time"),
    of(Kind::System, "state_reset", WARN, "what was known of the fleet was lost or set aside"),
];

/// What leaves no record, and why.
pub const NOT_AUDITED: &[(&str, &str)] = &[
    (
        "Messages of streams without `audit = true` whose kind is not command, response, alarm or config",
        "they are counted; what is wrong with them becomes a finding",
    ),
    (
        "Contents of payloads",
        "length and SHA-256 instead, unless a stream says that its payloads are kept; then without secrets, and 8 KiB at most",
    ),
    (
        "Findings that say what the record of a message says: alarms raised, acknowledged and cleared, changed settings",
        "one thing that happened is one record; `/api/findings` and the metrics have them",
    ),
    ("Values of command parameters", "they are part of the payload; their names are told"),
    (
        "Secrets",
        "values of keys that are called like secrets, user and password in addresses, tokens; they read `***`",
    ),
    (
        "What the broker did not hand over",
        "messages at QoS 0 while we were away, and what its own queue limits dropped; a lost session is a record",
    ),
    (
        "Clients of a broker whose log is not at hand",
        "over `$SYS/broker/log` Mosquitto hands out its log for 20 seconds only: what happened during a longer outage is missing; following its log file misses nothing",
    ),
    (
        "Searches and exports on the command line",
        "it only reads, and whoever may read the files needs no program for it",
    ),
    ("Questions to the other endpoints, scrapes, health checks", "they change nothing"),
    ("Our own diagnostics", "they go to the log of the program"),
    ("Bad payloads beyond the sample", "they are counted in `mqtt_errors_total`"),
];

/// True when an event may be recorded so.
pub fn is_listed(event: &str, kind: Kind, level: Level) -> bool {
    AUDITED.iter().any(|entry| entry.event == event && entry.kind == kind && entry.levels.contains(&level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_event_is_listed_twice_and_all_are_words_in_the_order_of_the_types() {
        for (at, entry) in AUDITED.iter().enumerate() {
            let same = |other: &Entry| other.event == entry.event && other.kind == entry.kind;
            assert!(!AUDITED[..at].iter().any(same), "{}", entry.event);
            assert_eq!(crate::line::event_word(entry.event), entry.event);
            assert!(!entry.levels.is_empty() && !entry.when.ends_with('.'), "{}", entry.event);
        }
        assert!(AUDITED.is_sorted_by_key(|entry| entry.kind));
    }

    /// Our own life has a constructor an event; its source names type, level and event side by side.
    #[test]
    fn every_event_of_our_own_life_is_listed() {
        let source = include_str!("life.rs");
        let source = &source[..source.find("#[cfg(test)]").expect("the file ends with its tests")];
        let mut found = 0;
        for (kind, call) in [(Kind::System, "system(at, "), (Kind::Security, "security(at, ")] {
            for rest in source.split(call).skip(1) {
                let end = rest.find(')').expect("a call ends");
                let (level, event) = rest[..end].split_once(", ").expect("a level and an event are given");
                // Where either depends on what happened, the tests of life.rs look at the record.
                let Some(event) = event.strip_prefix('"').and_then(|event| event.strip_suffix('"')) else {
                    continue;
                };
                let levels: Vec<Level> = match level.strip_prefix("Level::") {
                    Some(level) => Level::from_word(&level.to_uppercase()).into_iter().collect(),
                    None => vec![Level::Info, Level::Warn],
                };
                assert!(!levels.is_empty());
                for level in levels {
                    assert!(is_listed(event, kind, level), "{event} {level:?}");
                }
                found += 1;
            }
        }
        assert!(found > 20, "{found}");
    }
}
