//! What stands below the flags in each `--help`: examples and exit codes. Nothing here may repeat a flag's own words.

/// Of `watchkeeper`.
pub(super) const EXAMPLES: &str = "\
Examples:
  watchkeeper demo                                  see it work; needs nothing installed
  watchkeeper run --broker mqtt://127.0.0.1:1883    watch a broker, no config file
  watchkeeper check --config watchkeeper.toml       every mistake of a config file, with its cure
  watchkeeper doctor --broker mqtt://127.0.0.1:1883 what is wrong on the way to a broker, step by step
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

/// Of `doctor`.
pub(super) const DOCTOR: &str = "\
Examples:
  watchkeeper doctor --broker mqtt://127.0.0.1:1883
  watchkeeper doctor --config /etc/watchkeeper.toml --json
  watchkeeper doctor --config /etc/watchkeeper.toml --no-publish --timeout 20s

It publishes below watchkeeper/doctor/ with a random name, takes retained messages away again, and uses a client id of
its own. The codes are those of /api/health. Colours are off with NO_COLOR and where standard output is no terminal.
Exit status: 0 all good; 1 a step failed; 2 bad arguments or configuration.";

/// Of `session-test`.
pub(super) const SESSION_TEST: &str = "\
Examples:
  watchkeeper session-test --broker mqtt://127.0.0.1:1883
  watchkeeper session-test --config /etc/watchkeeper.toml --away 30s --cycles 20 --json
  watchkeeper session-test --broker mqtt://127.0.0.1:1883 --start-from 100

A producer sends bursts of ten messages at QoS 1, and a consumer with a session leaves and returns; six trials, about
half a minute. Both use client ids and a topic of their own below watchkeeper/session-test/. A run that was stopped goes
on where it was. Exit status: 0 nothing lost; 1 lost, with the missing ranges; 2 could not run.";

/// Of `state`.
pub(super) const STATE: &str = "\
Examples:
  watchkeeper state show d7
  watchkeeper state reset d7 --token-file token
  watchkeeper state start-from d7 temperature 4711";

/// Of `report`.
pub(super) const REPORT: &str = "\
Examples:
  watchkeeper report
  watchkeeper report --json --url http://127.0.0.1:8080 --token-file token

The figures are of this run of the sidecar; mqtt_messages_received_total and its like go on over restarts.
Exit status: 0 said; 1 the sidecar cannot be asked.";

/// Of `queues`.
pub(super) const QUEUES: &str = "\
Examples:
  watchkeeper queues show
  watchkeeper queues history d7 --since 24h
  watchkeeper queues snapshot

The snapshots themselves are in queues.sqlite in the data folder, which sqlite3 reads while the sidecar runs.";

/// Of `queues show`.
pub(super) const QUEUES_SHOW: &str = "\
Examples:
  watchkeeper queues show
  watchkeeper queues show line3 --limit 100 --json

What is shown is what the newest snapshots say; a dash is what the source does not tell.
Exit status: 0 said; 1 the sidecar cannot be asked.";

/// Of `queues history`.
pub(super) const QUEUES_HISTORY: &str = "\
Examples:
  watchkeeper queues history d7
  watchkeeper queues history d7 --since 7d --points 1000 --json

A point holds until the next one of its source.
Exit status: 0 said; 1 no snapshot tells of the client, or the sidecar cannot be asked.";

/// Of `queues snapshot`.
pub(super) const QUEUES_SNAPSHOT: &str = "\
Examples:
  watchkeeper queues snapshot
  watchkeeper queues snapshot --json --url http://127.0.0.1:8080 --token-file token

Exit status: 0 every source told and it is safe; 1 one did not, or the sidecar cannot be asked.";

/// Of `healthcheck`.
pub(super) const HEALTHCHECK: &str = "\
Examples:
  watchkeeper healthcheck
  watchkeeper healthcheck --url http://127.0.0.1:8080 --token-file /run/secrets/token
  watchkeeper healthcheck --user probe --password-file /run/secrets/probe

Exit status: 0 healthy or degraded; 1 not.";

/// Of `completions`.
pub(super) const COMPLETIONS: &str = "\
Examples:
  watchkeeper completions bash > /etc/bash_completion.d/watchkeeper
  watchkeeper completions zsh > ~/.zfunc/_watchkeeper
  watchkeeper completions fish > ~/.config/fish/completions/watchkeeper.fish";

/// Of `man`.
pub(super) const MAN: &str = "Examples:\n  watchkeeper man ~/.local/share/man/man1";

/// Of `audit`.
pub(super) const AUDIT: &str = "\
Examples:
  watchkeeper audit search --since 15m --type DEVICE
  watchkeeper audit tail --level ERROR
  watchkeeper audit verify
  watchkeeper audit export --format ocsf --since 24h --out last-day.jsonl

The log is read where it lies: the sidecar may run or not, and a copied folder will do.";

/// Of `audit search`.
pub(super) const AUDIT_SEARCH: &str = "\
Examples:
  watchkeeper audit search cmd-4711                  whatever mentions it
  watchkeeper audit search --device d7 --since 24h   the last day of a device
  watchkeeper audit search --type SECURITY --field 'source_ip~^10\\.'
  watchkeeper audit search --type COMMAND --field 'latency_ms>500' --by cmd
  watchkeeper audit search --event offline --since 7d --histogram 1h
  watchkeeper audit search --level ERROR --follow

Matches go to standard output, the summary to standard error.
Exit status: 0 found; 1 nothing found; 2 usage, or the log cannot be read.";

/// Of `audit tail`.
pub(super) const AUDIT_TAIL: &str = "\
Examples:
  watchkeeper audit tail
  watchkeeper audit tail -n 100 --type CONNECTION --type SECURITY --format json

Exit status: 0 ended by Ctrl-C or a closed pipe; 2 usage, or the log cannot be read.";

/// Of `audit verify`.
pub(super) const AUDIT_VERIFY: &str = "\
Examples:
  watchkeeper audit verify
  watchkeeper audit verify --dir /mnt/copy/audit --key watchkeeper.vkey
  watchkeeper audit verify --since checkpoint-of-last-month.txt --json

Keep DIR.vkey and a checkpoint elsewhere: what lies beside the log may have been changed with it.
Exit status: 0 all valid and sealed; 1 tampered or missing; 2 intact as far as can be told, but incomplete; 3 usage,
or the log cannot be read.";

/// Of `audit stats`.
pub(super) const AUDIT_STATS: &str = "\
Examples:
  watchkeeper audit stats
  watchkeeper audit stats --json --dir /mnt/copy/audit

Exit status: 0 said; 2 usage, or the log cannot be read.";

/// Of `audit export`.
pub(super) const AUDIT_EXPORT: &str = "\
Examples:
  watchkeeper audit export --format ecs --since 24h | gzip > last-day.ecs.gz
  watchkeeper audit export --format syslog --type SECURITY --out security.log

Exit status: 0 written, be it nothing; 2 usage, or the log cannot be read or the output not written.";
