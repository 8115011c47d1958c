//! How records are found again: live, closed and compressed segments, while the writer writes, after a crash, and in
//! a copied folder. There is no index up to the point where a segment is compressed; what makes a search fast is a
//! literal taken from the question, and beside compressed segments a cache of what can be skipped. It reads only; it
//! may never delay the writer, hold more than a few pieces of the log in memory, or answer wrongly because a cache
//! is wrong.
//!
//! In reading order: `words` (as typed), `query` (as meant), `plan` (what can be skipped), `shelf` and `walk` (the
//! way through the folder), `raw` and `closed` (where text comes from), `scan` (what is an answer), `pool` (threads),
//! `run` (all together), `follow`, `stats`, `show`.

mod bloom;
mod closed;
mod condition;
mod count;
mod cursor;
mod fields;
mod follow;
mod frames;
mod grams;
pub mod index;
mod moments;
mod needle;
mod plan;
mod pool;
mod problem;
mod query;
mod raw;
mod required;
mod run;
mod scan;
mod shelf;
pub mod show;
mod stats;
mod taking;
mod typed;
mod unlisted;
mod walk;
mod words;
mod work;

pub use count::Tally;
pub use cursor::Cursor;
pub use follow::{Said, Sleep, Wait, follow, newest, tail};
pub use problem::Problem;
pub use query::{Order, Query};
pub use run::{Continue, Error, Limits, Search, Summary};
pub use stats::{Stats, stats};
pub use words::{Words, Wrong};
