//! The configuration, read again while we run. What may change then is put in force as a whole; what may not stays as it
//! was, and is named. A configuration with a mistake in it changes nothing. Nothing here may stop or start anything.

use super::places;
use crate::config::{Broker, Config};
use std::fmt::Debug;
use tokio::sync::oneshot;

/// Reads the configuration from where it came at first; what is wrong with it comes back as text.
pub(crate) type Reread = Box<dyn Fn() -> Result<Config, String>>;

/// Somebody wants it to be read again.
#[derive(Debug)]
pub(crate) struct Wish {
    /// Who waits for what becomes of it; none for a signal.
    pub(crate) answer: Option<oneshot::Sender<Result<Reloaded, String>>>,
}

impl Wish {
    /// Tells whoever waits; one who has gone does not mind.
    pub(super) fn tell(self, outcome: Result<Reloaded, String>) {
        if let Some(answer) = self.answer {
            drop(answer.send(outcome));
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reloaded {
    /// Sections that differ and stay as they were until a restart.
    pub(crate) left: Vec<&'static str>,
}

/// What is in force from now on, and what is left; or why nothing changes.
pub(super) fn merged(old: &Config, new: Config, brokers: &[Broker]) -> Result<(Config, Reloaded), String> {
    let sections: [(&'static str, bool); 9] = [
        ("[[broker]]", differs(&old.brokers, &new.brokers)),
        ("[web]", differs(&old.web, &new.web)),
        ("[audit]", differs(&old.audit, &new.audit)),
        ("[queues]", differs(&old.queues, &new.queues)),
        ("[probe]", differs(&old.probe, &new.probe)),
        ("[shard]", old.shard != new.shard),
        ("data_dir", differs(&old.data_dir, &new.data_dir)),
        ("[log]", differs(&old.log, &new.log)),
        ("grace", differs(&old.grace, &new.grace)),
    ];
    let left = sections.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect();
    let Config { streams, errors, commands, fleet, limits, values, warnings, .. } = new;
    let config = Config { streams, errors, commands, fleet, limits, values, warnings, ..old.clone() };
    let audits = |config: &Config| -> Vec<bool> {
        brokers.iter().map(|broker| places::has_audit(config, broker)).collect()
    };
    if audits(old) == audits(&config) {
        Ok((config, Reloaded { left }))
    } else {
        Err("the streams of a broker are audited for the first time, or not any more; that needs a restart"
            .to_owned())
    }
}

/// As far as it may be shown: a password that changed is no other broker.
fn differs<T: Debug>(old: &T, new: &T) -> bool {
    format!("{old:?}") != format!("{new:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, Sources};

    fn config(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.toml");
        std::fs::write(&path, text).unwrap();
        Sources::gather(Some(&path), Vec::new(), Flags::default()).unwrap().read().unwrap()
    }

    #[test]
    fn streams_and_rules_change_and_the_rest_is_named() {
        let old = config("[[broker]]\nname = \"m\"\nurl = \"mqtt://a\"\n");
        let text = "[[broker]]\nname = \"m\"\nurl = \"mqtt://b\"\n[errors]\nthreshold = 0.5\n[limits]\ndevices_max = 7\n\
                    [web]\ntelemetry_path = \"/m\"\n[shard]\nindex = 0\ntotal = 2\n[probe]\nevery = \"0\"\n";
        let (merged, reloaded) = merged(&old, config(text), &old.brokers).unwrap();
        assert_eq!(reloaded.left, ["[[broker]]", "[web]", "[probe]", "[shard]"]);
        assert!(merged.shard.is_whole());
        assert_eq!((merged.limits.devices_max, merged.brokers[0].urls[0].host.as_str()), (7, "a"));
        assert_eq!(merged.web.telemetry_path, "/metrics");
        let again = super::merged(&merged, merged.clone(), &old.brokers).unwrap().1;
        assert!(again.left.is_empty());
    }

    #[test]
    fn a_connection_for_audited_messages_does_not_come_and_go() {
        let stream = |audit| {
            format!("[[broker]]\n[[stream]]\nname = \"s\"\nfilter = \"a/{{device}}\"\naudit = {audit}\n")
        };
        let (without, with) = (config(&stream(false)), config(&stream(true)));
        for (old, new) in [(&without, &with), (&with, &without)] {
            let why = merged(old, new.clone(), &old.brokers).unwrap_err();
            assert!(why.contains("restart"), "{why}");
        }
    }
}
