//! Any query that returns `client_id` and `depth`, and what else it knows of the columns of a snapshot. The operator wrote
//! it; nothing here may let it change anything.

use super::database::Database;
use super::{Asked, Source};
use watchkeeper_core::time::Wall;

pub(super) struct Sql {
    database: Database,
    query: String,
    limit: usize,
}

impl Sql {
    pub(super) fn new(database: Database, query: String, limit: usize) -> Self {
        Self { database, query, limit }
    }
}

impl Source for Sql {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.database.queues(&self.query, self.limit))
    }
}
