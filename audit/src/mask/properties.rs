//! Nothing of a secret is left, whatever it is and wherever it stands.

use super::Mask;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Documents in which secrets stand under masked keys, at any depth and in any form.
fn documents() -> impl Strategy<Value = Json> {
    let secret = prop_oneof![
        "S3CR3T[ -~äß]{0,8}".prop_map(Json::from),
        Just(json!(53_637_237)),
        Just(json!(["S3CR3T", 1, {"x": "S3CR3T"}])),
        Just(json!({"user": "S3CR3T", "list": [53_637_237]})),
    ];
    let keys =
        prop::sample::select(vec!["password", "wifiPassword", "API-KEY", "tokens", "psk", "Authorization"]);
    let plain = prop::sample::select(vec!["a", "user", "points", "value", "name", "token_count", "x y"]);
    let leaf = prop_oneof![
        "[a-z =:,{}\"\\\\\n]{0,10}".prop_map(Json::from),
        Just(json!("mqtt://u:S3CR3T@h")),
        Just(json!("login with password=S3CR3T now")),
        Just(json!(r#"{"token": "S3CR3T", "a": 1}"#)),
        any::<i32>().prop_map(Json::from),
        Just(json!(null)),
    ];
    leaf.prop_recursive(4, 30, 4, move |inner| {
        let member = prop_oneof![
            (keys.clone().prop_map(str::to_owned), secret.clone()),
            (plain.clone().prop_map(str::to_owned), inner.clone())
        ];
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::from),
            prop::collection::vec(member, 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_secret_under_a_masked_key_is_nowhere_in_what_comes_out(document in documents(), pretty: bool) {
        let mask = Mask::default();
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let value = mask.json(&document);
        let masked = mask.json_text(&text).unwrap();
        let free = mask.text(&text);
        for out in [&value.to_string(), &*masked, &*free] {
            prop_assert!(!out.contains("S3CR3T") && !out.contains("53637237"), "{text}\n{out}");
        }
        prop_assert_eq!(serde_json::from_str::<Json>(&masked).unwrap(), value);
        prop_assert_eq!(&*mask.json_text(&masked).unwrap(), &*masked);
    }

    #[test]
    fn a_secret_in_free_text_is_nowhere_in_what_comes_out(
        secret in "S3CR3T[!#$%(-+.-:=-Z^-~-]{0,12}T41L", key in prop::sample::select(vec!["password", "apiToken", "wifi-psk", "SECRET"]),
        form in 0..9_usize, before in "[a-z .]{0,6}", after in "[a-z .]{0,6}",
    ) {
        let forms = [
            format!("{key}={secret} "), format!("{key}: {secret} "), format!("\"{key}\": \"{secret}\""),
            format!("'{key}':'{secret}'"), format!("--{key} {secret} "), format!("mqtt://u:{secret}@h "),
            format!("?x=1&{key}={secret}&y=2"), format!("\\\"{key}\\\":\\\"{secret}\\\""), format!("<{key}>{secret}</{key}>"),
        ];
        let text = format!("{before} {}{after}", forms[form]);
        let out = Mask::default().text(&text).into_owned();
        prop_assert!(!out.contains("S3CR3T") && !out.contains("T41L"), "{text}\n{out}");
        prop_assert!(out.ends_with(&*after) && out.starts_with(&*before), "{text}\n{out}");
    }

    #[test]
    fn any_text_is_masked_without_a_panic_and_once(text in any::<String>(), bits in "[=:\"'{}\\[\\]<>/@& pasword-]{0,60}") {
        let mask = Mask::default();
        for text in [&text, &bits] {
            let once = mask.text(text).into_owned();
            prop_assert_eq!(mask.text(&once), once.as_str(), "{}", text);
        }
    }
}

/// The text behind a fault, as it is shown of a document that cannot be read.
#[test]
fn a_key_of_which_only_the_end_is_there_is_a_key() {
    for text in [
        "\tapi key\":\"hunter2\"}",
        " Token 2\":\"hunter2\"",
        "ssel PSK (alt)\":\"hunter2\"",
        "password \": \"hunter2\"",
    ] {
        let out = Mask::default().text(text).into_owned();
        assert!(!out.contains("hunter2"), "{out}");
    }
    let long = format!("\"{} password (2.4 GHz)\":\"hunter2\"", "x".repeat(300));
    assert!(!Mask::default().text(&long).contains("hunter2"));
}

/// Found by the property above: a mask left a quote that nobody opened, and what stood before it was taken for a key.
#[test]
fn a_mask_before_a_lone_quote_makes_no_key() {
    let mask = Mask::default();
    for text in ["sas:<\"a \":r", "password:<'a ':r"] {
        let once = mask.text(text).into_owned();
        assert!(once.contains("***") && once.ends_with(":r"), "{once}");
        assert_eq!(mask.text(&once), once.as_str(), "{text}");
    }
}
