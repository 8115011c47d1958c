//! The parts of one device's view. Each is left out where the device says nothing of it; nothing here may ask anybody.

use super::markup::{Markup, Table, number, words};
use super::picture::{Line, line};
use super::words::{NONE, badge, count, figure, moment, moment_of, percent, rate, span, span_of, text};
use crate::engine::recent::{DEVICES_MAX, Looked, POINTS_MAX, Point, SAMPLES_MAX};
use serde_json::Value;
use watchkeeper_core::time::Wall;

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What one asks first.
pub(super) fn facts(page: &mut Markup, node: &Value, now: Wall) {
    page.raw("<section aria-label=\"Facts\"><dl class=\"facts\">\n");
    let mut fact = |name: &str, piece: &Markup| {
        page.put("<div><dt>{}</dt><dd>", &[name]).add(piece).raw("</dd></div>\n");
    };
    let plain = |shown: &str| {
        let mut piece = Markup::new();
        piece.put("{}", &[shown]);
        piece
    };
    let of = |key: &str| plain(&super::words::number(&node[key]));
    fact("Last message", &moment_of(&node["last_seen"], now));
    fact("In this state", &moment_of(&node["since"], now));
    fact("First seen", &moment_of(&node["first_seen"], now));
    fact("Broker", &plain(text(&node["broker"])));
    for (name, label) in node["labels"].as_object().into_iter().flatten() {
        fact(name, &plain(text(label)));
    }
    fact("Messages", &of("messages"));
    fact("Per minute", &plain(&node["rate_per_minute"].as_f64().map_or_else(|| NONE.to_owned(), rate)));
    fact("Errors", &plain(&node["error_ratio"].as_f64().map_or_else(|| NONE.to_owned(), percent)));
    fact("Lost", &of("lost"));
    fact("Points", &of("points"));
    fact("Stuck", &of("stuck_points"));
    let comings = [&node["connects"], &node["disconnects"], &node["flaps"]].map(super::words::number);
    fact("Came, went, flapped", &plain(&comings.join(", ")));
    fact("Restarts", &of("restarts"));
    let skew = node["clock_skew_seconds"].as_f64();
    fact("Its clock", &plain(&skew.map_or_else(|| NONE.to_owned(), ahead)));
    page.raw("</dl></section>\n");
}

fn ahead(skew: f64) -> String {
    if skew.abs() < 0.5 {
        "right".to_owned()
    } else {
        format!("{} {}", span(skew.abs()), if skew > 0.0 { "ahead" } else { "behind" })
    }
}

