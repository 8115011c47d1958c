//! Tests: one broken configuration per kind of mistake, and the line, key and cure that must be told. Nothing
//! here may be accepted.

use super::sound::read;
use crate::config::Flags;
use std::path::Path;

/// Text; line; key; part of the cure.
pub(super) type Case = (&'static str, usize, &'static str, &'static str);

pub(super) fn check(cases: &[Case]) {
    for (text, line, key, cure) in cases {
        let problems = read(Path::new("w.toml"), text, &[], Flags::default()).expect_err(text);
        let found = problems.0.iter().any(|problem| {
            problem.line_column.map_or(0, |(line, _)| line) == *line
                && problem.key == *key
                && problem.cure.contains(cure)
                && !problem.cause.is_empty()
        });
        assert!(found, "{text}\nexpected line {line}, key {key}, cure {cure}; got\n{problems}");
        assert_eq!(problems.0.len(), 1, "one mistake is told once:\n{text}\n{problems}");
    }
}

const SYNTAX_AND_SHAPE: &[Case] = &[
    ("[[broker]]\nname = main\n", 2, "", "quotes"),
    ("[[broker]]\nname = 'a'\nname = 'b'\n", 3, "", "remove or rename"),
    ("[broker]\nurl = 'mqtt://h'\n", 1, "broker", "[[broker]]"),
    ("broker = 'mqtt://h'\n", 1, "broker", "[[broker]]"),
    ("broker = ['mqtt://h']\n", 1, "broker[0]", "[[broker]]"),
    ("[[broker]]\n[[limits]]\ndevices_max = 1\n", 2, "limits", "[limits]"),
    ("", 0, "broker", "--broker mqtt://HOST"),
    ("[[broker]]\n[limit]\n", 2, "limit", "«limits»"),
    ("[[brokers]]\nurl = 'x'\n[[broker]]\n", 1, "brokers", "«broker»"),
    ("[[broker]]\ncolour = 'red'\n", 2, "broker[0].colour", "connect_timeout"),
    ("grace = '1x'\n[[broker]]\n", 1, "grace", "30s"),
    ("presets = ['plnat']\n[[broker]]\n", 1, "presets[0]", "«plant»"),
    ("presets = 'plant'\n[[broker]]\n", 1, "presets", "brackets"),
    ("grace = 1979-05-27\n[[broker]]\n", 1, "grace", "30s"),
];

#[test]
fn mistakes_of_syntax_and_shape() {
    check(SYNTAX_AND_SHAPE);
}

const A_BROKER: &[Case] = &[
    ("[[broker]]\nhost = 'h'\n", 2, "broker[0].host", "«url»"),
    ("[[broker]]\npassword = 'hunter2'\n", 2, "broker[0].password", "password_file"),
    ("[[broker]]\npasword_file = 'p'\n", 2, "broker[0].pasword_file", "«password_file»"),
    ("[[broker]]\nurl = 'h:1883'\n", 2, "broker[0].url", "mqtt://h:1883"),
    ("[[broker]]\nurl = 'mqtt://h:99999'\n", 2, "broker[0].url", "mqtt://HOST:PORT"),
    ("[[broker]]\nurl = 'tls://h'\n", 2, "broker[0].url", "mqtts://"),
    ("[[broker]]\nurl = 'mqtts://h'\nca_file = '/no/such/file'\n", 3, "broker[0].ca_file", "PEM file"),
    ("[[broker]]\nurl = 'mqtts://h'\nalpn = ['']\n", 3, "broker[0].alpn[0]", "name"),
    ("[[broker]]\nurl = 1883\n", 2, "broker[0].url", "quotes"),
    ("[[broker]]\nfailover = ['unix://h']\n", 2, "broker[0].failover[0]", "three slashes"),
    ("[[broker]]\nfailover = ['mqtt://u@h']\n", 2, "broker[0].failover[0]", "once"),
    ("[[broker]]\nurl = 'mqtt://a@h'\nusername = 'b'\n", 3, "broker[0].username", "once"),
    (
        "[[broker]]\nurl = 'mqtt://a:b@h'\npassword_file = 'Cargo.toml'\n",
        3,
        "broker[0].password_file",
        "keep password_file",
    ),
    (
        "[[broker]]\nusername = 'a'\npassword_file = 'no/such'\n",
        3,
        "broker[0].password_file",
        "folder of the config file",
    ),
    ("[[broker]]\nusername = 'a'\npassword_file = 'Cargo.toml'\n", 3, "broker[0].password_file", "one line"),
    ("[[broker]]\nversion = '4'\n", 2, "broker[0].version", "3.1.1"),
    ("[[broker]]\nversion = 5\n", 2, "broker[0].version", "quotes"),
    ("[[broker]]\nkeep_alive = '4s'\n", 2, "broker[0].keep_alive", "30s"),
    ("[[broker]]\nkeep_alive = '7500ms'\n", 2, "broker[0].keep_alive", "30s"),
    ("[[broker]]\nkeep_alive = 30\n", 2, "broker[0].keep_alive", "\"30s\""),
    ("[[broker]]\nconnect_timeout = '0'\n", 2, "broker[0].connect_timeout", "more than nothing"),
    ("[[broker]]\nreconnect_min = '10m'\n", 2, "broker[0].reconnect_min", "<= reconnect_max"),
    ("[[broker]]\nreconnect_max = '10ms'\n", 2, "broker[0].reconnect_max", "<= reconnect_max"),
    ("[[broker]]\nidle_after = 'soon'\n", 2, "broker[0].idle_after", "30s"),
    ("[[broker]]\npayload_bytes_max = '1TB'\n", 2, "broker[0].payload_bytes_max", "256KiB"),
    ("[[broker]]\npayload_bytes_max = 0\n", 2, "broker[0].payload_bytes_max", "268435455"),
    ("[[broker]]\nkind = 'mosquito'\n", 2, "broker[0].kind", "«mosquitto»"),
    ("[[broker]]\nkind = 'emqx'\nlog_file = 'e.log'\n", 3, "broker[0].log_file", "leave log_file out"),
    ("[[broker]]\nlog_file = '/'\n", 2, "broker[0].log_file", "with its name"),
    ("[[broker]]\nname = ''\n", 2, "broker[0].name", "leave the key out"),
    ("[[broker]]\nname = 'a'\n[[broker]]\nname = 'a'\n", 4, "broker[1].name", "of its own"),
    ("[[broker]]\n\n[[broker]]\n\n[[broker]]\n", 5, "broker[2].name", "of its own"),
    ("[[broker]]\ncert_file = 'c'\n", 2, "broker[0].cert_file", "key_file"),
    ("[[broker]]\nclient_id = \"a\\u0000\"\n", 2, "broker[0].client_id", "short name"),
];

#[test]
fn mistakes_of_a_broker() {
    check(A_BROKER);
}

const THE_SMALL_SECTIONS: &[Case] = &[
    ("[[broker]]\n[errors]\nthreshold = '101%'\n", 3, "errors.threshold", "5%"),
    ("[[broker]]\n[errors]\nminimum = 0\n", 3, "errors.minimum", "from 1"),
    ("[[broker]]\n[errors]\nwindow = 5\n", 3, "errors.window", "\"5s\""),
    ("[[broker]]\n[fleet]\nlabels = ['a-b']\n", 3, "fleet.labels[0]", "letters, digits"),
    ("[[broker]]\n[fleet]\nlabels = ['device']\n", 3, "fleet.labels[0]", "otherwise"),
    ("[[broker]]\n[fleet]\nlabels = ['a', 'a']\n", 3, "fleet.labels[1]", "remove"),
    ("[[broker]]\n[fleet]\nuser_properties = ['line']\n", 3, "fleet.user_properties[0]", "remove"),
    ("[[broker]]\n[fleet]\nuser_properties = ['x', '7']\n", 3, "fleet.user_properties[1]", "letters, digits"),
    ("[[broker]]\n[fleet]\nexpected = ['a', 2]\n", 3, "fleet.expected[1]", "quotes"),
    (
        "[[broker]]\n[fleet]\nexpected_file = 'no/such'\n",
        3,
        "fleet.expected_file",
        "folder of the config file",
    ),
    ("[[broker]]\n[limits]\njson_depth_max = 513\n", 3, "limits.json_depth_max", "1 to 512"),
    ("[[broker]]\n[limits]\npoints_per_device_max = 0\n", 3, "limits.points_per_device_max", "1 to 65535"),
    ("[[broker]]\n[limits]\ndevices_max = 10000001\n", 3, "limits.devices_max", "1 to 10000000"),
    ("[[broker]]\n[limits]\ndevices_max = '5'\n", 3, "limits.devices_max", "without quotes"),
    ("[[broker]]\n[limits]\nmax_devices = 5\n", 3, "limits.max_devices", "«devices_max»"),
    ("[[broker]]\n[metrics]\nvalues = 1\n", 3, "metrics.values", "true or false"),
    ("[[broker]]\n[web]\nlisten_address = ['10883']\n", 3, "web.listen_address[0]", "ADDRESS:PORT"),
    ("[[broker]]\n[web]\ntelemetry_path = '/api/x'\n", 3, "web.telemetry_path", "/metrics"),
    ("[[broker]]\n[web]\ntelemetry_path = 'metrics'\n", 3, "web.telemetry_path", "/metrics"),
    ("[[broker]]\n[web]\napi_token = 'hunter2'\n", 3, "web.api_token", "«api_token_file»"),
    ("[[broker]]\n[log]\nlevel = 'verbose'\n", 3, "log.level", "debug"),
    ("[[broker]]\n[commands]\npair = []\n", 2, "commands.pair", "$.cmd_id"),
    ("[[broker]]\n[commands]\npair = ['$.a', '$.b.*']\n", 3, "commands.pair[1]", "$.cmd_id"),
    ("[[broker]]\n[commands]\npair = ['{nobody}']\n", 3, "commands.pair[0]", "{cmd_id}"),
    ("[[broker]]\n[commands]\npair = ['cmd_id']\n", 3, "commands.pair[0]", "$.cmd_id"),
    ("[[broker]]\n[commands]\nstatuses = []\n", 2, "commands.statuses", "success"),
    ("[[broker]]\n[commands]\nsla = { p95 = '2s', p99 = '1s' }\n", 3, "commands.sla.p99", "larger share"),
    ("[[broker]]\n[commands]\nsla = { p101 = '1s' }\n", 3, "commands.sla.p101", "p95"),
    ("[[broker]]\n[commands]\ntimeout = '1ms'\n", 3, "commands.timeout", "120s"),
    ("[[broker]]\n[commands]\npending_max = 0\n", 3, "commands.pending_max", "1 to"),
    ("[[broker]]\n[[commands.known]]\nparameters = {}\n", 2, "commands.known[0]", "name ="),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\n[[commands.known]]\nname='a'\n",
        5,
        "commands.known[1].name",
        "once",
    ),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\nparameters = { x = { typ = 'text' } }\n",
        4,
        "commands.known[0].parameters.x.typ",
        "«type»",
    ),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\nparameters = { x = { type = 'text', min = 1 } }\n",
        4,
        "commands.known[0].parameters.x.min",
        "number",
    ),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\nparameters = { x = { min = 2, max = 1 } }\n",
        4,
        "commands.known[0].parameters.x.max",
        "min",
    ),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\nparameters = { x = { type = 'number', values = ['a'] } }\n",
        4,
        "commands.known[0].parameters.x.values",
        "text",
    ),
    (
        "[[broker]]\n[[commands.known]]\nname='a'\nparameters = { x = 'text' }\n",
        4,
        "commands.known[0].parameters.x",
        "key =",
    ),
    ("[[broker]]\n[commands]\nsla = { q95 = '1s' }\n", 3, "commands.sla.q95", "p95"),
    ("[[broker]]\n[audit]\nformat = 'xml'\n", 3, "audit.format", "json"),
    ("[[broker]]\n[audit]\nkeep_for = 30\n", 3, "audit.keep_for", "\"30s\""),
    ("[[broker]]\n[audit]\nkeep_byte = 1\n", 3, "audit.keep_byte", "«keep_bytes»"),
    ("[[broker]]\n[audit]\nrotate_bytes = '1KiB'\n", 3, "audit.rotate_bytes", "65536"),
    ("[[broker]]\n[audit]\nrotate_bytes = '2GiB'\n", 3, "audit.rotate_bytes", "half of keep_bytes"),
    ("[[broker]]\n[audit]\nkeep_bytes = '1MiB'\n", 3, "audit.keep_bytes", "half of keep_bytes"),
    ("[[broker]]\n[audit]\nkeep_bytes = '19MiB'\n", 3, "audit.keep_bytes", "half of keep_bytes"),
    ("[[broker]]\n[audit]\nspace_left = '1MiB'\n", 3, "audit.space_left", "smaller than space_left"),
    (
        "[[broker]]\n[audit]\nadmin_space_left = '1GiB'\n",
        3,
        "audit.admin_space_left",
        "smaller than space_left",
    ),
    ("[[broker]]\n[audit]\ndurability = 'fsync'\n", 3, "audit.durability", "group"),
    ("[[broker]]\n[audit]\non_full = 'stop'\n", 3, "audit.on_full", "stop_acknowledging"),
    ("[[broker]]\n[audit]\nredact = ['pin', 'ab']\n", 3, "audit.redact[1]", "three letters"),
    ("[[broker]]\n[audit]\nkey_every = 30\n", 3, "audit.key_every", "\"30s\""),
    ("data_dir = 'd'\n[[broker]]\n[audit]\ndir = './d/'\n", 4, "audit.dir", "below it"),
    ("[[broker]]\n[queues]\nevery = '0'\n", 3, "queues.every", "more than nothing"),
    ("[[broker]]\n[[queues.source]]\nkind = 'sql'\ndsn = 'sqlite:x'\n", 2, "queues.source[0]", "query"),
    ("[[broker]]\n[[queues.source]]\n", 2, "queues.source[0]", "kind ="),
    (
        "[[broker]]\nname='main'\n[[queues.source]]\nkind='sys'\nbroker='mian'\n",
        5,
        "queues.source[0].broker",
        "«main»",
    ),
    ("[[broker]]\n[probe]\nqos = [3]\n", 3, "probe.qos[0]", "0 to 2"),
    ("[[broker]]\n[probe]\nevery = '10ms'\n", 3, "probe.every", "switch it off"),
    ("[[broker]]\n[probe]\nqos = []\n", 2, "probe.qos", "name at least one"),
    ("[[broker]]\n[shard]\nindex = 2\ntotal = 2\n", 3, "shard.index", "total - 1"),
    ("[[broker]]\n[shard]\nindex = 1\n", 3, "shard.index", "total - 1"),
    ("[[broker]]\n[shard]\ntotal = 2\n", 2, "shard.index", "--shard.index"),
    ("[[broker]]\n[shard]\ntotal = 53\n", 3, "shard.total", "1 to 52"),
];

