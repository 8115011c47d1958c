//! stub
use super::audit_args::Audit;
use std::io::Write;
use std::process::ExitCode;

pub(super) const VERIFY_USAGE: u8 = 3;

pub(crate) fn run(
    _arguments: &Audit,
    _env: Vec<(String, String)>,
    _out: &mut dyn Write,
    _err: &mut dyn Write,
) -> ExitCode {
    ExitCode::from(2)
}
