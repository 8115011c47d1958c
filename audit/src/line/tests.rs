//! Any record survives the way out and back, in both forms; no text forges another.

use super::*;
use crate::record::{Key, Kind, Level, Type, Value};
use proptest::prelude::*;

/// Text with a liking for what is dangerous.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9/_.-]{0,12}",
        2 => any::<String>(),
        1 => prop::sample::select(vec![
            " | ", "|", "\n", "\r\n", "\"", "\\", "\\u0041", "\u{0}", "\u{7f}", "\u{85}", "\u{2028}", "\u{2029}",
            "\u{202e}", "\u{2066}", "\u{feff}", "\u{200b}", "\u{1b}[31m", "=", "event=", "seq=1", "{", "}", "\u{fffd}",
            "\u{e0001}", "ä", "😀", "2026-11-21T06:31:00.123456Z | ERROR | SECURITY | seq=1 | event=x\n",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn value(key: Key) -> BoxedStrategy<Value> {
    match key.ty() {
        Type::Text => nasty().prop_map(|text| Value::Text(text.into())).boxed(),
        Type::Int => {
            prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..10_i64].prop_map(Value::Int).boxed()
        }
        Type::Float => any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::Float).boxed(),
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Time => any::<i64>().prop_map(|at| Value::Time(moment::clamp(Wall(at)))).boxed(),
    }
}

pub(crate) fn drafts() -> impl Strategy<Value = Draft> {
    let fields = prop::sample::subsequence(Key::ALL.to_vec(), 0..Key::ALL.len())
        .prop_flat_map(|keys| keys.into_iter().map(|key| (Just(key), value(key))).collect::<Vec<_>>());
    let (levels, kinds) = (prop::sample::select(Level::ALL), prop::sample::select(Kind::ALL));
    (any::<i64>(), levels, kinds, "[a-z0-9_]{1,64}", fields).prop_map(|(ts, level, kind, event, fields)| {
        let mut draft = Draft::new(moment::clamp(Wall(ts)), level, kind, event);
        draft.fields = fields;
        draft
    })
}

fn bare_line(draft: &Draft, format: Format, seq: u64) -> String {
    let line = encode(draft, format).line(seq);
    line.strip_suffix('\n').expect("a line ends").to_owned()
}

/// The value as `fields` shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => ryu::Buffer::new().format_finite(*number).to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Time(at) => moment(*at),
    }
}

proptest! {
    #[test]
    fn any_record_survives_the_way_out_and_back(draft in drafts(), seq: u64) {
        for format in [Format::Json, Format::Pipe] {
            let line = bare_line(&draft, format, seq);
            prop_assert!(!line.chars().any(is_escaped), "{line:?}");
            let record = parse(&line).map_err(|damage| TestCaseError::fail(format!("{damage}: {line}")))?;
            prop_assert_eq!(&record, &Record { seq, draft: draft.clone() });
            prop_assert_eq!(bare_line(&record.draft, format, record.seq), line.as_str());
            prop_assert_eq!(super::seq(line.as_bytes()), Some(seq));
            prop_assert_eq!(ts(line.as_bytes()), Some(draft.ts));
        }
    }

    #[test]
    fn the_fields_of_a_line_are_those_of_its_record(draft in drafts(), seq: u64) {
        let mut expected = vec![
            ("level", draft.level.word().to_owned()), ("type", draft.kind.word().to_owned()),
            ("seq", seq.to_string()), ("ts", moment(draft.ts)), ("event", draft.event.to_string()),
        ];
        expected.extend(draft.fields.iter().map(|(key, value)| (key.word(), shown(value))));
        expected.sort();
        for format in [Format::Json, Format::Pipe] {
            let line = bare_line(&draft, format, seq);
            let mut found: Vec<_> = fields(&line).map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
            found.sort();
            prop_assert!(found.iter().map(|(k, v)| (&**k, v)).eq(expected.iter().map(|(k, v)| (*k, v))), "{line}");
        }
    }

    #[test]
    fn a_pipe_line_falls_apart_at_its_bars_and_nowhere_else(draft in drafts()) {
        let line = bare_line(&draft, Format::Pipe, 7);
        prop_assert_eq!(line.split(" | ").count(), 5 + draft.fields.len());
        prop_assert_eq!(line.matches('|').count(), 4 + draft.fields.len());
    }

    #[test]
    fn a_json_line_is_what_every_reader_of_json_reads(draft in drafts(), seq: u64) {
        let line = bare_line(&draft, Format::Json, seq);
        let json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(json.len(), 5 + draft.fields.len());
        prop_assert_eq!(json["seq"].as_u64(), Some(seq));
        for (key, value) in &draft.fields {
            let theirs = &json[key.word()];
            match value {
                Value::Text(text) => prop_assert_eq!(theirs.as_str(), Some(&**text)),
                Value::Int(number) => prop_assert_eq!(theirs.as_i64(), Some(*number)),
                Value::Bool(yes) => prop_assert_eq!(theirs.as_bool(), Some(*yes)),
                Value::Time(at) => prop_assert_eq!(theirs.as_str(), Some(&*moment(*at))),
                // Their reader rounds the last digit where it is not told to be exact.
                Value::Float(_) => prop_assert!(theirs.is_f64()),
            }
        }
    }

    #[test]
    fn whatever_is_read_never_panics(line in nasty(), draft in drafts(), at: prop::sample::Index, with in nasty()) {
        let check = |line: &str| {
            let _ = parse(line);
            assert!(fields(line).count() <= line.len() + 1);
            let _ = (super::seq(line.as_bytes()), ts(line.as_bytes()));
        };
        check(&line);
        for format in [Format::Json, Format::Pipe] {
            let line = bare_line(&draft, format, 7);
            let chars: Vec<char> = line.chars().collect();
            let at = at.index(chars.len());
            check(&chars[..at].iter().collect::<String>());
            check(&(chars[..at].iter().collect::<String>() + &with + &chars[at..].iter().collect::<String>()));
        }
    }
}

