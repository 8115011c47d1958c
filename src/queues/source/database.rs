//! A database of somebody else: SQLite or PostgreSQL, as the data source name says. It is only ever read, and what it is
//! asked has a limit of time. Nothing here may show the name: there may be a password in it.

use super::{Trouble, postgres, sqlite};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use watchkeeper_core::queues::Reading;

/// Until a query has told its last row.
pub(super) const QUERY_MAX: Duration = Duration::from_secs(10);

/// The columns of tables that exist, by the table's name.
pub(super) type Tables = HashMap<String, Vec<String>>;

/// Which database.
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres(Box<postgres::Server>),
}

impl Database {
    pub(super) fn parse(dsn: &SecretString) -> Result<Self, Trouble> {
        let dsn = dsn.expose_secret();
        if let Some(path) = dsn.strip_prefix("sqlite:") {
            // `sqlite:/a`, `sqlite:///a` and `sqlite:a` are all in use.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(Trouble::new("the dsn names no file", "write it as sqlite:/path/to/the.db"));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if dsn.starts_with("postgres://") || dsn.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(postgres::Server::parse(dsn)?)));
        }
        Err(Trouble::new(
            "the dsn is of an unknown kind",
            "write it as sqlite:/path/to/the.db or postgres://user:password@host:5432/database",
        ))
    }

    /// The queues that a query returns; several rows of one client are added up.
    pub(super) async fn queues(&self, query: &str, limit: usize) -> Result<Reading, Trouble> {
        match self {
            Self::Sqlite(path) => sqlite::queues(path.clone(), query.to_owned(), limit).await,
            Self::Postgres(server) => server.queues(query, limit).await,
        }
    }

    /// Which of these tables there are, and what columns they have.
    pub(super) async fn tables(&self, names: &'static [&'static str]) -> Result<Tables, Trouble> {
        match self {
            Self::Sqlite(path) => sqlite::tables(path.clone(), names).await,
            Self::Postgres(server) => server.tables(names).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(dsn: &str) -> Result<Database, Trouble> {
        Database::parse(&dsn.into())
    }

    #[test]
    fn a_name_says_which_database_and_is_never_repeated() {
        for dsn in ["sqlite:/a/b.db", "sqlite:///a/b.db"] {
            assert!(matches!(parsed(dsn), Ok(Database::Sqlite(path)) if path.to_str() == Some("/a/b.db")));
        }
        assert!(matches!(parsed("sqlite:b.db"), Ok(Database::Sqlite(path)) if path.to_str() == Some("b.db")));
        assert!(matches!(parsed("postgresql://me:s3cret@h/d"), Ok(Database::Postgres(_))));
        for wrong in
            ["", "sqlite:", "mysql://me:s3cret@h/d", "postgres://me:s3cret@h:port/d", "postgres://h?s3cret=1"]
        {
            let trouble = parsed(wrong).err().unwrap().to_string();
            assert!(!trouble.contains("s3cret"), "{trouble}");
        }
    }
}
