//! The parts of the view of ourselves. Nothing here may ask anybody: everything is handed in, or read from our own
//! counters.

use super::markup::{Markup, Table, number, words};
use super::words::{NONE, badge, bytes, count, moment_of, span, text};
use crate::engine::handle::{BrokerOverview, Overview};
use crate::out::Desk;
use crate::own::Own;
use prometheus::core::Collector;
use serde_json::Value;
use std::collections::BTreeMap;
use watchkeeper_core::time::Wall;

fn fact(page: &mut Markup, name: &'static str, shown: &str) {
    page.put("<div><dt>{}</dt><dd>{}</dd></div>\n", &[name, shown]);
}

/// The program and who may look at it.
pub(super) fn ours(page: &mut Markup, desk: &Desk, running: f64) {
    let shared = &desk.shared;
    let users = shared.web_config().is_some_and(|config| config.asks_who());
    let who = match (users, shared.token.is_some()) {
        (true, _) => "users of the web config file, or client certificates",
        (false, true) => "whoever has the API token",
        (false, false) if shared.exposed.is_empty() => {
            "everybody on this machine; other machines do not reach it"
        }
        (false, false) if shared.web_config.is_some() => "everybody who reaches it",
        (false, false) => "everybody on this machine; others see the landing page, metrics and health",
    };
    page.raw("<section><h2>The program</h2>\n<dl class=\"facts\">\n");
    fact(page, "Version", shared.subject.version);
    fact(page, "Revision", shared.subject.revision);
    fact(page, "Running for", &span(running));
    fact(page, "Metrics at", &shared.telemetry_path);
    let saves = &shared.subject.own;
    fact(page, "State files written", &count(saves.state_saves.get()));
    fact(page, "State files failed", &count(saves.state_save_failures.get()));
    page.put("<div class=\"wide\"><dt>Who may look</dt><dd>{}</dd></div>\n", &[who]);
    page.raw("</dl></section>\n");
}

