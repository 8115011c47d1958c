//! The way to the broker before the library takes over, and what broke it where the library saw only its end. Nothing here
//! may speak MQTT.

use super::LOOK_AWAY;
use crate::clock;
use crate::config::{Broker, BrokerUrl, Scheme};
use crate::ingest::Plan;
use crate::ingest::dial::{self, Seen, Tunnel};
use crate::ingest::outcome::{Ended, Reached};
use crate::ingest::reasons::Cause;
use crate::ingest::report::Report;
use secrecy::ExposeSecret;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

/// TLS and websockets, which the library does not dial; none where it does.
pub(super) async fn way(
    plan: &Plan,
    url: &BrokerUrl,
    report: &mut Report,
    stop: &mut Receiver<bool>,
) -> Result<Option<Tunnel>, Ended> {
    if matches!(url.scheme, Scheme::Mqtt | Scheme::Unix) {
        return Ok(None);
    }
    let seen = Seen::default();
    let mut dialed =
        pin!(tokio::time::timeout(plan.broker.connect_timeout, dial::dial(&plan.broker, url, &seen)));
    let way = loop {
        tokio::select! {
            way = &mut dialed => break way.unwrap_or_else(|_| Err(seen.late())),
            () = sleep(Duration::from_micros(LOOK_AWAY)) => report.tick(clock::mono()),
            _ = stop.wait_for(|stop| *stop) => return Err(Ended::Stopped),
        }
    };
    report.certificates(&seen.soonest());
    way.and_then(|way| Tunnel::open(way).map_err(|error| Cause::io(&error))).map(Some).map_err(Ended::Lost)
}

/// The library saw no more than the end of the tunnel; what broke it is known here.
pub(super) fn told(broker: &Broker, ended: Ended, reached: Reached, tunnel: Option<&Tunnel>) -> Ended {
    let password = broker.password.as_ref().map_or("", |password| password.expose_secret());
    let secrets = [broker.username.as_deref().unwrap_or(""), password];
    // Behind a hand-shake that was done nobody looks; what answered CONNECT tells.
    let spoken = tunnel.filter(|_| reached == Reached::Nothing).and_then(|tunnel| tunnel.spoken(&secrets));
    if let (Ended::Lost(Cause::Closed | Cause::Protocol(_) | Cause::ConnectTimeout), Some(cause)) =
        (&ended, spoken)
    {
        return Ended::Lost(cause);
    }
    match (ended, tunnel) {
        (Ended::Lost(cause), Some(tunnel)) => match cause {
            Cause::ConnectTimeout if reached == Reached::Nothing => Ended::Lost(Cause::Silent),
            Cause::Closed | Cause::Io(..) => Ended::Lost(tunnel.fault().unwrap_or(cause)),
            cause => Ended::Lost(cause),
        },
        (ended, _) => ended,
    }
}
