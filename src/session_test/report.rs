//! What is said of a session test: a line for each trial as it ends, the sums, and the same as JSON. Nothing here may
//! speak to a broker.

use super::state::{Kept, State, Totals};
use super::{Stop, Verdict, Way};
use crate::config::Broker;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use watchkeeper_core::received::Range;

/// The trials, with what each of them is.
const TRIALS: &[(&str, &str)] = &[
    ("delivery", "delivery while the consumer is there"),
    ("away_under_load", "the consumer leaves and returns under load"),
    ("away_again_and_again", "it leaves and returns again and again"),
    ("killed", "it dies without a word, and goes on from its file"),
    ("reset", "its session is ended, and a new one begun"),
    ("start_from", "the count is set by hand"),
];

/// Ranges that are printed of one trial.
const RANGES_SHOWN: usize = 10;

/// How one trial ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Trial {
    /// Its word.
    pub(super) name: String,
    /// Messages that the broker acknowledged.
    pub(super) sent: u64,
    /// Numbers that came.
    pub(super) received: u64,
    /// Those that did not.
    pub(super) missing: Vec<Range>,
    /// How often one came once more.
    pub(super) again: u64,
    /// How many came after a higher one.
    pub(super) late: u64,
    /// How many came of a session that was ended.
    pub(super) old: u64,
    /// Sessions that the broker should have kept.
    pub(super) sessions_lost: u32,
    /// Connections that nobody ended.
    pub(super) connections_lost: u32,
    /// How many came with the mark of a retained message.
    #[serde(default)]
    pub(super) retained: u64,
    /// How many were sent besides, and given up with the session that was ended on purpose.
    #[serde(default)]
    pub(super) given_up: u64,
}

impl Trial {
    fn lost(&self) -> u64 {
        self.missing.iter().map(|range| range.count()).sum()
    }

    fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.sessions_lost == 0 && self.old == 0
    }

    fn print(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let what = TRIALS.iter().find(|(name, _)| *name == self.name).map_or(&*self.name, |(_, what)| what);
        let verdict = if self.is_sound() { "ok  " } else { "LOST" };
        write!(out, "{verdict}  {what}: {} sent, {} received", self.sent, self.received)?;
        let counts = [
            (self.again, "twice"),
            (self.late, "late"),
            (u64::from(self.connections_lost), "connections lost"),
            (self.given_up, "more given up on purpose with their session"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(out, ", {count} {what}")?;
        }
        writeln!(out)?;
        for range in self.missing.iter().take(RANGES_SHOWN) {
            writeln!(out, "      missing {}: {} to {}", range.count(), range.first, range.last)?;
        }
        if let Some(more) = self.missing.len().checked_sub(RANGES_SHOWN).filter(|more| *more > 0) {
            writeln!(out, "      and {more} further ranges (--json has them all)")?;
        }
        if self.sessions_lost > 0 {
            writeln!(out, "      the broker did not keep the session")?;
        }
        if self.retained > 0 {
            let retained = self.retained;
            writeln!(
                out,
                "      {retained} came marked as retained, which they were not (against MQTT-3.3.1-9)"
            )?;
        }
        if self.old > 0 {
            writeln!(out, "      {} messages came of a session that was ended", self.old)?;
        }
        Ok(())
    }
}

/// What is said of one broker.
pub(super) struct Report {
    broker: String,
    url: String,
    file: String,
    protocol: Option<&'static str>,
    client_id: Option<String>,
    trials: Vec<Trial>,
    totals: Totals,
    next: Option<u64>,
    error: Option<(String, String)>,
    is_text: bool,
}

impl Report {
    pub(super) fn new(broker: &Broker, file: &Path, is_json: bool) -> Self {
        Self {
            broker: broker.name.clone(),
            url: broker.urls.first().map(ToString::to_string).unwrap_or_default(),
            file: file.display().to_string(),
            protocol: None,
            client_id: None,
            trials: Vec::new(),
            totals: Totals::default(),
            next: None,
            error: None,
            is_text: !is_json,
        }
    }

    /// The broker let us in.
    pub(super) fn begin(&mut self, way: &Way<'_>, kept: &Kept, out: &mut dyn Write) {
        let (protocol, id) = (if way.v5 { "5" } else { "3.1.1" }, kept.state.consumer());
        self.url = way.url.to_string();
        self.say(out, |out| {
            let Self { broker, url, file, .. } = &*self;
            writeln!(out, "Session test of {broker} ({url}, MQTT {protocol}), client id {id}")?;
            if kept.is_resumed { writeln!(out, "It goes on from {file}") } else { Ok(()) }
        });
        (self.protocol, self.client_id) = (Some(protocol), Some(id));
    }

