//! Each form by example, and what holds for any record: one line, whole, and nothing of a stranger's ends a field.

use super::*;
use crate::line::tests::drafts;
use crate::line::{Format, encode, fields, is_escaped, moment, parse};
use crate::record::{Draft, Key, Kind, Level, Value};
use proptest::prelude::*;
use regex::Regex;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use watchkeeper_core::time::Wall;

fn told(form: Form, line: &str) -> String {
    let mut out = Vec::new();
    write(form, line, "wk/plant", &mut out).expect("the line is a record");
    String::from_utf8(out).expect("every form is text")
}

fn command() -> String {
    let draft = Draft::new(Wall(1_795_242_660_123_456), Level::Warn, Kind::Command, "command_answered")
        .text(Key::Broker, "main")
        .text(Key::Device, "a/1/d7")
        .text(Key::Topic, "plant/a/1/d7/command/response")
        .int(Key::Qos, 1)
        .text(Key::Result, "error")
        .text(Key::Reason, "a|b=\"c\"]\n")
        .text(Key::CmdId, "c1")
        .float(Key::LatencyMs, 12.5)
        .text(Key::Details, "the device took 12 ms ✓")
        .time(Key::ObservedAt, Wall(1_795_242_661_000_001));
    encode(&draft, Format::Pipe).line(7).trim_end().to_owned()
}

