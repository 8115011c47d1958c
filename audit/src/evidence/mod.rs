//! What proves the log: the tree over its lines, checkpoints of it that are signed, a signed line for each segment
//! that is closed, and the keys that sign. Only published standards (RFC 6962, C2SP signed notes and checkpoints,
//! Ed25519); nothing here may be invented, and nothing here may read a clock.

pub mod chain;
pub mod checkpoint;
mod hex;
pub mod keys;
pub mod leaves;
mod ledger;
pub mod manifest;
mod marks;
pub mod note;
pub mod notes;
mod past;
mod sealer;
mod secret_file;
mod tidy;
pub mod trailer;
pub mod tree;
mod words;

pub use hex::{from_hex, to_hex};
pub use sealer::Sealer;
pub use secret_file::vkey_path;
