//! The flags of `simulate`. Nothing here may send a message.

/// What `simulate` is told.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Simulate {}