#[test]
fn a_record_is_told_in_each_form() {
    let line = command();
    let quoted = Json::from(line.as_str()).to_string();
    for (form, expected) in [
        (Form::Ndjson, r#"{"seq":7,"ts":"2026-11-21T06:31:00.123456Z","level":"WARN","type":"COMMAND","event":"command_answered","broker":"main","device":"a/1/d7","topic":"plant/a/1/d7/command/response","qos":1,"result":"error","reason":"a|b=\"c\"]\u000a","cmd_id":"c1","latency_ms":12.5,"details":"the device took 12 ms ✓","observed_at":"2026-11-21T06:31:01.000001Z"}"#.to_owned()),
        (Form::Ocsf, format!(r#"{{"activity_id":99,"activity_name":"command_answered","actor":{{"app_name":"unknown"}},"api":{{"operation":"command_answered","request":{{"uid":"c1"}}}},"category_uid":6,"class_name":"API Activity","class_uid":6003,"device":{{"type":"IOT","type_id":7,"uid":"a/1/d7"}},"dst_endpoint":{{"name":"main"}},"duration":13,"message":"the device took 12 ms ✓","metadata":{{"correlation_uid":"c1","event_code":"command_answered","log_level":"WARN","log_name":"audit","log_provider":"wk/plant","logged_time":1795242661000,"logged_time_dt":"2026-11-21T06:31:01.000001Z","original_time":"2026-11-21T06:31:00.123456Z","product":{{"name":"watchkeeper","vendor_name":"Watchkeeper","version":"0.1.0"}},"profiles":["datetime","host"],"sequence":7,"version":"1.3.0"}},"raw_data":{quoted},"severity":"Medium","severity_id":3,"src_endpoint":{{"name":"unknown"}},"status":"error","status_detail":"a|b=\"c\"]\n","status_id":2,"time":1795242660123,"time_dt":"2026-11-21T06:31:00.123456Z","type_uid":600399,"unmapped":{{"latency_ms":12.5,"qos":1,"topic":"plant/a/1/d7/command/response","type":"COMMAND"}}}}"#)),
        (Form::Ecs, format!(r#"{{"@timestamp":"2026-11-21T06:31:00.123456Z","ecs":{{"version":"8.17.0"}},"event":{{"action":"command_answered","category":["api"],"created":"2026-11-21T06:31:01.000001Z","dataset":"watchkeeper.audit","duration":12500000,"kind":"event","module":"watchkeeper","original":{quoted},"outcome":"failure","provider":"audit","reason":"a|b=\"c\"]\n","sequence":7,"severity":4,"type":["access"]}},"host":{{"id":"a/1/d7"}},"log":{{"level":"warn"}},"message":"the device took 12 ms ✓","mqtt":{{"qos":1,"topic":"plant/a/1/d7/command/response"}},"network":{{"protocol":"mqtt"}},"observer":{{"name":"wk/plant","product":"watchkeeper","vendor":"Watchkeeper","version":"0.1.0"}},"service":{{"node":{{"name":"main"}},"type":"mqtt"}},"transaction":{{"id":"c1"}},"watchkeeper":{{"latency_ms":12.5,"result":"error","type":"COMMAND"}}}}"#)),
        (Form::Otlp, r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"watchkeeper"}},{"key":"service.version","value":{"stringValue":"0.1.0"}},{"key":"service.instance.id","value":{"stringValue":"wk/plant"}}]},"scopeLogs":[{"logRecords":[{"attributes":[{"key":"event.sequence","value":{"intValue":"7"}},{"key":"watchkeeper.type","value":{"stringValue":"COMMAND"}},{"key":"watchkeeper.ts","value":{"stringValue":"2026-11-21T06:31:00.123456Z"}},{"key":"server.address","value":{"stringValue":"main"}},{"key":"device.id","value":{"stringValue":"a/1/d7"}},{"key":"messaging.destination.name","value":{"stringValue":"plant/a/1/d7/command/response"}},{"key":"watchkeeper.qos","value":{"intValue":"1"}},{"key":"event.outcome","value":{"stringValue":"error"}},{"key":"error.type","value":{"stringValue":"a|b=\"c\"]\n"}},{"key":"messaging.message.conversation_id","value":{"stringValue":"c1"}},{"key":"watchkeeper.latency_ms","value":{"doubleValue":12.5}},{"key":"watchkeeper.details","value":{"stringValue":"the device took 12 ms ✓"}},{"key":"watchkeeper.observed_at","value":{"stringValue":"2026-11-21T06:31:01.000001Z"}}],"body":{"stringValue":"the device took 12 ms ✓"},"eventName":"mqtt.audit.command_answered","observedTimeUnixNano":"1795242661000001000","severityNumber":13,"severityText":"WARN","timeUnixNano":"1795242660123456000"}],"scope":{"name":"watchkeeper.audit","version":"0.1.0"}}]}]}"#.to_owned()),
        (Form::Cef, r#"CEF:0|Watchkeeper|watchkeeper|0.1.0|command_answered|command answered|6|rt=1795242660123 externalId=7 cat=COMMAND dvchost=wk/plant WatchkeeperAuditTs=2026-11-21T06:31:00.123456Z outcome=failure dhost=main deviceExternalId=a/1/d7 WatchkeeperAuditTopic=plant/a/1/d7/command/response WatchkeeperAuditQos=1 WatchkeeperAuditResult=error reason=a|b\="c"]\n WatchkeeperAuditCmdId=c1 WatchkeeperAuditLatencyMs=12.5 msg=the device took 12 ms ✓ WatchkeeperAuditObservedAt=2026-11-21T06:31:01.000001Z"#.to_owned()),
        (Form::Syslog, "<108>1 2026-11-21T06:31:00.123456Z wk/plant watchkeeper - command_answered [watchkeeper@32473 seq=\"7\" type=\"COMMAND\" broker=\"main\" device=\"a/1/d7\" topic=\"plant/a/1/d7/command/response\" qos=\"1\" result=\"error\" reason=\"a|b=\\\"c\\\"\\]\\\\u000a\" cmd_id=\"c1\" latency_ms=\"12.5\" details=\"the device took 12 ms ✓\" observed_at=\"2026-11-21T06:31:01.000001Z\"][meta sequenceId=\"8\"][origin software=\"watchkeeper\" swVersion=\"0.1.0\"] \u{feff}the device took 12 ms ✓".to_owned()),
    ] {
        assert_eq!(told(form, &line), format!("{expected}\n"), "{form:?}");
    }
}

#[test]
fn a_line_that_is_no_record_is_refused_and_nothing_is_written() {
    for form in Form::ALL {
        let mut out = Vec::new();
        let error = write(*form, "{\"seq\":1}", "o", &mut out).unwrap_err();
        assert!(error.kind() == io::ErrorKind::InvalidData && out.is_empty());
        assert_eq!(Form::from_word(form.word()), Some(*form));
    }
    assert_eq!(Form::from_word("xml"), None);
}

#[test]
fn keys_of_later_versions_go_along() {
    let json = r#"{"seq":3,"ts":"1970-01-01T00:00:00.000000Z","level":"INFO","type":"SYSTEM","event":"x","new_key":{"a":"k1"},"broker":"b"}"#;
    let pipe =
        r#"1970-01-01T00:00:00.000000Z | INFO | SYSTEM | seq=3 | event=x | new_key="k1 \u007c" | broker=b"#;
    for line in [json, pipe] {
        for form in Form::ALL {
            assert!(told(*form, line).contains("k1"), "{form:?} {line}");
        }
    }
    assert_eq!(told(Form::Ndjson, json), format!("{json}\n"));
    let read: Json = serde_json::from_str(&told(Form::Ndjson, pipe)).unwrap();
    assert_eq!((read["new_key"].as_str(), read["broker"].as_str()), (Some("k1 |"), Some("b")));
}

