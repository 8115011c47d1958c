//! The query of `GET /api/nodes`, checked by hand so that each refusal names the parameter and the cure. What
//! passes here must be something the engine can answer.

use crate::engine::handle::NodesQuery;
use crate::engine::nodes::read_cursor;
use crate::out::problem::Problem;

const STATES: [&str; 4] = ["online", "offline", "unknown", "never_seen"];
const SORTS: [&str; 6] = ["id", "last_seen", "error_ratio", "stuck", "messages", "lost"];
const LIMIT_MAX: usize = 1000;
/// A cursor is the longest: a device id with the key it is sorted by.
const TEXT_BYTES_MAX: usize = watchkeeper_core::names::ID_BYTES_MAX + 64;

/// Reads the parameters of the query string.
pub(crate) fn nodes(pairs: Vec<(String, String)>) -> Result<NodesQuery, Problem> {
    let mut query = NodesQuery::default();
    for (name, value) in pairs {
        let slot = match name.as_str() {
            "state" => &mut query.state,
            "q" => &mut query.q,
            "sort" => &mut query.sort,
            "cursor" => &mut query.cursor,
            "limit" => {
                once("limit", query.limit.is_some())?;
                query.limit = Some(limit(&value, LIMIT_MAX)?);
                continue;
            }
            _ => {
                return Err(Problem::bad_request(
                    "unknown parameter; known are state, q, sort, limit and cursor",
                ));
            }
        };
        once(&name, slot.is_some())?;
        check(&name, &value)?;
        *slot = Some(value);
    }
    Ok(query)
}

/// A `limit` between 1 and `most`.
pub(crate) fn limit(value: &str, most: usize) -> Result<usize, Problem> {
    match value.parse() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Problem::bad_request(format!("limit must be a whole number from 1 to {most}"))),
    }
}

fn once(name: &str, given: bool) -> Result<(), Problem> {
    if given { Err(Problem::bad_request(format!("{name} is given twice; give it once"))) } else { Ok(()) }
}

fn check(name: &str, value: &str) -> Result<(), Problem> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(Problem::bad_request(format!(
            "{name} is longer than {TEXT_BYTES_MAX} bytes; shorten it"
        )));
    }
    let column = value.strip_prefix('-').unwrap_or(value);
    let one_of = |known: &[&str]| Problem::bad_request(format!("{name} must be one of {}", known.join(", ")));
    match name {
        "state" if !STATES.contains(&value) => Err(one_of(&STATES)),
        "sort" if !SORTS.contains(&column) => Err(Problem::bad_request(format!(
            "sort must be one of {}; a leading - reverses",
            SORTS.join(", ")
        ))),
        "cursor" if read_cursor(value).is_none() => Err(Problem::bad_request(
            "cursor is none of ours; pass next_cursor of the page before, or leave cursor out for the first page",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<NodesQuery, Problem> {
        nodes(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_good_query_is_taken_over() {
        let query = parse(&[
            ("state", "offline"),
            ("q", "a"),
            ("sort", "-last_seen"),
            ("limit", "5"),
            ("cursor", "0:x"),
        ]);
        let query = query.unwrap();
        assert_eq!((query.state.as_deref(), query.q.as_deref()), (Some("offline"), Some("a")));
        assert_eq!(
            (query.sort.as_deref(), query.limit, query.cursor.as_deref()),
            (Some("-last_seen"), Some(5), Some("0:x"))
        );
    }

    #[test]
    fn each_refusal_names_the_parameter_and_the_cure() {
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        let table: [(&[(&str, &str)], &str); 8] = [
            (&[("state", "gone")], "state must be one of online, offline, unknown, never_seen"),
            (
                &[("sort", "--id")],
                "sort must be one of id, last_seen, error_ratio, stuck, messages, lost; a leading - reverses",
            ),
            (&[("limit", "0")], "limit must be a whole number from 1 to 1000"),
            (&[("limit", "1001")], "limit must be a whole number from 1 to 1000"),
            (&[("limit", "5"), ("limit", "5")], "limit is given twice; give it once"),
            (&[("q", "a"), ("q", "b")], "q is given twice; give it once"),
            (&[("q", &long)], "q is longer than 1088 bytes; shorten it"),
            (&[("<b>", "1")], "unknown parameter; known are state, q, sort, limit and cursor"),
        ];
        for (pairs, detail) in table {
            assert_eq!(parse(pairs).unwrap_err(), Problem::bad_request(detail));
        }
    }
}
