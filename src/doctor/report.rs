//! What was found, step by step, as text and as JSON. Nothing here may find anything, or show a password.

use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// It works, but not as well as it could, or not for long.
    Warning,
    /// It does not work.
    Failed,
    /// Not tried, as it would make no sense.
    Skipped,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    #[serde(rename = "step")]
    pub(super) name: &'static str,
    pub(super) verdict: Verdict,
    /// The same codes as in health and metrics.
    pub(super) code: Option<&'static str>,
    pub(super) tried: String,
    pub(super) got: String,
    pub(super) means: String,
    pub(super) next: String,
    pub(super) ms: f64,
}

/// One way to one broker.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) broker: String,
    pub(super) url: String,
    pub(super) ok: bool,
    pub(super) steps: Vec<Step>,
}

impl Report {
    /// Somebody wanted it to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.steps.iter().any(|step| step.code == Some(super::INTERRUPTED))
    }
}

impl Step {
    /// Something that was tried.
    pub(super) fn tried(name: &'static str, tried: impl Into<String>) -> Self {
        Self {
            name,
            verdict: Verdict::Good,
            code: None,
            tried: tried.into(),
            got: String::new(),
            means: String::new(),
            next: String::new(),
            ms: 0.0,
        }
    }

    /// What came back.
    pub(super) fn got(mut self, got: impl Into<String>) -> Self {
        self.got = got.into();
        self
    }

    /// So long did it take.
    pub(super) fn took(mut self, took: Duration) -> Self {
        self.ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        self
    }

    /// Worse than good: what it means, and what to do.
    pub(super) fn is(
        mut self,
        verdict: Verdict,
        code: Option<&'static str>,
        means: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        (self.verdict, self.code, self.means, self.next) = (verdict, code, means.into(), next.into());
        self
    }
}

impl Report {
    /// Empty.
    pub(super) fn new(broker: &str, url: &str) -> Self {
        Self { broker: broker.to_owned(), url: url.to_owned(), ok: true, steps: Vec::new() }
    }

    /// One more step. False: it failed.
    pub(super) fn add(&mut self, step: Step) -> bool {
        let passed = step.verdict != Verdict::Failed;
        self.ok &= passed;
        self.steps.push(step);
        passed
    }

    /// Which way the steps are about.
    pub(super) fn print_head(&self, colours: bool, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}  {}", paint(colours, "1", &self.broker), self.url)?;
        out.flush()
    }
}

impl Step {
    /// For people.
    pub(super) fn print(&self, colours: bool, out: &mut dyn Write) -> std::io::Result<()> {
        let (colour, word) = match self.verdict {
            Verdict::Good => ("32", "ok  "),
            Verdict::Note => ("36", "note"),
            Verdict::Warning => ("33", "warn"),
            Verdict::Failed => ("1;31", "FAIL"),
            Verdict::Skipped => ("90", "skip"),
        };
        let got = if self.got.is_empty() { &self.tried } else { &self.got };
        writeln!(out, "  {}  {:<12} {}", paint(colours, colour, word), self.name, shown(got))?;
        if !matches!(self.verdict, Verdict::Good | Verdict::Skipped) {
            for (name, text) in [("tried", &self.tried), ("means", &self.means), ("next", &self.next)] {
                if !text.is_empty() && text != got {
                    writeln!(out, "        {name:<6} {}", shown(text))?;
                }
            }
        }
        out.flush()
    }
}

fn paint(colours: bool, colour: &str, text: &str) -> String {
    if colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// What a stranger may have chosen must not steer a terminal. Names in certificates and topics are of any script, so that
/// letters stay.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_unseen(c) { '\u{fffd}' } else { c }).collect()
}

/// Turns the direction of writing, ends a line or has no width.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("main", "mqtt://h:1883");
        report.add(Step::tried("dns", "look h up").got("127.0.0.1"));
        let bad = Step::tried("tcp", "connect").got("refused \x1b[2J");
        report.add(bad.is(Verdict::Failed, Some("refused"), "nobody listens", "start the broker"));
        report
    }

    #[test]
    fn a_step_that_failed_says_what_to_do_and_nothing_steers_the_terminal() {
        let mut out = Vec::new();
        report().print_head(false, &mut out).unwrap();
        report().steps.iter().for_each(|step| step.print(false, &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let expected = "main  mqtt://h:1883\n  ok    dns          127.0.0.1\n  FAIL  tcp          refused \u{fffd}[2J\n        \
                        tried  connect\n        means  nobody listens\n        next   start the broker\n";
        assert_eq!(text, expected);
        assert!(!report().ok);
        assert_eq!(shown("«für»\u{202e}\u{2066}\u{2028}x"), "«für»\u{fffd}\u{fffd}\u{fffd}x");
    }
}
