//! A place in a file that may be moved, copied or emptied: how far, and how the file begins. Two logs of one broker
//! begin with different dates, so that the beginning tells them apart where numbers of files do not.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::os::unix::fs::FileExt;

/// So many bytes tell a file from others.
const HEAD_BYTES: usize = 256;

/// How a file begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    bytes: usize,
    sha256: String,
}

impl Head {
    /// Looks at more of a file that has so many bytes for certain.
    pub(super) fn extend(&mut self, file: &File, length: u64) {
        let bytes = usize::try_from(length).unwrap_or(HEAD_BYTES).min(HEAD_BYTES);
        if bytes > self.bytes
            && let Some(sha256) = hash(file, bytes)
        {
            *self = Self { bytes, sha256 };
        }
    }

    /// Whether a file begins so.
    pub(super) fn is_of(&self, file: &File) -> bool {
        self.bytes == 0 || hash(file, self.bytes).is_some_and(|sha256| sha256 == self.sha256)
    }
}

fn hash(file: &File, bytes: usize) -> Option<String> {
    let mut head = [0; HEAD_BYTES];
    file.read_exact_at(&mut head[..bytes], 0).ok()?;
    let hash = digest(&SHA256, &head[..bytes]);
    Some(base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, hash))
}

/// See the head of this file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) dev: u64,
    pub(super) ino: u64,
    /// Everything before is dealt with.
    pub(super) offset: u64,
    pub(super) head: Head,
}

impl Place {
    /// Whether it is a place in this file.
    pub(super) fn is_in(&self, file: &File, meta: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        // Nothing is known of a file of which nothing was read, but which one it was.
        let known = self.head.bytes > 0 || (meta.dev(), meta.ino()) == (self.dev, self.ino);
        known && meta.len() >= self.offset && self.head.is_of(file)
    }
}
