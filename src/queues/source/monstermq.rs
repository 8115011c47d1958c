//! MonsterMQ: the tables of its queue, of which there have been four generations, in SQLite or PostgreSQL. Which of them
//! is there is looked up at each reading, since an upgrade changes it under way. Nothing here may write.
//!
//! `messagequeue` is the queue since 1.8.7. The older pair of tables may lie beside it with rows that nobody deletes any
//! more, so that it counts only where `messagequeue` is not there.

use super::database::{Database, Tables};
use super::{Asked, Source, Trouble};
use watchkeeper_core::queues::Reading;
use watchkeeper_core::time::Wall;

const NAMES: &[&str] = &["messagequeue", "queuedmessagesclients", "queuedmessages", "sessions"];

pub(super) struct Monstermq {
    database: Database,
    limit: usize,
}

impl Monstermq {
    pub(super) fn new(database: Database, limit: usize) -> Self {
        Self { database, limit }
    }

    async fn all(&mut self) -> Result<Reading, Trouble> {
        let tables = self.database.tables(NAMES).await?;
        let postgres = matches!(self.database, Database::Postgres(_));
        let Some(query) = query(&tables, postgres) else {
            return Err(Trouble::new(
                "the database has none of the tables of MonsterMQ's queue",
                "check the dsn; with QueueStoreType MEMORY there are none, with MONGODB they are elsewhere",
            ));
        };
        self.database.queues(&query, self.limit).await
    }
}

/// A query for what is there. Each row is a part of a client's queue: a message that waits, one that is under way, or the
/// session, which knows whether the client is connected and makes an empty queue known as empty.
fn query(tables: &Tables, postgres: bool) -> Option<String> {
    let messages = if tables.contains_key("messagequeue") {
        let waits = if postgres { "m.vt <= now()" } else { "m.vt <= CAST(strftime('%s', 'now') AS INTEGER)" };
        let from = "FROM messagequeue m";
        part(from, "m.client_id", waits, "TRUE", Some("m.payload"), Some("m.creation_time"), postgres)
    } else {
        let clients = tables.get("queuedmessagesclients")?;
        let has = |table: Option<&Vec<String>>, column: &str| {
            table.is_some_and(|columns| columns.iter().any(|name| name == column))
        };
        // 0 waits, 1 is under way, 2 was delivered and is deleted some time later.
        let status = has(Some(clients), "status");
        let (waits, counts) = if status { ("c.status = 0", "c.status < 2") } else { ("TRUE", "TRUE") };
        let all = tables.get("queuedmessages");
        let from = match all {
            Some(_) => {
                "FROM queuedmessagesclients c LEFT JOIN queuedmessages m ON m.message_uuid = c.message_uuid"
            }
            None => "FROM queuedmessagesclients c",
        };
        let payload = has(all, "payload").then_some("m.payload");
        let created = has(all, "creation_time").then_some("m.creation_time");
        let known = part(from, "c.client_id", waits, counts, payload, created, postgres);
        // Without a status nobody can tell what is under way.
        if status { known } else { known.replace(INFLIGHT, "CAST(NULL AS BIGINT) AS inflight") }
    };
    if !tables.contains_key("sessions") {
        return Some(messages);
    }
    let known = "COALESCE(q.depth, 0) AS depth, CASE WHEN q.client_id IS NULL THEN 0 ELSE q.inflight END AS inflight, \
                 CASE WHEN q.client_id IS NULL THEN 0 ELSE q.bytes END AS bytes, q.oldest_at_ms AS oldest_at_ms";
    Some(format!(
        "WITH q AS ({messages}) \
         SELECT s.client_id AS client_id, {known}, s.connected AS connected \
         FROM sessions s LEFT JOIN q ON q.client_id = s.client_id \
         UNION ALL \
         SELECT q.client_id, q.depth, q.inflight, q.bytes, q.oldest_at_ms, NULL FROM q \
         WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = q.client_id)"
    ))
}

const INFLIGHT: &str = "COUNT(*) - SUM(CASE WHEN w THEN 1 ELSE 0 END) AS inflight";

/// What each client waits for, of one generation.
fn part(
    from: &str,
    client: &str,
    waits: &str,
    counts: &str,
    payload: Option<&str>,
    created: Option<&str>,
    postgres: bool,
) -> String {
    let length = if postgres { "OCTET_LENGTH" } else { "LENGTH" };
    let bytes = payload
        .map_or("CAST(NULL AS BIGINT)".to_owned(), |payload| format!("COALESCE({length}({payload}), 0)"));
    let created = created.unwrap_or("CAST(NULL AS BIGINT)");
    format!(
        "SELECT client_id, SUM(CASE WHEN w THEN 1 ELSE 0 END) AS depth, {INFLIGHT}, \
         SUM(CASE WHEN w THEN b ELSE b * 0 END) AS bytes, MIN(CASE WHEN w THEN t END) AS oldest_at_ms \
         FROM (SELECT {client} AS client_id, ({waits}) AS w, {bytes} AS b, {created} AS t {from} WHERE {counts}) r \
         GROUP BY client_id"
    )
}

impl Source for Monstermq {
    fn read(&mut self, _now: Wall) -> Asked<'_> {
        Box::pin(self.all())
    }
}
