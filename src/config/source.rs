//! The four places a setting can come from, laid over each other: flag, then environment, then file, then
//! default. Nothing here may judge a value.

use super::mask::MaskedUrl;
use super::problem::{Ledger, Problem, Problems, SourceFile, fault};
use super::tree::{self, Members, Node, Place, Value};
use super::{Config, check, env};
use std::path::{Path, PathBuf};

/// What the command line says; what is not set is left to the other places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// `--broker`; replaces the brokers of the file.
    pub(crate) brokers: Vec<MaskedUrl>,
    /// `--web.listen-address`.
    pub(crate) listen: Vec<String>,
    /// `--web.config.file`.
    pub(crate) web_config_file: Option<PathBuf>,
    /// `--web.telemetry-path`.
    pub(crate) telemetry_path: Option<String>,
    /// `--data-dir`.
    pub(crate) data_dir: Option<PathBuf>,
    /// `--log.level`.
    pub(crate) log_level: Option<String>,
    /// `--log.format`.
    pub(crate) log_format: Option<String>,
    /// `--shard.index`.
    pub(crate) shard_index: Option<String>,
    /// `--shard.total`.
    pub(crate) shard_total: Option<String>,
    /// `--grace`.
    pub(crate) grace: Option<String>,
}

/// Everything a configuration is made of, all read before anything is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The config file, if there is one.
    pub(crate) file: Option<SourceFile>,
    /// The environment, as name and value.
    pub(crate) env: Vec<(String, String)>,
    /// The command line.
    pub(crate) flags: Flags,
}

impl Sources {
    /// Reads the config file named by `--config` or by `WATCHKEEPER_CONFIG`; without either there is none.
    pub(crate) fn gather(
        path: Option<&Path>,
        env: Vec<(String, String)>,
        flags: Flags,
    ) -> Result<Self, Problems> {
        let from_env = || env::lookup(&env, "WATCHKEEPER_CONFIG").map(PathBuf::from);
        let Some(path) = path.map(Path::to_path_buf).or_else(from_env) else {
            return Ok(Self { file: None, env, flags });
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { file: Some(SourceFile { path, text }), env, flags }),
            Err(error) => {
                let fault = fault(
                    format!("the config file cannot be read: {error}"),
                    "check the path and that this user may read it; run with --broker URL needs no config file",
                );
                Err(Problems(vec![Problem::of_source(path.display().to_string(), "", fault)]))
            }
        }
    }

    /// The configuration as meant, or every problem that was found.
    pub(crate) fn read(&self) -> Result<Config, Problems> {
        let ledger = Ledger::new(self.file.as_ref());
        check::all(self.tree(&ledger)?, &self.env, &ledger)
    }

    /// Where the audit log is; what else is configured is not judged.
    pub(crate) fn audit_dir(&self) -> Result<PathBuf, Problems> {
        let ledger = Ledger::new(self.file.as_ref());
        check::audit_dir(self.tree(&ledger)?, &self.env, &ledger)
    }

    fn tree(&self, ledger: &Ledger<'_>) -> Result<Members, Problems> {
        let mut tree = self.file.as_ref().map(|file| tree::parse(&file.text, ledger)).unwrap_or_default();
        // Half a file would only give complaints about what the syntax error hides.
        ledger.close()?;
        if !self.flags.brokers.is_empty() {
            tree.remove("broker");
        }
        env::overlay(&self.env, &mut tree, ledger);
        self.overlay_flags(&mut tree);
        Ok(tree)
    }

    fn overlay_flags(&self, tree: &mut Members) {
        let Flags {
            brokers,
            listen,
            web_config_file,
            telemetry_path,
            data_dir,
            log_level,
            log_format,
            shard_index,
            shard_total,
            grace,
        } = &self.flags;
        overlay_brokers(brokers, tree);
        let show = |path: &PathBuf| path.display().to_string();
        let single = [
            ("--web.config.file", &["web", "config_file"][..], web_config_file.as_ref().map(show)),
            ("--web.telemetry-path", &["web", "telemetry_path"], telemetry_path.clone()),
            ("--data-dir", &["data_dir"], data_dir.as_ref().map(show)),
            ("--log.level", &["log", "level"], log_level.clone()),
            ("--log.format", &["log", "format"], log_format.clone()),
            ("--shard.index", &["shard", "index"], shard_index.clone()),
            ("--shard.total", &["shard", "total"], shard_total.clone()),
            ("--grace", &["grace"], grace.clone()),
        ];
        for (flag, keys, value) in single {
            if let Some(text) = value {
                put(tree, keys, flag, Value::Raw(text));
            }
        }
        if !listen.is_empty() {
            let node = |text: &String| Node { place: Place::Flag(LISTEN), value: Value::Raw(text.clone()) };
            put(tree, &["web", "listen_address"], LISTEN, Value::List(listen.iter().map(node).collect()));
        }
    }
}

const LISTEN: &str = "--web.listen-address";
const BROKER: &str = "--broker";

fn overlay_brokers(urls: &[MaskedUrl], tree: &mut Members) {
    if urls.is_empty() {
        return;
    }
    // Variables may refine a broker of the command line, but not add one to it.
    let mut refined = match tree.remove("broker") {
        Some((_, Node { value: Value::List(items), .. })) => items,
        _ => Vec::new(),
    };
    refined.truncate(urls.len());
    refined.resize(urls.len(), Node { place: Place::Flag(BROKER), value: Value::Table(Members::new()) });
    for (node, url) in refined.iter_mut().zip(urls) {
        if let Value::Table(members) = &mut node.value {
            put(members, &["url"], BROKER, Value::Raw(url.0.clone()));
        }
    }
    put(tree, &["broker"], BROKER, Value::List(refined));
}

fn put(tree: &mut Members, keys: &[&str], flag: &'static str, value: Value) {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    // It fails only where the file has a plain value in place of a section, which is told when that is read.
    let _ = env::set(tree, &keys, Node { place: Place::Flag(flag), value });
}
