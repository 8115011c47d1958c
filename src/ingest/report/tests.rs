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
