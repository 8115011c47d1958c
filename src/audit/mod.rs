//! The audit log as the program uses it.

pub(crate) mod intake;
pub(crate) mod journal;
pub(crate) mod marks;
