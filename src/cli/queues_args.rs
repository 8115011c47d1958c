//! The flags of `queues`. Nothing here may ask or judge.

use super::args::Remote;
use super::help;
use clap::Subcommand;

/// `queues`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Queues {
    /// Show the queues of the broker's clients, the deepest first
    #[command(after_help = help::QUEUES_SHOW)]
    Show {
        /// Only clients whose id contains this text
        q: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
    /// Show what was known of one client's queue over time
    #[command(after_help = help::QUEUES_HISTORY)]
    History {
        /// Client id; the device where the depth is inferred
        client: String,
        /// Begin: a moment such as 2026-11-21T18:00:00Z, or 15m for so long ago
        #[arg(long, value_name = "T", default_value = "24h")]
        since: String,
        /// End, likewise [default: now]
        #[arg(long, value_name = "T")]
        until: Option<String>,
        /// At most so many points; the deepest of each stretch are kept
        #[arg(long, value_name = "N", default_value_t = 100)]
        points: usize,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
    /// Ask every source at once, and wait until what they tell is safe
    #[command(after_help = help::QUEUES_SNAPSHOT)]
    Snapshot {
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
        /// Which sidecar.
        #[command(flatten)]
        remote: Remote,
    },
}