proptest! {
    // Each case writes megabytes.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn long_texts_are_cut_so_that_the_line_fits_and_is_read(
        draft in drafts(), keys in prop::sample::subsequence(
            Key::ALL.iter().copied().filter(|key| key.ty() == Type::Text).collect::<Vec<_>>(), 1..20),
        piece in nasty(), bytes in 20_000..90_000_usize,
    ) {
        let text: Box<str> = format!("{piece}x").repeat(bytes / (piece.len() + 1)).into();
        let mut draft = draft;
        for key in keys {
            draft = draft.with(key, Value::Text(text.clone()));
        }
        for format in [Format::Json, Format::Pipe] {
            let line = encode(&draft, format).line(u64::MAX);
            prop_assert!(line.len() <= LINE_BYTES_MAX, "{}", line.len());
            let record = parse(line.trim_end_matches('\n')).map_err(|damage| TestCaseError::fail(damage.to_string()))?;
            prop_assert_eq!(encode(&record.draft, format).line(u64::MAX), line);
            if record.draft == draft {
                continue; // All of it had room.
            }
            let Some(Value::Text(marks)) = record.draft.get(Key::Trunc) else { panic!("nothing is marked") };
            for (key, was) in &draft.fields {
                let Some(is) = record.draft.get(*key) else { panic!("{key:?} is gone") };
                let mark = |len: usize| marks.split(',').any(|mark| mark == format!("{}:{len}", key.word()));
                match (was, is) {
                    _ if *key == Key::Trunc || was == is => {}
                    (Value::Text(was), Value::Text(is)) => {
                        prop_assert!(was.starts_with(&**is) && mark(was.len()), "{key:?} {marks}");
                    }
                    _ => panic!("{key:?} was no text"),
                }
            }
        }
    }
}

fn example() -> Draft {
    Draft::new(Wall(1_795_242_660_123_456), Level::Info, Kind::Command, "command_requested")
        .text(Key::Broker, "main")
        .text(Key::Topic, "plant/a b/1|2/\n")
        .text(Key::CmdId, "cmd-123")
        .float(Key::LatencyMs, 12.5)
        .int(Key::Qos, 1)
        .flag(Key::Retain, false)
        .time(Key::ObservedAt, Wall(0))
        .with(Key::Reason, Value::Text("".into()))
}

#[test]
fn both_forms_are_those_of_the_manual() {
    assert_eq!(
        encode(&example(), Format::Json).line(42),
        r#"{"seq":42,"ts":"2026-11-21T06:31:00.123456Z","level":"INFO","type":"COMMAND","event":"command_requested","broker":"main","topic":"plant/a b/1|2/\u000a","qos":1,"reason":"","cmd_id":"cmd-123","latency_ms":12.5,"observed_at":"1970-01-01T00:00:00.000000Z","retain":false}
"#
    );
    assert_eq!(
        encode(&example(), Format::Pipe).line(42),
        r#"2026-11-21T06:31:00.123456Z | INFO | COMMAND | seq=42 | event=command_requested | broker=main | topic="plant/a b/1\u007c2/\u000a" | qos=1 | reason="" | cmd_id=cmd-123 | latency_ms=12.5 | observed_at=1970-01-01T00:00:00.000000Z | retain=false
"#
    );
}

