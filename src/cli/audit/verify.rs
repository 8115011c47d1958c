//! `audit verify`: the report of the verifier, and its exit code. Nothing here may soften what it says.

use super::{Refused, Streams, folder};
use crate::cli::audit_args::Verify as Arguments;
use std::io;
use watchkeeper_audit::verify::{Options, verify};

/// Verifies and prints.
pub(super) fn run(
    arguments: &Arguments,
    env: Vec<(String, String)>,
    streams: &mut Streams<'_>,
) -> Result<u8, Refused> {
    let dir = folder(&arguments.place, env)?;
    let (key, since) = (arguments.key.clone(), arguments.since.clone());
    let report = verify(&dir, &Options { key, since, ..Options::default() });
    let mut told = Ok(());
    if arguments.json {
        told = writeln!(streams.out, "{:#}", report.to_json());
    } else if let Some(why) = &report.unusable {
        let _ = writeln!(streams.err, "error: {} cannot be verified: {why}", dir.display());
        let _ = writeln!(
            streams.err,
            "  = cure: --dir DIR says where the log is, --key VKEY who has to have signed it"
        );
    } else {
        told = streams.out.write_all(report.to_text().as_bytes());
    }
    match told.and_then(|()| streams.out.flush()) {
        // Whoever reads no further has enough, and damage is damage whether or not it can be printed.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe && report.exit() != 1 => Err(error.into()),
        _ => Ok(report.exit()),
    }
}
