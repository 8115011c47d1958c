//! What health says of each connection. Only copies are read here, so that one report never shows two moments.

use super::Inputs;
use crate::ingest::dial::Which;
use crate::ingest::status::{FilterState, LinkState};
use crate::out::BrokerLink;
use crate::probe::status::ProbeState;
use serde_json::{Value, json};
use std::cmp::Reverse;
use watchkeeper_core::certificate::Certificate;
use watchkeeper_core::time::{Now, Wall, seconds};

/// The connections to one broker, as they are now.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkView {
    pub(super) name: String,
    pub(super) devices: LinkState,
    pub(super) last_message: Option<Wall>,
    pub(super) sys: Option<LinkState>,
    /// The connection for audited messages.
    pub(super) audit: Option<LinkState>,
    /// What the probe finds, where it is on.
    pub(super) probe: Option<ProbeState>,
    /// Whoever answers is taken for the broker.
    pub(super) unverified: bool,
}

impl LinkView {
    pub(super) fn read(link: &BrokerLink) -> Self {
        Self {
            name: link.name.clone(),
            unverified: link.unverified,
            devices: link.devices.get(),
            last_message: link.devices.last_message(),
            sys: link.sys.as_ref().map(|sys| sys.get()),
            audit: link.audit.as_ref().map(|audit| audit.status.get()),
            probe: link.probe.as_ref().map(|probe| probe.get()),
        }
    }

    /// How long it has been away; zero while connected. Before the first success: since the program began.
    pub(super) fn away_for(&self, inputs: &Inputs) -> u64 {
        if self.devices.connected {
            return 0;
        }
        inputs.now.mono.since(self.devices.away_since_mono.unwrap_or(inputs.started.mono))
    }

    /// Attempts to come back; what it took to get here does not matter any more.
    pub(super) fn attempts(&self) -> u64 {
        if self.devices.connected { 0 } else { self.devices.attempts }
    }

    pub(super) fn seconds_ago(&self, now: Now) -> Option<f64> {
        let last = self.last_message?;
        // The calendar may have been set back since; a negative age would only confuse.
        Some(((now.wall.0 - last.0).max(0)) as f64 / 1e6)
    }

    /// An entry of `brokers` in `/api/health`.
    pub(super) fn summary(&self) -> Value {
        let state = &self.devices;
        json!({
            "name": self.name,
            "connected": state.connected,
            "protocol": state.protocol,
            "url": state.url,
            "failover": state.turn > 0,
            "certificates": certificates(state),
            "since": state.away_since.map(Wall::rfc3339),
            "attempts": self.attempts(),
            "last_message": self.last_message.map(Wall::rfc3339),
            "failure": state.failure.as_ref().map(|failure| json!({
                "reason": failure.reason, "summary": failure.summary, "cure": failure.cure,
            })),
            "filters": filters(&state.filters),
            "sys": self.sys.as_ref().map(|sys| json!({
                "connected": sys.connected, "given_up": sys.given_up, "filters": filters(&sys.filters),
            })),
            "audit": self.audit.as_ref().map(|audit| json!({
                "connected": audit.connected, "client_id": audit.client_id, "filters": filters(&audit.filters),
            })),
            "probe": self.probe.as_ref().map(super::probed::summary),
        })
    }

    /// `/api/health/mqtt`.
    pub(super) fn detail(&self, inputs: &Inputs) -> Value {
        let (state, now) = (&self.devices, inputs.now);
        let pending = inputs.overview.iter().flat_map(|all| &all.brokers).find(|one| one.broker == self.name);
        let next = state.next_attempt.filter(|_| !state.connected);
        json!({
            "broker": self.name,
            "connected": state.connected,
            "client_id": state.client_id,
            "last_activity": {
                "timestamp": self.last_message.map(Wall::rfc3339),
                "seconds_ago": self.seconds_ago(now),
            },
            "reconnection": {
                "attempts": self.attempts(),
                "max_attempts": null,
                "next_in_seconds": next.map(|at| seconds(at.since(now.mono))),
            },
            "pending_requests": {
                "total": pending.map_or(0, |one| one.pending),
                "by_device": pending.map(|one| one.pending_by_device.clone()).unwrap_or_default(),
            },
            "subscribers": {"filters": filters(&state.filters)},
        })
    }
}

/// The worst link first: away the longest, then silent the longest; otherwise as configured.
pub(super) fn worst_first(inputs: &Inputs) -> Vec<&LinkView> {
    let mut links: Vec<&LinkView> = inputs.links.iter().collect();
    links.sort_by_key(|link| (link.devices.connected, Reverse(link.away_for(inputs)), link.last_message));
    links
}

/// What the way to the broker showed over TLS, the names being the certificate's.
fn certificates(state: &LinkState) -> Vec<Value> {
    let each = |(which, one): &(Which, Certificate)| {
        json!({
            "certificate": which.name(),
            "subject": one.subject,
            "issuer": one.issuer,
            "names": one.names,
            "not_before": one.not_before.rfc3339(),
            "not_after": one.not_after.rfc3339(),
        })
    };
    state.certificates.iter().map(each).collect()
}

/// `granted` is the quality of service, null until the broker answered and where it refused; `refused` then holds its code.
fn filters(filters: &[FilterState]) -> Vec<Value> {
    let each = |state: &FilterState| {
        let mut filter = json!({"filter": state.filter, "qos": state.qos, "granted": null});
        match state.granted {
            Some(Ok(qos)) => filter["granted"] = qos.into(),
            Some(Err(code)) => filter["refused"] = code.into(),
            None => {}
        }
        filter
    };
    filters.iter().map(each).collect()
}
