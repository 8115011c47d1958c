//! `GET /`: the state of the fleet in five seconds. First whether anything is wrong and what to do, then the figures,
//! then who is worst and what happened last. It answers also when the engine does not.

use super::View;
use super::markup::{Cell, Markup, Table, number, words};
use super::overview_parts::{brokers, issues, tiles};
use super::picture::{Line, bar, line};
use super::query::Asked;
use super::words::{NONE, badge, count, device, moment_of, percent, rate, things};
use crate::engine::handle::{BrokerOverview, NodesQuery, Overview};
use crate::engine::trend::Sum;
use crate::out::api::Pairs;
use crate::out::security::Access;
use crate::out::{Desk, answer, health};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt::Write as _;
use watchkeeper_core::time::Wall;

/// Devices among the worst, and findings.
const LISTED: usize = 10;

/// Serves the overview, or the landing page to whom nothing else is shown.
pub(in crate::out) async fn get(
    State(desk): State<Desk>,
    Extension(access): Extension<Access>,
    query: Pairs,
) -> Response {
    if !access.api {
        return super::landing::get(&desk).await;
    }
    let asked = match Asked::read(query, &[]) {
        Ok(asked) => asked,
        Err(problem) => return super::refused(&desk, "/", &problem),
    };
    let inputs = health::inputs(&desk.shared).await;
    let seen = Seen {
        report: serde_json::to_value(health::report(&inputs)).unwrap_or_default(),
        overview: inputs.overview().cloned(),
        worst: worst(&desk).await,
        findings: findings(&desk).await,
    };
    let mut view = View::new(&desk, "/", "Overview", &asked);
    seen.body(&mut view);
    view.answer()
}

/// What is shown.
struct Seen {
    report: Value,
    /// None: the engine does not answer.
    overview: Option<Overview>,
    worst: Vec<Value>,
    findings: Vec<Value>,
}

