//! The small sections: `[errors]`, `[fleet]`, `[limits]`, `[metrics]`, `[web]`, `[log]` and the data folder.
//! Nothing here may open a socket or create a folder.

use super::files::Files;
use crate::config::problem::{Fault, Ledger, fault};
use crate::config::raw::{At, Table};
use crate::config::tree::Node;
use crate::config::{Fleet, Log, Web, words};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use watchkeeper_core::rules::{ErrorRules, Limits};
use watchkeeper_core::time::micros;

/// Where we listen when nobody says otherwise.
const LISTEN: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10_883);

/// Labels that every series of a device has already.
const RESERVED: &[&str] = &["broker", "device", "le", "quantile"];

/// `[errors]`.
pub(super) fn errors(mut table: Table<'_>) -> ErrorRules {
    let default = ErrorRules::default();
    let rules = ErrorRules {
        window: table.get("window", words::duration).map_or(default.window, |at| micros(at.value)),
        threshold: table.or("threshold", default.threshold, |node| {
            let ratio = words::ratio(node)?;
            if ratio > 0.0 && ratio <= 1.0 {
                Ok(ratio)
            } else {
                Err(fault(
                    format!("the threshold {ratio} is not between 0 and 1"),
                    "write a share such as \"5%\"",
                ))
            }
        }),
        minimum: table
            .get("minimum", words::integer(1..=u64::from(u32::MAX)))
            .and_then(|at| u32::try_from(at.value).ok())
            .unwrap_or(default.minimum),
    };
    table.finish();
    rules
}

/// `[fleet]`.
pub(super) fn fleet(mut table: Table<'_>, files: &Files) -> Fleet {
    let mut expected: Vec<Box<str>> = boxed(table.values("expected", words::name));
    let file = table.get("expected_file", words::text).filter(|file| !file.value.is_empty());
    if let Some(file) = file {
        match files.read(&file) {
            Ok(text) => expected.extend(lines(&text).map(Into::into)),
            Err(fault) => table.ledger.refuse(&file.place, &file.key, fault),
        }
    }
    expected.sort_unstable();
    expected.dedup();
    let mut labels: Vec<Box<str>> = Vec::new();
    match table.list("labels", label) {
        Some(written) => distinct(&mut labels, written, table.ledger),
        None => labels.extend(["area".into(), "line".into()]),
    }
    let properties = table.list("user_properties", property).unwrap_or_default();
    let user_properties = properties.iter().map(|at| at.value.0.as_str().into()).collect();
    let as_label = |at: At<(String, String)>| At { value: at.value.1, place: at.place, key: at.key };
    distinct(&mut labels, properties.into_iter().map(as_label), table.ledger);
    let fleet = Fleet {
        expected,
        forget_after: table.or("forget_after", Duration::from_secs(30 * 86_400), words::duration),
        labels,
        user_properties,
    };
    table.finish();
    fleet
}

/// A label that stands twice would make every line of its family invalid, and with it the whole scrape.
fn distinct(labels: &mut Vec<Box<str>>, more: impl IntoIterator<Item = At<String>>, ledger: &Ledger<'_>) {
    for At { value: label, place, key } in more {
        if labels.contains(&label.as_str().into()) {
            ledger.refuse(
                &place,
                &key,
                fault(format!("the label «{label}» stands there twice"), "remove one of them"),
            );
        }
        labels.push(label.into());
    }
}

fn boxed(texts: Option<Vec<String>>) -> Vec<Box<str>> {
    texts.unwrap_or_default().into_iter().map(String::into_boxed_str).collect()
}

/// One id per line; `#` begins a comment at the start of a line or after a space, as ids may contain it.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let end = |line: &str| if line.starts_with('#') { 0 } else { line.find(" #").unwrap_or(line.len()) };
    text.lines().map(str::trim).map(move |line| line[..end(line)].trim()).filter(|id| !id.is_empty())
}

fn label(node: &Node) -> Result<String, Fault> {
    let text = words::text(node)?;
    is_label(&text).map(|()| text)
}

/// A user property may be named as it likes; its label has `_` for what labels cannot have.
fn property(node: &Node) -> Result<(String, String), Fault> {
    let text = words::name(node)?;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let label: String = text.chars().map(plain).collect();
    is_label(&label).map(|()| (text, label))
}

fn is_label(text: &str) -> Result<(), Fault> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.starts_with("__");
    if !good {
        return Err(fault(format!("«{text}» is no label name"), "write letters, digits and _, such as area"));
    }
    if RESERVED.contains(&text) {
        return Err(fault(format!("the label «{text}» is taken"), "name it otherwise, such as zone"));
    }
    Ok(())
}

