//! The subcommands, one file each. Nothing here may do a room's work.

pub(crate) mod simulate;
mod simulate_values;
