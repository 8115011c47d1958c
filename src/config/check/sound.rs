//! Tests: what a right configuration becomes, from each place and in their order. Nothing here is wrong input;
//! that is in `broken`.

use crate::config::problem::{Problems, SourceFile};
use crate::config::{Config, Flags, MaskedUrl, Sources, Version};
use secrecy::ExposeSecret;
use std::path::Path;
use std::time::Duration;
use watchkeeper_core::rules::{CommandRules, ErrorRules, Expect, Limits, Origin, StreamRules, StuckAfter};
use watchkeeper_core::shard::Shard;
use watchkeeper_core::time::SECOND;

pub(super) fn read(path: &Path, text: &str, env: &[(&str, &str)], flags: Flags) -> Result<Config, Problems> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = Some(SourceFile { path: path.to_path_buf(), text: text.to_owned() });
    Sources { file, env, flags }.read()
}

fn good(text: &str, env: &[(&str, &str)]) -> Config {
    read(Path::new("w.toml"), text, env, Flags::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn flags(brokers: &[&str]) -> Flags {
    Flags { brokers: brokers.iter().map(|url| MaskedUrl::from(*url)).collect(), ..Flags::default() }
}

fn names(config: &Config) -> Vec<&str> {
    config.streams.iter().map(|stream| &*stream.name).collect()
}

#[test]
fn the_example_is_accepted_and_shows_the_defaults() {
    let text = include_str!("../../../docs/watchkeeper.example.toml");
    let example = good(text, &[]);
    let default = good("[[broker]]\nname = 'main'", &[]);
    assert_eq!(format!("{:?}", example.brokers), format!("{:?}", default.brokers));
    assert_eq!((example.errors, example.limits), (ErrorRules::default(), Limits::default()));
    assert_eq!(
        format!("{:?}{:?}", example.fleet, example.web),
        format!("{:?}{:?}", default.fleet, default.web)
    );
    assert_eq!(
        format!("{:?}{:?}", example.log, example.grace),
        format!("{:?}{:?}", default.log, default.grace)
    );
    assert_eq!((example.values, &example.data_dir), (default.values, &default.data_dir));
    assert_eq!(example.audit, default.audit);
    assert_eq!(example.commands, CommandRules::default());
    assert_eq!(example.probe, default.probe);
    assert_eq!((example.shard, example.warnings.len()), (Shard::default(), 0));
}

#[test]
fn the_probe_is_on_unless_it_is_switched_off() {
    let probe = good("[[broker]]", &[]).probe;
    assert_eq!((probe.every, &*probe.qos), (Some(Duration::from_secs(60)), &[0, 1, 2][..]));
    assert_eq!((probe.session_every, probe.sla.len()), (None, 2));
    assert!(probe.retained);
    let text = "[[broker]]\n[probe]\nevery = '0'\nretained = false\nqos = [2, 0, 2]\nsession_every = '1h'\nsla = { p50 = '1s' }";
    let probe = good(text, &[]).probe;
    assert_eq!((probe.every, &*probe.qos, probe.sla.len()), (None, &[0, 2][..], 1));
    assert_eq!((probe.session_every, probe.retained), (Some(Duration::from_secs(3600)), false));
    assert_eq!(good("[[broker]]", &[("WATCHKEEPER_PROBE__EVERY", "0")]).probe.every, None);
}

#[test]
fn a_shard_has_its_number_from_the_file_the_environment_or_a_flag() {
    let file = "[[broker]]\n[[queues.source]]\nkind = 'sys'\n[[queues.source]]\nkind = 'inferred'\n[shard]\ntotal = 3\n";
    let first = good(file, &[("WATCHKEEPER_SHARD__INDEX", "0")]);
    assert_eq!((first.shard, first.queues.sources.len()), (Shard::new(0, 3).unwrap(), 2));
    assert!(first.probe.is_on());
    let flags = Flags { shard_index: Some("2".into()), ..Flags::default() };
    let last = read(Path::new("w.toml"), file, &[("WATCHKEEPER_SHARD__INDEX", "0")], flags).unwrap();
    assert_eq!(last.shard, Shard::new(2, 3).unwrap());
    // What one does for all is left to the first.
    assert_eq!((last.queues.sources.len(), &*last.queues.sources[0].setting.name), (1, "inferred"));
    assert!(!last.probe.is_on());
    assert_eq!(good("[[broker]]", &[]).shard, Shard::default());
}

#[test]
fn the_example_stream_is_that_of_the_preset() {
    let example = good(include_str!("../../../docs/watchkeeper.example.toml"), &[]);
    let preset = good("presets = ['plant']\n[[broker]]", &[]);
    let [ours, theirs] = [&example.streams[0], &preset.streams[0]].map(|stream| StreamRules {
        origin: Origin::Configured,
        pattern: preset.streams[0].pattern.clone(),
        device: preset.streams[0].device.clone(),
        expect: Expect::Learn,
        offline_after: None,
        ..stream.clone()
    });
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert_eq!(example.streams[0].expect, Expect::Every(60 * SECOND));
}

#[test]
fn presets_and_the_generic_stream_fill_an_empty_list() {
    let all = good("[[broker]]", &[]);
    assert_eq!((names(&all)[0], names(&all).last()), ("temperature", Some(&"generic")));
    assert_eq!(names(&good("presets = []\n[[broker]]", &[])), ["generic"]);
    assert_eq!(names(&good("[[broker]]\n[[stream]]\nname = 'a'\nfilter = 'a'", &[])), ["a"]);
    let both = good("presets = ['plant']\n[[broker]]\n[[stream]]\nname = 'a'\nfilter = 'a'", &[]);
    assert_eq!((names(&both)[0], names(&both)[1]), ("a", "temperature"));
    assert!(!names(&both).contains(&"generic"));
}

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let text = "grace = '1s'\n[[broker]]\nurl = 'mqtt://file'\n[[broker]]\nurl = 'mqtt://other'\n[log]\nlevel = 'warn'";
    let env = [("WATCHKEEPER_BROKER__0__URL", "mqtt://env"), ("WATCHKEEPER_LOG__LEVEL", "debug")];
    let hosts = |config: &Config| config.brokers.iter().map(|b| b.urls[0].host.clone()).collect::<Vec<_>>();
    assert_eq!(hosts(&good(text, &[])), ["file", "other"]);
    assert_eq!(hosts(&good(text, &env)), ["env", "other"]);
    let given =
        Flags { log_level: Some("trace".into()), grace: Some("3s".into()), ..flags(&["mqtt://flag"]) };
    let config = read(Path::new("w.toml"), text, &env, given).unwrap();
    assert_eq!((hosts(&config), &*config.log.level), (vec!["flag".to_owned()], "trace"));
    assert_eq!((good(text, &env).log.level.as_str(), config.grace), ("debug", Duration::from_secs(3)));
}

#[test]
fn a_variable_refines_the_broker_of_a_flag() {
    let env = [("WATCHKEEPER_BROKER__0__KEEP_ALIVE", "7s"), ("WATCHKEEPER_BROKER__1__URL", "mqtt://b")];
    let config = read(Path::new("w.toml"), "", &env, flags(&["mqtt://a"])).unwrap();
    assert_eq!((config.brokers.len(), config.brokers[0].keep_alive), (1, Duration::from_secs(7)));
}

#[test]
fn the_variables_of_older_tools_are_understood() {
    let env = [
        ("MQTT_BROKER_HOST", "broker.local"),
        ("MQTT_BROKER_PORT", "1884"),
        ("MQTT_USERNAME", "u"),
        ("MQTT_PASSWORD", "p"),
        ("MQTT_CONNECTION_TIMEOUT", "7"),
    ];
    for text in ["", "[[broker]]\nurl = 'mqtt://x:y@file'\nusername = 'x'\nconnect_timeout = '1s'"] {
        let config = good(text, &env);
        let broker = &config.brokers[0];
        assert_eq!(broker.urls[0].to_string(), "mqtt://broker.local:1884");
        assert_eq!((&*broker.name, broker.username.as_deref()), ("broker.local", Some("u")));
        assert_eq!(broker.password.as_ref().unwrap().expose_secret(), "p");
        assert_eq!(broker.connect_timeout, Duration::from_secs(7));
    }
    let config = read(Path::new("w.toml"), "", &env, flags(&["mqtt://f:g@flag"])).unwrap();
    assert_eq!(config.brokers[0].urls[0].to_string(), "mqtt://flag:1883");
    assert_eq!(config.brokers[0].username.as_deref(), Some("f"));
    assert!(!format!("{config:?}").contains("\"g\""));
    let empty = env.map(|(name, _)| (name, ""));
    assert_eq!(good("[[broker]]", &empty).brokers[0].urls[0].host, "127.0.0.1");
}

#[test]
fn brokers_are_called_by_their_hosts() {
    let text =
        "[[broker]]\nurl='mqtt://h'\n[[broker]]\nurl='mqtt://h:1884'\n[[broker]]\nname='x'\nversion='3.1.1'";
    let config = good(text, &[]);
    let names: Vec<&str> = config.brokers.iter().map(|broker| broker.name.as_str()).collect();
    assert_eq!(names, ["h", "h:1884", "x"]);
    assert_eq!(config.brokers[2].version, Version::V311);
}

#[test]
fn files_are_found_beside_the_config_and_in_the_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let passed_in = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p"), "beside\r\n").unwrap();
    std::fs::write(folder.path().join("web.yml"), "").unwrap();
    std::fs::write(folder.path().join("ids"), "a/1\n# no\na/2\n").unwrap();
    let text = "[[broker]]\nusername='u'\npassword_file='p'\n[fleet]\nexpected=['z', 'a/1']\nexpected_file='ids'\n\
                [web]\napi_token_file='p'\nconfig_file='web.yml'";
    let path = folder.path().join("w.toml");
    let env =
        [("CREDENTIALS_DIRECTORY", passed_in.path().to_str().unwrap()), ("STATE_DIRECTORY", "/s/a:/s/b")];
    let config = read(&path, text, &env, Flags::default()).unwrap();
    assert_eq!(config.brokers[0].password.as_ref().unwrap().expose_secret(), "beside");
    assert_eq!(config.web.api_token.as_ref().unwrap().expose_secret(), "beside");
    assert_eq!(config.web.config_file, Some(folder.path().join("web.yml")));
    assert_eq!(config.fleet.expected, ["a/1".into(), "a/2".into(), Box::<str>::from("z")]);
    assert_eq!(config.data_dir, Path::new("/s/a"));
    std::fs::write(passed_in.path().join("p"), "passed in").unwrap();
    let config = read(&path, text, &env, Flags::default()).unwrap();
    assert_eq!(config.brokers[0].password.as_ref().unwrap().expose_secret(), "passed in");
}

