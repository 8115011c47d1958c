//! A disk of a few MiB that can be filled: a tmpfs. Mounted by root, or in a namespace of its own where root is not
//! at hand. Where neither is allowed the test fails and says so; it never passes unseen.

use super::{WATCHKEEPER, becomes};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// See the head of this file.
pub(crate) struct SmallDisk {
    folder: TempDir,
    bytes: u64,
    mounted: bool,
}

impl SmallDisk {
    /// Of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mounted = succeeds(Command::new("mount").args(mount(bytes)).arg(folder.path()));
        assert!(
            mounted || succeeds(Command::new("unshare").args(["-rm", "true"])),
            "a small disk cannot be mounted here: run the tests as root, or allow user namespaces \
             (sysctl kernel.unprivileged_userns_clone=1)"
        );
        Self { folder, bytes, mounted }
    }

    /// The program, with this disk under `path`.
    pub(crate) fn program(&self) -> Command {
        if self.mounted {
            return Command::new(WATCHKEEPER);
        }
        let mut command = Command::new("unshare");
        let script = format!("mount {} \"$0\" && exec \"$@\"", mount(self.bytes).join(" "));
        command.args(["-rm", "sh", "-c", &script]).arg(self.folder.path()).arg(WATCHKEEPER);
        command
    }

    /// Where the program sees it.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where everybody else sees it, while the program with this id runs.
    pub(crate) fn seen(&self, process: u32) -> PathBuf {
        if self.mounted {
            return self.folder.path().to_owned();
        }
        let path = self.folder.path().strip_prefix("/").expect("temporary folders have whole paths");
        Path::new("/proc").join(process.to_string()).join("root").join(path)
    }

    /// Writes a file until nothing more fits.
    pub(crate) fn fill(&self, process: u32) -> PathBuf {
        let path = self.seen(process).join("ballast");
        let mut file = File::options().create(true).append(true).open(&path).expect("a file can be made");
        let mut size = 1 << 20;
        while size > 0 {
            // Part of it may have been taken; the next, smaller piece finds out.
            if file.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !self.mounted {
            return;
        }
        // A program that was just killed may hold it for a moment.
        becomes(Duration::from_secs(2), || succeeds(Command::new("umount").arg(self.folder.path())));
    }
}

fn mount(bytes: u64) -> [String; 5] {
    ["-t".to_owned(), "tmpfs".to_owned(), "-o".to_owned(), format!("size={bytes}"), "tmpfs".to_owned()]
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
