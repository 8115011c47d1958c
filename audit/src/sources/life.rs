//! Our own life as records: what this program did, and what befell it. A constructor for each event, so that its
//! name, type and level stand in one place; no other file may write one of these words.

use crate::record::{Draft, Key, Kind, Level};
use watchkeeper_core::time::{Micros, Wall, seconds};

/// Who asked for something, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The user's name; empty where nobody had to say one.
    pub user: &'a str,
    /// The address of the peer; empty for the command line.
    pub source_ip: &'a str,
}

/// A segment, or what is said of one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Segment<'a> {
    /// The name of the file.
    pub file: &'a str,
    /// First sequence number in it.
    pub first: u64,
    /// Last sequence number in it.
    pub last: u64,
    /// Length of its lines, uncompressed.
    pub bytes: u64,
    /// SHA-256 of its lines, hexadecimal.
    pub sha256: &'a str,
}

fn system(at: Wall, level: Level, event: &'static str) -> Draft {
    Draft::new(at, level, Kind::System, event)
}

fn security(at: Wall, level: Level, event: &'static str) -> Draft {
    Draft::new(at, level, Kind::Security, event)
}

impl Asker<'_> {
    fn on(self, draft: Draft) -> Draft {
        draft.text(Key::User, self.user).text(Key::SourceIp, self.source_ip)
    }
}

impl Segment<'_> {
    fn on(self, draft: Draft) -> Draft {
        draft
            .text(Key::File, self.file)
            .int(Key::First, self.first)
            .int(Key::Last, self.last)
            .int(Key::Bytes, self.bytes)
            .text(Key::Sha256, self.sha256)
    }
}

/// The program runs.
pub fn started(at: Wall, version: &str, pid: u32) -> Draft {
    system(at, Level::Info, "started").text(Key::Version, version).text(Key::Details, &format!("pid {pid}"))
}

/// The program ends as it was asked to; the last record of its life.
pub fn stopped(at: Wall, reason: &str) -> Draft {
    system(at, Level::Info, "stopped").text(Key::Reason, reason)
}

/// The configuration was read again: taken, or refused with the reason.
pub fn config_reloaded(at: Wall, refused: Option<&str>, details: &str) -> Draft {
    let level = if refused.is_some() { Level::Warn } else { Level::Info };
    let result = if refused.is_some() { "failure" } else { "success" };
    system(at, level, "config_reloaded")
        .text(Key::Result, result)
        .text(Key::Reason, refused.unwrap_or_default())
        .text(Key::Details, details)
}

/// From here on we did not hear the broker; `at` is when that began.
pub fn outage_began(at: Wall, broker: &str, reason: &str) -> Draft {
    system(at, Level::Warn, "outage_began").text(Key::Broker, broker).text(Key::Reason, reason)
}

/// We hear it again.
pub fn outage_ended(at: Wall, broker: &str, lasted: Micros, reason: &str) -> Draft {
    system(at, Level::Info, "outage_ended")
        .text(Key::Broker, broker)
        .text(Key::Reason, reason)
        .float(Key::Seconds, seconds(lasted))
}

/// A broker is heard for the first time since the start, or since a reload made its connection anew, after so long.
pub fn watching_began(at: Wall, broker: &str, waited: Micros) -> Draft {
    system(at, Level::Info, "watching_began").text(Key::Broker, broker).float(Key::Seconds, seconds(waited))
}

/// This process stood still from `at` on: what happened meanwhile was seen late.
pub fn stood_still(at: Wall, lasted: Micros) -> Draft {
    system(at, Level::Warn, "stood_still").float(Key::Seconds, seconds(lasted))
}

/// A segment was closed, and another begun.
pub fn rotated(at: Wall, segment: Segment<'_>, reason: &str) -> Draft {
    segment.on(system(at, Level::Info, "rotated")).text(Key::Reason, reason)
}

/// A segment was deleted, as the configuration asks.
pub fn pruned(at: Wall, segment: Segment<'_>, reason: &str) -> Draft {
    segment.on(system(at, Level::Info, "pruned")).text(Key::Reason, reason)
}

/// A torn line at the end of a segment was cut off at the start.
pub fn recovered(at: Wall, file: &str, bytes_cut: u64, details: &str) -> Draft {
    system(at, Level::Warn, "recovered")
        .text(Key::File, file)
        .int(Key::Bytes, bytes_cut)
        .text(Key::Details, details)
}

