//! Rows of a query as queues: which column says what, and what a value means. Nothing here may know a database.

use super::Trouble;
use watchkeeper_core::queues::{Queue, client_id};
use watchkeeper_core::time::Wall;

/// What a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    ClientId,
    Depth,
    Inflight,
    Bytes,
    LimitMessages,
    OldestAtMs,
    Connected,
    Dropped,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Vec<u8>),
}

const NAMES: [(&str, Column); 8] = [
    ("client_id", Column::ClientId),
    ("depth", Column::Depth),
    ("inflight", Column::Inflight),
    ("bytes", Column::Bytes),
    ("limit_messages", Column::LimitMessages),
    ("oldest_at_ms", Column::OldestAtMs),
    ("connected", Column::Connected),
    ("dropped", Column::Dropped),
];

impl Column {
    pub(super) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, column)| *column == self).map_or("", |(name, _)| name)
    }
}

/// The columns of a query. One that is not known is refused rather than passed over: it is a known one, misspelt.
pub(super) fn columns<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Column>, Trouble> {
    let known = NAMES.map(|(name, _)| name).join(", ");
    let mut columns = Vec::new();
    for name in names {
        let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, column)) = found else {
            let name: String = name.chars().take(64).collect();
            return Err(Trouble::new(
                format!("the query returns a column `{name}`, which is not known"),
                format!("name its columns with AS: client_id and depth, and what else it has of {known}"),
            ));
        };
        if columns.contains(column) {
            return Err(Trouble::new(
                format!("the query returns the column `{}` twice", column.name()),
                "name its columns with AS, each once",
            ));
        }
        columns.push(*column);
    }
    for needed in [Column::ClientId, Column::Depth] {
        if !columns.contains(&needed) {
            return Err(Trouble::new(
                format!("the query returns no column `{}`", needed.name()),
                "it must be a SELECT that names client_id and depth with AS",
            ));
        }
    }
    Ok(columns)
}

/// The queue of a row; none where the row belongs to no client.
pub(super) fn queue(columns: &[Column], cells: impl Iterator<Item = Cell>) -> Option<Queue> {
    let mut queue = Queue::default();
    for (column, cell) in columns.iter().zip(cells) {
        match column {
            Column::ClientId => queue.client_id = id(cell)?,
            Column::Depth => queue.depth = number(&cell),
            Column::Inflight => queue.inflight = number(&cell),
            Column::Bytes => queue.bytes = number(&cell),
            Column::LimitMessages => queue.limit_messages = number(&cell),
            Column::OldestAtMs => queue.oldest = number(&cell).and_then(wall),
            Column::Connected => queue.connected = flag(&cell),
            Column::Dropped => queue.dropped = number(&cell),
        }
    }
    Some(queue)
}

/// What rows say of the depth: one that is no number is absent, and where there is none but such, the query is wrong.
#[derive(Default)]
pub(super) struct Depths {
    rows: u64,
    is_known: bool,
    /// The first that is no number: its row, its client and what it is.
    odd: Option<(u64, String, String)>,
}

impl Depths {
    pub(super) fn see(&mut self, columns: &[Column], cells: &[Cell]) {
        self.rows += 1;
        if self.is_known {
            return;
        }
        let of = |wanted| columns.iter().position(|column| *column == wanted).and_then(|at| cells.get(at));
        let Some(depth) = of(Column::Depth).filter(|cell| **cell != Cell::Null) else { return };
        self.is_known = number(depth).is_some();
        if !self.is_known && self.odd.is_none() {
            let client = of(Column::ClientId).cloned().and_then(id).unwrap_or_default();
            self.odd = Some((self.rows, short(&client), said(depth)));
        }
    }

    pub(super) fn sound(self, place: &str) -> Result<(), Trouble> {
        match self.odd.filter(|_| !self.is_known) {
            None => Ok(()),
            Some((row, client, said)) => Err(Trouble::new(
                format!(
                    "{place}: the column `depth` of row {row}, client {client:?}, is {said}, and no row has a whole \
                     number that is not negative"
                ),
                "check the query: depth must be such a number, or NULL where it is not known",
            )),
        }
    }
}

fn said(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(bytes) => format!("{:?}", short(&client_id(bytes))),
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn id(cell: Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Real(number) => Some(number.to_string()),
        Cell::Text(bytes) => Some(client_id(&bytes)),
    }
}

fn number(cell: &Cell) -> Option<u64> {
    match cell {
        Cell::Null => None,
        Cell::Integer(number) => u64::try_from(*number).ok(),
        Cell::Real(number) => super::json::whole(*number),
        Cell::Text(bytes) => std::str::from_utf8(bytes).ok()?.trim().parse().ok(),
    }
}

fn flag(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Text(bytes) => match bytes.to_ascii_lowercase().as_slice() {
            b"t" | b"true" | b"1" => Some(true),
            b"f" | b"false" | b"0" => Some(false),
            _ => None,
        },
        other => number(other).map(|number| number > 0),
    }
}

fn wall(ms: u64) -> Option<Wall> {
    Some(Wall(i64::try_from(ms).ok()?.checked_mul(1_000)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_name_whatever_their_order() {
        let found = columns(["depth", "CLIENT_ID", "oldest_at_ms"].into_iter()).unwrap();
        assert_eq!(found, [Column::Depth, Column::ClientId, Column::OldestAtMs]);
        for (names, words) in [
            (vec!["client_id"], "no column `depth`"),
            (vec![], "no column `client_id`"),
            (vec!["client_id", "depth", "inflght"], "`inflght`"),
            (vec!["client_id", "depth", "depth"], "`depth` twice"),
        ] {
            let trouble = columns(names.into_iter()).unwrap_err();
            assert!(trouble.cause.contains(words), "{trouble}");
        }
    }

    #[test]
    fn what_is_no_number_is_absent() {
        let text = |text: &str| Cell::Text(text.into());
        let cases = [
            (Cell::Null, None),
            (Cell::Integer(7), Some(7)),
            (Cell::Integer(-7), None),
            (Cell::Real(7.0), Some(7)),
            (Cell::Real(7.5), None),
            (text("7"), Some(7)),
            (text("seven"), None),
        ];
        for (cell, depth) in cases {
            let row = queue(&[Column::ClientId, Column::Depth], [text("a"), cell].into_iter()).unwrap();
            assert_eq!(row.depth, depth);
        }
        let far =
            queue(&[Column::ClientId, Column::OldestAtMs], [text("a"), Cell::Integer(i64::MAX)].into_iter());
        assert_eq!(far.unwrap().oldest, None);
        assert_eq!(queue(&[Column::ClientId], [Cell::Null].into_iter()), None);
        assert_eq!(flag(&text("t")), Some(true));
        assert_eq!(flag(&Cell::Integer(0)), Some(false));
        assert_eq!(flag(&text("maybe")), None);
    }
}