#[test]
fn every_event_of_ocsf_has_what_its_class_requires() {
    for entry in crate::sources::AUDITED {
        for full in [false, true] {
            let mut draft = Draft::new(Wall(0), entry.levels[0], entry.kind, entry.event);
            if full {
                for key in Key::ALL {
                    draft = draft.with(*key, some(*key));
                }
            }
            let document: Json =
                serde_json::from_str(&told(Form::Ocsf, &encode(&draft, Format::Json).line(0))).unwrap();
            for name in
                ["activity_id", "category_uid", "class_uid", "type_uid", "severity_id", "time", "metadata"]
            {
                assert!(!document[name].is_null(), "{} {name}", entry.event);
            }
            let class = document["class_uid"].as_u64().unwrap();
            let required: &[&str] = match class {
                1008 => &["/log_name"],
                2004 => &["/finding_info/uid", "/finding_info/title"],
                3002 => &["/user/type_id", "/service/name"],
                3004 => &["/entity/name"],
                4001 => &["/dst_endpoint/name"],
                6002 => &["/app/name", "/app/vendor_name"],
                6003 => &["/actor", "/api/operation", "/src_endpoint"],
                other => panic!("{other}"),
            };
            for path in required {
                assert!(document.pointer(path).is_some(), "{} {path}: {document}", entry.event);
            }
            assert_eq!(
                document["type_uid"].as_u64(),
                Some(class * 100 + document["activity_id"].as_u64().unwrap())
            );
            assert_eq!(document["category_uid"].as_u64(), Some(class / 1000));
        }
    }
}

fn some(key: Key) -> Value {
    match key.ty() {
        crate::record::Type::Text => Value::Text(format!("text of {}", key.word()).into()),
        crate::record::Type::Int => Value::Int(7),
        crate::record::Type::Float => Value::Float(1.5),
        crate::record::Type::Bool => Value::Bool(true),
        crate::record::Type::Time => Value::Time(Wall(1)),
    }
}

/// Every text, number and truth in a document, as text.
fn leaves(json: &Json, into: &mut BTreeSet<String>) {
    match json {
        Json::Object(members) => members.values().for_each(|member| leaves(member, into)),
        Json::Array(elements) => elements.iter().for_each(|element| leaves(element, into)),
        Json::String(text) => _ = into.insert(text.clone()),
        Json::Number(number) if number.is_f64() => {
            into.insert(facts::to_text(&Value::Float(number.as_f64().unwrap())));
        }
        other => _ = into.insert(other.to_string()),
    }
}

/// The parameters of the first element of structured data, by the grammar of RFC 5424.
fn parameters(message: &str) -> Vec<(String, String)> {
    static MESSAGE: LazyLock<Regex> = LazyLock::new(|| {
        let head =
            r"^<1[01]\d>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} [!-~]{1,48} - [!-~]{1,32} ";
        let ours = r#"\[watchkeeper@32473((?: [!-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")+)\]"#;
        let theirs = r#"\[meta sequenceId="\d{1,10}"\]\[origin software="watchkeeper" swVersion="[0-9.]+"\] [^\n]+\n$"#;
        Regex::new(&[head, ours, theirs].concat()).unwrap()
    });
    static ONE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#" ([^=]+)="((?:[^"\\\]]|\\["\\\]])*)""#).unwrap());
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\\(["\\\]])"#).unwrap());
    let data = MESSAGE.captures(message).unwrap_or_else(|| panic!("no RFC 5424: {message:?}"));
    let value = |text: &str| ESCAPE.replace_all(text, "$1").into_owned();
    ONE.captures_iter(&data[1]).map(|pair| (pair[1].to_owned(), value(&pair[2]))).collect()
}

/// The extension of a message: a key is what stands before a sign that is not escaped, the value ends before the next.
fn extension(message: &str) -> Vec<(String, String)> {
    static HEADER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^CEF:0\|Watchkeeper\|watchkeeper\|[0-9.]+\|[a-z0-9_]+\|[a-z0-9 ]+\|\d\|").unwrap()
    });
    static SIGN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?:^| )([A-Za-z0-9]+)=").unwrap());
    let header = HEADER.find(message).unwrap_or_else(|| panic!("no CEF: {message}"));
    let rest = &message[header.end()..];
    let starts: Vec<_> = SIGN
        .captures_iter(rest)
        .map(|found| found.get(0).map(|whole| (whole.start(), whole.end(), found[1].to_owned())).unwrap())
        .collect();
    let ends = starts.iter().skip(1).map(|(start, ..)| *start).chain([rest.len()]);
    let value =
        |text: &str| text.replace("\\n", "\n").replace("\\r", "\r").replace("\\=", "=").replace("\\\\", "\\");
    starts.iter().zip(ends).map(|((_, from, key), end)| (key.clone(), value(&rest[*from..end]))).collect()
}

