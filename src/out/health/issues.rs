//! What is wrong, in the order in which an operator should look. Each issue has a code that never changes its
//! meaning, and a cure. Counters that only grow give no more than information: they would never heal.

use super::link::LinkView;
use super::{AWAY_MAX, Inputs, Issue, Severity};
use crate::engine::handle::BrokerOverview;
use crate::ingest::status::LASTED_AFTER;
use watchkeeper_core::time::{SECOND, Wall};

/// Brokers publish `$SYS` every 10 s by default, some every minute.
const SYS_WITHIN: u64 = 120 * SECOND;

/// All issues, the worst first.
pub(super) fn find(inputs: &Inputs) -> Vec<Issue> {
    let mut issues = Vec::new();
    for link in &inputs.links {
        issues.extend(away(link, inputs));
        issues.extend(contested(link, inputs));
        refused(link, &mut issues);
        issues.extend(sys(link, inputs));
        super::certificates::issues(link, inputs, &mut issues);
        super::audit::link_issues(link, &mut issues);
        super::probed::issues(link, &mut issues);
    }
    match &inputs.overview {
        Some(overview) => overview.brokers.iter().for_each(|broker| {
            fleet(broker, &mut issues);
            service(broker, &mut issues);
        }),
        None => issues.push(Issue {
            code: "engine_silent",
            severity: Severity::Warning,
            summary: "the engine does not answer: it is stopping or overloaded".to_owned(),
            since: inputs.silent_since.map(Wall::rfc3339),
            cure: "wait for the stop to end, or look at the CPU use and watchkeeper_queue_depth".to_owned(),
            broker: None,
        }),
    }
    super::audit::issues(inputs, &mut issues);
    super::queues::issues(inputs, &mut issues);
    issues.extend(open(inputs));
    issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
    issues
}

fn away(link: &LinkView, inputs: &Inputs) -> Option<Issue> {
    let state = &link.devices;
    if state.connected {
        return None;
    }
    let long = link.away_for(inputs) >= AWAY_MAX;
    // The protocol is known from the first CONNACK on.
    let (code, what) = match state.protocol {
        None => ("broker_never_connected", "was never reached"),
        Some(_) => ("broker_unreachable", "is away"),
    };
    let (why, cure) = match &state.failure {
        Some(failure) => (format!(": {}", failure.summary), failure.cure.clone()),
        None => (String::new(), "check that it runs and that url is right".to_owned()),
    };
    Some(Issue {
        code,
        severity: if long { Severity::Critical } else { Severity::Warning },
        summary: format!("broker {} {what}{why}", link.name),
        since: Some(state.away_since.unwrap_or(inputs.started.wall).rfc3339()),
        cure,
        broker: Some(link.name.clone()),
    })
}

/// Two clients with one id evict each other: between two evictions all looks well, so that this stays until a connection
/// has lasted.
fn contested(link: &LinkView, inputs: &Inputs) -> Option<Issue> {
    let evicted = link.devices.contested(inputs.now.mono)?;
    let (name, id, times) = (&link.name, &link.devices.client_id, evicted.times);
    let lasting = LASTED_AFTER / (60 * SECOND);
    Some(Issue {
        code: "client_id_taken",
        severity: Severity::Warning,
        summary: format!(
            "broker {name} has thrown us out, {times} times so far, most likely for another client with our id {id}; this is told \
             until a connection has lasted for {lasting} minutes"
        ),
        since: Some(evicted.since.rfc3339()),
        cure: "find the other client in the broker's log, and give each its own client_id; two sidecars need a data folder each"
            .to_owned(),
        broker: Some(name.clone()),
    })
}

fn refused(link: &LinkView, issues: &mut Vec<Issue>) {
    for filter in &link.devices.filters {
        let Some(Err(reason)) = filter.granted else { continue };
        let (why, cure) = suback(reason);
        issues.push(Issue {
            code: "filter_refused",
            severity: Severity::Warning,
            summary: format!(
                "broker {} refused the filter {} ({reason:#04x}, {why})",
                link.name, filter.filter
            ),
            since: filter.since.map(Wall::rfc3339),
            cure: cure.to_owned(),
            broker: Some(link.name.clone()),
        });
    }
}

/// What the return or reason code of a SUBACK means, and the cure.
fn suback(reason: u8) -> (&'static str, &'static str) {
    match reason {
        0x87 => ("not authorized", "allow our user to read this filter in the broker's access list"),
        0x8f => ("invalid filter", "correct the filter of the stream"),
        0x97 => ("quota exceeded", "raise the broker's limit on subscriptions, or watch fewer filters"),
        0x9e => ("shared subscriptions not supported", "watch the filter without $share"),
        0xa2 => ("wildcards not supported", "name the topics one by one, or allow wildcards in the broker"),
        _ => ("no reason given", "look in the broker's log; most often its access list forbids the filter"),
    }
}

