//! Pages against the plain way: everything in order, then cut.

use super::*;
use watchkeeper_core::arrival::Arrival;
use watchkeeper_core::presets;
use watchkeeper_core::rules::FleetRules;
use watchkeeper_core::time::{Mono, Now};

fn fleet(devices: usize) -> Vec<Watched> {
    let streams = presets::streams("plant").unwrap();
    let mut fleet = Fleet::new(FleetRules { streams, ..FleetRules::default() });
    for (n, at) in (0..devices).zip(0_i64..) {
        let now = Now { mono: Mono(1_000_000 + n as u64), wall: Wall(1_777_622_400_000_000 + at) };
        // Every third speaks more often, so that keys are equal in part.
        for _ in 0..=n % 3 {
            let topic = format!("plant/a/l/d{:03}/telemetry/x", n * 7 % devices);
            fleet.arrival(&Arrival::live(&topic, b"1"), now);
        }
    }
    vec![Watched::new(fleet)]
}

fn ids(page: &NodesPage) -> Vec<String> {
    page.nodes.iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_forwards_and_backwards_are_the_whole_in_order() {
    let watched = fleet(100);
    for sort in ["id", "-id", "messages", "-messages", "-last_seen", "lost"] {
        let ask = |limit, cursor: Option<String>| {
            let query = NodesQuery {
                sort: Some(sort.to_owned()),
                limit: Some(limit),
                cursor,
                ..NodesQuery::default()
            };
            page(&watched, &query, Wall(0))
        };
        let whole = ids(&ask(1000, None));
        assert_eq!(whole.len(), 100);
        match sort {
            "id" => assert!(whole.is_sorted()),
            "-id" => assert!(whole.iter().rev().is_sorted()),
            _ => {}
        }
        let (mut walked, mut cursor) = (Vec::new(), None);
        loop {
            let page = ask(7, cursor);
            assert_eq!((page.total, page.before), (100, walked.len()), "{sort}");
            walked.extend(ids(&page));
            let Some(next) = page.next_cursor else { break };
            // The page before this one, in the other direction, is the one we came from.
            let opposite = sort.strip_prefix('-').map_or_else(|| format!("-{sort}"), str::to_owned);
            let after = ask(7, Some(next.clone()));
            let query = NodesQuery {
                sort: Some(opposite),
                limit: Some(7),
                cursor: after.first,
                ..NodesQuery::default()
            };
            let mut back = ids(&super::page(&watched, &query, Wall(0)));
            back.reverse();
            assert_eq!(back, walked[walked.len() - 7..], "{sort}");
            cursor = Some(next);
        }
        assert_eq!(walked, whole, "{sort}");
    }
}

#[test]
fn a_filter_counts_what_matches_and_no_more() {
    let watched = fleet(100);
    let query = NodesQuery { q: Some("d00".to_owned()), limit: Some(3), ..NodesQuery::default() };
    let found = page(&watched, &query, Wall(0));
    assert_eq!(
        (found.total, ids(&found)),
        (10, vec!["d000".to_owned(), "d001".to_owned(), "d002".to_owned()])
    );
    let query = NodesQuery { state: Some("offline".to_owned()), ..NodesQuery::default() };
    let found = page(&watched, &query, Wall(0));
    assert_eq!((found.total, found.nodes.len(), found.first), (0, 0, None));
}