#[test]
fn mistakes_of_the_small_sections() {
    check(THE_SMALL_SECTIONS);
}

#[test]
fn mistakes_of_the_environment_and_of_flags() {
    for (name, value, key, cure) in [
        ("WATCHKEEPER_METRICS__VALEUS", "true", "metrics.valeus", "«values»"),
        ("WATCHKEEPER_METRICS__VALUES", "yes", "metrics.values", "true or false"),
        ("WATCHKEEPER_BROKER__0__PASSWORD", "hunter2", "broker[0].password", "MQTT_PASSWORD"),
        ("WATCHKEEPER_BROKER__0__URL", "mqtt://u:hunter2@h:x", "broker[0].url", "mqtt://HOST:PORT"),
        ("WATCHKEEPER_LIMITS__DEVICES_MAX", "many", "limits.devices_max", "whole number"),
        ("WATCHKEEPER_FLEET__EXPECTED", "[\"a\"", "fleet.expected", "TOML"),
        ("WATCHKEEPER_PRESETS", "plant,other", "presets[1]", "plant"),
        ("WATCHKEEPER_URL", "mqtt://h", "WATCHKEEPER_URL", "WATCHKEEPER_BROKER__0__URL"),
        ("WATCHKEEPER_BROKER__7__URL", "mqtt://h", "WATCHKEEPER_BROKER__7__URL", "without gaps"),
        ("WATCHKEEPER_METRICS__0__VALUES", "true", "metrics", "[metrics]"),
        ("MQTT_BROKER_HOST", "mqtt://h", "MQTT_BROKER_HOST", "WATCHKEEPER_BROKER__0__URL"),
        ("MQTT_BROKER_PORT", "0", "MQTT_BROKER_PORT", "1883"),
        ("MQTT_CONNECTION_TIMEOUT", "10s", "MQTT_CONNECTION_TIMEOUT", "without a unit"),
        ("MQTT_PASSWORD", "hunter2", "broker[0]", "MQTT_USERNAME"),
    ] {
        let problems =
            read(Path::new("w.toml"), "[[broker]]\n", &[(name, value)], Flags::default()).unwrap_err();
        let shown = problems.to_string();
        assert_eq!(problems.0.len(), 1, "{name}\n{shown}");
        let problem = &problems.0[0];
        assert!(problem.key == key && problem.cure.contains(cure), "{name}\n{shown}");
        assert!(shown.contains(name) || name == "MQTT_PASSWORD", "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let flags = Flags {
        brokers: vec!["mqtt://u:hunter2@".into()],
        log_format: Some("xml".into()),
        ..Flags::default()
    };
    let shown = read(Path::new("w.toml"), "", &[], flags).unwrap_err().to_string();
    assert!(
        shown.contains("flag --broker") && shown.contains("flag --log.format") && !shown.contains("hunter2")
    );
}

#[test]
fn every_mistake_is_told_in_the_order_of_the_file() {
    let text = "colour = 1\n[[broker]]\nhost = 'h'\nkeep_alive = 3\n[[stream]]\nfilter = '#/a'\nrange = [2, 1]\n\
                [limits]\njson_depth_max = 0\n";
    let problems = read(Path::new("w.toml"), text, &[], Flags::default()).unwrap_err();
    let lines: Vec<usize> = problems.0.iter().filter_map(|problem| Some(problem.line_column?.0)).collect();
    assert_eq!(lines, [1, 3, 4, 6, 7, 9], "{problems}");
}
