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

/// The source of a setting. Nothing is opened or asked yet, so that what is wrong with it is told by its first reading
/// and none keeps the program from starting. `None` where nobody outside is asked: `$SYS` and what is inferred are known
/// to the engine.
pub(crate) fn open(setting: &Setting) -> Option<Box<dyn Source>> {
    let limit = setting.limit;
    Some(match &setting.kind {
        Kind::MosquittoDb { path } => Box::new(mosquitto_db::MosquittoDb::new(path.clone(), limit)),
        Kind::Emqx(web) => Box::new(emqx::Emqx::new(web, limit)),
        Kind::Rmqtt(web) => Box::new(rmqtt::Rmqtt::new(web, limit)),
        Kind::Rabbitmq { web, vhost } => Box::new(rabbitmq::Rabbitmq::new(web, vhost.as_deref(), limit)),
        Kind::Nats(web) => Box::new(nats::Nats::new(web, limit)),
        Kind::Vernemq(web) => Box::new(vernemq::Vernemq::new(web, limit)),
        Kind::Monstermq { dsn } => Box::new(monstermq::Monstermq::new(dsn.clone(), limit)),
        Kind::Sql { dsn, query } => Box::new(sql::Sql::new(dsn.clone(), query.clone(), limit)),
        Kind::Redis { web, pattern } => Box::new(redis::Redis::new(web, pattern, limit)),
        Kind::Sys | Kind::Inferred => return None,
    })
}
