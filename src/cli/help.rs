//! What stands below the flags in each `--help`: examples and exit codes. Nothing here may repeat a flag's own words.

/// Of `watchkeeper`.
pub(super) const EXAMPLES: &str = "\
Examples:
  watchkeeper demo                                  see it work; needs nothing installed
  watchkeeper run --broker mqtt://127.0.0.1:1883    watch a broker, no config file
  watchkeeper check --config watchkeeper.toml       every mistake of a config file, with its cure
  watchkeeper healthcheck                           for containers without curl

Settings come from the flag, then the environment, then the config file, then the default.
In the environment a setting is WATCHKEEPER_<SECTION>__<KEY>, such as WATCHKEEPER_METRICS__VALUES=true.";

/// Of `run`.
pub(super) const RUN: &str = "\
Examples:
  watchkeeper run --broker mqtt://127.0.0.1:1883
  watchkeeper run --config /etc/watchkeeper.toml --data-dir /var/lib/watchkeeper
  MQTT_PASSWORD=… watchkeeper run --broker mqtt://reader@broker.example:1883
  watchkeeper run --broker mqtt://a --broker mqtt://b --web.listen-address 0.0.0.0:10883

Exit status: 0 stopped as asked; 1 fatal; 2 bad arguments or configuration.";

/// Of `demo`.
pub(super) const DEMO: &str = "\
Examples:
  watchkeeper demo
  watchkeeper demo --dir ./demo --web.listen-address 127.0.0.1:8080

Exit status: 0 stopped as asked; 1 fatal; 2 bad arguments or configuration.";

/// Of `check`.
pub(super) const CHECK: &str = "\
Examples:
  watchkeeper check --config watchkeeper.toml
  watchkeeper check --config watchkeeper.toml --sample plant/a/1/d7/telemetry/temperature=message.json
  echo 21.5 | watchkeeper check --broker mqtt://h --sample house/kitchen/temperature=-

Exit status: 0 good; 2 not.";

/// Of `state`.
pub(super) const STATE: &str = "\
Examples:
  watchkeeper state show d7
  watchkeeper state reset d7 --token-file token
  watchkeeper state start-from d7 temperature 4711";

/// Of `healthcheck`.
pub(super) const HEALTHCHECK: &str = "\
Examples:
  watchkeeper healthcheck
  watchkeeper healthcheck --url http://127.0.0.1:8080 --token-file /run/secrets/token

Exit status: 0 healthy or degraded; 1 not.";

/// Of `completions`.
pub(super) const COMPLETIONS: &str = "\
Examples:
  watchkeeper completions bash > /etc/bash_completion.d/watchkeeper
  watchkeeper completions zsh > ~/.zfunc/_watchkeeper
  watchkeeper completions fish > ~/.config/fish/completions/watchkeeper.fish";

/// Of `man`.
pub(super) const MAN: &str = "Examples:\n  watchkeeper man ~/.local/share/man/man1";
