//! The audit log as the program uses it: opened at the start, told what happens, drained at the stop. What becomes a
//! record and how it is written is the crate's; nothing here may decide that anew, or keep anybody waiting.

pub(crate) mod asked;
pub(crate) mod clients;
mod desk;
pub(crate) mod echo;
pub(crate) mod intake;
pub(crate) mod journal;
pub(crate) mod marks;
mod open;
pub(crate) mod outages;
mod proof;
pub(crate) mod recall;
pub(crate) mod receiving;
pub(crate) mod said;
pub(crate) mod specimens;
mod waiting;
mod window;

pub(crate) use desk::Desk;
pub(crate) use open::{ORIGIN, Opened, open};
pub(crate) use window::Window;
