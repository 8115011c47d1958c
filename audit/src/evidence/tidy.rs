//! What is left of segments that were pruned: their checkpoints and the hashes of their lines prove nothing any more,
//! because the manifest has what follows from them. Failing here costs room and nothing else.

use super::checkpoint::Checkpoint;
use super::ledger::Ledger;
use super::notes::Notes;
use crate::folder;
use crate::log::disk::Disk;
use std::io;
use std::path::Path;

/// Checkpoints are written anew only when so much of them is of no use, so that it is done seldom.
const USELESS_BYTES_MIN: u64 = 64 * 1024;

/// Removes what belongs to segments that are not there any more.
pub(super) fn tidy(disk: &dyn Disk, dir: &Path, checkpoints: &mut Ledger) {
    if let Err(error) = try_tidy(disk, dir, checkpoints) {
        tracing::debug!(%error, "what is left of pruned segments stays for now");
    }
}

fn try_tidy(disk: &dyn Disk, dir: &Path, checkpoints: &mut Ledger) -> io::Result<()> {
    let names = disk.list(dir)?;
    let mut there: Vec<u64> = names.iter().filter_map(|name| Some(folder::parse(name)?.0)).collect();
    there.sort_unstable();
    let Some(&first) = there.first() else { return Ok(()) };
    for name in &names {
        if folder::parse_leaves(name).is_some_and(|of| of < first && there.binary_search(&of).is_err()) {
            disk.remove(&dir.join(name))?;
        }
    }
    let (useless, all) = useless(disk, checkpoints.path(), first)?;
    if useless >= USELESS_BYTES_MIN && useless >= all / 2 {
        checkpoints.rewrite(disk, useless)
    } else {
        Ok(())
    }
}

/// How many bytes stand before the last checkpoint that is as old as `first`, and how many there are.
fn useless(disk: &dyn Disk, path: &Path, first: u64) -> io::Result<(u64, u64)> {
    if first == 0 {
        return Ok((0, 0));
    }
    let mut notes = Notes::new(disk.read(path)?);
    let (mut useless, mut all, mut passed) = (0, 0, false);
    while let Some(piece) = notes.read()? {
        all = piece.end;
        let text = piece.text().and_then(|text| Checkpoint::parse(&text[..=text.rfind("\n\n")?]));
        passed |= text.as_ref().is_none_or(|checkpoint| checkpoint.size > first);
        if !passed {
            useless = piece.at;
        }
    }
    Ok((useless, all))
}
