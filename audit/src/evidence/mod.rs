//! What proves the log: the tree over its lines, checkpoints of it that are signed, a signed line for each segment
//! that is closed, and the keys that sign. Only published standards (RFC 6962, C2SP signed notes and checkpoints,
//! Ed25519); nothing here may be invented, and nothing here may read a clock.

pub mod checkpoint;
pub mod note;
pub mod tree;