#[test]
fn lists_and_tables_may_come_from_variables() {
    let config = good(
        "",
        &[
            ("WATCHKEEPER_BROKER__0__URL", "mqtt://a"),
            ("WATCHKEEPER_STREAM__0__FILTER", "a/{device}"),
            ("WATCHKEEPER_STREAM__0__POINTS", "$.*"),
            ("WATCHKEEPER_STREAM__0__POINT_STATUS", "s"),
            ("WATCHKEEPER_STREAM__0__STATUSES", "OK, BAD"),
            ("WATCHKEEPER_STREAM__0__RANGE", "[-1, inf]"),
            ("WATCHKEEPER_STREAM__0__STUCK_AFTER", "5m"),
            ("WATCHKEEPER_STREAM__0__CROSS_CHECK", "{ \"$.n\" = \"count(status != 'OK')\" }"),
            ("WATCHKEEPER_FLEET__EXPECTED", "[\"x,y\"]"),
            ("WATCHKEEPER_FLEET__LABELS", "[]"),
            ("WATCHKEEPER_WEB__LISTEN_ADDRESS", ":9100,[::1]:9101"),
            ("WATCHKEEPER_METRICS__VALUES", "true"),
            ("WATCHKEEPER_LIMITS__DEVICES_MAX", "5"),
            ("WATCHKEEPER_PRESETS", "plant"),
        ],
    );
    let stream = &config.streams[0];
    assert_eq!((&*stream.name, stream.statuses.len(), stream.cross_checks.len()), ("a/{device}", 2, 1));
    assert_eq!(stream.range, Some((-1.0, f64::INFINITY)));
    assert_eq!(stream.stuck_after, StuckAfter::For(300 * SECOND));
    assert_eq!((config.fleet.expected.len(), config.fleet.labels.len()), (1, 0));
    assert_eq!(
        config.web.listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["0.0.0.0:9100", "[::1]:9101"]
    );
    assert_eq!((config.values, config.limits.devices_max), (true, 5));
    assert!(config.streams.len() > 1);
}

