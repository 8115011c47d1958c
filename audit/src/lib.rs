//! The audit log: what is worth a record, how it is written so that it stays, how it is proved and how it is
//! found again. This crate knows files and threads; it must never know a network, so that whoever has to trust the
//! log can read one crate.
//!
//! The modules in reading order: `record` (what a record says), `line` (its two texts), `mask` (what must not be
//! in it), `sources` (what becomes a record), `folder` (names of files), `evidence` (tree, signatures, manifest),
//! `log` (the writer), `verify`, `search`, `export`.

pub mod evidence;
pub mod export;
pub mod folder;
pub mod line;
pub mod log;
pub mod mask;
pub mod record;
pub mod search;
pub mod sources;
pub mod tail;
pub mod verify;