/// The broker's own statistics are a bonus: without them we are as healthy as before.
fn sys(link: &LinkView, inputs: &Inputs) -> Option<Issue> {
    let sys = link.sys.as_ref()?;
    let mut refused = sys.filters.iter().filter(|filter| matches!(filter.granted, Some(Err(_)))).peekable();
    let seen = |broker: &BrokerOverview| broker.broker == link.name && broker.sys_seen;
    let unseen = inputs.overview.as_ref().is_some_and(|overview| !overview.brokers.iter().any(seen));
    let long = inputs.now.mono.since(inputs.started.mono) >= SYS_WITHIN;
    // Who is refused gives up as well, so that comes second.
    let (why, since) = if refused.peek().is_some() {
        ("it refused the subscription", refused.filter_map(|filter| filter.since).min())
    } else if sys.given_up {
        ("it hangs up when asked for it", sys.given_up_since)
    } else if sys.connected && unseen && long {
        ("it publishes none", sys.up_since)
    } else {
        return None;
    };
    Some(Issue {
        code: "sys_unavailable",
        severity: Severity::Info,
        summary: format!("broker {} gives no $SYS statistics: {why}", link.name),
        since: since.map(Wall::rfc3339),
        cure: "allow our user to read $SYS/# and switch the broker's statistics on, or leave it so"
            .to_owned(),
        broker: Some(link.name.clone()),
    })
}

fn fleet(overview: &BrokerOverview, issues: &mut Vec<Issue>) {
    let broker = &overview.broker;
    let mut add = |count: u64, code, severity, summary: String, (cure, since): (&str, Option<Wall>)| {
        if count > 0 {
            let (broker, since) = (Some(broker.clone()), since.map(Wall::rfc3339));
            issues.push(Issue { code, severity, summary, since, cure: cure.to_owned(), broker });
        }
    };
    add(
        overview.devices_refused,
        "devices_refused",
        Severity::Warning,
        format!(
            "{} devices of broker {broker} are not watched: there are too many",
            overview.devices_refused
        ),
        (
            "raise limits.devices_max, shorten fleet.forget_after, or split the fleet with [shard]",
            overview.since.devices_refused,
        ),
    );
    add(
        if overview.shedding.is_some() { overview.shed } else { 0 },
        "messages_shed",
        Severity::Info,
        format!(
            "messages of broker {broker} are shed because more come than can be dealt with: {} so far",
            overview.shed
        ),
        (
            "give the program more CPU, watch fewer filters, or split the fleet with [shard]",
            overview.shedding,
        ),
    );
    add(
        overview.error_ratio_high as u64,
        "error_ratio_high",
        Severity::Info,
        format!("{} devices of broker {broker} send too many faulty messages", overview.error_ratio_high),
        (
            "look at them with /api/nodes?sort=-error_ratio; the fault is theirs or the stream's checks'",
            overview.since.error_ratio_high,
        ),
    );
}

/// Promises and operations of the fleet as a whole.
fn service(overview: &BrokerOverview, issues: &mut Vec<Issue>) {
    let broker = &overview.broker;
    let mut add = |code, summary: String, cure: &str, since: Option<Wall>| {
        let (severity, broker, since) = (Severity::Info, Some(broker.clone()), since.map(Wall::rfc3339));
        issues.push(Issue { code, severity, summary, since, cure: cure.to_owned(), broker });
    };
    if !overview.sla_broken.is_empty() {
        add(
            "sla_broken",
            format!("promises about times on broker {broker} are broken: {}", overview.sla_broken.join("; ")),
            "find the slow command with mqtt_command_response_seconds, or see mqtt_probe_round_trip_seconds where it is \
             publish_*; or promise less with commands.sla and probe.sla",
            overview.since.sla_broken,
        );
    }
    if !overview.failing.is_empty() {
        add(
            "failures_high",
            format!("too many operations on broker {broker} fail: {}", overview.failing.join(", ")),
            "see mqtt_operation_failure_ratio and the findings; the limit is errors.threshold",
            overview.since.failing,
        );
    }
}

fn open(inputs: &Inputs) -> Option<Issue> {
    if inputs.open.is_empty() {
        return None;
    }
    let addresses: Vec<String> = inputs.open.iter().map(ToString::to_string).collect();
    Some(Issue {
        code: "non_loopback_open",
        severity: Severity::Info,
        summary: format!("{} answers everything to everyone who reaches it", addresses.join(", ")),
        // Nothing that changes while we run: an address, and who is let in there.
        since: Some(inputs.started.wall.rfc3339()),
        cure: "add basic_auth_users or client certificates to the web config file, or set web.api_token_file"
            .to_owned(),
        broker: None,
    })
}
