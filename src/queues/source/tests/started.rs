//! Servers that a test starts: each on ports of its own, with a folder of its own, and dead when it is dropped.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Long enough for a broker of many parts on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// A running server.
pub(super) struct Started {
    child: Child,
    pub(super) folder: TempDir,
}

/// A port of the loopback address that nobody listens on now.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Looks until it is so.
pub(super) fn becomes(mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + SOON;
    while !so() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// A folder that every user may enter.
pub(super) fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

impl Started {
    /// In a group of processes of its own, so that what it starts ends with it.
    pub(super) fn new(command: &mut Command, package: &str, folder: TempDir) -> Self {
        let log = std::fs::File::create(folder.path().join("started.log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| missing(command, package, &error));
        Self { child, folder }
    }

    /// Waits until it takes connections.
    pub(super) fn until_it_accepts(self, port: u16) -> Self {
        let accepts = becomes(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
        assert!(accepts, "nobody listens on port {port}: {}", self.log());
        self
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("started.log")).unwrap_or_default()
    }

    /// Sends a signal.
    pub(super) fn signal(&self, name: &str) {
        run(Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()), "procps");
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The group, by its number; it may be gone already.
        let group = format!("-{}", self.child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status());
        drop(self.child.wait());
    }
}

fn missing(command: &Command, package: &str, error: &std::io::Error) -> ! {
    let program = command.get_program().to_string_lossy().into_owned();
    panic!("{program} cannot be started: {error}; install the package {package}")
}

/// A command that ends, and well.
pub(super) fn run(command: &mut Command, package: &str) -> Output {
    let output =
        command.stdin(Stdio::null()).output().unwrap_or_else(|error| missing(command, package, &error));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A device that subscribes with quality of service 1 and leaves, so that what is sent waits for it.
pub(super) fn leaves(port: u16, client: &str) {
    run(sub(port, client).arg("-E"), "mosquitto-clients");
}

/// The device comes back, takes what waits, and acknowledges it. It stays a while: told to leave after so many messages,
/// it would leave before the last acknowledgements are sent.
pub(super) fn takes(port: u16, client: &str, messages: usize) {
    let mut command = sub(port, client);
    command.args(["-W", "3"]).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|error| missing(&command, "mosquitto-clients", &error));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(lines, messages, "{}", String::from_utf8_lossy(&output.stderr));
}

fn sub(port: u16, client: &str) -> Command {
    let mut command = Command::new("mosquitto_sub");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "mqttv311"]);
    command.args(["-c", "-q", "1", "-i", client, "-t", "commands/dev"]);
    command
}

/// Eight messages for the device.
pub(super) fn sends_eight(port: u16) {
    for number in 1..=8 {
        let mut command = Command::new("mosquitto_pub");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "mqttv311", "-q", "1"]);
        run(command.args(["-t", "commands/dev", "-m", &format!("command-{number}")]), "mosquitto-clients");
    }
}
