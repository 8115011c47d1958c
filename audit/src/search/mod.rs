//! How records are found again.

mod bloom;
mod frames;
pub mod index;
mod texts;