/// The process ended before these records were signed, or they were put there since: from now on they are signed.
pub fn unsigned_kept(at: Wall, file: &str, first: u64, last: u64) -> Draft {
    system(at, Level::Info, "unsigned_kept")
        .text(Key::File, file)
        .int(Key::First, first)
        .int(Key::Last, last)
        .text(Key::Details, "no checkpoint covered these records at the start; they are signed from now on")
}

/// Somebody searched the log over HTTP. The query must be masked.
pub fn searched(at: Wall, asker: Asker<'_>, query: &str, matches: u64) -> Draft {
    asker.on(system(at, Level::Info, "searched")).text(Key::Query, query).int(Key::Matches, matches)
}

/// Somebody took the log, or some of it, away. The query must be masked.
pub fn exported(at: Wall, asker: Asker<'_>, query: &str, matches: u64) -> Draft {
    asker.on(system(at, Level::Info, "exported")).text(Key::Query, query).int(Key::Matches, matches)
}

/// Somebody had everything known of a device deleted.
pub fn device_forgotten(at: Wall, asker: Asker<'_>, broker: &str, device: &str) -> Draft {
    asker.on(system(at, Level::Warn, "device_forgotten")).text(Key::Broker, broker).text(Key::Device, device)
}

/// Somebody said which sequence number is next.
pub fn sequence_set(
    at: Wall,
    asker: Asker<'_>,
    broker: &str,
    device: &str,
    stream: &str,
    next: u64,
) -> Draft {
    asker
        .on(system(at, Level::Warn, "sequence_set"))
        .text(Key::Broker, broker)
        .text(Key::Device, device)
        .text(Key::Stream, stream)
        .int(Key::First, next)
}

/// Somebody muted a device until a moment, or (none) let it be heard again.
pub fn muted(
    at: Wall,
    asker: Asker<'_>,
    broker: &str,
    device: &str,
    until: Option<Wall>,
    reason: &str,
) -> Draft {
    let event = if until.is_some() { "muted" } else { "unmuted" };
    let details = until.map_or(String::new(), |until| format!("until {}", crate::line::moment(until)));
    asker
        .on(system(at, Level::Warn, event))
        .text(Key::Broker, broker)
        .text(Key::Device, device)
        .text(Key::Reason, reason)
        .text(Key::Details, &details)
}

/// What was known of the fleet was lost or set aside, and tracking begins anew.
pub fn state_reset(at: Wall, asker: Asker<'_>, reason: &str, details: &str) -> Draft {
    asker.on(system(at, Level::Warn, "state_reset")).text(Key::Reason, reason).text(Key::Details, details)
}

/// The disk of the log is filling.
pub fn disk_low(at: Wall, bytes_free: u64, details: &str) -> Draft {
    system(at, Level::Warn, "disk_low").int(Key::Bytes, bytes_free).text(Key::Details, details)
}

/// The disk of the log is full: acknowledgements stop, or records are dropped, as `policy` says.
pub fn disk_full(at: Wall, bytes_free: u64, policy: &str) -> Draft {
    system(at, Level::Error, "disk_full").int(Key::Bytes, bytes_free).text(Key::Details, policy)
}

/// There is room again, after so long.
pub fn disk_resumed(at: Wall, bytes_free: u64, lasted: Micros) -> Draft {
    system(at, Level::Info, "disk_resumed").int(Key::Bytes, bytes_free).float(Key::Seconds, seconds(lasted))
}

/// The disk refused so many attempts to write, for this reason; nothing was lost by it.
pub fn write_failed(at: Wall, file: &str, reason: &str, count: u64) -> Draft {
    system(at, Level::Error, "write_failed")
        .text(Key::File, file)
        .text(Key::Reason, reason)
        .int(Key::Count, count)
}

/// The file that was being written was removed, renamed or shortened by somebody else.
pub fn file_replaced(at: Wall, file: &str, reason: &str) -> Draft {
    security(at, Level::Warn, "file_replaced").text(Key::File, file).text(Key::Reason, reason)
}

/// The broker did not keep our session: what it handed out in the time before may be missing.
pub fn session_lost(at: Wall, broker: &str, away: Micros) -> Draft {
    security(at, Level::Warn, "session_lost").text(Key::Broker, broker).float(Key::Seconds, seconds(away))
}

/// The log is shorter than what was signed: records are gone.
pub fn log_truncated(at: Wall, first: u64, last: u64, details: &str) -> Draft {
    security(at, Level::Error, "log_truncated")
        .int(Key::First, first)
        .int(Key::Last, last)
        .text(Key::Details, details)
}

