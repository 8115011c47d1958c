//! Tells the program which revision it was built from. It must never fail: an archive without its history builds
//! too, as revision «unknown».

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=WATCHKEEPER_REVISION");
    // The head file changes with a checkout, the log of the head with each commit.
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", path]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let given = std::env::var("WATCHKEEPER_REVISION").ok().filter(|revision| !revision.is_empty());
    let revision =
        given.or_else(|| git(&["rev-parse", "--short", "HEAD"])).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=WATCHKEEPER_REVISION={revision}");
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
