//! What becomes a record: pure functions from facts to drafts. Nothing here may read a clock or a file, and whatever
//! is added here stands in the published list of what is audited.

pub mod broker_log;
pub mod finding;
pub mod life;