#[test]
fn keys_of_later_versions_are_passed_over_and_shown() {
    let base =
        Draft::new(Wall(0), Level::Warn, Kind::System, "x").text(Key::Broker, "b").text(Key::User, "u");
    let json = bare_line(&base, Format::Json, 3)
        .replace(",\"user\"", ",\"later\":{\"a\":[1,\"}\\\"]\"]},\"n\":null,\"x.y\":-1.5e3,\"user\"");
    let pipe = bare_line(&base, Format::Pipe, 3).replace(" | user", " | later=\"a b\" | x.y=-1.5e3 | user");
    for line in [&json, &pipe] {
        assert_eq!(parse(line), Ok(Record { seq: 3, draft: base.clone() }), "{line}");
    }
    let of =
        |line: &str, key: &str| fields(line).find(|(k, _)| k == key).map(|(_, value)| value.into_owned());
    assert_eq!(of(&json, "later").as_deref(), Some(r#"{"a":[1,"}\"]"]}"#));
    assert_eq!(of(&json, "x.y").as_deref(), Some("-1.5e3"));
    assert_eq!(of(&pipe, "later").as_deref(), Some("a b"));
    assert_eq!(of(&pipe, "user").as_deref(), Some("u"));
}

#[test]
fn what_is_no_line_of_ours_is_refused_with_its_place() {
    let json = bare_line(&example(), Format::Json, 42);
    let pipe = bare_line(&example(), Format::Pipe, 42);
    for (line, from, to, flaw) in [
        (&json, "\"qos\":1", "\"qos\":\"1\"", Flaw::Type),
        (&json, "\"qos\":1", "\"qos\":01", Flaw::Expected("a value")),
        (&json, "\"qos\":1", "\"qos\":1,\"qos\":1", Flaw::Order),
        (&json, "\"qos\":1", "\"qos\":1,\"broker\":\"x\"", Flaw::Order),
        (&json, "main", "ma\nin", Flaw::Text),
        (&json, "main", "ma\u{202e}in", Flaw::Text),
        (&json, "main", "ma\\in", Flaw::Text),
        (&json, "}", "}}", Flaw::Expected("the end of the line")),
        (&json, "}", "", Flaw::Expected("a comma or the end")),
        (&json, "INFO", "info", Flaw::Expected("a level")),
        (&json, "COMMAND", "ANY", Flaw::Expected("a type")),
        (&json, "command_r", "Command_r", Flaw::Expected("an event")),
        (&json, "06:31", "06.31", Flaw::Expected("a moment")),
        (&json, "\"seq\":42", "\"seq\":-1", Flaw::Expected("{\"seq\":number")),
        (&json, "\"seq\":42", "\"seq\":18446744073709551616", Flaw::Expected("{\"seq\":number")),
        (&json, "\"qos\":1", "\"Qos\":1", Flaw::Expected("a key")),
        (&json, "\"qos\":1", "\"later\":[}", Flaw::Expected("a value")),
        (&pipe, "main", "ma in", Flaw::Text),
        (&pipe, "main", "\"main", Flaw::Text),
        (&pipe, "main", "\"ma|in\"", Flaw::Text),
        (&pipe, "main", "", Flaw::Text),
        (&pipe, "=main", "", Flaw::Expected("key=value")),
        (&pipe, "qos=1", "qos=\"1\"", Flaw::Type),
        (&pipe, "qos=1", "qos=1 | qos=1", Flaw::Order),
        (&pipe, "qos=1", "later=ü", Flaw::Text),
        (&pipe, "seq=42", "seq=042", Flaw::Expected("seq=number")),
        (&pipe, " | event=command_requested", "", Flaw::Expected("event=word")),
    ] {
        let bent = line.replacen(from, to, 1);
        let damage = parse(&bent).expect_err(&bent);
        assert_eq!(damage.flaw, flaw, "{bent}");
        assert!(damage.at <= bent.len(), "{damage}");
    }
    assert_eq!(parse(&"x".repeat(LINE_BYTES_MAX)).unwrap_err().flaw, Flaw::TooLong);
}

#[test]
fn what_was_set_by_hand_is_put_in_order() {
    let mut draft = Draft::new(Wall(0), Level::Info, Kind::System, "Über | x\n");
    draft.fields = vec![
        (Key::User, Value::Text("u".into())),
        (Key::Broker, Value::Text("b".into())),
        (Key::Qos, Value::Text("no number".into())),
        (Key::Ratio, Value::Float(f64::NAN)),
    ];
    let record = parse(&bare_line(&draft, Format::Json, 1)).unwrap();
    assert_eq!(record.draft.event, "_ber___x_");
    assert_eq!(record.draft.fields.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [Key::Broker, Key::User]);
}

#[test]
fn a_text_is_found_by_what_it_is_written_as() {
    for text in ["plain", "a b", "a|b", "say \"x\"", "ä\n"] {
        let draft = Draft::new(Wall(0), Level::Info, Kind::System, "x").text(Key::Topic, text);
        for format in [Format::Json, Format::Pipe] {
            assert!(encode(&draft, format).tail.contains(&*escaped(text, format)), "{text:?}");
        }
    }
}
