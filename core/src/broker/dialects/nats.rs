//! NATS with MQTT: `$SYS` belongs to its system account and is not heard over MQTT; what it tells, it tells over HTTP. Held
//! to recorded messages of 2.9.10, which leaks its inner topics into `#`: they mean nothing here. Nobody is asked.

use super::Dialect;

pub(super) static DIALECT: Dialect = Dialect::silent("nats");