    /// The trials that are not over, by name; of those that are is told.
    pub(super) fn rest(&mut self, done: &[Trial]) -> Vec<&'static str> {
        self.trials = done.to_vec();
        let names = TRIALS.iter().map(|(name, _)| *name);
        names.filter(|name| done.iter().all(|trial| trial.name != *name)).collect()
    }

    /// A trial is over.
    pub(super) fn note(&mut self, trial: &Trial, out: &mut dyn Write) {
        self.say(out, |out| trial.print(out));
        self.trials.push(trial.clone());
    }

    /// All of them are.
    pub(super) fn sum(&mut self, state: &State) {
        self.totals = state.sums();
        self.next = Some(state.received.next());
    }

    /// Says how it ended.
    pub(super) fn end(
        &mut self,
        broker: &Broker,
        outcome: Result<(), Stop>,
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        self.error = outcome.err().map(|stop| match stop {
            Stop::Broker(what, cause) => {
                let failure = cause.failure(&self.url, broker.connect_timeout);
                (format!("{what}: {}", failure.summary), failure.cure)
            }
            Stop::Refused(what, cure) => (what, cure),
            Stop::File(error) => {
                (error.to_string(), "give a folder that can be written with --state".to_owned())
            }
            Stop::Asked => ("it was interrupted".to_owned(), "start it again".to_owned()),
        });
        if !self.is_text {
            return Ok(());
        }
        if let Some((error, cure)) = &self.error {
            writeln!(out, "STOPPED  {error}\n         {cure}")?;
            return writeln!(out, "         the same command goes on from {}", self.file);
        }
        let sent: u64 = self.trials.iter().map(|trial| trial.sent).sum();
        let Totals { received, lost, missing, .. } = &self.totals;
        let given_up: u64 = self.trials.iter().map(|trial| trial.given_up).sum();
        writeln!(out, "Statistics:\n  Messages sent: {sent}\n  Messages received: {received}")?;
        writeln!(out, "  Sent besides, and given up on purpose: {given_up}")?;
        writeln!(out, "  Next expected sequence: {}", self.next.unwrap_or(0))?;
        writeln!(out, "  Gaps detected: {}", missing.len())?;
        match self.verdict() {
            Verdict::Sound => writeln!(out, "No gaps: nothing was lost."),
            _ if *lost > 0 => writeln!(out, "{lost} of {sent} messages were lost."),
            _ => writeln!(out, "The broker did not do what a session promises; see LOST above."),
        }
    }

    /// How it ended.
    pub(super) fn verdict(&self) -> Verdict {
        let is_lost = self.totals.lost > 0 || self.trials.iter().any(|trial| !trial.is_sound());
        match &self.error {
            // What is lost is lost, whatever stopped the test.
            _ if is_lost => Verdict::Lost,
            Some(_) => Verdict::Unknown,
            None => Verdict::Sound,
        }
    }

    fn say(&self, out: &mut dyn Write, say: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) {
        if self.is_text {
            // Whoever reads no more still wants the exit code.
            let _ = say(out).and_then(|()| out.flush());
        }
    }

    fn json(&self) -> Value {
        let trial = |trial: &Trial| {
            let mut shown = serde_json::to_value(trial).unwrap_or_default();
            shown["lost"] = trial.lost().into();
            shown["ok"] = trial.is_sound().into();
            shown
        };
        json!({
            "broker": self.broker,
            "url": self.url,
            "protocol": self.protocol,
            "client_id": self.client_id,
            "verdict": word(self.verdict()),
            "trials": self.trials.iter().map(trial).collect::<Vec<_>>(),
            "sent": self.trials.iter().map(|trial| trial.sent).sum::<u64>(),
            "given_up": self.trials.iter().map(|trial| trial.given_up).sum::<u64>(),
            "received": self.totals.received,
            "lost": self.totals.lost,
            "missing": self.totals.missing,
            "twice": self.totals.again,
            "late": self.totals.late,
            "next_expected": self.next,
            "error": self.error.as_ref().map(|(error, cure)| json!({ "summary": error, "cure": cure })),
            "state": self.error.as_ref().map(|_| &self.file),
        })
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Sound => "sound",
        Verdict::Lost => "lost",
        Verdict::Unknown => "unknown",
    }
}

/// One document for all brokers.
pub(super) fn print_json(reports: &[Report], verdict: Verdict, out: &mut dyn Write) -> anyhow::Result<()> {
    let brokers: Vec<Value> = reports.iter().map(Report::json).collect();
    let whole = json!({ "verdict": word(verdict), "version": env!("CARGO_PKG_VERSION"), "brokers": brokers });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    Ok(writeln!(out)?)
}