/// Records that should be in the folder are not, or cannot be read.
pub fn records_missing(at: Wall, first: u64, last: u64, details: &str) -> Draft {
    security(at, Level::Error, "records_missing")
        .int(Key::First, first)
        .int(Key::Last, last)
        .text(Key::Details, details)
}

/// Records are not what they were when they were signed; `first` is the first of them as far as that is known.
pub fn log_altered(at: Wall, first: u64, last: u64, details: &str) -> Draft {
    security(at, Level::Error, "log_altered")
        .int(Key::First, first)
        .int(Key::Last, last)
        .text(Key::Details, details)
}

/// A file of the evidence is damaged, or not all there.
pub fn evidence_damaged(at: Wall, file: &str, details: &str) -> Draft {
    security(at, Level::Error, "evidence_damaged").text(Key::File, file).text(Key::Details, details)
}

/// The first key of the log, which belongs where an intruder cannot change it.
pub fn key_created(at: Wall, vkey: &str) -> Draft {
    security(at, Level::Info, "key_created").text(Key::New, vkey).text(Key::Fingerprint, vkey)
}

/// The log goes on with a key that its old one did not announce: it does not verify with the old one any more.
pub fn key_replaced(at: Wall, vkey: &str, reason: &str) -> Draft {
    security(at, Level::Error, "key_replaced")
        .text(Key::Reason, reason)
        .text(Key::New, vkey)
        .text(Key::Fingerprint, vkey)
}

/// Others could read the signing key, or it could not be changed in time.
pub fn key_at_risk(at: Wall, reason: &str) -> Draft {
    security(at, Level::Warn, "key_at_risk").text(Key::Reason, reason)
}

/// The log is not what was signed, as a verification while we ran found; `first` is the first record that is not.
pub fn not_intact(at: Wall, first: Option<u64>, details: &str) -> Draft {
    let draft = security(at, Level::Error, "not_intact").text(Key::Details, details);
    match first {
        Some(first) => draft.int(Key::First, first),
        None => draft,
    }
}

/// From this record on, checkpoints are signed with another key.
pub fn key_rotated(at: Wall, old: &str, new: &str, first: u64) -> Draft {
    security(at, Level::Info, "key_rotated")
        .text(Key::Old, old)
        .text(Key::New, new)
        .int(Key::First, first)
        .text(Key::Fingerprint, new)
}

/// The calendar was set: forwards, or backwards (negative).
pub fn clock_stepped(at: Wall, by_seconds: f64) -> Draft {
    system(at, Level::Warn, "clock_stepped").float(Key::Seconds, by_seconds)
}

/// Records were not written, because the configuration asks to drop what finds no room.
pub fn records_dropped(at: Wall, count: u64, reason: &str, details: &str) -> Draft {
    system(at, Level::Error, "records_dropped")
        .int(Key::Count, count)
        .text(Key::Reason, reason)
        .text(Key::Details, details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Format, encode};

    #[test]
    fn each_says_what_it_was_given() {
        let at = Wall(1_795_242_660_123_456);
        let line = |draft: Draft| encode(&draft, Format::Pipe).line(1);
        let head = "2026-11-21T06:31:00.123456Z | ";
        let segment = Segment { file: "audit-0.log", first: 0, last: 9, bytes: 1_000, sha256: "ab" };
        assert_eq!(
            line(rotated(at, segment, "size")),
            format!(
                "{head}INFO | SYSTEM | seq=1 | event=rotated | reason=size | first=0 | last=9 | bytes=1000 | file=audit-0.log | sha256=ab\n"
            )
        );
        assert_eq!(
            line(muted(at, Asker { user: "op", source_ip: "::1" }, "b", "d", Some(Wall(0)), "works")),
            format!(
                "{head}WARN | SYSTEM | seq=1 | event=muted | broker=b | device=d | user=op | source_ip=::1 | reason=works | details=\"until 1970-01-01T00:00:00.000000Z\"\n"
            )
        );
        assert_eq!(
            line(session_lost(at, "b", 90_000_000)),
            format!("{head}WARN | SECURITY | seq=1 | event=session_lost | broker=b | seconds=90.0\n")
        );
        assert_eq!(
            line(config_reloaded(at, Some("line 3"), "")),
            format!(
                "{head}WARN | SYSTEM | seq=1 | event=config_reloaded | result=failure | reason=\"line 3\"\n"
            )
        );
    }
}
