//! What is hidden and what is not, by example.

use super::*;
use serde_json::Value as Json;

#[test]
fn keys_of_secrets_are_known_by_their_words() {
    let mask = Mask::new(&["Zone-Code", "x1", ""]);
    for key in [
        "password",
        "PASSWORD",
        "wifi_password",
        "wifiPassword",
        "WiFi-Password",
        "mqtt.password",
        "password2",
        "passwords",
        "mqttpassword",
        "oldPasswordHash",
        "passwd",
        "pwd",
        "db_pwd",
        "pass",
        "wifi_pass",
        "apiToken",
        "token",
        "tokens",
        "access_token",
        "authtoken",
        "refreshToken",
        "X-Api-Key",
        "apikey",
        "API_KEY",
        "APIKey",
        "api-keys",
        "private_key",
        "privateKeyPem",
        "psk",
        "wpa2_psk",
        "WPA-PSK",
        "client_secret",
        "secrets",
        "credentials",
        "Authorization",
        "proxy-authorization",
        "passphrase",
        "pass_phrase",
        "Set-Cookie",
        "jwt",
        "shared_access_signature",
        "appSKey",
        "nwk_key",
        "zone_code",
        "ZoneCode",
        "x1",
        "config[password]",
        "пароль_wifi",
        "Passwort",
        "token_value",
    ] {
        assert!(mask.key(key), "{key}");
    }
    for key in [
        "",
        "_",
        "user",
        "username",
        "ssid",
        "passed",
        "bypass",
        "compass",
        "secretary",
        "pin",
        "key",
        "monkey",
        "author",
        "tokens_used",
        "token_count",
        "password_file",
        "token_type",
        "tokenizer",
        "pass_count",
        "passenger",
        "x",
        "x12",
        "spskew",
        "auth_mode",
        "topic",
        "keyboard",
        "secretariat",
        "password_file2",
    ] {
        assert!(!mask.key(key), "{key}");
    }
    assert!(mask.key(&format!("{}_password", "x".repeat(5000))));
    assert!(mask.key(&format!("password_{}", "ä".repeat(5000))));
}