/// Offline devices, those that went last first, then those with most errors, then those with most stuck points.
async fn worst(desk: &Desk) -> Vec<Value> {
    let engine = &desk.shared.subject.engine;
    let mut worst = Vec::new();
    for (state, sort) in [(Some("offline"), "-last_seen"), (None, "-error_ratio"), (None, "-stuck")] {
        let query = NodesQuery {
            state: state.map(str::to_owned),
            sort: Some(sort.to_owned()),
            limit: Some(LISTED),
            ..NodesQuery::default()
        };
        worst.extend(answer(engine.nodes(query)).await.unwrap_or_default().nodes);
    }
    let mut shown = HashSet::new();
    worst.retain(|node| {
        let is_bad = node["state"] == "offline"
            || node["error_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0)
            || node["stuck_points"].as_u64().is_some_and(|stuck| stuck > 0);
        is_bad && shown.insert((node["broker"].to_string(), node["id"].to_string()))
    });
    worst.truncate(LISTED);
    worst
}

/// The newest findings; what devices say of themselves in them is masked as everywhere.
async fn findings(desk: &Desk) -> Vec<Value> {
    let subject = &desk.shared.subject;
    let mut found = answer(subject.engine.findings(LISTED)).await.unwrap_or_default();
    for finding in &mut found {
        if let Some(Value::String(details)) = finding.get_mut("details") {
            *details = subject.audit.masked(details);
        }
    }
    found
}

impl Seen {
    fn body(&self, view: &mut View) {
        let (now, page) = (view.now, &mut view.body);
        self.verdict(page);
        issues(page, &self.report["issues"]);
        if let Some(overview) = &self.overview {
            let deepest = super::queues::deepest(view.desk);
            tiles(page, overview, &self.report, deepest.as_ref());
            states(page, overview);
            traffic(page, &overview.trend);
        }
        self.worst(page, now);
        self.findings(page, now);
        brokers(page, &self.report, self.overview.as_ref(), now);
    }

    /// One word and one sentence on the fleet, and one word on ourselves.
    fn verdict(&self, page: &mut Markup) {
        page.raw("<section class=\"verdict\" aria-label=\"Verdict\">");
        let status = badge(super::words::text(&self.report["status"]));
        let Some(overview) = &self.overview else {
            page.raw("<p>").add(&status);
            page.raw(" The engine does not answer: it is stopping or overloaded.</p></section>\n");
            return;
        };
        let (said, is_well) = sentence(overview);
        // While a broker is away its devices are as they were last: nobody may take that for all well.
        let (word, first) = match (self.report["mqtt"]["connected"] == true, is_well) {
            (false, _) => ("not known now", "A broker is away; this is what was known last. "),
            (true, true) => ("all well", ""),
            (true, false) => ("needs a look", ""),
        };
        page.raw("<p>Fleet ").add(&badge(word)).put(" {}{}</p>", &[first, &said]);
        page.raw("<p class=\"ours\"><a href=\"/system\">This program</a> ");
        page.add(&status).raw("</p></section>\n");
    }

    fn worst(&self, page: &mut Markup, now: Wall) {
        page.raw("<section><h2>Devices that need a look</h2>\n");
        if self.worst.is_empty() {
            page.raw(
                "<p>None: nobody is offline, sends errors or has points that stand still.</p></section>\n",
            );
            return;
        }
        let columns = [
            words("Device"),
            words("State"),
            words("Last message"),
            number("Errors").minor(),
            number("Stuck").minor(),
            number("Lost").minor(),
        ];
        let mut table = Table::open(page, "Offline, faulty or with points that stand still", &columns);
        for node in &self.worst {
            table.row(&[
                device(super::words::text(&node["id"])),
                badge(super::words::text(&node["state"])).into(),
                moment_of(&node["last_seen"], now).into(),
                node["error_ratio"].as_f64().map_or_else(|| NONE.to_owned(), percent).into(),
                super::words::number(&node["stuck_points"]).into(),
                super::words::number(&node["lost"]).into(),
            ]);
        }
        table.close();
        page.raw(
            "<p><a href=\"/devices?sort=-error_ratio\">All devices, the worst first</a></p></section>\n",
        );
    }

    fn findings(&self, page: &mut Markup, now: Wall) {
        page.raw("<section><h2>What happened last</h2>\n");
        if self.findings.is_empty() {
            page.raw("<p>Nothing was found since the start.</p></section>\n");
            return;
        }
        let columns = [words("When"), words("What"), words("Device"), words("Details").minor()];
        let mut table = Table::open(page, "The newest findings", &columns);
        for finding in &self.findings {
            let of = |key: &str| super::words::text(&finding[key]);
            let whose = of("device");
            table.row(&[
                moment_of(&finding["ts"], now).into(),
                of("event").replace('_', " ").into(),
                if whose.is_empty() { Cell::from(NONE) } else { device(whose) },
                super::words::name(of("details")).into(),
            ]);
        }
        table.close();
        page.raw("<p><a href=\"/audit\">The audit log</a></p></section>\n");
    }
}

/// The fleet in a sentence, and whether nothing is wrong with it.
fn sentence(overview: &Overview) -> (String, bool) {
    let sum = |of: fn(&BrokerOverview) -> usize| overview.brokers.iter().map(of).sum::<usize>() as u64;
    let (online, offline) = (sum(|one| one.online), sum(|one| one.offline));
    let all = online + offline + sum(|one| one.unknown) + sum(|one| one.never_seen);
    let mut said = match (all, offline) {
        (0, _) => "No device was heard of yet.".to_owned(),
        (_, 0) => format!("{} of {} online, none offline.", count(online), things(all, "device")),
        _ => format!("{} of {} offline.", count(offline), things(all, "device")),
    };
    let (bad, stuck) = (sum(|one| one.error_ratio_high), sum(|one| one.points_stuck));
    // Writing to a string cannot fail.
    if bad > 0 {
        _ = write!(said, " {} with too many errors.", things(bad, "device"));
    }
    if stuck > 0 {
        _ = write!(said, " {} standing still.", things(stuck, "point"));
    }
    (said, offline + bad + stuck == 0)
}

/// Devices by state, as a bar and in words.
fn states(page: &mut Markup, overview: &Overview) {
    let sum = |of: fn(&BrokerOverview) -> usize| overview.brokers.iter().map(of).sum::<usize>() as u64;
    let shares = [
        ("good", "online", sum(|one| one.online)),
        ("bad", "offline", sum(|one| one.offline)),
        ("idle", "unknown", sum(|one| one.unknown)),
        ("never", "never_seen", sum(|one| one.never_seen)),
    ];
    page.raw("<section><h2>Devices by state</h2>\n");
    let said =
        shares.map(|(_, state, share)| format!("{} {}", count(share), state.replace('_', " "))).join(", ");
    bar(page, &shares.map(|(class, _, share)| (class, share)), &said);
    page.raw("<ul class=\"legend\">");
    for (_, state, share) in shares {
        page.put("<li><a href=\"/devices?state={}\">", &[state]).add(&badge(state));
        page.put(" <b>{}</b></a></li>", &[&count(share)]);
    }
    page.raw("</ul></section>\n");
}

/// Messages a second of late.
fn traffic(page: &mut Markup, trend: &[Sum]) {
    let rates = |of: fn(&Sum) -> u64| -> Vec<(f64, f64)> {
        let each = trend.windows(2).filter_map(|pair| {
            let seconds = (pair[1].at.0 - pair[0].at.0) as f64 / 1e6;
            // The last one is of now, and may be too near to the one before to say anything.
            (seconds >= 1.0)
                .then(|| (pair[1].at.seconds(), of(&pair[1]).saturating_sub(of(&pair[0])) as f64 / seconds))
        });
        each.collect()
    };
    let (all, bad) = (rates(|sum| sum.messages), rates(|sum| sum.bad));
    let (Some((_, now)), Some((_, bad_now))) = (all.last(), bad.last()) else { return };
    let most = all.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    page.raw("<section><h2>Messages</h2>\n");
    page.put(
        "<p>Now <b>{}</b> a second, at most {}; <b>{}</b> a second with an error <span class=\"key\"></span>.</p>\
         <div class=\"charts\">",
        &[&rate(*now), &rate(most), &rate(*bad_now)],
    );
    let label = format!("Messages a second over time: now {}, at most {}", rate(*now), rate(most));
    let whole = Line { points: &all, floor: Some(0.0), ceiling: Some(most), is_stepped: false };
    line(page, &whole, (600, 80), &label, "chart");
    let faulty = Line { points: &bad, ..whole };
    line(page, &faulty, (600, 80), "Messages with an error, on the same scale", "chart over");
    page.raw("</div>");
    scale(page, all.first().zip(all.last()).map_or(0.0, |(first, last)| last.0 - first.0));
    page.raw("</section>\n");
}

/// How far back a picture goes.
pub(super) fn scale(page: &mut Markup, seconds: f64) {
    page.put("<p class=\"scale\"><span>{} ago</span><span>now</span></p>", &[&super::words::span(seconds)]);
}
