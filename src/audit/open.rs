//! From the configuration to an open log, and its end. Nothing here may start without a log that was asked for: a
//! sidecar that only seems to record is worse than one that says why it cannot.

use super::desk::{Desk, Meters, Paper};
use super::proof::{self, Proving};
use super::window::Window;
use crate::config::{Audit, Durability, OnFull, RecordForm};
use crate::own::Own;
use crate::{cli, clock};
use std::io;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use watchkeeper_audit::evidence::Sealer;
use watchkeeper_audit::line::Format;
use watchkeeper_audit::log::{self, Log, LogHandle, OpenError, Parts, Thresholds};
use watchkeeper_audit::mask::Mask;
use watchkeeper_audit::record::Draft;
use watchkeeper_audit::sources::life;

/// So much of the disk is set aside for saying that it is full.
const RESERVE_BYTES: u64 = 1 << 20;

/// Name of our logs in their checkpoints; the log adds what tells one from another.
pub(crate) const ORIGIN: &str = "watchkeeper";

/// Why there is no log, with the cure.
#[derive(Debug, thiserror::Error)]
#[error("the audit log cannot be opened: {why}; {cure}")]
pub(crate) struct NoLog {
    why: OpenError,
    cure: &'static str,
}

impl From<OpenError> for NoLog {
    fn from(why: OpenError) -> Self {
        const ELSEWHERE: &str = "set audit.dir to a folder that this user may write";
        let cure = match &why {
            OpenError::InUse { .. } => "set audit.dir, or --data-dir, to a folder that no other one uses",
            OpenError::NoFolder(_) => "set audit.dir to a folder, or remove what is in its place",
            OpenError::Refused { error, .. } => match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "let this user write there, or set audit.dir to another folder"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room on that disk, or set audit.dir to a folder on another one"
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "set audit.dir to a folder on a disk that can be written"
                }
                _ => ELSEWHERE,
            },
        };
        Self { why, cure }
    }
}

/// An open log, or none where it is switched off.
pub(crate) struct Opened {
    /// What the other rooms get.
    pub(crate) window: Window,
    log: Option<(Log, LogHandle)>,
    proving: Option<Proving>,
    /// The highest mark that is on disk, with all before it.
    durable: watch::Receiver<u64>,
}

/// Opens the log.
pub(crate) fn open(config: &Audit, own: &Own) -> Result<Opened, NoLog> {
    let (reached, durable) = watch::channel(0);
    if !config.enabled {
        let window = Window::off(Mask::new(&config.redact));
        return Ok(Opened { window, log: None, proving: None, durable });
    }
    let on_durable = Box::new(move |mark| {
        reached.send_replace(mark);
    });
    let seal = Box::new(Sealer::new(&config.dir, ORIGIN, config.key_every));
    let settings = settings(config);
    let parts = Parts { seal, ..Parts::real(&settings) };
    let (log, handle) = Log::open_with(settings, parts, on_durable)?;
    let mask = Mask::new(&config.redact);
    let desk = Desk::new(Box::new(handle.clone()), mask.clone(), Meters::new(own));
    let dir = config.dir.clone();
    let window = Window::new(desk, dir, handle.clone(), mask);
    let proving = proof::start(window.clone());
    Ok(Opened { window, log: Some((log, handle)), proving, durable })
}

impl Opened {
    /// Says that we started: once nothing can keep us from it any more.
    pub(crate) fn started(&self) {
        self.window.note(life::started(clock::wall(), cli::args::VERSION, std::process::id()));
    }

    /// For those who have messages acknowledged: where their records go, and how far they are on disk.
    pub(crate) fn intake(&self) -> Option<(LogHandle, watch::Receiver<u64>)> {
        self.log.as_ref().map(|(_, handle)| (handle.clone(), self.durable.clone()))
    }

    /// Says that we stop, then writes and signs what waits, for at most so long. True when everything is on disk.
    pub(crate) fn stop(self, reason: &str, within: Duration) -> bool {
        let Some((log, _)) = self.log else { return true };
        drop(self.proving);
        let end = Instant::now() + within;
        let left = || end.saturating_duration_since(Instant::now());
        let desk = self.window.desk();
        desk.note(life::stopped(clock::wall(), reason));
        // What the disk takes no more must not cost the seal of what it has.
        let all = desk.finish(left() / 2);
        log.stop(left()) && all
    }
}

impl Paper for LogHandle {
    fn append(&self, draft: &Draft) -> bool {
        LogHandle::append(self, draft).is_ok()
    }

    fn append_within(&self, draft: &Draft, within: Duration) -> bool {
        LogHandle::append_within(self, draft, within).is_ok()
    }
}

impl Audit {
    /// How records are written.
    pub(crate) fn form(&self) -> Format {
        match self.format {
            RecordForm::Json => Format::Json,
            RecordForm::Pipe => Format::Pipe,
        }
    }
}

fn settings(config: &Audit) -> log::Config {
    log::Config {
        dir: config.dir.clone(),
        format: config.form(),
        rotate_bytes: config.rotate_bytes,
        rotate_every: config.rotate_every,
        compress: config.compress,
        keep_files: config.keep_files,
        keep_for: config.keep_for,
        keep_bytes: config.keep_bytes,
        durability: match config.durability {
            Durability::Group => log::Durability::Group,
            Durability::Each => log::Durability::Each,
            Durability::None => log::Durability::None,
        },
        on_full: match config.on_full {
            OnFull::StopAcknowledging => log::OnFull::StopAcknowledging,
            OnFull::DropAndCount => log::OnFull::DropAndCount,
        },
        space: Thresholds {
            space_left: config.space_left,
            admin_space_left: config.admin_space_left,
            reserve: RESERVE_BYTES,
        },
        origin: ORIGIN.to_owned(),
        key_every: config.key_every,
    }
}
