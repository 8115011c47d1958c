//! `GET /api/topics`: who is flooding. It reads the query and hands over what the engine says.

use super::{Desk, answer, nodes_query};
use crate::engine::handle::TopicsQuery;
use crate::out::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde_json::Value;
use watchkeeper_core::busiest::{By, TOPICS_MAX};

/// Topics that are shown when nobody says.
const TOP: usize = 20;
const KNOWN: [(&str, By); 3] = [("rate", By::Rate), ("bytes", By::Bytes), ("errors", By::Errors)];

/// `GET /api/topics`.
pub(crate) async fn get(State(desk): State<Desk>, query: super::api::Pairs) -> Result<Json<Value>, Problem> {
    let query = read(&super::api::pairs(query)?)?;
    Ok(Json(answer(desk.shared.subject.engine.topics(query)).await?))
}

fn read(pairs: &[(String, String)]) -> Result<TopicsQuery, Problem> {
    let (mut top, mut by) = (None, None);
    for (name, value) in pairs {
        let is_again = match name.as_str() {
            "top" => top.replace(nodes_query::limit(value, TOPICS_MAX).map_err(|_| bad_top())?).is_some(),
            "by" => by.replace(order(value)?).is_some(),
            _ => return Err(Problem::bad_request("unknown parameter; known are top and by")),
        };
        if is_again {
            return Err(Problem::bad_request(format!("{name} is given twice; give it once")));
        }
    }
    Ok(TopicsQuery { top: top.unwrap_or(TOP), by: by.unwrap_or(By::Rate) })
}

fn bad_top() -> Problem {
    Problem::bad_request(format!("top must be a whole number from 1 to {TOPICS_MAX}"))
}

fn order(value: &str) -> Result<By, Problem> {
    KNOWN
        .iter()
        .find(|(word, _)| *word == value)
        .map(|(_, by)| *by)
        .ok_or_else(|| Problem::bad_request("by must be one of rate, bytes, errors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_names_the_parameter_and_the_cure() {
        let ask = |text: &str| {
            let pairs: Vec<(String, String)> = text
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            read(&pairs)
        };
        assert_eq!(ask("").map(|query| (query.top, query.by)), Ok((TOP, By::Rate)));
        assert_eq!(ask("top=5&by=errors").map(|query| (query.top, query.by)), Ok((5, By::Errors)));
        for (text, detail) in [
            ("top=0", "top must be a whole number from 1 to 4096"),
            ("by=name", "by must be one of rate, bytes, errors"),
            ("by=rate&by=rate", "by is given twice; give it once"),
            ("limit=5", "unknown parameter; known are top and by"),
        ] {
            assert_eq!(ask(text).map(|_| ()), Err(Problem::bad_request(detail)), "{text}");
        }
    }
}
