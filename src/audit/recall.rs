//! What the log knows and the saved state does not: requests and answers that were recorded after the state was saved
//! last, before a kill or while we stopped. Each is given to the fleet once, and what the log says already of what
//! became of them, or was found of devices, is not said again. Nothing here may write.

use super::said::Said;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use watchkeeper_audit::line::{self, fields};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::{Draft, Key, Value};
use watchkeeper_audit::sources::finding;
use watchkeeper_audit::sources::trace::{self, Trace};
use watchkeeper_audit::tail;
use watchkeeper_core::fleet::Missed;
use watchkeeper_core::report::Watched;
use watchkeeper_core::time::Wall;

/// What a record of a command says.
#[derive(Default)]
struct Page<'a> {
    event: Cow<'a, str>,
    broker: Cow<'a, str>,
    stream: Cow<'a, str>,
    device: Cow<'a, str>,
    topic: Cow<'a, str>,
    cmd: Cow<'a, str>,
    cmd_id: Cow<'a, str>,
    fingerprint: Cow<'a, str>,
    details: Cow<'a, str>,
    /// When it was seen, where that is another moment than its own.
    observed: Option<Wall>,
    qos: u8,
    is_command: bool,
    /// It is there before, or was kept by the broker.
    is_copy: bool,
}

impl<'a> Page<'a> {
    fn read(line: &'a str) -> Self {
        let mut page = Self::default();
        for (key, value) in fields(line) {
            match &*key {
                "type" => page.is_command = value == "COMMAND",
                "event" => page.event = value,
                "broker" => page.broker = value,
                "stream" => page.stream = value,
                "device" => page.device = value,
                "topic" => page.topic = value,
                "cmd" => page.cmd = value,
                "cmd_id" => page.cmd_id = value,
                "fingerprint" => page.fingerprint = value,
                "details" => page.details = value,
                "observed_at" => page.observed = line::parse_moment(&value),
                "qos" => page.qos = value.parse().unwrap_or(0),
                "dup" | "retain" => page.is_copy |= value == "true",
                _ => {}
            }
        }
        page
    }
}

/// What was said of commands, as often as the log has it.
#[derive(Default)]
struct Told(HashMap<(String, String, String), usize>);

impl Told {
    fn note(&mut self, page: &Page<'_>) {
        let key = (page.event.to_string(), page.device.to_string(), page.cmd_id.to_string());
        *self.0.entry(key).or_default() += 1;
    }

    /// Whether it was said of the command of a record.
    fn has(&self, event: &str, page: &Page<'_>) -> bool {
        self.0.contains_key(&(event.to_owned(), page.device.to_string(), page.cmd_id.to_string()))
    }

    /// Whether the log has this already; once for each that it has.
    fn is_told(&mut self, draft: &Draft) -> bool {
        let text = |key| match draft.get(key) {
            Some(Value::Text(text)) => text.to_string(),
            _ => String::new(),
        };
        let count = self.0.get_mut(&(draft.event.to_string(), text(Key::Device), text(Key::CmdId)));
        let is_told = count.as_ref().is_some_and(|count| **count > 0);
        if let Some(count) = count {
            *count = count.saturating_sub(1);
        }
        is_told
    }
}

/// Brings one broker up to the record before `end`. Gives records of what became true and is not in the log, and what
/// the log has of devices that the state does not know.
///
/// `mask` is what was hidden from the log: what is found is compared as it would stand there.
pub(crate) fn recall(
    dir: &Path,
    end: u64,
    watched: &mut Watched,
    mask: &Mask,
    now: Wall,
) -> (Vec<Draft>, Said) {
    let (mut told, mut said) = (Told::default(), Said::default());
    let Some(first) = watched.logged.next.replace(end).filter(|first| *first < end) else {
        watched.logged.taken.clear();
        return (Vec::new(), said);
    };
    let link = watched.fleet.link();
    let known = link.wall(link.known());
    let broker = watched.fleet.rules().broker.clone();
    // What became of a command stands behind the messages that it was found of, and decides what they are: hence twice.
    let read = each(dir, (first, end), &broker, |page, at| {
        if page.is_command {
            told.note(page);
        } else if page.observed.map_or(at, |seen| seen.max(at)) > known {
            said.note(&page.event, &page.device, &page.stream, &page.details);
        }
    })
    .and_then(|()| each(dir, (first, end), &broker, |page, at| tell(watched, &told, page, at)));
    if let Err(error) = read {
        tracing::warn!(
            %error, dir = %dir.display(),
            "the last records cannot all be read; commands of the moments before the last stop may be missing"
        );
    }
    watched.logged.taken.clear();
    let found = watched.fleet.take_findings();
    let drafts = found
        .iter()
        .filter_map(|found| finding::draft(&broker, found, now))
        .map(|draft| mask.draft(draft))
        .filter(|draft| !told.is_told(draft))
        .collect();
    (drafts, said)
}

/// The records between these numbers that are of this broker or of none.
fn each(
    dir: &Path,
    (first, end): (u64, u64),
    broker: &str,
    mut tell: impl FnMut(&Page<'_>, Wall),
) -> io::Result<()> {
    tail::from(dir, first, |seq, text| {
        if seq < end
            && let Some(at) = line::ts(text.as_bytes())
        {
            let page = Page::read(text);
            if page.broker.is_empty() || *page.broker == *broker {
                tell(&page, at);
            }
        }
    })
}

fn tell(watched: &mut Watched, told: &Told, page: &Page<'_>, at: Wall) {
    match &*page.event {
        // What was queued arrives before it is said that we watch.
        "started" | "watching_began" | "outage_ended" if !page.is_command => watched.fleet.recall_back(at),
        "command_timed_out" => watched.fleet.recall_time_out(&page.device, &page.cmd_id, at),
        "command_requested" | "command_answered" if page.is_command => take_up(watched, told, page, at),
        _ => {}
    }
}

fn take_up(watched: &mut Watched, told: &Told, page: &Page<'_>, at: Wall) {
    let is_request = page.event == "command_requested";
    let trace = trace::read(is_request, &page.fingerprint, &page.cmd, &page.cmd_id, page.qos);
    let Some(Trace { print, said }) = trace.filter(|_| !page.is_copy) else { return };
    for known in [&mut watched.logged.taken, &mut watched.logged.ahead] {
        if let Some(at) = known.iter().position(|taken| *taken == print) {
            known.remove(at);
            return;
        }
    }
    let Some(stream) = watched.fleet.stream_named(&page.stream) else { return };
    let in_time = !is_request && told.has("command_matched", page);
    if !is_request && !in_time && told.has("command_timed_out", page) {
        watched.fleet.recall_time_out(&page.device, &page.cmd_id, at);
    }
    let (topic, device) = ((*page.topic).into(), (*page.device).into());
    watched.fleet.recall(Missed { stream, topic, device, said }, at, in_time);
}
