//! What each make says, line by line as it was noted, and what strangers may send. Whole recordings are played in
//! `tests/captures.rs`.

use super::super::clients::Change;
use super::*;
use crate::time::Wall;
use proptest::prelude::*;

fn read(word: &str, topic: &str, payload: &str) -> Told {
    named(word).unwrap().read(&Said { topic, payload: payload.as_bytes(), retain: false })
}

/// The numbers of some messages.
fn numbers(word: &str, lines: &[(&str, &str)]) -> Vec<Fact> {
    lines.iter().flat_map(|(topic, payload)| read(word, topic, payload).facts).collect()
}

fn event(word: &str, topic: &str, payload: &str) -> ClientEvent {
    let facts = read(word, topic, payload).facts;
    let [Fact::Event(event, _)] = &*facts else { panic!("{topic} {payload}: {facts:?}") };
    (**event).clone()
}

fn nothing(word: &str, topic: &str, payload: &str) {
    let told = read(word, topic, payload);
    assert!(told.facts.is_empty(), "{topic} {payload}: {told:?}");
}

fn seen(topic: &str, payload: &str) -> Option<&'static str> {
    of(&Said { topic, payload: payload.as_bytes(), retain: false }).map(|dialect| dialect.word)
}

const CAME: What = What::Changed(Change::Connected, Cause::Accepted);

fn went(cause: Cause) -> What {
    What::Changed(Change::Disconnected, cause)
}

fn refused(cause: Cause) -> What {
    What::Changed(Change::Refused, cause)
}

