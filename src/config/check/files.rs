//! The files that the configuration names: secrets and lists. Relative paths of the config file start at its own
//! folder, those of flags and variables where the program runs. Nothing here may keep what it reads in an error.

use crate::config::problem::{Fault, fault};
use crate::config::raw::At;
use crate::config::tree::Place;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// Where relative paths start.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    credentials: Option<PathBuf>,
}

impl Files {
    /// `folder` is that of the config file, `credentials` is `$CREDENTIALS_DIRECTORY`.
    pub(super) fn new(folder: &Path, credentials: Option<&str>) -> Self {
        Self { folder: folder.to_path_buf(), credentials: credentials.map(PathBuf::from) }
    }

    /// The path that was meant.
    pub(super) fn resolve(&self, named: &At<String>) -> PathBuf {
        match named.place {
            Place::File(_) => self.folder.join(&named.value),
            _ => PathBuf::from(&named.value),
        }
    }

    /// The text of a file.
    pub(super) fn read(&self, named: &At<String>) -> Result<String, Fault> {
        read(&self.resolve(named))
    }

    /// A secret: the first line of its file, which may lie in `$CREDENTIALS_DIRECTORY`.
    pub(super) fn secret(&self, named: &At<String>) -> Result<SecretString, Fault> {
        let path = self.secret_path(named);
        let text = read(&path)?;
        let secret = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
        if secret.is_empty() || secret.contains('\n') {
            return Err(fault(
                format!("{} must hold the secret and nothing else, on one line", path.display()),
                "write the secret into this file, one line",
            ));
        }
        Ok(SecretString::from(secret))
    }

    /// Where a file lies that may have been passed in: keys and certificates are credentials like passwords.
    pub(super) fn path(&self, named: &At<String>) -> PathBuf {
        self.secret_path(named)
    }

    /// Where a secret lies.
    pub(super) fn secret_path(&self, named: &At<String>) -> PathBuf {
        let passed_in = self.credentials.as_ref().map(|folder| folder.join(&named.value));
        passed_in.filter(|path| path.is_file()).unwrap_or_else(|| self.resolve(named))
    }
}

fn read(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| {
        fault(
            format!("{} cannot be read: {error}", path.display()),
            "check the path (a relative one starts at the folder of the config file) and that this user may read it",
        )
    })
}
