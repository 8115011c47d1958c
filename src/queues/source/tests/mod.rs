//! Sources as a whole: from recorded answers and files, and from real servers where one can be started. A server that is
//! not installed fails its test; it never passes it.

pub(in crate::queues::source) mod authority;
pub(in crate::queues::source) mod served;

mod files;
mod foreign;
mod monstermq_tables;
mod real_brokers;
mod real_databases;
mod recorded;
mod started;

use super::{Source, Trouble, open};
use crate::queues::setting::{Kind, Setting, Web};
use std::time::Duration;
use watchkeeper_core::queues::{Queue, Reading};
use watchkeeper_core::time::Wall;

fn setting(kind: Kind, limit: usize) -> Setting {
    let every = Duration::from_secs(30);
    Setting { name: "source".into(), broker: "main".into(), every, limit, kind }
}

fn source(kind: Kind) -> Box<dyn Source> {
    limited(kind, 20_000)
}

fn limited(kind: Kind, limit: usize) -> Box<dyn Source> {
    open(&setting(kind, limit)).unwrap().unwrap()
}

fn web(url: &str) -> Web {
    Web { url: url.into(), username: None, password_file: None }
}

async fn read(kind: Kind) -> Result<Reading, Trouble> {
    open(&setting(kind, 20_000)).unwrap()?.read(now()).await
}

/// What is known of the queues of a source that must answer.
async fn queues(kind: Kind) -> Vec<Queue> {
    read(kind).await.unwrap().queues
}

fn now() -> Wall {
    crate::clock::wall()
}

/// A queue of which no more is known.
fn queue(client_id: &str, depth: u64) -> Queue {
    Queue { client_id: client_id.into(), depth: Some(depth), ..Queue::default() }
}

#[test]
fn nobody_outside_is_asked_for_what_the_engine_knows() {
    assert!(open(&setting(Kind::Sys, 1)).is_none());
    assert!(open(&setting(Kind::Inferred, 1)).is_none());
}
