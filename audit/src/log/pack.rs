//! Compresses a closed segment into frames that can be read one by one and, by any tool, one after another. The
//! search has its own that makes an index, too; this one is for a log without it.

use super::disk::FILE_MODE;
use crate::line::LINE_BYTES_MAX;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Text in a frame, but for the line that it ends with.
const FRAME_BYTES: usize = 256 << 10;
const LEVEL: i32 = 3;

/// Compresses the first file into the second.
pub(super) fn compress(raw: &Path, to: &Path) -> io::Result<()> {
    let mut from = BufReader::with_capacity(FRAME_BYTES, OpenOptions::new().read(true).open(raw)?);
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(to)?;
    let mut text = Vec::with_capacity(FRAME_BYTES + LINE_BYTES_MAX);
    loop {
        text.clear();
        from.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut text)?;
        from.read_until(b'\n', &mut text)?;
        if text.is_empty() {
            return to.flush();
        }
        to.write_all(&zstd::bulk::compress(&text, LEVEL)?)?;
    }
}
