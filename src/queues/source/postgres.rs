//! PostgreSQL databases of others: one query in a transaction that is read-only, with a limit of time that the server
//! keeps, too. Each reading has its own connection, so that none goes stale. Nothing here may write, and no certificate
//! is taken unverified.

use super::database::{QUERY_MAX, Tables};
use super::rows::{self, Cell, Column};
use super::{Trouble, dial};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Error, Row};
use watchkeeper_core::queues::Reading;
use watchkeeper_core::queues::gather::Gather;

mod name;
mod verified;

/// What moves the bytes of a connection, for as long as it is polled.
type Connection = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A server, and one of its databases.
pub(super) struct Server {
    config: Config,
    shown: String,
    pub(super) trust: dial::Trust,
}

impl Server {
    pub(super) fn parse(dsn: &str) -> Result<Self, Trouble> {
        let (config, shown) = name::parse(dsn)?;
        Ok(Self { config, shown, trust: dial::Trust::default() })
    }

    /// The queues that a query returns.
    pub(super) async fn queues(&self, query: &str, limit: usize) -> Result<Reading, Trouble> {
        self.within(async |client| self.ask(client, query, limit).await).await
    }

    /// Which of these tables there are, where the search path leads.
    pub(super) async fn tables(&self, names: &[&str]) -> Result<Tables, Trouble> {
        self.within(async |client| {
            let columns = "SELECT attname::text FROM pg_attribute \
                           WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped";
            let mut tables = Tables::new();
            for name in names {
                let rows = client.query(columns, &[name]).await.map_err(|error| self.trouble(&error))?;
                if !rows.is_empty() {
                    let columns = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
                    tables.insert((*name).to_owned(), columns);
                }
            }
            Ok(tables)
        })
        .await
    }

    /// In a transaction that cannot write, within the limit of time.
    async fn within<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let asked = async {
            let (client, connection) = self.connect().await?;
            let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", QUERY_MAX.as_millis());
            let answer = async {
                client.batch_execute(&begin).await.map_err(|error| self.trouble(&error))?;
                work(&client).await
            };
            self.drive(connection, answer).await
        };
        timeout(QUERY_MAX, asked).await.unwrap_or_else(|_| Err(self.slow()))
    }

    /// The connection moves only while it is polled, and ends with the question.
    async fn drive<T>(
        &self,
        connection: impl Future<Output = Result<(), Error>>,
        answer: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        match select(pin!(connection), pin!(answer)).await {
            Either::Left((Err(error), _)) => Err(self.trouble(&error)),
            Either::Left((Ok(()), answer)) => answer.await,
            Either::Right((answer, _)) => answer,
        }
    }

    async fn connect(&self) -> Result<(Client, Connection), Trouble> {
        let trouble = |error: Error| self.trouble(&error);
        if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(tokio_postgres::NoTls).await.map_err(trouble)?;
            return Ok((client, Box::pin(connection)));
        }
        let tls = verified::Verified(self.trust.config()?);
        let (client, connection) = self.config.connect(tls).await.map_err(trouble)?;
        Ok((client, Box::pin(connection)))
    }

    async fn ask(&self, client: &Client, query: &str, limit: usize) -> Result<Reading, Trouble> {
        let trouble = |error: Error| self.trouble(&error);
        let query = query.trim().trim_end_matches(';');
        // Only described, not run: its columns say how to ask for them.
        let described = client.prepare(query).await.map_err(trouble)?;
        let names = described.columns().iter().map(tokio_postgres::Column::name);
        let columns = rows::columns(names)?;
        let types = described.columns().iter().map(tokio_postgres::Column::type_);
        let asked: Vec<String> =
            columns.iter().zip(types).map(|(column, kind)| expression(*column, kind)).collect();
        // Within another query nothing but a SELECT can stand.
        let whole = format!("SELECT {} FROM ({query}\n) AS q", asked.join(", "));
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
        let mut found = pin!(client.query_raw(&whole, params).await.map_err(trouble)?);
        let mut gather = Gather::new(limit);
        while let Some(row) = found.next().await {
            let row = row.map_err(trouble)?;
            let cells = columns.iter().enumerate().map(|(at, column)| cell(&row, at, *column));
            if let Some(queue) = rows::queue(&columns, cells) {
                gather.add(queue);
            }
        }
        Ok(gather.finish(None))
    }

    fn slow(&self) -> Trouble {
        Trouble::new(
            format!("{} did not answer within {} s", self.shown, QUERY_MAX.as_secs()),
            "make the query cheaper: an index, fewer rows; look at locks and at the load of the server",
        )
    }

    fn trouble(&self, error: &Error) -> Trouble {
        if error.code() == Some(&SqlState::QUERY_CANCELED) {
            return self.slow();
        }
        let cure = match error.code() {
            Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                "check user and password of the dsn, and pg_hba.conf of the server"
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => "check the database of the dsn",
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                "grant the user SELECT on the tables, and USAGE on their schema"
            }
            Some(&SqlState::UNDEFINED_TABLE) => {
                "check the tables of the query, and the search_path of the user"
            }
            Some(&SqlState::TOO_MANY_CONNECTIONS) => "it is tried again; a reading takes one connection",
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::SYNTAX_ERROR) => {
                "the query must be one SELECT, which changes nothing"
            }
            Some(_) => "check the query",
            None if error.is_closed() => "the server broke off: look at its log",
            None => {
                "check host and port, and that the server runs; where it offers TLS its certificate must be valid: \
                 SSL_CERT_FILE names further authorities, sslmode=disable in the dsn does without"
            }
        };
        Trouble::new(format!("{}: {}", self.shown, words(error)), cure)
    }
}

/// What the server said, or the system.
fn words(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return said.message().to_owned();
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

/// Every number as one of eight bytes, whatever it is: a sum is `numeric`, a count `bigint`, and a time may be one.
fn expression(column: Column, kind: &Type) -> String {
    let name = format!("q.\"{}\"", column.name());
    let is_time = *kind == Type::TIMESTAMPTZ || *kind == Type::TIMESTAMP;
    match column {
        Column::ClientId if *kind == Type::BYTEA => name,
        Column::ClientId => format!("{name}::text"),
        Column::Connected if *kind == Type::BOOL => format!("{name}::int::bigint"),
        Column::OldestAtMs if is_time => format!("(extract(epoch FROM {name}) * 1000)::bigint"),
        _ => format!("{name}::bigint"),
    }
}

fn cell(row: &Row, at: usize, column: Column) -> Cell {
    if column != Column::ClientId {
        return row.try_get::<_, Option<i64>>(at).ok().flatten().map_or(Cell::Null, Cell::Integer);
    }
    let bytes = match row.try_get::<_, Option<&str>>(at) {
        Ok(text) => text.map(|text| text.as_bytes().to_vec()),
        Err(_) => row.try_get::<_, Option<Vec<u8>>>(at).ok().flatten(),
    };
    bytes.map_or(Cell::Null, Cell::Text)
}
