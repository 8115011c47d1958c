//! The key that everything is checked with: what the operator gives, or the file that the sidecar wrote beside the
//! folder at its first start. A key that cannot be read is an error and never the same as none.

use crate::evidence::note::VerifierKey;
use crate::evidence::vkey_path;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// A verifier key, or the name of a file with one.
pub(super) fn find(dir: &Path, given: Option<&str>) -> Result<Option<VerifierKey>, String> {
    let Some(given) = given else {
        let Ok(path) = vkey_path(dir) else { return Ok(None) };
        return match fs::read_to_string(&path) {
            Ok(text) => parse(&text, &path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display())),
        };
    };
    if let Ok(key) = given.trim().parse() {
        return Ok(Some(key));
    }
    let path = Path::new(given);
    match fs::read_to_string(path) {
        Ok(text) => parse(&text, path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "{given} is neither a file nor a verifier key, which looks like name+0a1b2c3d+base64"
        )),
        Err(error) => Err(format!("{given}: {error}")),
    }
}

fn parse(text: &str, path: &Path) -> Result<VerifierKey, String> {
    text.trim().parse().map_err(|error| format!("{}: {error}", path.display()))
}
