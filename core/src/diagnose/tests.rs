//! What is wrong with payloads and topics: the rows of the field guide, every cause, and a strict reader's verdict.

use super::*;
use crate::presets;
use proptest::prelude::*;

fn check(payload: &str, cause: Cause, at: usize, path: &str) {
    let found = json(payload.as_bytes(), 16).unwrap_or_else(|| panic!("{payload:?} is not told"));
    assert_eq!((found.cause, found.at, &*found.path), (cause, at, path), "{payload:?}");
    let sentence = found.sentence();
    assert!(sentence.contains(cause.cure()) && sentence.contains(cause.says()), "{sentence}");
}

#[test]
fn each_row_of_the_field_guide_has_its_cause_and_place() {
    check("{'invalid': 'single quotes'}", Cause::SingleQuotes, 1, "$");
    check(r#"{"trailing": "comma",}"#, Cause::TrailingComma, 20, "$.trailing");
    check(r#"{unquoted: "key"}"#, Cause::UnquotedKey, 1, "$");
    check(r#"{"undefined": undefined}"#, Cause::Undefined, 14, "$.undefined");
    check(r#"{"incomplete": "#, Cause::Truncated, 15, "$.incomplete");
    check("\u{feff}{}", Cause::Bom, 0, "$");
    assert_eq!(json(br#"{"valid": "json", "number": 123}"#, 16), None);
}

#[test]
fn every_cause_is_found_where_it_stands() {
    for (payload, cause, at, path) in [
        ("", Cause::Empty, 0, "$"),
        (" \n", Cause::Empty, 2, "$"),
        ("[1,]", Cause::TrailingComma, 2, "$[0]"),
        ("[1,,2]", Cause::ExtraComma, 3, "$[0]"),
        ("[,1]", Cause::ExtraComma, 1, "$[0]"),
        (r#"{"a":1 "b":2}"#, Cause::MissingComma, 7, "$.a"),
        ("[1 2]", Cause::MissingComma, 3, "$[0]"),
        (r#"{"a" 1}"#, Cause::Unexpected, 5, "$.a"),
        (r#"{"a","b":1}"#, Cause::MissingColon, 4, "$.a"),
        (r#"{"a":}"#, Cause::MissingValue, 5, "$.a"),
        (r#"{"a":NaN}"#, Cause::NotANumber, 5, "$.a"),
        (r#"{"a":-Infinity}"#, Cause::NotANumber, 5, "$.a"),
        (r#"{"a":True}"#, Cause::OtherWord, 5, "$.a"),
        (r#"{"a":none}"#, Cause::OtherWord, 5, "$.a"),
        ("[01]", Cause::BadNumber, 1, "$[0]"),
        ("[+1]", Cause::BadNumber, 1, "$[0]"),
        ("[.5]", Cause::BadNumber, 1, "$[0]"),
        ("[1.]", Cause::BadNumber, 1, "$[0]"),
        ("[0x1F]", Cause::BadNumber, 1, "$[0]"),
        ("[1, 2, 3] // all", Cause::Comment, 10, "$"),
        ("[1, # one\n2]", Cause::Comment, 4, "$[1]"),
        ("[\"a\nb\"]", Cause::ControlCharacter, 3, "$[0]"),
        (r#"["\x41"]"#, Cause::BadEscape, 2, "$[0]"),
        (r#"["\u12g4"]"#, Cause::BadEscape, 2, "$[0]"),
        (r#"["\ud800 "]"#, Cause::LoneSurrogate, 2, "$[0]"),
        (r#"["\udc00"]"#, Cause::LoneSurrogate, 2, "$[0]"),
        (r#"{"a":1}{"a":2}"#, Cause::AfterTheEnd, 7, "$"),
        ("{\"a\":1}\0", Cause::AfterTheEnd, 7, "$"),
        ("[1}", Cause::WrongBracket, 2, "$[0]"),
        (r#"{"points":[{"temp":1},{"temp":u}]}"#, Cause::OtherWord, 30, "$.points[1].temp"),
        (r#"{"a":1.2"#, Cause::Truncated, 8, "$.a"),
        (r#"{"a":1."#, Cause::Truncated, 7, "$.a"),
        (r#"{"a":tr"#, Cause::Truncated, 7, "$.a"),
        (r#"{"a":"x\"#, Cause::Truncated, 8, "$.a"),
        ("@", Cause::Unexpected, 0, "$"),
    ] {
        check(payload, cause, at, path);
    }
    assert_eq!(json(&b"[".repeat(17), 16).map(|found| found.cause), Some(Cause::Depth));
    assert_eq!(json(b"{\"a\":\"\xff\"}", 16).map(|found| (found.cause, found.at)), Some((Cause::NotUtf8, 6)));
    assert_eq!(
        json(b"{'a':\"\xff\"}", 16).map(|found| (found.cause, found.at)),
        Some((Cause::SingleQuotes, 1))
    );
}

#[test]
fn what_is_odd_but_valid_is_not_called_malformed() {
    for payload in [
        r#"{"note":"it's, }"}"#,
        r#"{"undefined":"undefined"}"#,
        r#"{"":{}}"#,
        r#""text""#,
        "0",
        " [ ] ",
        r#"{"a":1,"a":2}"#,
        r#"{"n":-0.0e+10}"#,
        r#"["\ud83d\ude00"]"#,
        "\r\n\t{ }\n",
    ] {
        assert_eq!(json(payload.as_bytes(), 16), None, "{payload}");
    }
}

#[test]
fn the_caret_stands_below_the_place() {
    let found = json(b"{\n  \"temperature\": 21.5,\n  \"unit\": 'C'\n}", 16).expect("it is no JSON");
    assert_eq!((found.line, found.column), (3, 11));
    assert_eq!(found.drawn(), "e\": 21.5,\\n  \"unit\": 'C'\\n}\n                     ^");
}

proptest! {
    #[test]
    fn a_fault_is_told_exactly_where_a_strict_reader_refuses(text in r#"[\[\]{},:"'\\a-f0-9. \n\-+eEtrufalsn]{0,24}"#) {
        let strict = serde_json::from_str::<serde::de::IgnoredAny>(&text);
        let found = json(text.as_bytes(), 64);
        prop_assert_eq!(strict.is_err(), found.is_some(), "{:?}: {:?} {:?}", text, strict, found);
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(found) = json(&bytes, 4) {
            prop_assert!(found.at <= bytes.len());
            prop_assert!(found.caret <= found.context.chars().count());
        }
    }

    #[test]
    fn a_document_that_is_cut_is_told_so(depth in 1_usize..6, cut in 0.0..1.0_f64) {
        let whole = format!("{}{{\"a\":[1.5,true,null,\"x\\u00e4\\n\"]}}{}", "[".repeat(depth), "]".repeat(depth));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a short text")]
        let end = 1 + ((whole.len() - 2) as f64 * cut) as usize;
        let found = json(&whole.as_bytes()[..end], 16).expect("it is cut");
        prop_assert_eq!(found.cause, Cause::Truncated, "{}", &whole[..end]);
    }
}

#[test]
fn the_topics_of_the_field_guide_are_told_and_put_right() {
    let streams = presets::streams("plant").expect("it is built in");
    let judge = |text: &str| topic(text, streams.iter().map(|stream| &stream.pattern));
    let root = "plant/area1/line2/tempcontroller01";
    assert_eq!(judge(&format!("{root}/telemetry/temperature")), (vec![], None));
    for (given, faults, meant) in [
        (
            format!("{root}/command request"),
            vec![TopicFault::Space, TopicFault::NoStream],
            Some(format!("{root}/command/request")),
        ),
        (
            format!("/{root}/telemetry/"),
            vec![TopicFault::LeadingSlash, TopicFault::TrailingSlash, TopicFault::NoStream],
            Some(format!("{root}/telemetry")),
        ),
        (
            "plant//area1/line2/tempcontroller01/alarm/active".to_owned(),
            vec![TopicFault::EmptyLevel],
            Some(format!("{root}/alarm/active")),
        ),
        (
            format!("{root}/telemetri/temperatur"),
            vec![TopicFault::NoStream],
            Some(format!("{root}/telemetry/temperatur")),
        ),
        ("wrong/topic/format".to_owned(), vec![TopicFault::NoStream], None),
    ] {
        assert_eq!(judge(&given), (faults, meant), "{given}");
    }
}

#[test]
fn every_cause_has_a_word_of_its_own() {
    let mut words: Vec<&str> = Cause::ALL.iter().map(|cause| cause.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), Cause::ALL.len());
}
