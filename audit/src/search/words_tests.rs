//! What may be typed, and what is said of what may not.

use super::*;
use crate::search::Words;

const NOW: Wall = Wall(1_795_242_660_000_000);

fn said(words: &Words) -> Vec<String> {
    words.query(NOW).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn from_pairs(pairs: &[(&str, &str)]) -> Words {
    let mut words = Words::default();
    for (name, value) in pairs {
        words.set(name, value).unwrap();
    }
    words
}

#[test]
fn every_error_names_the_parameter_the_place_and_the_cure() {
    for (name, value, expected) in [
        ("field", "devise=a", "field: no record has a field `devise`; did you mean `device`?"),
        ("field", "client=a", "field: no record has a field `client`; it is called `client_id` here"),
        (
            "field",
            "zzzzzz=a",
            "field: no record has a field `zzzzzz`; the fields are seq, ts, level, type, event, id",
        ),
        ("field", "device", "field: `device` is no condition; write `key=value`"),
        ("field", "=a", "field: `=a` is no condition"),
        ("field", "latency_ms>fast", "field: `latency_ms>fast`: `fast` is no number; write a number"),
        ("field", "latency_ms=NaN", "field: `latency_ms=NaN`: `NaN` is no number"),
        ("field", "dup=yes", "field: `dup=yes`: `yes` is no yes or no; write `true` or `false`"),
        ("field", "ts>noon", "field: `ts>noon`: `noon` is no moment; write RFC 3339"),
        ("field", "type=COMAND", "type: there is no type `COMAND`; did you mean `COMMAND`?"),
        ("field", "device~[a", "field: `device~[a`: unclosed character class at character 1"),
        ("by", "divice", "by: no record has a field `divice`; did you mean `device`?"),
        ("by", "seq", "by: `seq` differs in every record; count over time"),
        ("type", "command,alram", "type: there is no type `ALRAM`; did you mean `ALARM`?"),
        ("type", "x", "type: there is no type `X`; there are CONNECTION, COMMAND"),
        ("level", "warning", "level: there is no level `WARNING`; did you mean `WARN`?"),
        ("level", "fatal", "level: there is no level `FATAL`; there are INFO, WARN, ERROR"),
        ("since", "yesterday", "since: `yesterday` is no moment; write RFC 3339"),
        ("until", "2026-11-21T06:31:00 02:00", "(in a URL the plus sign of an offset is written %2B)"),
        ("regex", "tc-(1|2", "regex: `tc-(1|2`: unclosed group at character 4 of the regular expression"),
        ("regex", "a{1000}{1000}", "regex: `a{1000}{1000}` needs too much memory; use fewer"),
        ("limit", "0", "limit: `0` is no number of records; write a whole number from 1"),
        ("limit", "many", "limit: `many` is no number"),
        ("order", "newest", "order: `newest` is no order; write `asc`"),
        ("after", "-1", "after: `-1` is no sequence number"),
        ("cursor", "abc", "cursor: this is no cursor of this version; leave the cursor out"),
        ("histogram", "hourly", "histogram: `hourly` is no length of time; write a number and a unit"),
    ] {
        let all = said(&from_pairs(&[(name, value)]));
        assert_eq!(all.len(), 1, "{name}={value}: {all:?}");
        assert!(all[0].contains(expected), "{name}={value}: {}", all[0]);
    }
    let all = said(&from_pairs(&[
        ("since", "1h"),
        ("until", "2h"),
        ("step", "1s"),
        ("field", "x=1"),
        ("order", "up"),
    ]));
    assert_eq!(all.len(), 3, "{all:?}");
    let too_fine = from_pairs(&[("since", "7d"), ("until", "1h"), ("step", "1s")]);
    assert!(said(&too_fine)[0].contains("columns; 10000 are allowed"), "{:?}", said(&too_fine));
    let many = Words { field: vec!["qos=1".into(); 65], ..Words::default() };
    assert!(said(&many)[0].contains("65 conditions; 64 are allowed"), "{:?}", said(&many));
}

#[test]
fn an_unknown_parameter_is_refused_with_the_nearest_known_one() {
    let mut words = Words::default();
    assert_eq!(
        words.set("devices", "a").unwrap_err().to_string(),
        "devices: there is no such parameter; did you mean `device`?"
    );
    assert!(words.set("colour", "a").unwrap_err().to_string().contains("the parameters are text, any"));
    assert_eq!(
        words.set("any", "maybe").unwrap_err().to_string(),
        "any: `maybe` is neither; write `true` or `false`"
    );
    words.set("since", "").unwrap();
    words.set("text", "").unwrap();
    assert!(words.since.is_none() && words.text.is_empty(), "an empty parameter asks for nothing");
    for name in NAMES {
        words.set(name, "1").unwrap();
    }
    assert!(words.any && words.count && words.histogram.is_some());
}

#[test]
fn every_condition_is_understood() {
    for typed in [
        "device=tc-17",
        "device!=tc-17",
        "device~^tc",
        "device!~^tc",
        "latency_ms>500",
        "latency_ms>=5e2",
        "qos<2",
        "qos<=2",
        "seq>9",
        "ts>2026-11-21",
        "observed_at<15m",
        "details=a=b",
        "device=",
        "device!=",
        " qos =1",
        "dup=true",
    ] {
        assert_eq!(said(&from_pairs(&[("field", typed)])), Vec::<String>::new(), "{typed}");
    }
}

#[test]
fn a_cursor_belongs_to_its_question_and_remembers_what_ago_meant() {
    let words = from_pairs(&[("text", "a"), ("since", "15m"), ("order", "desc")]);
    let first = words.query(NOW).unwrap();
    let cursor = Cursor { order: Order::Desc, seq: 5, query: first.hash, now: first.now }.to_text();
    let later = Wall(NOW.0 + 600_000_000);
    let with = |change: &dyn Fn(&mut Words)| {
        let mut words = words.clone();
        words.cursor = Some(cursor.clone());
        change(&mut words);
        words.query(later)
    };
    let again = with(&|words| words.limit = Some("7".into())).unwrap();
    assert_eq!((again.since, again.now), (first.since, NOW));
    let other = "cursor: it belongs to another question";
    for change in [
        (&|words: &mut Words| words.text[0] = "b".into()) as &dyn Fn(&mut Words),
        &|words| words.order = None,
        &|words| words.since = Some("16m".into()),
        &|words| words.ignore_case = true,
        &|words| words.not.push("c".into()),
        &|words| words.device.push("c".into()),
    ] {
        let wrong = with(change).unwrap_err();
        assert!(wrong[0].to_string().starts_with(other), "{wrong:?}");
    }
}