/// `[limits]`; the payload limit is each broker's own.
pub(super) fn limits(mut table: Table<'_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        devices_max: table.or("devices_max", default.devices_max, words::count(1..=10_000_000)),
        points_per_device_max: table.or(
            "points_per_device_max",
            default.points_per_device_max,
            words::count(1..=65_535),
        ),
        device_series_max: table.or(
            "device_series_max",
            default.device_series_max,
            words::count(0..=10_000_000),
        ),
        json_depth_max: table.or("json_depth_max", default.json_depth_max, words::count(1..=512)),
        label_bytes_max: table.or("label_bytes_max", default.label_bytes_max, words::count(16..=65_535)),
        payload_bytes_max: default.payload_bytes_max,
    };
    table.finish();
    limits
}

/// `[metrics]`.
pub(super) fn metrics(mut table: Table<'_>) -> bool {
    let values = table.or("values", false, words::boolean);
    table.finish();
    values
}

/// `[web]`.
pub(super) fn web(mut table: Table<'_>, files: &Files) -> Web {
    let listen = table.values("listen_address", address);
    let mut named = |key| table.get(key, words::text).filter(|file| !file.value.is_empty());
    let (config_file, token_file) = (named("config_file"), named("api_token_file"));
    let token = token_file.map(|file| {
        files.secret(&file).map_err(|fault| table.ledger.refuse(&file.place, &file.key, fault)).ok()
    });
    let config_file = config_file.and_then(|file| match files.read(&file) {
        Ok(_) => Some(files.resolve(&file)),
        Err(fault) => {
            table.ledger.refuse(&file.place, &file.key, fault);
            None
        }
    });
    let web = Web {
        listen: listen.unwrap_or_else(|| vec![LISTEN.into()]),
        telemetry_path: table.or("telemetry_path", "/metrics".to_owned(), telemetry_path),
        config_file,
        api_token: token.flatten(),
        enable_lifecycle: table.or("enable_lifecycle", false, words::boolean),
    };
    table.finish();
    web
}

fn address(node: &Node) -> Result<SocketAddr, Fault> {
    let text = words::text(node)?;
    // As in other exporters, `:9100` listens everywhere.
    let full = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None if text.starts_with(':') => format!("0.0.0.0{text}"),
        None => text.clone(),
    };
    full.parse().map_err(|_| {
        fault(
            format!("«{text}» is no address to listen on"),
            "write ADDRESS:PORT, such as 127.0.0.1:10883 or [::]:10883",
        )
    })
}

fn telemetry_path(node: &Node) -> Result<String, Fault> {
    const OURS: &[&str] = &[
        "/api",
        "/livez",
        "/readyz",
        "/-",
        "/devices",
        "/topics",
        "/queues",
        "/audit",
        "/system",
        "/page.js",
        "/page.svg",
    ];
    let path = words::text(node)?;
    let cure = "write a path such as /metrics";
    let bad = |c: char| c.is_whitespace() || c.is_control() || "?#{}*%".contains(c);
    if !path.starts_with('/') || path.contains(bad) || path.contains("//") {
        return Err(fault(format!("«{path}» is no path of a URL"), cure));
    }
    let below =
        |ours: &str| path.strip_prefix(ours).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if path == "/" || OURS.iter().any(|ours| below(ours)) {
        return Err(fault(format!("«{path}» is where something else answers"), cure));
    }
    Ok(path)
}

/// `[log]`.
pub(super) fn log(mut table: Table<'_>) -> Log {
    let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
    let log = Log {
        level: table.or("level", "info", words::choice(&levels)).to_owned(),
        json: table.or("format", false, words::choice(&[("logfmt", false), ("json", true)])),
    };
    table.finish();
    log
}

/// `--data-dir`, else what systemd gives us, else a folder where the program runs.
pub(super) fn data_dir(root: &mut Table<'_>, state_directory: Option<&str>, files: &Files) -> PathBuf {
    let given = root.get("data_dir", words::name).map(|given| files.resolve(&given));
    // systemd separates several folders by colons; the first is ours.
    let from_systemd = || state_directory.and_then(|all| all.split(':').next()).map(PathBuf::from);
    given.or_else(from_systemd).unwrap_or_else(|| PathBuf::from("watchkeeper-data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_devices_may_have_comments() {
        let text = "# the fleet\na/b/1\r\n\n  a/b/2   # new\na#3\n#x\n";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["a/b/1", "a/b/2", "a#3"]);
    }
}
