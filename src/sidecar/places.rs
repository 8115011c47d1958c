//! What the configuration means for each broker: its rules, its client ids, and where its connections are shown. Pure but
//! for the places that it makes.

use crate::audit::echo::Echo;
use crate::audit::journal::Feed;
use crate::audit::receiving::{self, AuditLink};
use crate::config::{self, Broker, Config};
use crate::ingest::status::LinkStatus;
use crate::out::BrokerLink;
use crate::own::Own;
use crate::probe;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::Notify;
use watchkeeper_core::broker::dialects;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::shard::Shard;

/// The brokers, and what there is once of each, in their order.
pub(super) struct Places {
    /// With their client ids made sure.
    pub(super) brokers: Vec<Broker>,
    /// Where their connections are shown.
    pub(super) links: Vec<BrokerLink>,
    /// Where the log of a broker is counted that is read from its file.
    pub(super) feeds: Vec<Option<Arc<Feed>>>,
}

impl Places {
    /// For a data folder with this id.
    pub(super) fn new(config: &Config, folder: &str) -> Self {
        let brokers = named(&config.brokers, folder, config.shard);
        let links = brokers.iter().map(|broker| link(config, broker)).collect();
        let feeds = brokers.iter().map(|broker| feed(config, broker)).collect();
        Self { brokers, links, feeds }
    }
}

/// Whether a broker has a connection for audited messages.
pub(super) fn has_audit(config: &Config, broker: &Broker) -> bool {
    config.audit.enabled && receiving::has_audited(&rules(config, broker))
}

/// Where the broker speaks of itself, as far as its make is known; nowhere where it does not.
pub(super) fn about_itself(broker: &Broker) -> Vec<String> {
    let filters = dialects::named(&broker.kind).map_or(dialects::ANY, |dialect| dialect.filters);
    filters.iter().map(|filter| (*filter).to_owned()).collect()
}

/// What the configuration means for the fleet of one broker.
pub(crate) fn rules(config: &Config, broker: &Broker) -> FleetRules {
    let mut limits = config.limits;
    limits.payload_bytes_max = broker.payload_bytes_max;
    FleetRules {
        broker: broker.name.as_str().into(),
        streams: config.streams.clone(),
        labels: config.fleet.labels.clone(),
        user_properties: config.fleet.user_properties.clone(),
        expected: config.fleet.expected.clone(),
        forget_after: Some(watchkeeper_core::time::micros(config.fleet.forget_after)),
        errors: config.errors,
        commands: config.commands.clone(),
        limits,
        values: config.values,
        publish: probe::promised(config),
        secrets: Arc::new(watchkeeper_core::secrets::Secrets::new(
            config.audit.redact.iter().map(String::as_str),
        )),
        shard: config.shard,
    }
}

/// The brokers with their client ids made sure: two sidecars must never evict each other.
fn named(brokers: &[Broker], folder: &str, shard: Shard) -> Vec<Broker> {
    let mut brokers = brokers.to_vec();
    let are_several = brokers.len() > 1;
    for broker in &mut brokers {
        if broker.client_id.is_empty() {
            broker.client_id = config::default_client_id(folder);
            // Two of them may lead to one broker, or to two nodes of one.
            if are_several {
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
                let name: String = broker.name.chars().map(plain).collect();
                broker.client_id.push('-');
                broker.client_id.push_str(&name);
                if name != broker.name {
                    // Two names may look alike without what makes them two.
                    let hash = crc32fast::hash(broker.name.as_bytes());
                    write!(broker.client_id, "-{hash:08x}").expect("a String takes every write");
                }
            }
        } else if !shard.is_whole() {
            // The shards may share one file; data folders they never share.
            write!(broker.client_id, "-{}", shard.index()).expect("a String takes every write");
        }
    }
    brokers
}

/// Where the engine hears of the commands of a broker.
pub(super) fn echo(own: &Own, broker: &Broker, heard: &Arc<Notify>) -> Arc<Echo> {
    let refused = own.refused.with_label_values(&[&*broker.name, "commands"]);
    Arc::new(Echo::new(Arc::clone(heard), Some(refused)))
}

fn feed(config: &Config, broker: &Broker) -> Option<Arc<Feed>> {
    (config.audit.enabled && broker.log_file.is_some()).then(Arc::default)
}

fn link(config: &Config, broker: &Broker) -> BrokerLink {
    let audited = has_audit(config, broker);
    BrokerLink {
        name: broker.name.clone(),
        devices: Arc::new(LinkStatus::default()),
        sys: (!about_itself(broker).is_empty()).then(Arc::default),
        audit: audited.then(AuditLink::default),
        probe: config.probe.is_on().then(Arc::default),
        unverified: broker.tls.insecure_skip_verification
            && broker.urls.iter().any(|url| url.scheme.is_tls()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fake;

    #[test]
    fn two_brokers_of_one_configuration_never_have_one_client_id() {
        let ids = |names: &[&str]| -> Vec<String> {
            let broker = |name: &&str| Broker {
                name: (*name).to_owned(),
                client_id: String::new(),
                ..fake::broker(1)
            };
            let brokers: Vec<Broker> = names.iter().map(broker).collect();
            named(&brokers, "cafe", Shard::default()).into_iter().map(|broker| broker.client_id).collect()
        };
        let alone = ids(&["a"]).remove(0);
        assert_eq!(alone, config::default_client_id("cafe"));
        let found = ids(&["a", "b.1", "b-1", "b:1"]);
        assert_eq!(found[0], format!("{alone}-a"));
        assert_eq!(found[2], format!("{alone}-b-1"));
        let distinct: std::collections::HashSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), 4, "{found:?}");
    }

    #[test]
    fn shards_of_one_configuration_have_a_client_id_each() {
        let broker = Broker { client_id: "mine".to_owned(), ..fake::broker(1) };
        let id = |shard| named(std::slice::from_ref(&broker), "cafe", shard).remove(0).client_id;
        let ids = [0, 1, 2].map(|index| id(Shard::new(index, 3).unwrap()));
        assert_eq!(ids, ["mine-0", "mine-1", "mine-2"]);
        assert_eq!(id(Shard::default()), "mine");
    }
}
