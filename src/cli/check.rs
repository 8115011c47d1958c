//! `check`: reads the configuration as `run` would, prints every problem, else what it means. Nothing here may
//! open a connection or change a file.

use super::args::Check;
use crate::config::{Config, Sources, show_duration};
use anyhow::Context;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use watchkeeper_core::names::subscriptions;
use watchkeeper_core::rules::Expect;

/// Bad arguments or configuration.
const BAD: u8 = 2;

/// Prints problems and warnings to `err`, the summary and the samples to `out`.
pub(crate) fn run(
    arguments: &Check,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    match attempt(arguments, env, out, err) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BAD),
        Err(error) => {
            // Where even the error stream is closed, the exit code is all that is left to say.
            let _ = writeln!(err, "error: {error:#}");
            ExitCode::from(BAD)
        }
    }
}

fn attempt(
    arguments: &Check,
    env: Vec<(String, String)>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<bool> {
    let common = &arguments.common;
    let sources = Sources::gather(common.config.as_deref(), env, common.flags());
    let config = match sources.and_then(|sources| sources.read()) {
        Ok(config) => config,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(false);
        }
    };
    for warning in &config.warnings {
        writeln!(err, "warning: {warning}")?;
    }
    summary(&config, out)?;
    for wanted in &arguments.samples {
        let payload = payload(&wanted.file).with_context(|| format!("sample {}", wanted.file.display()))?;
        writeln!(out, "\n{}", super::sample::show(&config, &wanted.topic, &payload))?;
    }
    Ok(true)
}

fn payload(file: &Path) -> std::io::Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file);
    }
    let mut payload = Vec::new();
    std::io::stdin().lock().read_to_end(&mut payload)?;
    Ok(payload)
}

/// What is watched, and what each broker is asked for.
fn summary(config: &Config, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "The configuration is good.\n\nBrokers:")?;
    for broker in &config.brokers {
        let user = broker.username.as_deref().map(|user| format!(" as {user}")).unwrap_or_default();
        let urls: Vec<String> = broker.urls.iter().map(ToString::to_string).collect();
        writeln!(out, "  {}  {}{user}", broker.name, urls.join(", then "))?;
    }
    writeln!(out, "\nStreams:")?;
    let width = config.streams.iter().map(|stream| stream.name.chars().count()).max().unwrap_or(0);
    for stream in &config.streams {
        let due = match stream.expect {
            Expect::Every(span) => format!("every {}", show_duration(Duration::from_micros(span))),
            Expect::Learn if stream.is_periodic() => "interval learned".to_owned(),
            Expect::Learn | Expect::Never => "as it happens".to_owned(),
        };
        writeln!(out, "  {:width$}  {}  ({due})", stream.name, stream.pattern.as_str())?;
    }
    writeln!(out, "\nEach broker is asked for:")?;
    for filter in subscriptions(config.streams.iter().map(|stream| &stream.pattern)) {
        writeln!(out, "  {filter}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    fn check(arguments: &[&str]) -> (bool, String, String) {
        let line = ["watchkeeper", "check"].iter().chain(arguments);
        let Command::Check(arguments) = Cli::try_parse_from(line).unwrap().command else {
            panic!("check is expected")
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let good = attempt(&arguments, Vec::new(), &mut out, &mut err).unwrap();
        (good, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn a_good_configuration_is_summed_up() {
        let (good, out, err) = check(&["--broker", "mqtt://u:hunter2@h"]);
        assert!(good && err.is_empty(), "{err}");
        assert!(out.contains("  h  mqtt://h:1883 as u\n") && !out.contains("hunter2"), "{out}");
        let of =
            |name: &str| out.lines().map(str::trim).find(|line| line.starts_with(name)).unwrap_or_default();
        let temperature: Vec<&str> = of("temperature ").split_whitespace().collect();
        assert_eq!(
            temperature[1..],
            ["{site...}/{device}/telemetry/temperature", "(interval", "learned)"],
            "{out}"
        );
        assert!(of("sparkplug_node_data ").ends_with("(as it happens)"), "{out}");
        assert!(out.ends_with("Each broker is asked for:\n  #\n"), "{out}");
    }

    #[test]
    fn a_bad_one_is_told_with_place_and_cure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.toml");
        std::fs::write(&path, "[[broker]]\nulr = 'mqtt://h'\n").unwrap();
        let (good, out, err) = check(&["--config", path.to_str().unwrap()]);
        assert!(!good && out.is_empty());
        let place =
            format!("error: broker[0].ulr: unknown key «ulr» in [broker[0]]\n  --> {}:2:1\n", path.display());
        assert!(err.starts_with(&place) && err.contains("\n  = cure: did you mean «url»?\n"), "{err}");
    }

    #[test]
    fn a_missing_file_is_told() {
        let (good, _, err) = check(&["--config", "/no/such/file"]);
        assert!(!good && err.contains("--> /no/such/file\n") && err.contains("cure:"), "{err}");
    }
}
