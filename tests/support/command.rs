//! Commands that end by themselves.

use super::{SOON, WATCHKEEPER, becomes, spawn};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// How a command ended and what it said.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `watchkeeper` with these arguments.
pub(crate) fn run(args: &[&str]) -> Output {
    run_with(Command::new(WATCHKEEPER).args(args), "watchkeeper", b"")
}

/// Any command, with something to read. It must end within a few seconds.
pub(crate) fn run_with(command: &mut Command, package: &str, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command, package);
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // It need not read what it is given.
    std::thread::spawn(move || drop(stdin.write_all(&input)));
    let out = read(child.stdout.take().expect("stdout is piped"));
    let err = read(child.stderr.take().expect("stderr is piped"));
    let mut status = None;
    becomes(SOON, || {
        status = child.try_wait().expect("it is our child");
        status.is_some()
    });
    drop(child.kill());
    let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("reading does not panic");
    let (out, err) = (text(out), text(err));
    let status = status.unwrap_or_else(|| panic!("{command:?} does not end\n{out}\n{err}"));
    Output { code: status.code().unwrap_or(-1), out, err }
}

/// `promtool check metrics`: what it has to complain about, empty when nothing.
pub(crate) fn promtool(exposition: &str) -> String {
    let mut command = Command::new("promtool");
    let output = run_with(command.args(["check", "metrics"]), "prometheus", exposition.as_bytes());
    if output.code == 0 { output.out + &output.err } else { format!("exit {}: {}", output.code, output.err) }
}

fn read(mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Half an output is better than none.
        drop(from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
