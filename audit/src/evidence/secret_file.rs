//! The files of the keys beside the folder: which there are, and how each is written so that a stop at any moment
//! leaves one that can be read. A secret is in files of mode 0600 only, never in a log, an error or a name.

use super::keys::Notice;
use super::note::{Signer, VerifierKey};
use super::to_hex;
use crate::log::disk::Disk;
use secrecy::{ExposeSecret, SecretString};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use watchkeeper_core::time::Wall;

const SECRET_MODE: u32 = 0o600;
const VKEY_MODE: u32 = 0o644;
/// A line behind the secret: it has signed a checkpoint.
const USED: &str = "used";
/// Longer files are no keys.
const KEY_BYTES_MAX: u64 = 4096;

/// Where the keys lie.
#[derive(Clone, Debug)]
pub(super) struct Places {
    parent: PathBuf,
    name: OsString,
    /// The key that signs.
    pub(super) key: PathBuf,
    /// The next one.
    pub(super) draft: PathBuf,
    /// The first verifier key.
    vkey: PathBuf,
}

/// The file of the first verifier key of the log in `dir`: beside it, with `.vkey` behind its name.
pub fn vkey_path(dir: &Path) -> io::Result<PathBuf> {
    Ok(Places::beside(dir)?.vkey)
}

impl Places {
    pub(super) fn beside(dir: &Path) -> io::Result<Self> {
        // `.` and `..` have a name only once they are resolved.
        let whole = if dir.file_name().is_some() { dir.to_owned() } else { dir.canonicalize()? };
        let Some(name) = whole.file_name() else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a log cannot be in the root folder"));
        };
        let parent = match whole.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let beside = |ending: &str| {
            let mut file = name.to_owned();
            file.push(ending);
            parent.join(file)
        };
        let (key, draft, vkey) = (beside(".key"), beside(".key.new"), beside(".vkey"));
        Ok(Self { name: name.to_owned(), parent, key, draft, vkey })
    }

    /// Every key there is, the one in its place first, then the next one, then those that were set aside.
    pub(super) fn candidates(&self, notices: &mut Vec<Notice>) -> io::Result<Vec<SecretFile>> {
        let mut paths = vec![self.key.clone(), self.draft.clone()];
        let mut prefix = self.name.clone();
        prefix.push(".key.");
        let mut aside: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(&self.parent)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default();
            if name.as_encoded_bytes().starts_with(prefix.as_encoded_bytes()) && path != self.draft {
                aside.push(path);
            }
        }
        aside.sort();
        paths.append(&mut aside);
        let mut found = Vec::new();
        for path in paths {
            match SecretFile::read(&path, notices) {
                Ok(file) => found.push(file),
                // What is no key is as good as none; what only cannot be read now must not be replaced.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The first verifier key, if it is still where it was written.
    pub(super) fn pinned(&self, notices: &mut Vec<Notice>) -> io::Result<Option<VerifierKey>> {
        match fs::read_to_string(&self.vkey) {
            Ok(text) => Ok(text.trim().parse().map_err(|error| notices.push(Notice::BadVkey(error))).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn has_vkey(&self) -> bool {
        self.vkey.exists()
    }

    /// Writes the first verifier key, unless there is one.
    pub(super) fn write_vkey(&self, key: &VerifierKey) -> io::Result<()> {
        if self.has_vkey() { Ok(()) } else { self.put(&self.vkey, key) }
    }

    /// Writes the key of a log that goes on without its first one, beside that one.
    fn write_new_vkey(&self, key: &VerifierKey) -> io::Result<()> {
        let mut path = self.vkey.as_os_str().to_owned();
        path.push(".new");
        self.put(Path::new(&path), key)
    }

    /// The key of a log that begins, or goes on without the one it had: `other` if there is one.
    pub(super) fn begin(
        &self,
        other: Option<SecretFile>,
        origin: &str,
        why: Option<&'static str>,
        notices: &mut Vec<Notice>,
    ) -> io::Result<SecretFile> {
        let current = if let Some(other) = other {
            other
        } else {
            self.set_aside()?;
            let name = |public: &[u8; 32]| format!("{origin}/{}", to_hex(&public[..8]));
            SecretFile::create(&self.key, Signer::generate(name).map_err(io::Error::other)?, false)?
        };
        let key = current.signer.verifier().clone();
        if let Some(why) = why {
            self.write_new_vkey(&key)?;
            notices.push(Notice::Replaced { key, why });
        } else {
            notices.push(Notice::Created(key));
        }
        Ok(current)
    }

    fn put(&self, path: &Path, key: &VerifierKey) -> io::Result<()> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(".tmp");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(VKEY_MODE).open(&draft)?;
        file.write_all(format!("{key}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        self.sync()
    }

    /// A key that has signed another log keeps a name of its own, in case that log comes back: its folder may only
    /// not have been mounted.
    fn set_aside(&self) -> io::Result<()> {
        let ending = match SecretFile::read(&self.key, &mut Vec::new()) {
            Ok(file) => format!(".{:08x}", u32::from_be_bytes(file.signer.verifier().id())),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(_) => ".damaged".to_owned(),
        };
        let mut aside = self.key.as_os_str().to_owned();
        aside.push(ending);
        fs::rename(&self.key, aside)?;
        self.sync()
    }

    pub(super) fn remove_draft(&self) -> io::Result<()> {
        match fs::remove_file(&self.draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.parent)?.sync_all()
    }
}

/// A secret, and the file that it is in.
#[derive(Debug)]
pub(super) struct SecretFile {
    pub(super) path: PathBuf,
    pub(super) signer: Signer,
    /// It has signed a checkpoint.
    pub(super) used: bool,
}

impl SecretFile {
    /// Reads a key, and shuts it from others first if they could read it.
    fn read(path: &Path, notices: &mut Vec<Notice>) -> io::Result<Self> {
        let file = File::open(path)?;
        let mode = file.metadata()?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            file.set_permissions(fs::Permissions::from_mode(SECRET_MODE))?;
            notices.push(Notice::Exposed(mode));
        }
        // Room for all of it from the start, so that no copy is left behind where a text that grows was before.
        let mut text = String::with_capacity(usize::try_from(KEY_BYTES_MAX).unwrap_or(0));
        file.take(KEY_BYTES_MAX).read_to_string(&mut text)?;
        let text = SecretString::from(text);
        let (secret, rest) = text.expose_secret().split_once('\n').unwrap_or((text.expose_secret(), ""));
        let signer = Signer::from_secret(&SecretString::from(secret)).map_err(|error| {
            io::Error::new(ErrorKind::InvalidData, format!("{}: {error}", path.display()))
        })?;
        Ok(Self { path: path.to_owned(), signer, used: rest.trim_end() == USED })
    }

    /// Writes a new key into a file that must not exist.
    pub(super) fn create(path: &Path, signer: Signer, used: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(SECRET_MODE).open(path)?;
        file.write_all(signer.secret().expose_secret().as_bytes())?;
        file.write_all(if used { b"\nused\n" } else { b"\n" })?;
        file.sync_all()?;
        let parent = path.parent().unwrap_or(Path::new("."));
        File::open(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?.sync_all()?;
        Ok(Self { path: path.to_owned(), signer, used })
    }

    /// When it was written.
    pub(super) fn written(&self, disk: &dyn Disk) -> Option<Wall> {
        disk.stat(&self.path).ok().map(|stat| stat.modified)
    }

    /// Puts it in its place and wipes the one that was there, which it follows. One that was set aside follows none:
    /// the key in its place is that of another log, which may come back, and is set aside in turn.
    pub(super) fn rename(&mut self, places: &Places) -> io::Result<()> {
        if self.path != places.draft {
            places.set_aside()?;
        }
        let before = OpenOptions::new().write(true).open(&places.key).ok();
        fs::rename(&self.path, &places.key)?;
        self.path.clone_from(&places.key);
        places.sync()?;
        if let Some(mut before) = before {
            // As well as it can be done: a disk may keep what was written over.
            let bytes = usize::try_from(before.metadata()?.len().min(KEY_BYTES_MAX)).unwrap_or(0);
            before.write_all(&vec![0; bytes])?;
            before.sync_all()?;
        }
        Ok(())
    }

    /// Writes behind it that it has signed.
    pub(super) fn mark_used(&mut self, places: &Places) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&places.key)?;
        file.write_all(format!("{USED}\n").as_bytes())?;
        file.sync_all()?;
        self.used = true;
        Ok(())
    }
}