#[test]
fn a_make_is_known_by_what_only_it_says() {
    let emqx = r#"{"clientid":"d","node":1}"#;
    for (topic, payload, word) in [
        ("$SYS/broker/version", "mosquitto version 2.0.22", Some("mosquitto")),
        ("$SYS/broker/uptime", "123 seconds", Some("mosquitto")),
        ("$SYS/broker/version", "aMQTT version 0.12.1", Some("amqtt")),
        ("$SYS/broker/started", "1795245153", Some("mochi")),
        ("$SYS/broker/network/socketconnects/total", "1", Some("flashmq")),
        ("$SYS/broker/implementation", "mqtt-v5", Some("mqtt5")),
        ("$SYS/brokers/emqx@127.0.0.1/sysdescr", "EMQX", Some("emqx")),
        ("$SYS/brokers/emqx@127.0.0.1/stats/connections/count", "1", Some("emqx")),
        ("$SYS/brokers/1/stats", r#"{"connections.count":2}"#, Some("rmqtt")),
        ("$SYS/brokers/1/clients/a/b/connected", emqx, Some("rmqtt")),
        ("$SYS/brokers/n1/metrics", r#"{"messagesIn":0,"nodeSessionCount":1}"#, Some("monstermq")),
        ("$SYS/brokers/client_status/d", r#"{"client_id":"d"}"#, Some("nanomq")),
        ("$SYS/brokers/connected", r#"{"client_id":"d"}"#, Some("nanomq")),
        ("$SYS/VerneMQ@127.0.0.1/queue/processes", "3", Some("vernemq")),
        ("$SYS/c18ca665/heartbeat", "c18ca665", Some("aedes")),
        ("$aws/events/presence/connected/d", "", Some("aws")),
        // These say nothing of the make.
        ("$SYS/broker/version", "HiveMQ 4.9", None),
        ("$SYS/broker/uptime", "123", None),
        ("$SYS/broker/clients/total", "1", None),
        ("$SYS/c18ca665/heartbeat", "x", None),
        ("$SYS/broker/heartbeat", "broker", None),
        ("$SYS/brokers/1/stats", "{}", None),
        ("$SYS/brokers/1/metrics", "1", None),
        ("$MQTT/sess/6ypl6NuC", r#"{"origin":"x","id":"observer"}"#, None),
        ("connection/created", "", None),
        ("plant/version", "mosquitto version 2.0.22", None),
    ] {
        assert_eq!(seen(topic, payload), word, "{topic} {payload}");
    }
}

#[test]
fn every_make_has_a_name_of_its_own_and_the_silent_ones_ask_for_nothing() {
    for (at, dialect) in ALL.iter().enumerate() {
        assert!(ALL[..at].iter().all(|other| other.word != dialect.word), "{}", dialect.word);
        assert_eq!(named(dialect.word).map(|found| found.word), Some(dialect.word));
        assert!(
            dialect.filters.iter().all(|filter| !filter.split('/').rev().skip(1).any(|level| level == "#"))
        );
    }
    for word in ["hivemq", "nats", "artemis", "bifromq", "other"] {
        assert!(named(word).unwrap().filters.is_empty(), "{word}");
        nothing(word, "$SYS/broker/clients/connected", "1");
    }
    assert!(named("auto").is_none());
}

#[test]
fn mosquitto_is_read_with_its_units_and_nothing_else_is() {
    let value = |topic: &str, payload| numbers("mosquitto", &[(topic, payload)]);
    assert_eq!(value("$SYS/broker/uptime", "123 seconds"), [Fact::Number(Value::Uptime, 123.0)]);
    assert_eq!(value("$SYS/broker/retained messages/count", "40"), [Fact::Number(Value::Retained, 40.0)]);
    assert_eq!(value("$SYS/broker/version", "mosquitto version 2.0.11"), [Fact::Version("2.0.11".into())]);
    for (topic, payload) in [
        ("$SYS/broker/uptime", "soon"),
        ("$SYS/broker/uptime", ""),
        ("$SYS/broker/uptime", "inf seconds"),
        ("$SYS/broker/heap/current", "-1"),
        ("$SYS/broker/heap/current", "1e9"),
        ("$SYS/broker/heap/current", "NaN"),
        ("$SYS/broker/load/bytes/sent/1min", "1.5"),
        ("$SYS/broker/connection/client/d/state", "0"),
        ("$SYS/broker/version", "mosquitto version "),
        ("$SYS/other/uptime", "1 seconds"),
        ("plant/uptime", "1 seconds"),
    ] {
        nothing("mosquitto", topic, payload);
    }
}

#[test]
fn emqx_tells_numbers_below_its_node() {
    let node = "$SYS/brokers/emqx@10.0.0.1";
    let one = |rest: &str, payload| numbers("emqx", &[(&format!("{node}/{rest}"), payload)]);
    assert_eq!(read("emqx", &format!("{node}/version"), "5.8.0").node, "emqx@10.0.0.1");
    assert_eq!(one("version", "5.8.0"), [Fact::Version("5.8.0".into())]);
    assert_eq!(one("uptime", "61000"), [Fact::Number(Value::Uptime, 61.0)]);
    assert_eq!(
        one("uptime", "1 days, 4 hours, 10 minutes, 5 seconds"),
        [Fact::Number(Value::Uptime, 101_405.0)]
    );
    assert_eq!(one("uptime", "4 hours, 10 minutes"), []);
    assert_eq!(one("uptime", "soon, 5 seconds"), []);
    assert_eq!(one("stats/live_connections/count", "7"), [Fact::Number(Value::ClientsConnected, 7.0)]);
    // Of version 5, where sessions without a connection are in it.
    assert_eq!(one("stats/connections/count", "9"), []);
    assert_eq!(one("stats/connections.count", "9"), [Fact::SecondBest(Value::ClientsConnected, 9.0)]);
    assert_eq!(one("metrics/delivery/dropped/queue_full", "2"), [Fact::Number(Value::PublishDropped, 2.0)]);
    // These lack a subscriber, not room.
    assert_eq!(one("metrics/messages/dropped", "2"), []);
    let denied = What::Denied(Denied::Publish);
    assert_eq!(one("metrics/packets/publish/auth_error", "2"), [Fact::Counted(denied, 2)]);
}

#[test]
fn emqx_tells_who_comes_and_goes() {
    let topic = "$SYS/brokers/emqx@127.0.0.1/clients/a/b/connected";
    let came = event(
        "emqx",
        topic,
        r#"{"username":"foo","ts":1625572213873,"sockport":1883,"proto_ver":4,"proto_name":"MQTT","keepalive":60,"ipaddress":"127.0.0.1","expiry_interval":0,"connected_at":1625572213873,"connack":0,"clientid":"a/b","clean_start":true}"#,
    );
    assert_eq!((came.what, came.client.as_deref(), came.user.as_deref()), (CAME, Some("a/b"), Some("foo")));
    assert_eq!((came.ip.as_deref(), came.port, came.protocol), (Some("127.0.0.1"), None, Some("3.1.1")));
    assert_eq!(came.at, Some(Wall(1_625_572_213_873_000)));
    let went_by = |reason: &str| {
        let topic = "$SYS/brokers/emqx@127.0.0.1/clients/d/disconnected";
        event(
            "emqx",
            topic,
            &format!(
                r#"{{"username":"undefined","reason":"{reason}","proto_ver":5,"ipaddress":"127.0.0.1","disconnected_at":1625572213873,"clientid":"d"}}"#
            ),
        )
    };
    assert_eq!((went_by("normal").what, went_by("normal").user), (went(Cause::ByClient), None));
    for (reason, cause) in [
        ("tcp_closed", Cause::Closed),
        ("ssl_closed", Cause::Closed),
        ("keepalive_timeout", Cause::KeepAlive),
        ("takenover", Cause::TakenOver),
        ("discarded", Cause::TakenOver),
        ("kicked", Cause::Administrative),
        ("not_authorized", Cause::NotAuthorized),
        ("expired", Cause::Other),
    ] {
        assert_eq!(went_by(reason).what, went(cause), "{reason}");
        assert_eq!(went_by(reason).details.as_deref(), Some(reason));
    }
    // Version 3.2 said so of a client that it refused.
    let refusal = event("emqx", topic, r#"{"clientid":"d","username":"undefined","connack":135}"#);
    assert_eq!(refusal.what, refused(Cause::NotAuthorized));
    nothing("emqx", topic, r#"{"username":"nobody"}"#);
    nothing("emqx", "$SYS/brokers/e@h/clients/d/subscribed", r#"{"clientid":"d","topic":"a"}"#);
}

#[test]
fn rmqtt_tells_two_documents_and_who_comes_and_goes() {
    let stats = r#"{"connections.count":2,"connections.max":9,"sessions.count":3,"subscriptions.count":4,"retaineds.count":1,"message_queues.count":8}"#;
    let told = read("rmqtt", "$SYS/brokers/1/stats", stats);
    let facts = [
        Fact::Number(Value::ClientsConnected, 2.0),
        Fact::Number(Value::ClientsTotal, 3.0),
        Fact::Number(Value::Subscriptions, 4.0),
        Fact::Number(Value::Retained, 1.0),
    ];
    assert_eq!((&*told.node, &*told.facts), ("1", &facts[..]));
    let metrics = r#"{"client.connack.auth.error":5,"client.connected":9,"messages.dropped":7}"#;
    let facts = numbers("rmqtt", &[("$SYS/brokers/1/metrics", metrics)]);
    assert_eq!(facts, [Fact::Counted(refused(Cause::NotAuthorized), 5)]);
    let came = event(
        "rmqtt",
        "$SYS/brokers/0/clients/dev-clean/connected",
        r#"{"clean_session":true,"clientid":"dev-clean","connected_at":1795246752052,"ipaddress":"127.0.0.1:59729","keepalive":30,"node":0,"proto_ver":4,"session_present":false,"time":"2026-11-21 07:39:12.052","username":"undefined"}"#,
    );
    assert_eq!(
        (came.what, came.ip.as_deref(), came.port, came.user),
        (CAME, Some("127.0.0.1"), Some(59729), None)
    );
    for (reason, cause) in [
        ("Disconnect(V3),RemoteClose", Cause::ByClient),
        (r#"io error, \"Connection reset by peer (os error 104)\""#, Cause::Network),
        ("KeepaliveTimeout", Cause::KeepAlive),
        ("Kicked", Cause::TakenOver),
        ("ByAdminKick", Cause::Administrative),
        ("Unsupported packet type", Cause::ProtocolError),
        ("something new", Cause::Other),
    ] {
        let payload = format!(
            r#"{{"clientid":"d","disconnected_at":1795246752052,"ipaddress":"127.0.0.1:1","node":0,"reason":"{reason}","username":"undefined"}}"#
        );
        assert_eq!(event("rmqtt", "$SYS/brokers/0/clients/d/disconnected", &payload).what, went(cause));
    }
}

#[test]
fn vernemq_splits_the_names_of_its_metrics() {
    let node = "$SYS/VerneMQ@127.0.0.1";
    let one = |rest: &str| numbers("vernemq", &[(&format!("{node}/{rest}"), "7")]);
    assert_eq!(one("active/mqtt/connections"), [Fact::Number(Value::ClientsConnected, 7.0)]);
    assert_eq!(one("queue/message/drop"), [Fact::Number(Value::PublishDropped, 7.0)]);
    assert_eq!(one("mqtt/connack/bad/credentials/sent"), [Fact::Counted(refused(Cause::BadCredentials), 7)]);
    assert_eq!(one("mqtt/connack/accepted/sent"), [], "of MQTT 3.1.1 only, so that it is not all that came");
    nothing("vernemq", &format!("{node}/queue/message/drop"), "many");
}

#[test]
fn nanomq_tells_who_comes_goes_and_is_refused() {
    let topic = "$SYS/brokers/client_status/dev-clean";
    let online = r#"{"status":"online", "username":"dev", "ts":1795246119373,"proto_name":"MQTT","keepalive":30,"return_code":"0","proto_ver":4,"client_id":"dev-clean","clean_start":1, "IPv4":"127.0.0.1"}"#;
    let came = event("nanomq", topic, online);
    assert_eq!((came.what, came.user.as_deref(), came.ip.as_deref()), (CAME, Some("dev"), Some("127.0.0.1")));
    // In front of what it sends of clients of MQTT 5 stands a NUL.
    assert_eq!(event("nanomq", topic, &format!("\0{online}")), came);
    for (code, cause) in
        [("5", Cause::NotAuthorized), ("86", Cause::BadCredentials), ("4", Cause::BadCredentials)]
    {
        let no = online.replace(r#""return_code":"0""#, &format!(r#""return_code":"{code}""#));
        assert_eq!(event("nanomq", topic, &no).what, refused(cause));
    }
    let offline = r#"{"status":"offline", "username":"dev","ts":1795246119978,"reason_code":"0","client_id":"dev-clean","IPv4":"127.0.0.1"}"#;
    assert_eq!(event("nanomq", topic, offline).what, went(Cause::ByClient));
    for (code, cause) in [("8b", Cause::Closed), ("8e", Cause::TakenOver), ("7", Cause::Other)] {
        let gone = offline.replace(r#""reason_code":"0""#, &format!(r#""reason_code":"{code}""#));
        assert_eq!(event("nanomq", topic, &gone).what, went(cause));
    }
    // Before 0.24.1 the topic said which.
    let old = |text: &str| text.replace(r#""status":"online", "#, "").replace(r#""status":"offline", "#, "");
    assert_eq!(event("nanomq", "$SYS/brokers/connected", &old(online)).what, CAME);
    assert_eq!(event("nanomq", "$SYS/brokers/disconnected", &old(offline)).what, went(Cause::ByClient));
    nothing("nanomq", "$SYS/brokers/connected", offline);
}

#[test]
fn a_name_that_writes_members_of_its_own_is_not_read() {
    let line = |user: &str, client: &str| {
        format!(
            r#"{{"status":"online", "username":"{user}", "ts":1,"return_code":"5","proto_ver":4,"client_id":"{client}","IPv4":"1.2.3.4"}}"#
        )
    };
    let status = |client: &str| format!("$SYS/brokers/client_status/{client}");
    assert_eq!(event("nanomq", &status("d"), &line("u", "d")).what, refused(Cause::NotAuthorized));
    for (user, client) in [
        (r#"u","client_id":"admin"#, "d"),
        ("u", r#"d","return_code":"0"#),
        ("u", r#"d","status":"offline","reason_code":"0"#),
        ("u", r#"d","x":"y"#),
    ] {
        nothing("nanomq", &status(client), &line(user, client));
    }
}

#[test]
fn flashmq_and_mochi_mean_other_things_by_the_same_names() {
    let total = |word| numbers(word, &[("$SYS/broker/clients/total", "4")]);
    assert_eq!(total("flashmq"), [Fact::Number(Value::ClientsConnected, 4.0)]);
    assert_eq!(total("mochi"), [Fact::Number(Value::ClientsTotal, 4.0)]);
    assert_eq!(total("amqtt"), []);
    let sent = |word| numbers(word, &[("$SYS/broker/messages/sent", "4")]);
    assert_eq!(sent("mosquitto"), [Fact::Number(Value::MessagesSent, 4.0)]);
    assert_eq!(sent("mochi"), [Fact::Number(Value::PublishSent, 4.0)]);
    let flash =
        [("$SYS/broker/load/messages/sent/total", "9"), ("$SYS/broker/load/messages/sent/persecond", "2")];
    assert_eq!(numbers("flashmq", &flash), [Fact::Number(Value::PublishSent, 9.0)]);
    let mochi = [
        ("$SYS/broker/load/bytes/sent", "9"),
        ("$SYS/broker/system/memory", "8"),
        ("$SYS/broker/version", "2.7.9"),
    ];
    let facts =
        [Fact::Number(Value::BytesSent, 9.0), Fact::Number(Value::Heap, 8.0), Fact::Version("2.7.9".into())];
    assert_eq!(numbers("mochi", &mochi), facts);
}

#[test]
fn aedes_is_not_read_from_what_was_retained() {
    let said = |retain| Said { topic: "$SYS/6f1a/uptime", payload: b"9", retain };
    let aedes = named("aedes").unwrap();
    assert_eq!(aedes.read(&said(false)).facts, [Fact::Number(Value::Uptime, 9.0)]);
    assert_eq!(aedes.read(&said(true)).facts, []);
    nothing("aedes", "$SYS/6f1a/messages/publish/sent", "11");
}

#[test]
fn monstermq_tells_of_its_cluster_and_in_its_log_of_clients() {
    let metrics = r#"{"messagesIn":1.5,"messagesOut":2.5,"nodeSessionCount":3,"clusterSessionCount":5,"queuedMessagesCount":0,"subscriptionCount":7,"timestamp":"x"}"#;
    let told = read("monstermq", "$SYS/brokers/n1/metrics", metrics);
    let facts = [Fact::Number(Value::ClientsTotal, 5.0), Fact::Number(Value::Subscriptions, 7.0)];
    assert_eq!((&*told.node, &*told.facts), ("", &facts[..]));
    let line =
        |message: &str| format!(r#"{{"timestamp":"x","level":"INFO","message":"{message}","node":"n1"}}"#);
    let said = |message: &str| event("monstermq", "$SYS/syslogs/n1/info", &line(message));
    assert_eq!(said("Client [d] Disconnect command received").what, went(Cause::ByClient));
    let lost = said("Client [d] Unexpected close (no DISCONNECT packet received) [connected=true]");
    assert_eq!((lost.what, lost.client.as_deref()), (went(Cause::Closed), Some("d")));
    let bad = said("Client [d] Authentication failed for user [u]");
    assert_eq!((bad.what, bad.user.as_deref()), (refused(Cause::BadCredentials), Some("u")));
    let denied = said("Client [d] Subscription DENIED for [a/b] - user [u] lacks permission");
    assert_eq!((denied.what, denied.topic.as_deref()), (What::Denied(Denied::Subscribe), Some("a/b")));
    for odd in [
        "Client [d] Request to connect. Clean session [true] protocol [4] [..]",
        "Client [x] Disconnect command received] Disconnect command received",
        "Client [d] Publish DENIED for [x] Disconnect command received",
        "Client [d] No credentials provided, using anonymous access",
        "Hazelcast [d] Disconnect command received",
    ] {
        nothing("monstermq", "$SYS/syslogs/n1/info", &line(odd));
    }
}

#[test]
fn aws_tells_its_life_cycle_events() {
    let payload = |kind: &str, more: &str| {
        format!(
            r#"{{"clientId":"d","timestamp":1573002230757,"eventType":"{kind}","sessionIdentifier":"s1","principalIdentifier":"p","ipAddress":"192.0.2.0","versionNumber":0{more}}}"#
        )
    };
    let came = event("aws", "$aws/events/presence/connected/d", &payload("connected", ""));
    assert_eq!((came.what, came.user.as_deref(), came.ip.as_deref()), (CAME, Some("p"), Some("192.0.2.0")));
    for (reason, cause) in [
        ("CLIENT_INITIATED_DISCONNECT", Cause::ByClient),
        ("DUPLICATE_CLIENTID", Cause::TakenOver),
        ("MQTT_KEEP_ALIVE_TIMEOUT", Cause::KeepAlive),
        ("FORBIDDEN_ACCESS", Cause::NotAuthorized),
        ("WEBSOCKET_TTL_EXPIRATION", Cause::Other),
    ] {
        let more = format!(r#","clientInitiatedDisconnect":false,"disconnectReason":"{reason}""#);
        let gone = event("aws", "$aws/events/presence/disconnected/d", &payload("disconnected", &more));
        assert_eq!(gone.what, went(cause), "{reason}");
    }
    let failed = payload("connect_failed", r#","connectFailureReason":"AUTHORIZATION_FAILED""#);
    assert_eq!(
        event("aws", "$aws/events/presence/connect_failed/d", &failed).what,
        refused(Cause::NotAuthorized)
    );
    nothing("aws", "$aws/events/presence/connected/d", &failed);
    // The same event comes again, perhaps with another moment.
    let mark = |payload: &str| match &*read("aws", "$aws/events/presence/connected/d", payload).facts {
        [Fact::Event(_, mark)] => *mark,
        other => panic!("{other:?}"),
    };
    let first = payload("connected", "");
    assert_eq!(mark(&first), mark(&first.replace("1573002230757", "1573002230999")));
    assert_ne!(mark(&first), mark(&first.replace(r#""versionNumber":0"#, r#""versionNumber":1"#)));
}

#[test]
fn rabbitmq_events_count_only_where_nobody_wrote_anything_into_them() {
    assert_eq!(event("rabbitmq", "connection/created", "").what, CAME);
    assert_eq!(event("rabbitmq", "connection/closed", "").what, went(Cause::Other));
    assert_eq!(event("rabbitmq", "user/authentication/failure", "").what, refused(Cause::NotAuthorized));
    nothing("rabbitmq", "user/authentication/failure", "x");
    nothing("rabbitmq", "queue/created", "");
}

/// Topics that somebody reads, and pieces of them.
const TOPICS: &str = r"(\$SYS|\$aws|connection|user)/(broker|brokers|n@h|1|events|6f1a)/(version|uptime|stats|metrics|clients|client_status|presence|x@y|new|[a-z@/]{0,8})(/[a-z@/ ]{0,12}|/count|/connected|/disconnected|/d|/heap/current|/total)?";
const PAYLOADS: &str = r#"(\{"(clientid|client_id|clientId|status|message|reason|ts|connections\.count|eventType)":("[ -~é]{0,12}"|-?[0-9]{1,25}|null|\{\}|\[[0-9,]{0,5}\])(,"(clientid|client_id|node|connected_at|return_code|reason_code|username)":("[ -~]{0,6}"|[0-9]{1,20}))?\}|[0-9.e+-]{0,30}|.{0,40})"#;

proptest! {
    #[test]
    fn nothing_that_strangers_send_makes_a_dialect_panic_or_lie(
        topic in TOPICS, payload in PAYLOADS, bytes in proptest::collection::vec(any::<u8>(), 0..80), retain in any::<bool>()
    ) {
        for payload in [payload.as_bytes(), &bytes[..]] {
            let said = Said { topic: &topic, payload, retain };
            of(&said);
            for dialect in ALL {
                for fact in dialect.read(&said).facts {
                    match fact {
                        Fact::Counted(..) => {}
                        Fact::Number(_, number) | Fact::SecondBest(_, number) => {
                            prop_assert!(number.is_finite() && number >= 0.0);
                        }
                        Fact::Version(version) => {
                            prop_assert!(version.chars().count() <= 64 && !version.contains(char::is_control));
                        }
                        Fact::Event(event, _) => prop_assert!(!retain && event.times == 1),
                    }
                }
            }
        }
    }

    #[test]
    fn bytes_at_random_say_nothing(topic in TOPICS, bytes in proptest::collection::vec(128_u8.., 1..80)) {
        // No text, so that no make could have written them.
        let told = |dialect: &&Dialect| dialect.read(&Said { topic: &topic, payload: &bytes, retain: false });
        prop_assert!(ALL.iter().all(|dialect| told(dialect).facts.is_empty() || std::str::from_utf8(&bytes).is_ok()));
    }
}