#[test]
fn the_log_is_below_the_data_folder_where_nobody_says_otherwise() {
    let dir = |text: &str, env: &[(&str, &str)]| good(text, env).audit.dir;
    assert_eq!(dir("[[broker]]", &[]), Path::new("watchkeeper-data/audit"));
    assert_eq!(dir("data_dir = '/d'\n[[broker]]\n[audit]\ndir = ''", &[]), Path::new("/d/audit"));
    assert_eq!(dir("[[broker]]", &[("STATE_DIRECTORY", "/s")]), Path::new("/s/audit"));
    let elsewhere = [("WATCHKEEPER_AUDIT__DIR", "logs"), ("WATCHKEEPER_DATA_DIR", "/d")];
    assert_eq!(dir("[[broker]]\n[audit]\ndir = '/a'", &elsewhere), Path::new("logs"));
    // Whoever looks for a record needs no broker, and hears nothing of mistakes elsewhere.
    let file = SourceFile { path: "/c/w.toml".into(), text: "[[stream]]\n[audit]\ndir = 'a'".to_owned() };
    let sources = Sources { file: Some(file), ..Sources::default() };
    assert_eq!(sources.audit_dir().unwrap(), Path::new("/c/a"));
    let flags = Flags { data_dir: Some("/d".into()), ..Flags::default() };
    let sources = Sources { env: vec![("WATCHKEEPER_DATA_DIR".into(), "/e".into())], flags, file: None };
    assert_eq!(sources.audit_dir().unwrap(), Path::new("/d/audit"));
}

