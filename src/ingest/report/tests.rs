//! What is told of a connection, as a table of moments.

use super::*;

fn at(second: u64) -> Now {
    let micros = second * SECOND;
    Now { mono: Mono(micros), wall: Wall(i64::try_from(micros).unwrap()) }
}

fn report(status: &Arc<LinkStatus>, second: u64) -> Report {
    Report::new("main", "devices", Arc::clone(status), None, at(second))
}

fn filters(granted: Option<Result<u8, u8>>) -> Vec<FilterState> {
    vec![FilterState { filter: "a/#".to_owned(), qos: 1, granted, since: None }]
}

#[test]
fn what_a_broker_says_to_a_filter_it_says_since_the_first_time_also_over_reconnects_and_reloads() {
    let status = Arc::<LinkStatus>::default();
    let since = || status.get().filters[0].since.map(|at| at.0 / 1_000_000);
    let mut first = report(&status, 0);
    first.introduce("id", &filters(None));
    for (second, answer, told) in [
        (1, None, None),
        (2, Some(Err(0x87)), Some(2)),
        (3, None, None),
        (4, Some(Err(0x87)), Some(2)),
        (5, Some(Ok(1)), Some(5)),
        (6, Some(Err(0x87)), Some(6)),
    ] {
        first.filters(&mut filters(answer), at(second).wall);
        assert_eq!(since(), told, "{second}");
    }
    let mut second = report(&status, 7);
    second.introduce("id", &filters(None));
    second.filters(&mut filters(Some(Err(0x87))), at(8).wall);
    assert_eq!(since(), Some(6));
}

#[test]
fn what_was_left_for_a_reload_is_away_since_then_and_the_outage_counts_on() {
    let status = Arc::<LinkStatus>::default();
    let own = crate::own::Own::new().unwrap();
    let outage = own.outage_seconds.with_label_values(&["main"]);
    let meters = |at: Mono| Some(Meters::new(own.clone(), "main", at));
    let report = |second| {
        let from = status.get().left.map_or(at(second).mono, |left| left.mono);
        Report::new("main", "devices", Arc::clone(&status), meters(from), at(second))
    };
    let away = || status.get().away_since.map(|at| at.0 / 1_000_000);
    let mut first = report(0);
    first.up(SECOND, Protocol::V5, &[], at(1));
    assert_eq!((away(), outage.get()), (None, 1.0));
    // It says goodbye, and the goodbye takes a second.
    first.leaving(at(10));
    first.stopped(at(11));
    assert_eq!(away(), Some(10));
    let mut second = report(12);
    assert_eq!(away(), Some(10), "not since the new one was begun");
    second.up(SECOND, Protocol::V5, &[], at(13));
    assert_eq!((away(), outage.get()), (None, 4.0));
    // One that is away when it is stopped stays away since it was lost, and nothing counts twice.
    let failure = Failure { reason: "closed", summary: String::new(), cure: String::new() };
    second.lost(failure, at(20).mono, at(22));
    second.stopped(at(30));
    assert_eq!((away(), outage.get()), (Some(20), 14.0));
    let mut third = report(31);
    third.up(SECOND, Protocol::V5, &[], at(40));
    assert_eq!((away(), outage.get()), (None, 24.0));
}

#[test]
fn a_broker_that_never_let_us_in_or_long_ago_is_done_with_us() {
    let mut one = report(&Arc::default(), 0);
    assert!(!one.was_there_lately(at(1).mono));
    one.accepted(Protocol::V311);
    one.up(SECOND, Protocol::V311, &[], at(1));
    let failure = Failure { reason: "closed", summary: String::new(), cure: String::new() };
    one.lost(failure, at(50).mono, at(50));
    assert!(one.was_there_lately(at(59).mono) && !one.was_there_lately(at(60).mono));
}

#[test]
fn an_eviction_that_a_connection_has_outlived_is_not_told_after_a_reload() {
    for (lasted, is_told) in [(30, true), (3 * 24 * 3600, false)] {
        let status = Arc::<LinkStatus>::default();
        let contested = |second| status.get().contested(at(second).mono).is_some();
        let mut one = report(&status, 0);
        one.up(SECOND, Protocol::V311, &[], at(1));
        let failure = Failure { reason: "client_id", summary: String::new(), cure: String::new() };
        one.lost(failure, at(9).mono, at(9));
        assert!(contested(9));
        one.up(SECOND, Protocol::V311, &[], at(10));
        let end = 10 + lasted;
        one.leaving(at(end));
        one.stopped(at(end));
        report(&status, end + 1).up(SECOND, Protocol::V311, &[], at(end + 2));
        assert_eq!(contested(end + 3), is_told, "{lasted}");
    }
}
