//! Tables as typed, read key by key. A key that nobody asked for is refused, and what was asked for is what
//! «did you mean» chooses from, so that the list of keys cannot go stale. Nothing here may know a section.

use super::problem::{Fault, Ledger, fault};
use super::suggest;
use super::tree::{Members, Node, Place, Value};
use std::fmt::Display;

/// A value that was read, with the key and the place for later complaints.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    /// What was read.
    pub(crate) value: T,
    /// Where it is.
    pub(crate) place: Place,
    /// The key with its path.
    pub(crate) key: String,
}

/// A table that is being read; call `finish` when every key was asked for.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    /// Its path, such as `broker[0]`; empty for the whole file.
    pub(crate) path: String,
    /// Where it begins.
    pub(crate) place: Place,
    /// Whether it was written at all.
    pub(crate) is_set: bool,
    /// Where complaints go.
    pub(crate) ledger: &'a Ledger<'a>,
    members: Members,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// A table of these members.
    pub(crate) fn new(path: String, place: Place, members: Members, ledger: &'a Ledger<'a>) -> Self {
        Self { path, place, is_set: true, ledger, members, asked: Vec::new() }
    }

    /// The path of a key.
    pub(crate) fn key(&self, key: impl Display) -> String {
        if self.path.is_empty() { key.to_string() } else { format!("{}.{key}", self.path) }
    }

    /// The value of `key`, if it is written and `read` accepts it.
    pub(crate) fn get<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Node) -> Result<T, Fault>,
    ) -> Option<At<T>> {
        let node = self.take(key)?;
        let key = self.key(key);
        match read(&node) {
            Ok(value) => Some(At { value, place: node.place, key }),
            Err(fault) => {
                self.ledger.refuse(&node.place, &key, fault);
                None
            }
        }
    }

    /// The value of `key`, or `default` where there is none (or none that can be used).
    pub(crate) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Node) -> Result<T, Fault>,
    ) -> T {
        self.get(key, read).map_or(default, |at| at.value)
    }

    /// The members of a list, each judged on its own.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node) -> Result<T, Fault>,
    ) -> Option<Vec<At<T>>> {
        let list = self.get(key, super::words::list)?;
        let read_one = |(index, node): (usize, Node)| {
            let key = format!("{}[{index}]", list.key);
            let value = read(&node).map_err(|fault| self.ledger.refuse(&node.place, &key, fault)).ok()?;
            Some(At { value, place: node.place, key })
        };
        Some(list.value.into_iter().enumerate().filter_map(read_one).collect())
    }

    /// The members of a list without their places; empty where there is none.
    pub(crate) fn values<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&Node) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        Some(self.list(key, read)?.into_iter().map(|at| at.value).collect())
    }

    /// `[key]`; empty where it is not written.
    pub(crate) fn section(&mut self, key: &'static str) -> Table<'a> {
        let path = self.key(key);
        let empty = |place: Place, is_set| Table {
            is_set,
            ..Table::new(path.clone(), place, Members::new(), self.ledger)
        };
        let Some(node) = self.take(key) else { return empty(Place::Nowhere, false) };
        if let Ok(members) = super::words::table(&node) {
            return Table::new(path, node.place, members, self.ledger);
        }
        let cause = format!("a section is expected, not {}", node.value.what());
        self.ledger.refuse(&node.place, &path, fault(cause, format!("write [{path}] and its keys below")));
        empty(node.place, true)
    }

    /// Each `[[key]]`.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let path = self.key(key);
        let Some(node) = self.take(key) else { return Vec::new() };
        let cure = format!("write [[{path}]], once for each");
        let items = match node.value {
            Value::List(items) => items,
            value => {
                let cause = format!("there may be several, so a list is expected, not {}", value.what());
                self.ledger.refuse(&node.place, &path, fault(cause, cure.clone()));
                // Read on as if it had been written right, to find what else is wrong.
                let table = matches!(value, Value::Table(_));
                table.then_some(Node { place: node.place, value }).into_iter().collect()
            }
        };
        let mut tables = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match item.value {
                Value::Table(members) => tables.push(Table::new(path, item.place, members, self.ledger)),
                value => {
                    let cause = format!("a table is expected, not {}", value.what());
                    self.ledger.refuse(&item.place, &path, fault(cause, cure.clone()));
                }
            }
        }
        tables
    }

    /// Every member that is left, for tables whose keys are the user's own; each with its key's path.
    pub(crate) fn rest(&mut self) -> Vec<(String, String, Node)> {
        let members = std::mem::take(&mut self.members);
        members.into_iter().map(|(key, (_, node))| (self.key(&key), key, node)).collect()
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) {
        for (key, (place, _)) in &self.members {
            let section = if self.path.is_empty() { String::new() } else { format!(" in [{}]", self.path) };
            let cause = format!("unknown key «{key}»{section}");
            self.ledger.refuse(
                place,
                &self.key(key),
                fault(cause, suggest::key(key, &self.path, &self.asked)),
            );
        }
    }

    /// Notes a complaint about the table itself.
    pub(crate) fn refuse(&self, fault: Fault) {
        self.ledger.refuse(&self.place, &self.path, fault);
    }

    /// Whether `key` is written and was not read yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    /// Takes the value of `key` out, unread.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.asked.push(key);
        self.members.remove(key).map(|(_, node)| node)
    }
}

impl<T> At<T> {
    /// Notes a complaint about this value.
    pub(crate) fn refuse(&self, ledger: &Ledger<'_>, cause: impl Into<String>, cure: impl Into<String>) {
        ledger.refuse(&self.place, &self.key, fault(cause, cure));
    }
}
