//! Since when each issue holds, and what is one cause is told once.

use super::*;

#[test]
fn one_cause_is_one_issue_however_many_filters_it_is_about() {
    let told = |count: usize| {
        let filter = |n: usize| FilterState {
            filter: format!("cmd/{n}"),
            qos: 1,
            granted: Some(Ok(0)),
            since: Some(now().wall.minus(n as u64 * SECOND)),
        };
        let mut link = up();
        let filters = (1..=count).map(filter).collect();
        link.audit = Some(LinkState { connected: true, filters, ..LinkState::default() });
        let inputs = inputs(vec![link]);
        check(&inputs, Status::Degraded, &["audit_unprotected"]);
        report(&inputs).issues.unwrap().remove(0)
    };
    let (one, many) = (told(1), told(19));
    assert!(one.summary.contains("quality of service 0 for cmd/1:"), "{}", one.summary);
    assert!(told(3).summary.contains("for 3 filters (cmd/1, cmd/2, cmd/3):"));
    assert!(many.summary.contains("for 19 filters (cmd/1, cmd/2, cmd/3, …):"), "{}", many.summary);
    assert_eq!(many.since.as_deref(), Some("2025-08-25T10:29:41.000000Z"), "since the first of them");
}

/// Everything that can be wrong with a connection at once, each with its own beginning.
fn wrong() -> LinkView {
    let at = |minutes: u64| Some(now().wall.minus(minutes * 60 * SECOND));
    let filter =
        |granted, since| FilterState { filter: "f/#".to_owned(), qos: 1, granted: Some(granted), since };
    let mut link = up();
    link.unverified = true;
    link.devices.filters = vec![filter(Err(0x87), at(1))];
    link.sys = Some(LinkState { given_up: true, given_up_since: at(2), ..LinkState::default() });
    link.audit = Some(LinkState {
        away_since: at(3),
        failure: away(1).devices.failure,
        filters: vec![filter(Ok(0), at(4)), filter(Err(0x87), at(5))],
        ..LinkState::default()
    });
    link
}

#[test]
fn every_issue_says_since_when_it_holds() {
    let mut inputs = inputs(vec![wrong()]);
    inputs.open = vec!["0.0.0.0:10883".parse().unwrap()];
    let mut broker =
        BrokerOverview { broker: "main".to_owned(), devices_refused: 2, ..BrokerOverview::default() };
    broker.since.devices_refused = Some(now().wall.minus(6 * 60 * SECOND));
    inputs.overview = Some(Overview { brokers: vec![broker], trend: Vec::new() });
    let since = |inputs: &Inputs| -> Vec<(&'static str, String)> {
        let issues = report(inputs).issues.unwrap().into_iter();
        issues
            .map(|issue| (issue.code, issue.since.unwrap_or_else(|| "never".to_owned())[11..16].to_owned()))
            .collect()
    };
    let told = [
        ("filter_refused", "10:29"),
        ("certificate_not_verified", "10:13"),
        ("audit_unconnected", "10:27"),
        ("audit_filter_refused", "10:25"),
        ("audit_unprotected", "10:26"),
        ("devices_refused", "10:24"),
        ("sys_unavailable", "10:28"),
        ("non_loopback_open", "10:13"),
    ];
    assert_eq!(since(&inputs), told.map(|(code, at)| (code, at.to_owned())));
    inputs.links[0].sys = Some(LinkState {
        connected: true,
        up_since: Some(now().wall.minus(600 * SECOND)),
        ..LinkState::default()
    });
    (inputs.overview, inputs.silent_since) = (None, Some(now().wall.minus(7 * 60 * SECOND)));
    let after = since(&inputs);
    assert!(after.contains(&("engine_silent", "10:23".to_owned())), "{after:?}");
    // Without an engine nobody knows whether the broker publishes.
    assert!(after.iter().all(|(code, _)| *code != "sys_unavailable"), "{after:?}");
    inputs.overview = Some(Overview::default());
    assert!(since(&inputs).contains(&("sys_unavailable", "10:20".to_owned())));
}

#[test]
fn an_engine_is_silent_since_the_first_question_without_an_answer() {
    let silence = Silence::default();
    let told = [(true, 1), (false, 2), (false, 3), (true, 4), (false, 5)]
        .map(|(is_answered, at)| silence.note(is_answered, Wall(at)).map(|at| at.0));
    assert_eq!(told, [None, Some(2), Some(2), None, Some(5)]);
}

#[test]
fn a_client_id_that_another_takes_is_told_until_a_connection_has_lasted() {
    let now = |second: u64| Now { mono: Mono(second * SECOND), wall: Wall((second * SECOND).cast_signed()) };
    let evicted = Failure { reason: "client_id", summary: "taken".to_owned(), cure: "look".to_owned() };
    let mut link = up();
    link.devices.up(now(100));
    let told = |link: &LinkView, second| {
        let mut inputs = inputs(vec![link.clone()]);
        inputs.now = now(second);
        let issues = report(&inputs).issues.unwrap_or_default();
        let contested = issues.iter().find(|issue| issue.code == "client_id_taken");
        contested.map(|issue| (issue.since.clone().unwrap(), issue.summary.contains("2 times")))
    };
    for (lost, back) in [(110, 111), (120, 125)] {
        link.devices.fail(evicted.clone(), true, now(lost));
        link.devices.away(now(lost));
        assert!(told(&link, lost).is_some(), "while it is away");
        link.devices.up(now(back));
    }
    let since = now(110).wall.rfc3339();
    assert_eq!(told(&link, 126), Some((since.clone(), true)), "between two evictions");
    assert_eq!(told(&link, 724), Some((since, true)));
    assert_eq!(told(&link, 725), None, "it has lasted");
    // The next one begins a new series, and a broker that is away for another reason is no twin.
    link.devices.fail(evicted, true, now(800));
    link.devices.away(now(800));
    assert_eq!(told(&link, 801), Some((now(800).wall.rfc3339(), false)));
    let failure = Failure { reason: "refused", summary: "nobody listens".to_owned(), cure: String::new() };
    link.devices.fail(failure, false, now(802));
    assert!(told(&link, 1_399).is_some(), "not long ago");
    assert_eq!(told(&link, 1_400), None);
}
