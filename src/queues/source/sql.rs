//! Any query that returns `client_id` and `depth`, and what else it knows of the columns of a snapshot. The operator wrote
//! it; nothing here may let it change anything.

use super::database::Database;
use super::{Asked, Source};
use secrecy::SecretString;
use watchkeeper_core::time::Wall;

pub(super) struct Sql {
    dsn: SecretString,
    query: String,
    limit: usize,
}

impl Sql {
    pub(super) fn new(dsn: SecretString, query: String, limit: usize) -> Self {
        Self { dsn, query, limit }
    }
}

impl Source for Sql {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(async { Database::parse(&self.dsn)?.queues(&self.query, self.limit).await })
    }
}
