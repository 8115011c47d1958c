//! One file a subcommand. Nothing here may know how the sidecar works inside: it parses, asks, prints, and gives
//! an exit code.

pub(crate) mod client;
pub(crate) mod healthcheck;
