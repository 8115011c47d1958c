//! Tests: every stream of a preset can be written in a config file and means the same there. Nothing here may know a
//! preset by its name.

use super::sound::read;
use crate::config::Flags;
use std::fmt::Write as _;
use std::path::Path;
use watchkeeper_core::names::Pattern;
use watchkeeper_core::presets;
use watchkeeper_core::rules::{
    DeviceFrom, Expect, Name, Part, Statement, StatusRules, StreamRules, StuckAfter,
};
use watchkeeper_core::time::{Micros, SECOND};
use watchkeeper_core::trackers::presence::Departure;

fn template(parts: &[Part], pattern: &Pattern) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.to_string(),
        Part::Capture(at) => format!("{{{}}}", pattern.captures().nth(*at).unwrap()),
    };
    parts.iter().map(part).collect()
}

fn device(rules: &StreamRules) -> String {
    match &rules.device {
        DeviceFrom::Topic(parts) => template(parts, &rules.pattern),
        DeviceFrom::Payload(path) | DeviceFrom::PayloadOrTopic(path) => path.to_string(),
        DeviceFrom::Members => "$.*".to_owned(),
    }
}

fn word(statement: Statement) -> &'static str {
    match statement {
        Statement::Online => "online",
        Statement::Asleep => "asleep",
        Statement::Gone(Departure::Disconnect) => "left",
        Statement::Gone(_) => "offline",
    }
}

fn status(rules: &StatusRules, out: &mut String) {
    let mut text = |key: &str, value: String| writeln!(out, "{key} = {value}").unwrap();
    if let Some(means) = rules.means {
        text("means", format!("'{}'", word(means)));
    }
    if let Some(at) = &rules.at {
        text("status", format!("\"{at}\""));
    }
    for key in ["online", "asleep", "offline", "left"] {
        let of_key = |(_, meaning): &&(Box<str>, Statement)| word(*meaning) == key;
        let words: Vec<&str> = rules.words.iter().filter(of_key).map(|(word, _)| &**word).collect();
        if !words.is_empty() {
            text(key, format!("{words:?}"));
        }
    }
    if let Some(session) = &rules.session {
        text("session", format!("\"{session}\""));
        text("session_grows", rules.session_grows.to_string());
    }
    if rules.only_known {
        text("only_known", "true".to_owned());
    }
}

fn written(rules: &StreamRules) -> String {
    let mut out = String::from("[[stream]]\n");
    for (key, is_set) in [
        ("only_objects", rules.only.objects),
        ("only_scalars", rules.only.scalars),
        ("only_capitals", rules.only.capitals),
        ("spaces", rules.spaces),
        ("point_prefix", rules.kin.point_prefix),
    ] {
        if is_set {
            writeln!(out, "{key} = true").unwrap();
        }
    }
    let lists = [
        ("only_beginning", &rules.only.beginning),
        ("only_words", &rules.only.words),
        ("no_points", &rules.no_points),
    ];
    for (key, list) in lists {
        if !list.is_empty() {
            let list = format!("{list:?}").replace("\\u{1b}", "\\u001b");
            writeln!(out, "{key} = {list}").unwrap();
        }
    }
    let mut text = |key: &str, value: &str| writeln!(out, "{key} = \"{value}\"").unwrap();
    text("name", &rules.name);
    text("filter", rules.pattern.as_str());
    text("kind", &format!("{:?}", rules.kind).to_lowercase());
    text("format", &format!("{:?}", rules.format).to_lowercase());
    text("device", &device(rules));
    let paths = [
        ("timestamp", &rules.timestamp),
        ("sequence", &rules.sequence),
        ("points", &rules.points),
        ("points_below", &rules.points_below),
    ];
    for (key, path) in paths {
        if let Some(path) = path {
            text(key, &path.to_string());
        }
    }
    match rules.expect {
        Expect::Learn => text("expect_every", "learn"),
        Expect::Never => text("expect_every", "never"),
        Expect::Every(span) => text("expect_every", &format!("{}s", span / SECOND)),
    }
    if rules.stuck_after == StuckAfter::For(Micros::MAX) {
        text("stuck_after", "never");
    }
    if let Some(span) = rules.offline_after {
        text("offline_after", &format!("{}s", span / SECOND));
    }
    if let Some(name) = &rules.offline_with {
        text("offline_with", name);
    }
    match &rules.kin.parent {
        Some(Name::Topic(parts)) => text("parent", &template(parts, &rules.pattern)),
        Some(Name::Payload(path)) => text("parent", &path.to_string()),
        None => {}
    }
    if let Some((first, last)) = rules.kin.point_name {
        let names: Vec<String> = rules
            .pattern
            .captures()
            .map(|name| format!("{{{name}}}"))
            .skip(first)
            .take(last - first + 1)
            .collect();
        text("point_name", &names.join("/"));
    }
    let kin = &rules.kin;
    let streams = [
        ("joins", &kin.joins),
        ("sequence_with", &kin.sequence_with),
        ("state_stream", &kin.state_stream),
        ("command_stream", &kin.command_stream),
        ("availability_stream", &kin.availability_stream),
    ];
    for (key, stream) in streams {
        if let Some(stream) = stream {
            text(key, stream);
        }
    }
    writeln!(out, "sequence_begins = {}", kin.sequence_begins).unwrap();
    if rules.sequence.is_some() {
        writeln!(out, "sequence_modulus = {}", rules.sequence_modulus).unwrap();
    }
    if let Some(rules) = &rules.status {
        status(rules, &mut out);
    }
    out
}

#[test]
fn every_stream_of_a_convention_can_be_written_in_a_config() {
    // The checks of the plant are compared with the example.
    for preset in presets::ALL.iter().filter(|preset| **preset != "plant") {
        let streams = presets::streams(preset).unwrap();
        let text: String = streams.iter().map(written).collect();
        let text = format!("[[broker]]\n{text}");
        let config = read(Path::new("w.toml"), &text, &[], Flags::default())
            .unwrap_or_else(|problems| panic!("{preset}: {problems}\n{text}"));
        assert_eq!(config.streams.len(), streams.len());
        for (ours, theirs) in config.streams.iter().zip(&streams) {
            assert_eq!(sorted(ours), sorted(theirs), "{text}");
        }
    }
}

/// The order of the words says nothing.
fn sorted(rules: &StreamRules) -> String {
    let mut rules = rules.clone();
    if let Some(status) = &mut rules.status {
        status.words.sort_by(|one, other| one.0.cmp(&other.0));
    }
    format!("{rules:?}")
}
