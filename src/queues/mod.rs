//! Who is behind, by how much, and since when: sources are read every so often, what they say is kept in a database and
//! judged. Nothing here may slow the taking of messages.

mod inner;
mod room;
pub(crate) mod setting;
pub(crate) mod source;
pub(crate) mod store;
mod window;
mod worker;

pub(crate) use room::Room;
pub(crate) use window::Window;