/// The connections to the brokers.
pub(super) fn connections(page: &mut Markup, report: &Value, now: Wall) {
    page.raw("<section><h2>Connections</h2>\n");
    let columns = [
        words("Broker"),
        words("State"),
        words("Protocol").minor(),
        words("Last message"),
        number("Attempts").minor(),
    ];
    let mut table = Table::open(page, "Connections to the brokers", &columns);
    for broker in report["brokers"].as_array().into_iter().flatten() {
        let mut state = badge(if broker["connected"] == true { "connected" } else { "away" });
        if let Some(why) = broker["failure"]["summary"].as_str().filter(|_| broker["connected"] != true) {
            state.put(" <span class=\"quiet\">{}</span>", &[why]);
        }
        table.row(&[
            text(&broker["name"]).into(),
            state.into(),
            text(&broker["protocol"]).into(),
            moment_of(&broker["last_message"], now).into(),
            super::words::number(&broker["attempts"]).into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}

/// What was asked of the brokers, and what each filter was granted.
pub(super) fn filters(page: &mut Markup, report: &Value) {
    page.raw("<section><h2>Filters</h2>\n");
    let columns = [words("Filter"), words("Granted"), words("For"), words("Broker").minor()];
    let mut table = Table::open(page, "Filters and what the broker granted", &columns);
    for broker in report["brokers"].as_array().into_iter().flatten() {
        for (what, filters) in [
            ("devices", &broker["filters"]),
            ("$SYS", &broker["sys"]["filters"]),
            ("audit", &broker["audit"]["filters"]),
        ] {
            for filter in filters.as_array().into_iter().flatten() {
                table.row(&[
                    text(&filter["filter"]).into(),
                    granted(filter).into(),
                    what.into(),
                    text(&broker["name"]).into(),
                ]);
            }
        }
    }
    table.close();
    page.raw("</section>\n");
}

fn granted(filter: &Value) -> Markup {
    let mut piece = Markup::new();
    match (filter["granted"].as_u64(), filter["refused"].as_u64()) {
        (Some(qos), _) => _ = piece.add(&badge("yes")).put(" QoS {}", &[&qos.to_string()]),
        (None, Some(code)) => _ = piece.add(&badge("refused")).put(" {}", &[&format!("{code:#04x}")]),
        (None, None) => _ = piece.add(&badge("not yet")),
    }
    piece
}

/// Our own queues: everything is bounded, and what was refused is counted.
pub(super) fn own_queues(page: &mut Markup, own: &Own) {
    let mut queues: BTreeMap<(String, String), [f64; 3]> = BTreeMap::new();
    let families = [own.queue_depth.collect(), own.queue_capacity.collect(), own.refused.collect()];
    for (at, family) in families.iter().enumerate() {
        for metric in family.iter().flat_map(prometheus::proto::MetricFamily::get_metric) {
            let label = |name: &str| {
                let found = metric.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            let value = metric.get_gauge().get_value() + metric.get_counter().get_value();
            queues.entry((label("queue"), label("broker"))).or_insert([f64::NAN; 3])[at] = value;
        }
    }
    page.raw("<section><h2>Our own queues</h2>\n");
    let columns = [
        words("Queue"),
        words("Broker").minor(),
        number("Waiting"),
        number("Room for").wide(),
        number("Refused"),
    ];
    let mut table = Table::open(page, "Our own queues", &columns);
    for ((queue, broker), values) in queues {
        let [depth, capacity, refused] = values.map(super::words::count_of);
        let broker = if broker.is_empty() { NONE.to_owned() } else { broker };
        table.row(&[queue.into(), broker.into(), depth.into(), capacity.into(), refused.into()]);
    }
    table.close();
    page.raw("</section>\n");
}

/// What there may be, and what there is.
pub(super) fn limits(page: &mut Markup, overview: &Overview) {
    page.raw("<section><h2>Limits</h2>\n");
    let columns =
        [words("Limit"), words("Broker").minor(), number("Now").wide(), number("At most"), number("Refused")];
    let mut table = Table::open(page, "Limits, and what was refused because of them", &columns);
    for one in &overview.brokers {
        let (more, limits) = (&one.more, one.more.limits);
        let devices = one.online + one.offline + one.unknown;
        let known = |number: usize| count(number as u64);
        let mut row = |name: &str, now: String, most: String, refused: String| {
            table.row(&[name.into(), one.broker.as_str().into(), now.into(), most.into(), refused.into()]);
        };
        row("devices_max", known(devices), known(limits.devices_max), count(one.devices_refused));
        let points = format!("{} in all", known(more.points));
        row("points_per_device_max", points, known(limits.points_per_device_max), count(more.points_refused));
        row(
            "device_series_max",
            known(devices.min(limits.device_series_max)),
            known(limits.device_series_max),
            NONE.to_owned(),
        );
        let oversize = reason(one, "oversize");
        row("payload_bytes_max", NONE.to_owned(), bytes(limits.payload_bytes_max as u64), oversize);
        row("json_depth_max", NONE.to_owned(), known(limits.json_depth_max), reason(one, "depth"));
    }
    table.close();
    page.raw("</section>\n");
    page.raw("<section><h2>Messages that are no device's</h2>\n<dl class=\"facts\">\n");
    let unmatched = overview.brokers.iter().map(|one| one.more.unmatched).sum();
    let muted = overview.brokers.iter().map(|one| one.more.muted as u64).sum();
    fact(page, "On topics of no stream", &count(unmatched));
    fact(page, "Muted devices", &count(muted));
    page.raw("</dl></section>\n");
}

fn reason(one: &BrokerOverview, name: &str) -> String {
    count(one.more.reasons.iter().find(|(reason, _)| *reason == name).map_or(0, |(_, number)| *number))
}

/// The writer of the log.
pub(super) fn log(page: &mut Markup, audit: &Value, now: Wall) {
    page.raw("<section><h2>Audit log</h2>\n<p>").add(&badge(text(&audit["state"])));
    if let Some(cause) = audit["cause"].as_str() {
        page.put(" {}; {}", &[cause, text(&audit["cure"])]);
    }
    page.raw("</p>\n");
    if audit["enabled"] != true {
        page.raw("<p>The log is off: <code>audit.enabled</code>.</p></section>\n");
        return;
    }
    page.raw("<dl class=\"facts\">\n");
    let size = |key: &str| audit[key].as_u64().map_or_else(|| NONE.to_owned(), bytes);
    fact(page, "Folder", text(&audit["dir"]));
    fact(page, "Records", &super::words::number(&audit["records"]));
    fact(page, "Size", &size("bytes"));
    fact(page, "Segments", &super::words::number(&audit["segments"]));
    fact(page, "Room on the disk", &size("free_bytes"));
    fact(page, "Waiting for the disk", &super::words::number(&audit["waiting"]));
    fact(page, "Dropped", &super::words::number(&audit["dropped"]));
    fact(page, "Failed writes", &super::words::number(&audit["write_failures"]));
    for (name, value) in [
        ("Last write", &audit["last_write"]),
        ("Oldest record", &audit["oldest"]),
        ("Signed", &audit["checkpoint"]["at"]),
        ("Verified", &audit["verified"]["at"]),
    ] {
        page.put("<div><dt>{}</dt><dd>", &[name]).add(&moment_of(value, now)).raw("</dd></div>\n");
    }
    page.raw("</dl></section>\n");
}
