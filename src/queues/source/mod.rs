//! What can tell the depth of queues: one file a source, behind one trait. Each says what it knows and leaves the rest
//! absent. None may guess, write to what it reads, or wait for ever: who asks sets a limit of time.

mod clients;
mod database;
mod dial;
mod emqx;
mod http;
mod json;
mod monstermq;
mod mosquitto_db;
mod nats;
mod postgres;
mod rabbitmq;
mod rabbitmq_metrics;
mod redis;
mod resp;
mod rmqtt;
mod rows;
mod sql;
mod sqlite;
mod vernemq;

#[cfg(test)]
mod tests;

use super::setting::{Kind, Setting};
use std::future::Future;
use std::pin::Pin;
use watchkeeper_core::queues::Reading;
use watchkeeper_core::time::Wall;

/// Why a source could not tell, and what to do about it. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}; {cure}")]
pub(crate) struct Trouble {
    /// Names the place.
    pub(crate) cause: String,
    pub(crate) cure: String,
}

impl Trouble {
    fn new(cause: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { cause: cause.into(), cure: cure.into() }
    }
}

/// A reading under way.
pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Reading, Trouble>> + Send + 'a>>;

/// One source, opened. It may keep a connection between readings.
pub(crate) trait Source: Send {
    /// Asks once. May be dropped half-way.
    fn read(&mut self, now: Wall) -> Asked<'_>;
}

/// The source of a setting. Nobody is asked yet, so that a broker that is away keeps nothing from starting. `None` where
/// nobody outside is asked: `$SYS` and what is inferred are known to the engine.
pub(crate) fn open(setting: &Setting) -> Option<Result<Box<dyn Source>, Trouble>> {
    let limit = setting.limit;
    Some(Ok(match &setting.kind {
        Kind::MosquittoDb { path } => Box::new(mosquitto_db::MosquittoDb::new(path.clone(), limit)),
        Kind::Emqx(web) => Box::new(emqx::Emqx::new(web, limit)),
        Kind::Rmqtt(web) => Box::new(rmqtt::Rmqtt::new(web, limit)),
        Kind::Rabbitmq { web, vhost } => Box::new(rabbitmq::Rabbitmq::new(web, vhost.as_deref(), limit)),
        Kind::Nats(web) => Box::new(nats::Nats::new(web, limit)),
        Kind::Vernemq(web) => Box::new(vernemq::Vernemq::new(web, limit)),
        Kind::Monstermq { dsn } => match database::Database::parse(dsn) {
            Ok(database) => Box::new(monstermq::Monstermq::new(database, limit)),
            Err(trouble) => return Some(Err(trouble)),
        },
        Kind::Sql { dsn, query } => match database::Database::parse(dsn) {
            Ok(database) => Box::new(sql::Sql::new(database, query.clone(), limit)),
            Err(trouble) => return Some(Err(trouble)),
        },
        Kind::Redis { web, pattern } => match redis::Redis::new(web, pattern, limit) {
            Ok(redis) => Box::new(redis),
            Err(trouble) => return Some(Err(trouble)),
        },
        Kind::Sys | Kind::Inferred => return None,
    }))
}