#[test]
fn secrets_in_text_are_hidden_and_the_rest_stays() {
    let mask = Mask::default();
    for (given, shown) in [
        ("mqtt://u:p@h:1883/x", "mqtt://***@h:1883/x"),
        ("at mqtt://u:p@ss@h, and ws://t@i", "at mqtt://***@h, and ws://***@i"),
        ("mqtt://u:p/w?x#@h", "mqtt://***@h"),
        ("mqtt://u:p://w@h", "mqtt://***://***@h"),
        ("mqtt://u:p://w://x@h", "mqtt://***://***://***@h"),
        ("mqtt://a:1883,ws://b:80", "mqtt://a:1883,ws://b:80"),
        ("mqtt://a:1883 ws://u:p@b", "mqtt://a:1883 ws://***@b"),
        ("mongodb://u:p@h1,h2/db?a=b", "mongodb://***@h1,h2/db?a=b"),
        ("mqtts://h:8883/a@b mail a@b.c", "mqtts://h:8883/a@b mail a@b.c"),
        ("user=x password=hunter2 port=1", "user=x password=*** port=1"),
        ("password = hunter2", "password = ***"),
        ("a=1&token=ab%20c&b=2", "a=1&token=***&b=2"),
        ("user=x,password=a,b,host=h", "user=x,password=***,host=h"),
        ("password: 'a b', x", "password: '***', x"),
        ("{'password': 'a b', 'n': 1", "{'password': '***', 'n': 1"),
        (r#"got {"token": "a\"b", "n": 1}"#, r#"got {"token": "***", "n": 1}"#),
        (r#"got {"token":1234,"n":1}"#, r#"got {"token":***,"n":1}"#),
        (r#"got {"tokens": ["a", "]"], "n": 1}"#, r#"got {"tokens": ***, "n": 1}"#),
        (r#"m="{\"password\":\"x y\",\"n\":1}""#, r#"m="{\"password\":\"***\",\"n\":1}""#),
        ("cut {\"password\": \"hunt", "cut {\"password\": \"***"),
        ("cut {\"secrets\": {\"a\": \"hunt", "cut {\"secrets\": ***"),
        ("Authorization: Bearer abc def\nHost: x", "Authorization: ***\nHost: x"),
        ("authorization=Basic dTpw", "authorization=***"),
        ("api_token: Bearer ab.cd-12", "api_token: ***"),
        ("the API key: 123-456 was", "the API key: *** was"),
        ("run --password hunter2 --verbose", "run --password *** --verbose"),
        ("run --password=hunter2 -v", "run --password=*** -v"),
        ("<wifi><psk>a b</psk></wifi>", "<wifi><psk>***</psk></wifi>"),
        ("sent bearer 0123456789abcdef!", "sent bearer ***!"),
        ("t eyJhbGciOi.eyJzdWIiOi.SflKxwRJ.", "t ***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END", "-----BEGIN RSA PRIVATE KEY-----***-----END"),
        ("password => x", "password => ***"),
        ("password:=x", "password:=***"),
    ] {
        assert_eq!(mask.text(given), shown, "{given}");
        assert_eq!(mask.text(shown), shown, "a second time: {given}");
    }
    for plain in [
        "",
        "plant/a/1/d7/telemetry/temperature",
        "silent for 31.0 s",
        "temperature: point 3 stands still at 21.5 for 60.0 s",
        "tokens_used=5",
        "key=5",
        "a=b",
        "http://h/x",
        "12:30:05",
        "password",
        "password:",
        "bearer token expired",
        "passwordless login: ok".replace("passwordless", "keyless").as_str(),
        "eyJ is short",
        "password=***",
    ] {
        assert_eq!(mask.text(plain), plain);
    }
}

#[test]
fn a_document_keeps_all_but_its_secrets() {
    let mask = Mask::default();
    let given = r#" { "n" : 1.0e2, "wifi":{"ssid":"x","password" : "hunter2","psk":null}, "a":[{"token":[1,{"b":"c"}]}, "mqtt://u:p@h"],
        "n":12345678901234567890123, "pin":{"pass":12}, "e":[], "o":{ }, "params":[{"value":"s3","name":"wifi_password"},
        {"name":"ssid","value":"x"}, {"key":"psk", "old":null, "new":{"a":[1]}}], "mqtt://u:p@h": 1 } "#;
    let shown = r#" { "n" : 1.0e2, "wifi":{"ssid":"x","password" : "***","psk":null}, "a":[{"token":"***"}, "mqtt://***@h"],
        "n":12345678901234567890123, "pin":{"pass":"***"}, "e":[], "o":{ }, "params":[{"value":"***","name":"wifi_password"},
        {"name":"ssid","value":"x"}, {"key":"psk", "old":null, "new":"***"}], "mqtt://***@h": 1 } "#;
    assert_eq!(mask.json_text(given).as_deref(), Some(shown));
    assert_eq!(mask.json_text(shown).as_deref(), Some(shown));
    let read = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    assert_eq!(mask.json(&read(given)), read(shown));
    assert_eq!(mask.json_text("{"), None);
    assert_eq!(mask.json_text("3").as_deref(), Some("3"));
    assert_eq!(
        mask.json_text(r#"{"a":{"password":"x"},"a":1}"#).as_deref(),
        Some(r#"{"a":{"password":"***"},"a":1}"#)
    );
}

#[test]
fn a_record_is_masked_in_all_its_texts_and_in_its_raw_bytes() {
    let draft = Draft::new(
        watchkeeper_core::time::Wall(0),
        crate::record::Level::Info,
        crate::record::Kind::System,
        "x",
    )
    .bytes(Key::Topic, b"a/password=hunter2\xFF")
    .bytes(Key::ClientId, b"c\xFE")
    .text(Key::PayloadSha256, "token=not one");
    let text = |draft: &Draft, key| match draft.get(key) {
        Some(Value::Text(text)) => text.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&draft, Key::Raw), "topic=YS9wYXNzd29yZD1odW50ZXIy/w==,client_id=Y/4=");
    let masked = Mask::default().draft(draft);
    assert_eq!(text(&masked, Key::Topic), "a/password=***");
    assert_eq!(text(&masked, Key::Raw), "topic=***,client_id=Y/4=");
    assert_eq!(text(&masked, Key::PayloadSha256), "token=not one");
}

#[test]
fn no_text_takes_more_than_a_moment() {
    const MANY: usize = 1 << 20;
    let mask = Mask::default();
    let begin = std::time::Instant::now();
    for piece in [
        "PRIVATE KEY----- -----END ",
        "--password [",
        "--password {\"",
        "://",
        "--",
        "eyJ",
        "eyJ.",
        "=",
        ":",
        "password=,",
        "password=\"",
        "password={",
        "\\\"",
        "a@://:x",
        "bearer ",
        "{\"a\":",
        "[\"",
        "<password>",
        "--password ",
        "'",
        "password=a&",
        "PRIVATE KEY-----",
    ] {
        _ = mask.text(&piece.repeat(MANY / piece.len()));
        _ = mask.key(&piece.repeat(MANY / piece.len()));
    }
    let labels = "PRIVATE KEY-----".repeat(10_000_000 / 16);
    assert_eq!(mask.text(&labels), "PRIVATE KEY-----***");
    assert_eq!(mask.text(&format!("{labels}-----END")), "PRIVATE KEY-----***-----END");
    let options = format!("{}{}", "--password [".repeat(MANY / 12), "]".repeat(MANY / 12));
    assert_eq!(mask.text(&options), "--password ***");
    let members = r#""value":1,"#.repeat(20_000);
    assert!(
        mask.json_text(&format!(r#"{{{members}"name":"password"}}"#)).is_some_and(|text| !text.contains('1'))
    );
    // Any of these takes minutes where the work grows with the square of the length.
    assert!(begin.elapsed().as_secs() < 60);
}

/// Documents that are whole, and deeper than any stack.
pub(crate) fn too_deep() -> [String; 3] {
    let nested = |open: &str, inside: &str, close: &str, times: usize| {
        format!("{}{inside}{}", open.repeat(times), close.repeat(times))
    };
    [
        nested("[", "", "]", 1_000_000),
        nested("{\"a\":", "1", "}", 1_000_000),
        nested("[ {\"a\" : [{\"value\":", "\"password=hunter2\"", "} ] }]", 250_000),
    ]
}

#[test]
fn a_document_that_is_deeper_than_the_stack_is_masked_as_text() {
    let mask = Mask::default();
    for deep in too_deep() {
        assert_eq!(mask.json_text(&deep), None);
        assert!(!mask.text(&deep).contains("hunter2"));
        let quoted = Json::from(vec![deep.as_str()]).to_string();
        assert!(!mask.text(&quoted).contains("hunter2"));
    }
    let at = |depth: usize| format!("{}{{\"password\":1}}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let shown = |depth: usize| at(depth).replace('1', "\"***\"");
    assert_eq!(mask.json_text(&at(128)), Some(shown(128).into()));
    assert_eq!(mask.json_text(&at(129)), None);
    assert!(!mask.text(&at(129)).contains('1'));
    // Brackets inside of texts nest nothing, but the documents that stand there do.
    let flat = Json::from(vec!["[{".repeat(200)]).to_string();
    assert_eq!(mask.json_text(&flat).as_deref(), Some(&*flat));
    let mut inside = at(100);
    for _ in 0..8 {
        inside = format!("{}{}{}", "[".repeat(100), Json::from(inside), "]".repeat(100));
    }
    assert!(mask.json_text(&inside).is_some_and(|text| serde_json::from_str::<Json>(&text).is_ok()));
}
