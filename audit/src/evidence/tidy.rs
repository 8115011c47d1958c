//! What is left of segments that were pruned: their checkpoints and the hashes of their lines prove nothing any more,
//! because the manifest has what follows from them. Failing here costs room and nothing else. The writer waits for
//! this, so that no file is read for it but what of the checkpoints is kept.

use super::ledger::Ledger;
use super::marks::Marks;
use crate::folder;
use crate::log::disk::Disk;
use std::io;
use std::path::Path;

/// Checkpoints are written anew only when so much of them is of no use, so that it is done seldom.
const USELESS_BYTES_MIN: u64 = 64 * 1024;

/// Removes what belongs to segments that are not there any more.
pub(super) fn tidy(disk: &dyn Disk, dir: &Path, checkpoints: &mut Ledger, marks: &mut Marks) {
    if let Err(error) = try_tidy(disk, dir, checkpoints, marks) {
        tracing::debug!(%error, "what is left of pruned segments stays for now");
    }
}

fn try_tidy(disk: &dyn Disk, dir: &Path, checkpoints: &mut Ledger, marks: &mut Marks) -> io::Result<()> {
    let names = disk.list(dir)?;
    let mut there: Vec<u64> = names.iter().filter_map(|name| Some(folder::parse(name)?.0)).collect();
    there.sort_unstable();
    let Some(&first) = there.first() else { return Ok(()) };
    for name in &names {
        if folder::parse_leaves(name).is_some_and(|of| of < first && there.binary_search(&of).is_err()) {
            disk.remove(&dir.join(name))?;
        }
    }
    let (useless, all) = (marks.useless(first), checkpoints.bytes());
    if useless < USELESS_BYTES_MIN || useless < all / 2 || useless >= all {
        return Ok(());
    }
    let done = checkpoints.rewrite(disk, useless);
    // Also when only the name may not be on the disk yet, this is the file that is written from here on.
    if checkpoints.bytes() < all {
        marks.cut(useless);
    }
    done
}
