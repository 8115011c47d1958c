//! A `[[queues.source]]` as it is meant. Nothing here may open or read anything.

use secrecy::SecretString;
use std::path::PathBuf;
use std::time::Duration;

/// One source.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// Its name in health, metrics and the database; by default its kind.
    pub(crate) name: String,
    /// The broker whose queues it tells, by the name in the file.
    pub(crate) broker: String,
    /// The pause between two readings.
    pub(crate) every: Duration,
    /// So many clients are taken at most, the deepest first where the source can sort.
    pub(crate) limit: usize,
    pub(crate) kind: Kind,
}

/// What it asks.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Mosquitto's persistence file, or the database of its sqlite plugin.
    MosquittoDb {
        path: PathBuf,
    },
    Emqx(Web),
    Rmqtt(Web),
    Rabbitmq {
        web: Web,
        vhost: Option<String>,
    },
    Nats(Web),
    Vernemq(Web),
    Monstermq {
        dsn: SecretString,
    },
    Sql {
        dsn: SecretString,
        query: String,
    },
    Redis {
        web: Web,
        pattern: String,
    },
    /// What `$SYS` says of the broker as a whole.
    Sys,
    /// Commands seen for a device that is offline.
    Inferred,
}

/// Where to ask, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    pub(crate) url: String,
    pub(crate) username: Option<String>,
    /// Read anew at every reading, so that a changed password needs no restart.
    pub(crate) password_file: Option<PathBuf>,
}
