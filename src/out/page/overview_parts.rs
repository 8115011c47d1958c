//! Pieces of the overview that other views show as well, and its figures. Nothing here may ask anybody: everything is
//! handed in.

use super::markup::{Cell, Markup, Table, number, words};
use super::queues::Deepest;
use super::words::{NONE, badge, bytes, count, moment_of, percent, rate, text};
use crate::engine::handle::{BrokerOverview, Overview};
use crate::engine::trend::Sum;
use serde_json::Value;
use watchkeeper_core::time::Wall;

/// What is wrong and what to do, the worst first.
pub(super) fn issues(page: &mut Markup, issues: &Value) {
    let issues = issues.as_array().map_or(&[][..], Vec::as_slice);
    if issues.is_empty() {
        return;
    }
    page.raw("<section aria-label=\"Issues\"><ul class=\"issues\">\n");
    for issue in issues {
        let severity = text(&issue["severity"]);
        page.put("<li class=\"issue {}\"><p>", &[severity]).add(&badge(severity));
        page.put(" <b>{}</b>", &[text(&issue["summary"])]);
        if let Some(since) = issue["since"].as_str() {
            let at = since.get(..19).unwrap_or(since).replace('T', " ");
            page.put(" <span class=\"quiet\">since {} UTC</span>", &[&at]);
        }
        page.put("</p><p class=\"cure\">{}", &[text(&issue["cure"])]);
        if let Some(place) = place(text(&issue["code"])) {
            page.put(" · <a href=\"{}\">show</a>", &[place]);
        }
        page.raw("</p></li>\n");
    }
    page.raw("</ul></section>\n");
}

/// The view in which an issue is looked at.
fn place(code: &str) -> Option<&'static str> {
    match code {
        "error_ratio_high" => Some("/devices?sort=-error_ratio"),
        "sla_broken" => Some("/audit?type=COMMAND"),
        "devices_refused" | "messages_shed" | "filter_refused" => Some("/system"),
        _ if code.starts_with("queue_") => Some("/queues"),
        _ if code.starts_with("audit_") => Some("/system"),
        _ => None,
    }
}

/// A figure with its name, what it means, and where it leads.
struct Tile {
    link: &'static str,
    name: &'static str,
    figure: String,
    note: String,
    /// It is something to look at.
    is_bad: bool,
}

/// The figures.
pub(super) fn tiles(page: &mut Markup, overview: &Overview, report: &Value, deepest: Option<&Deepest>) {
    let mut tiles = vec![traffic(&overview.trend)];
    tiles.extend(fleet(&overview.brokers));
    tiles.extend([queues(deepest), log(&report["audit"])]);
    page.raw("<section aria-label=\"Figures\"><ul class=\"tiles\">\n");
    for one in tiles {
        let class = if one.is_bad { "tile look" } else { "tile" };
        page.put("<li class=\"{}\"><a href=\"{}\"><span>{}</span>", &[class, one.link, one.name]);
        page.put("<b>{}</b><span class=\"quiet\">{}</span></a></li>\n", &[&one.figure, &one.note]);
    }
    page.raw("</ul></section>\n");
}

/// What is known of all fleets together.
fn fleet(brokers: &[BrokerOverview]) -> [Tile; 5] {
    let sum = |of: fn(&BrokerOverview) -> u64| brokers.iter().map(of).sum::<u64>();
    let (messages, bad) = (sum(|one| one.messages), sum(|one| one.more.bad));
    let share = if messages > 0 { bad as f64 / messages as f64 } else { 0.0 };
    let (online, offline) = (sum(|one| one.online as u64), sum(|one| one.offline as u64));
    let (stuck, points) = (sum(|one| one.points_stuck as u64), sum(|one| one.more.points as u64));
    let (sent, late) = (sum(|one| one.more.commands.0), sum(|one| one.more.commands.1));
    let (lost, pending) = (sum(|one| one.more.lost), sum(|one| one.pending));
    let tile = |link, name, number, note, is_bad| Tile { link, name, figure: count(number), note, is_bad };
    let gone = format!("{} offline", count(offline));
    let faulty = format!("{} of {}", percent(share), count(messages));
    let commands = format!("{} sent, {} timed out", count(sent), count(late));
    [
        tile("/devices?state=offline", "Online devices", online, gone, offline > 0),
        tile("/devices?sort=-error_ratio", "Faulty messages", bad, faulty, bad > 0),
        tile("/devices?sort=-lost", "Lost messages", lost, "by sequence numbers".to_owned(), lost > 0),
        tile("/devices?sort=-stuck", "Stuck points", stuck, format!("of {}", count(points)), stuck > 0),
        tile("/audit?type=COMMAND", "Open commands", pending, commands, late > 0),
    ]
}

