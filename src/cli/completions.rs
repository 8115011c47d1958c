//! `completions` and `man`: both made from the one declaration of the command line. Nothing here may describe a
//! flag in words of its own.

use super::args::Cli;
use anyhow::Context;
use clap::CommandFactory;
use std::io::Write;
use std::path::Path;

/// Prints the completions for a shell.
pub(crate) fn shell(shell: clap_complete::Shell, out: &mut dyn Write) -> anyhow::Result<()> {
    // Into memory first: the generator panics where a pipe is closed early.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "watchkeeper", &mut script);
    out.write_all(&script).context("the completions cannot be written")
}

/// Writes a man page for each command into a folder, and says which.
pub(crate) fn man(dir: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .with_context(|| format!("the man pages cannot be written to {}", dir.display()))?;
    writeln!(out, "man pages written to {}", dir.display()).context("standard output cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_has_completions() {
        for each in clap_complete::Shell::value_variants() {
            let mut out = Vec::new();
            shell(*each, &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            assert!(script.contains("healthcheck") && script.contains("web.listen-address"), "{each}");
        }
    }

    #[test]
    fn every_command_has_a_man_page() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("man1");
        man(&folder, &mut Vec::new()).unwrap();
        for page in [
            "watchkeeper.1",
            "watchkeeper-run.1",
            "watchkeeper-check.1",
            "watchkeeper-state-show.1",
            "watchkeeper-report.1",
        ] {
            assert!(folder.join(page).is_file(), "{page}");
        }
    }
}
