//! The log is proved while we run: at the start, and daily, on a thread of its own that nobody waits for. What was
//! altered behind our back must not be found only when somebody needs the log. Nothing here may repair anything.

use super::window::Window;
use crate::clock;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use watchkeeper_audit::log::Verified;
use watchkeeper_audit::sources::life;
use watchkeeper_audit::verify::{Options, Report, verify};

/// Between two proofs.
const EVERY: Duration = Duration::from_secs(86_400);

/// The exit status of a log that is not what was signed.
const TAMPERED: u8 = 1;

/// Ends the thread when it is dropped.
pub(super) struct Proving(#[expect(dead_code, reason = "held, so that the thread ends with it")] Sender<()>);

/// Starts the thread; where none can be had the log goes on without, and says so.
pub(super) fn start(window: Window) -> Option<Proving> {
    let (held, ended) = channel();
    let spawned =
        std::thread::Builder::new().name("audit-proof".to_owned()).spawn(move || run(&window, &ended));
    match spawned {
        Ok(_) => Some(Proving(held)),
        Err(error) => {
            tracing::warn!(%error, "the audit log is not proved while we run: no thread can be had");
            None
        }
    }
}

fn run(window: &Window, ended: &Receiver<()>) {
    loop {
        let Some(dir) = window.dir() else { return };
        prove(window, dir);
        match ended.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn prove(window: &Window, dir: &Path) {
    // One thread: whatever else is to be done comes first.
    let report = verify(dir, &Options { threads: 1, ..Options::default() });
    let exit = report.exit();
    window.verified(Verified { at: clock::wall(), exit });
    let dir = dir.display();
    match exit {
        0 => tracing::debug!(%dir, "the audit log is what was written"),
        TAMPERED => {
            let found = found(&report);
            tracing::error!(%dir, found, "the audit log is not what was written; see watchkeeper audit verify");
            window.note(life::not_intact(clock::wall(), report.first_bad(), &found));
        }
        _ => {
            let found = report.unusable.clone().unwrap_or_else(|| report.summary());
            tracing::info!(%dir, found, "the audit log cannot be proved in full");
        }
    }
}

fn found(report: &Report) -> String {
    let first = report.findings.iter().map(|finding| finding.text.as_str()).next().unwrap_or_default();
    let comma = if first.is_empty() { "" } else { "; " };
    format!("{}{comma}{first}", report.summary())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::open;
    use crate::config::Audit;
    use crate::own::Own;
    use std::fs;

    #[test]
    fn a_log_that_was_altered_while_we_were_away_is_found_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let config = Audit::below(folder.path());
        let life = |altered: bool| {
            let opened = open(&config, &Own::new().unwrap()).unwrap();
            opened.started();
            let verified = (0..500).find_map(|_| {
                std::thread::sleep(Duration::from_millis(10));
                opened.window.status().and_then(|status| status.verified)
            });
            let exit = verified.expect("it is proved soon").exit;
            assert_eq!(opened.window.proved().is_some(), !altered);
            assert!(opened.stop("test", Duration::from_secs(5)));
            exit
        };
        assert_eq!(life(false), 0);
        assert_eq!(life(false), 0);
        let file = config.dir.join("audit-00000000000000000000.log");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen("INFO", "WARN", 1)).unwrap();
        assert_eq!(life(true), 1);
        assert!(fs::read_to_string(&file).unwrap().contains("\"event\":\"not_intact\""));
    }
}