/// A text as the forms without escapes show it.
fn visible(text: &str) -> String {
    let mut out = String::new();
    text.chars().for_each(|c| push_visible(c, "\\u", &mut out));
    out
}

fn expected(draft: &Draft, seq: u64) -> Vec<(String, String)> {
    let first = [("seq", seq.to_string()), ("type", draft.kind.word().to_owned())]
        .map(|(key, value)| (key.to_owned(), value));
    let rest =
        draft.fields.iter().map(|(key, value)| (key.word().to_owned(), visible(&facts::to_text(value))));
    first.into_iter().chain(rest).collect()
}

proptest! {
    #[test]
    fn any_record_is_one_line_in_every_form_and_nothing_is_lost(draft in drafts(), seq: u64, pipe: bool) {
        let line = encode(&draft, if pipe { Format::Pipe } else { Format::Json }).line(seq);
        let line = line.trim_end_matches('\n');
        for form in Form::ALL {
            let told = told(*form, line);
            let text = told.strip_suffix('\n').unwrap();
            // What syslog puts before a message in UTF-8 is its own.
            let text = if *form == Form::Syslog { text.replacen(" \u{feff}", " ", 1) } else { text.to_owned() };
            prop_assert!(!text.chars().any(is_escaped), "{:?} {:?}", form, text);
            match form {
                Form::Ndjson => prop_assert_eq!(&parse(&text).unwrap().draft, &draft),
                Form::Ocsf | Form::Ecs | Form::Otlp => {
                    let mut found = BTreeSet::new();
                    leaves(&serde_json::from_str(&text).unwrap(), &mut found);
                    prop_assert!(found.contains(&moment(draft.ts)) && found.contains(&seq.to_string()));
                    for (key, value) in fields(line) {
                        // The reader that is used here rounds numbers in the last digit.
                        let float = Key::from_word(&key).is_some_and(|key| key.ty() == crate::record::Type::Float);
                        let known = value.is_empty() || float || key == "level" || key == "event" || found.contains(&*value);
                        prop_assert!(known, "{form:?} {key}={value:?} {text}");
                    }
                }
                Form::Syslog => prop_assert_eq!(parameters(&told), expected(&draft, seq)),
                Form::Cef => {
                    let found = extension(&text);
                    let count = draft.fields.iter().filter(|(_, value)| !facts::to_text(value).is_empty()).count();
                    let ours = ["rt", "externalId", "cat", "dvchost", "WatchkeeperAuditTs", "outcome"];
                    let others = found.iter().filter(|(key, _)| !ours.contains(&&**key));
                    prop_assert_eq!(others.count(), count, "{}", text);
                    prop_assert_eq!(&found[1], &("externalId".to_owned(), seq.to_string()));
                }
            }
        }
    }

    #[test]
    fn no_text_of_a_stranger_ends_a_field(text in any::<String>(), other in "[ -~]{0,30}") {
        for text in [text, other, "a\nb|c]d=\"e\\".to_owned(), "x WatchkeeperAuditUser=root".to_owned(), "\" ] [x y=\"".to_owned()] {
            let draft = Draft::new(Wall(0), Level::Info, Kind::Connection, "client_connected")
                .with(Key::ClientId, Value::Text(text.as_str().into()))
                .text(Key::User, "u");
            let line = encode(&draft, Format::Json).line(1);
            let cef = told(Form::Cef, &line);
            let found = extension(cef.trim_end_matches('\n'));
            prop_assert_eq!(found.iter().filter(|(key, _)| key == "suser").map(|(_, value)| &**value).collect::<Vec<_>>(), ["u"]);
            prop_assert!(!found.iter().any(|(key, _)| key == "WatchkeeperAuditUser"));
            prop_assert_eq!(parameters(&told(Form::Syslog, &line)), expected(&draft, 1));
            prop_assert_eq!(cef.lines().count(), 1);
        }
    }
}