/// Messages a second of late.
fn traffic(trend: &[Sum]) -> Tile {
    let last = trend.last().and_then(|last| {
        // Five seconds ago at least: two moments that are near say nothing.
        let before = trend.iter().rev().find(|sum| last.at.0 - sum.at.0 >= 5_000_000)?;
        let seconds = (last.at.0 - before.at.0) as f64 / 1e6;
        Some(last.messages.saturating_sub(before.messages) as f64 / seconds)
    });
    let figure = last.map_or_else(|| NONE.to_owned(), rate);
    Tile { link: "/topics", name: "Messages a second", figure, note: "of late".to_owned(), is_bad: false }
}

fn queues(deepest: Option<&Deepest>) -> Tile {
    let (figure, note, is_bad) = match deepest {
        None => (NONE.to_owned(), "no source tells of any".to_owned(), false),
        Some(one) => {
            let of = one.share.map_or_else(String::new, |share| format!(", {} of its limit", percent(share)));
            let near =
                if one.near > 0 { format!("; {} near the limit", count(one.near)) } else { String::new() };
            (count(one.depth), format!("{}{of}{near}", super::words::name(&one.client)), one.near > 0)
        }
    };
    Tile { link: "/queues", name: "Deepest queue", figure, note, is_bad }
}

fn log(audit: &Value) -> Tile {
    let state = text(&audit["state"]);
    let note = match audit["records"].as_u64() {
        Some(records) => {
            format!("{} records, {}", count(records), bytes(audit["bytes"].as_u64().unwrap_or(0)))
        }
        None => "nothing is recorded".to_owned(),
    };
    Tile {
        link: "/audit",
        name: "Audit log",
        figure: state.to_owned(),
        note,
        is_bad: !matches!(state, "ok" | "off"),
    }
}

/// The brokers and how we stand with them.
pub(super) fn brokers(page: &mut Markup, report: &Value, overview: Option<&Overview>, now: Wall) {
    page.raw("<section><h2>Brokers</h2>\n");
    let columns = [
        words("Broker"),
        words("Connection"),
        words("Last message"),
        number("Online"),
        number("Offline"),
        number("Unknown").minor(),
        number("Never seen").minor(),
        number("Messages").minor(),
        number("Refused").minor(),
    ];
    let mut table = Table::open(page, "The brokers that are watched", &columns);
    let none = BrokerOverview::default();
    for broker in report["brokers"].as_array().into_iter().flatten() {
        let name = text(&broker["name"]);
        let of = overview.and_then(|all| all.brokers.iter().find(|one| one.broker == name)).unwrap_or(&none);
        let mut connection = badge(if broker["connected"] == true { "connected" } else { "away" });
        if let Some(failure) = broker["failure"]["summary"].as_str().filter(|_| broker["connected"] != true) {
            connection.put(" <span class=\"quiet\">{}</span>", &[failure]);
        }
        let mut cells: Vec<Cell> =
            vec![name.to_owned().into(), connection.into(), moment_of(&broker["last_message"], now).into()];
        for number in [of.online, of.offline, of.unknown, of.never_seen] {
            cells.push(count(number as u64).into());
        }
        cells.extend([count(of.messages).into(), count(of.shed).into()]);
        table.row(&cells);
    }
    table.close();
    page.raw("</section>\n");
}
