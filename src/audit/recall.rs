//! What the log knows and the saved state does not: requests and answers that were recorded after the state was saved
//! last, before a kill or while we stopped. Each is given to the fleet once, and what the log says already of what
//! became of them is not said again. Nothing here may write.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use watchkeeper_audit::line::{self, fields};
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
                "qos" => page.qos = value.parse().unwrap_or(0),
                "dup" | "retain" => page.is_copy |= value == "true",
                _ => {}
            }
        }
        page
    }
}

/// What was said of a command: event, device, id.
type Told = HashMap<(String, String, String), usize>;

/// Brings one broker up to the record before `end`. Gives records of what became true and is not in the log.
pub(crate) fn recall(dir: &Path, end: u64, watched: &mut Watched, now: Wall) -> Vec<Draft> {
    let Some(first) = watched.logged.next.replace(end).filter(|first| *first < end) else {
        watched.logged.taken.clear();
        return Vec::new();
    };
    let mut told = Told::new();
    let read = tail::from(dir, first, |seq, text| {
        if seq < end
            && let Some(at) = line::ts(text.as_bytes())
        {
            tell(watched, &mut told, &Page::read(text), at);
        }
    });
    if let Err(error) = read {
        tracing::warn!(
            %error, dir = %dir.display(),
            "the last records cannot all be read; commands of the moments before the last stop may be missing"
        );
    }
    watched.logged.taken.clear();
    let broker = watched.fleet.rules().broker.clone();
    let found = watched.fleet.take_findings();
    found
        .iter()
        .filter_map(|found| finding::draft(&broker, found, now))
        .filter(|draft| !is_told(&mut told, draft))
        .collect()
}

fn tell(watched: &mut Watched, told: &mut Told, page: &Page<'_>, at: Wall) {
    if !page.is_command || *page.broker != *watched.fleet.rules().broker {
        return;
    }
    let is_request = page.event == "command_requested";
    if !is_request && page.event != "command_answered" {
        if page.event == "command_timed_out" {
            watched.fleet.recall_time_out(&page.device, &page.cmd_id, at);
        }
        let key = (page.event.to_string(), page.device.to_string(), page.cmd_id.to_string());
        *told.entry(key).or_default() += 1;
        return;
    }
    let trace = trace::read(is_request, &page.fingerprint, &page.cmd, &page.cmd_id, page.qos);
    let Some(Trace { print, said }) = trace.filter(|_| !page.is_copy) else { return };
    for known in [&mut watched.logged.taken, &mut watched.logged.ahead] {
        if let Some(at) = known.iter().position(|taken| *taken == print) {
            known.remove(at);
            return;
        }
    }
    let Some(stream) = watched.fleet.stream_named(&page.stream) else { return };
    let (topic, device) = ((*page.topic).into(), (*page.device).into());
    watched.fleet.recall(Missed { stream, topic, device, said }, at);
}

/// Whether the log has this already.
fn is_told(told: &mut Told, draft: &Draft) -> bool {
    let text = |key| match draft.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        _ => String::new(),
    };
    let count = told.get_mut(&(draft.event.to_string(), text(Key::Device), text(Key::CmdId)));
    let is_told = count.as_ref().is_some_and(|count| **count > 0);
    if let Some(count) = count {
        *count = count.saturating_sub(1);
    }
    is_told
}
