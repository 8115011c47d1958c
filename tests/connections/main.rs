//! Every way to a broker, against a real Mosquitto: TLS with certificates good and bad, websockets, a socket file, a
//! fail-over; and what is said of each that does not work.

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod misconfigured;
mod probed;
mod returning;
mod scene;
mod strangers;
mod ways;
