//! What the writer is told: where, how large, how long, how safe. Whoever reads the configuration has checked it;
//! nothing here looks at a file.

use super::clock::Clock;
use super::disk::{Disk, RealDisk};
use super::seal::Seal;
use crate::evidence::Sealer;
use crate::line::Format;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const MIB: u64 = 1 << 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// When a record counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// One fdatasync for all records that wait.
    Group,
    /// One fdatasync for each record.
    Each,
    /// When the operating system has it; a power cut may lose what was not yet under a checkpoint.
    None,
}

/// What happens while the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFull {
    /// Nothing is dropped: no room is left, nothing is acknowledged, and the broker keeps it.
    StopAcknowledging,
    /// What is in memory waits; what comes later is dropped, counted and told.
    DropAndCount,
}

/// How much room must be left on the disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Less than this is told.
    pub space_left: u64,
    /// Less than this is told once more, and graver.
    pub admin_space_left: u64,
    /// So much is set aside for saying that the disk is full; 0 sets nothing aside.
    pub reserve: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { space_left: 75 * MIB, admin_space_left: 50 * MIB, reserve: MIB }
    }
}

/// The settings of the log.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder; it is made when it does not exist.
    pub dir: PathBuf,
    /// How records are written.
    pub format: Format,
    /// No segment is longer, unless by a single record.
    pub rotate_bytes: u64,
    /// No segment is written to for longer, counted from its first record.
    pub rotate_every: Duration,
    /// Closed segments are compressed.
    pub compress: bool,
    /// At least so many closed segments stay.
    pub keep_files: usize,
    /// A record stays at least so long.
    pub keep_for: Duration,
    /// Segments never take more bytes together: this comes before the other two.
    pub keep_bytes: u64,
    /// When a record counts as written.
    pub durability: Durability,
    /// What happens while the disk refuses.
    pub on_full: OnFull,
    /// When the disk counts as low.
    pub space: Thresholds,
    /// Name of this log in its checkpoints.
    pub origin: String,
    /// How often the signing key is replaced.
    pub key_every: Option<Duration>,
}

impl Config {
    /// The defaults of the manual, for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            format: Format::Json,
            rotate_bytes: 10 * MIB,
            rotate_every: DAY,
            compress: true,
            keep_files: 10,
            keep_for: 30 * DAY,
            keep_bytes: 1024 * MIB,
            durability: Durability::Group,
            on_full: OnFull::StopAcknowledging,
            space: Thresholds::default(),
            origin: "watchkeeper".into(),
            key_every: None,
        }
    }
}

/// Compresses the first file into the second, which appears whole under its name or not at all, and is on the disk
/// when this returns. One of that name is replaced.
pub type Compress = Arc<dyn Fn(&Path, &Path) -> io::Result<()> + Send + Sync>;

/// Sees to it that a compressed segment has an index; says whether it made one.
pub type Reindex = Arc<dyn Fn(&Path) -> io::Result<bool> + Send + Sync>;

/// What the log is put together from; tests exchange the parts that can fail.
pub struct Parts {
    /// Where everything is written.
    pub disk: Arc<dyn Disk>,
    /// What time it is.
    pub clock: Clock,
    /// The evidence.
    pub seal: Box<dyn Seal>,
    /// How a closed segment is compressed.
    pub compress: Compress,
    /// How one gets its index back.
    pub reindex: Reindex,
    /// So many records may wait.
    pub records_max: usize,
    /// They may have so many bytes together.
    pub bytes_max: usize,
}

impl Parts {
    /// The real ones.
    pub fn real(config: &Config) -> Self {
        Self {
            disk: Arc::new(RealDisk),
            clock: super::clock::real(),
            seal: Box::new(Sealer::new(&config.dir, &config.origin, config.key_every)),
            compress: Arc::new(crate::search::index::compress),
            reindex: Arc::new(crate::search::index::rebuild_one),
            records_max: 8_192,
            bytes_max: usize::try_from(16 * MIB).unwrap_or(usize::MAX),
        }
    }
}

/// A batch is written when it has so many bytes…
pub(super) const COMMIT_BYTES: usize = 1 << 20;
/// …or so many records…
pub(super) const COMMIT_RECORDS: usize = 4_096;
/// …or when its oldest record has waited so long, in microseconds.
pub(super) const COMMIT_AFTER: u64 = 5_000;
