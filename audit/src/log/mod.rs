//! The writer of the audit log: records go in at one end, durable segments come out at the other. Nothing here may
//! lose a record that it has taken, block whoever appends, or return an error to the thread that carries it.

pub mod disk;
pub mod seal;