/// Alarms that are active.
pub(super) fn alarms(page: &mut Markup, alarms: &Value, now: Wall) {
    if list(alarms).is_empty() {
        return;
    }
    page.raw("<section><h2>Active alarms</h2>\n");
    let columns =
        [words("Alarm"), words("Point"), words("Priority"), words("Since"), words("Acknowledged").minor()];
    let mut table = Table::open(page, "Alarms that are active", &columns);
    for alarm in list(alarms) {
        let mut since = moment_of(&alarm["since"], now);
        if alarm["flapping"] == true {
            since.raw(", comes and goes");
        }
        table.row(&[
            super::words::name(text(&alarm["type"])).into(),
            super::words::name(text(&alarm["point"])).into(),
            text(&alarm["priority"]).into(),
            since.into(),
            if alarm["acknowledged"] == true { "yes" } else { "no" }.into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}

/// Its points with their last values.
pub(super) fn points(page: &mut Markup, looked: Option<&Looked>, own_path: &str, now: Wall) {
    let Some(looked) = looked.filter(|looked| looked.total > 0) else { return };
    page.raw("<section><h2>Points</h2>\n");
    let spanned = looked.span.map_or(0.0, |(first, last)| last.seconds() - first.seconds());
    page.put(
        "<p class=\"quiet\">The lines show the last {}. Values are sampled once a second from the first look on: at most {} \
         samples, {} points of a device, {} devices at a time, until ten minutes after the last look.</p>\n",
        &[&span(spanned), &SAMPLES_MAX.to_string(), &POINTS_MAX.to_string(), &DEVICES_MAX.to_string()],
    );
    let columns =
        [words("Point"), words("Stream").minor(), number("Value"), words("Of late"), words("State")];
    let mut table = Table::open(page, "Points with their last values", &columns);
    for point in &looked.points {
        let mut state = Markup::new();
        match point.stuck_since {
            Some(since) => _ = state.add(&badge("stuck")).raw(" ").add(&moment(Some(since), now)),
            None => _ = state.raw("moves"),
        }
        table.row(&[
            super::words::name(&point.name).into(),
            point.stream.as_str().into(),
            figure(point.value).into(),
            spark(point).into(),
            state.into(),
        ]);
    }
    table.close();
    pages(page, looked, own_path);
    page.raw("</section>\n");
}

/// The last values as a line, and its ends in words for whoever cannot see it.
fn spark(point: &Point) -> Markup {
    let mut piece = Markup::new();
    let values = || point.values.iter().copied();
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if point.values.len() < 2 {
        piece.raw("<span class=\"quiet\">no history yet</span>");
        return piece;
    }
    let points: Vec<(f64, f64)> = values().enumerate().map(|(at, value)| (at as f64, value)).collect();
    let drawn = Line { points: &points, floor: None, ceiling: None, is_stepped: false };
    let label = format!("from {} to {}", figure(low), figure(high));
    line(&mut piece, &drawn, (120, 20), &label, "spark");
    piece
}

fn pages(page: &mut Markup, looked: &Looked, own_path: &str) {
    if looked.total <= POINTS_MAX {
        return;
    }
    let (from, to) = (looked.from + 1, looked.from + looked.points.len());
    let shown = [from, to, looked.total].map(|number| count(number as u64));
    page.raw("<nav class=\"pages\" aria-label=\"Pages of points\"><p>");
    page.put("<b>{}–{}</b> of {}</p><p>", &[&shown[0], &shown[1], &shown[2]]);
    let mut way = |place: usize, word: &'static str| {
        page.put("<a href=\"{}?points={}\">{}</a> ", &[own_path, &place.to_string(), word]);
    };
    if looked.from > 0 {
        way(looked.from.saturating_sub(POINTS_MAX), "previous");
    }
    if to < looked.total {
        way(to, "next");
    }
    page.raw("</p></nav>\n");
}

/// What it says, and how often.
pub(super) fn streams(page: &mut Markup, streams: &Value) {
    if list(streams).is_empty() {
        return;
    }
    page.raw("<section><h2>Streams</h2>\n");
    let columns = [
        words("Stream"),
        number("Messages").wide(),
        number("Interval"),
        number("Expected").wide(),
        number("Shortest").minor(),
        number("Longest").minor(),
        number("Early").minor(),
        number("Late"),
        words("Now"),
    ];
    let mut table = Table::open(page, "Streams and their intervals", &columns);
    for stream in list(streams) {
        let of = |key: &str| super::words::number(&stream[key]);
        table.row(&[
            text(&stream["stream"]).into(),
            of("messages").into(),
            span_of(&stream["interval_seconds"]).into(),
            span_of(&stream["interval_expected_seconds"]).into(),
            span_of(&stream["interval_min_seconds"]).into(),
            span_of(&stream["interval_max_seconds"]).into(),
            of("early").into(),
            of("late").into(),
            if stream["overdue"] == true { badge("overdue") } else { badge("ok") }.into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}

/// Messages with an error, by reason.
pub(super) fn errors(page: &mut Markup, node: &Value) {
    let Some(errors) = node["errors"].as_object().filter(|errors| !errors.is_empty()) else { return };
    page.raw("<section><h2>Errors</h2>\n");
    let columns = [words("Reason"), number("Messages")];
    let mut table = Table::open(page, "Messages with an error, by reason", &columns);
    for (reason, number) in errors {
        table.row(&[reason.replace('_', " ").into(), super::words::number(number).into()]);
    }
    table.close();
    page.raw("</section>\n");
}

/// What its sequence numbers say.
pub(super) fn sequence(page: &mut Markup, sequence: &Value) {
    if sequence.is_null() {
        return;
    }
    page.raw("<section><h2>Sequence numbers</h2>\n<dl class=\"facts\">\n");
    for (name, key) in [
        ("Gaps", "gaps"),
        ("Lost", "lost"),
        ("Missed by us", "missed"),
        ("Duplicated", "duplicated"),
        ("Reordered", "reordered"),
        ("Resets", "resets"),
    ] {
        page.put("<div><dt>{}</dt><dd>{}</dd></div>", &[name, &super::words::number(&sequence[key])]);
    }
    page.raw("</dl>\n");
    let columns = [words("Stream"), number("Expected next"), number("Awaited"), words("In order")];
    let mut table = Table::open(page, "Where its sequences stand", &columns);
    for position in list(&sequence["positions"]) {
        let next = position["next"].as_u64().map_or_else(|| NONE.to_owned(), |next| next.to_string());
        table.row(&[
            text(&position["stream"]).into(),
            next.into(),
            super::words::number(&position["awaited"]).into(),
            if position["judged"] == true { "yes" } else { "no, not judged" }.into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}

/// Commands that wait for an answer.
pub(super) fn commands(page: &mut Markup, queue: &Value, now: Wall) {
    page.raw("<section><h2>Commands that wait</h2>\n");
    let waiting = list(&queue["commands"]);
    if waiting.is_empty() {
        page.put("<p>None. <span class=\"quiet\">{}.</span></p></section>\n", &[text(&queue["message"])]);
        return;
    }
    page.put("<p class=\"quiet\">{}.</p>\n", &[text(&queue["message"])]);
    let columns =
        [words("Id"), words("Command"), words("State"), words("Sent"), number("Times out in").minor()];
    let mut table = Table::open(page, "Commands without an answer, the oldest first", &columns);
    for command in waiting {
        table.row(&[
            super::words::name(text(&command["cmd_id"])).into(),
            super::words::name(text(&command["command"])).into(),
            text(&command["state"]).into(),
            moment_of(&command["sent"], now).into(),
            span_of(&command["times_out_in_seconds"]).into(),
        ]);
    }
    table.close();
    page.raw("</section>\n");
}

/// What it says of its own health.
pub(super) fn system(page: &mut Markup, system: &Value) {
    let Some(system) = system.as_object().filter(|system| !system.is_empty()) else { return };
    page.raw("<section><h2>Its own health</h2>\n<dl class=\"facts\">\n");
    for (name, value) in system {
        let shown = value.as_f64().map_or_else(|| NONE.to_owned(), figure);
        page.put("<div><dt>{}</dt><dd>{}</dd></div>", &[&super::words::name(name), &shown]);
    }
    page.raw("</dl></section>\n");
}