#[test]
fn every_setting_of_the_log_is_taken_over() {
    let text = "[[broker]]\n[audit]\nformat='pipe'\nrotate_bytes='1MiB'\nrotate_every='1h'\ncompress='none'\n\
                keep_files=3\nkeep_for='0'\nkeep_bytes='9MiB'\ndurability='each'\non_full='drop_and_count'\n\
                space_left='2MiB'\nadmin_space_left='1MiB'\nredact=['pin_code']\nkey_every='0'\ndir='/a'";
    let expected = "Audit { enabled: true, dir: \"/a\", format: Pipe, rotate_bytes: 1048576, rotate_every: 3600s, \
                    compress: false, keep_files: 3, keep_for: 0ns, keep_bytes: 9437184, durability: Each, \
                    on_full: DropAndCount, space_left: 2097152, admin_space_left: 1048576, \
                    redact: [\"pin_code\"], key_every: None }";
    let config = good(text, &[]);
    assert_eq!((format!("{:?}", config.audit).as_str(), config.warnings.len()), (expected, 0));
}

#[test]
fn a_log_that_is_switched_off_says_so() {
    let config = good("[[broker]]\n[audit]\nenabled = false", &[]);
    assert!(!config.audit.enabled && config.warnings[0].starts_with("the audit log is off"));
}

#[test]
fn a_payload_is_recorded_where_its_message_is() {
    for (kind, audit) in [("command", ""), ("telemetry", "audit = true\n")] {
        let text =
            format!("[[broker]]\n[[stream]]\nfilter = 'a'\nkind = '{kind}'\n{audit}audit_payload = true");
        let config = good(&text, &[]);
        assert!(config.streams[0].audit_payload && config.warnings.is_empty(), "{kind}");
    }
}

#[test]
fn the_log_of_a_broker_is_looked_for_beside_the_configuration() {
    let file = |text: &str| {
        read(Path::new("/c/w.toml"), text, &[], Flags::default()).unwrap().brokers[0].log_file.clone()
    };
    assert_eq!(file("[[broker]]\nlog_file = 'm.log'\n"), Some("/c/m.log".into()));
    assert_eq!(
        file("[[broker]]\nkind = 'mosquitto'\nlog_file = '/var/log/m.log'\n"),
        Some("/var/log/m.log".into())
    );
    assert_eq!(file("[[broker]]\nlog_file = ''\n"), None);
}

#[test]
fn the_default_client_id_carries_host_and_folder() {
    let id = super::default_client_id("k7x2");
    assert!(id.starts_with("watchkeeper-") && id.ends_with("-k7x2"), "{id}");
}

#[test]
fn commands_are_described_with_their_parameters() {
    let config = good(
        "[[broker]]
         [[stream]]
         name = 'c'
         kind = 'command'
         filter = 'c/{device}/{number}'
         [commands]
         pair = ['{number}', '$.id']
         sla = { p50 = '100ms', p999 = '2s' }
         [[commands.known]]
         name = 'get'
         [[commands.known]]
         name = 'set'
         [commands.known.parameters]
         point = { type = 'integer', min = 0, max = 59, required = true }
         mode = { values = ['A', 'B'] }",
        &[("WATCHKEEPER_COMMANDS__TIMEOUT", "30s")],
    );
    let rules = config.commands;
    assert_eq!((rules.timeout, rules.pair.len(), rules.known.len()), (30 * SECOND, 2, 2));
    let quantiles: Vec<f64> = rules.sla.iter().map(|sla| sla.quantile).collect();
    assert_eq!(quantiles, [0.5, 0.999]);
    let named = |name: &str| rules.known[1].parameters.iter().find(|known| *known.name == *name).unwrap();
    assert_eq!((named("point").max, named("point").required), (Some(59.0), true));
    assert_eq!((named("mode").values.len(), named("mode").required), (2, false));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}
