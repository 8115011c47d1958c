//! `HiveMQ`: no `$SYS`. Its community edition has no such topics in its sources; an old extension that made some is not read,
//! since nothing is known of it but that they are like Mosquitto's. Nobody is asked for anything here.

use super::Dialect;

pub(super) static DIALECT: Dialect = Dialect::silent("hivemq");
