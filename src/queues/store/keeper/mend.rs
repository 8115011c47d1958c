//! What is done when somebody else had his hands on the files: what can be saved is saved, what cannot be used is set
//! aside and told, and it goes on. Nothing here may write over what others put there.

use super::Owner;
use crate::clock;
use crate::queues::store::Store;
use crate::queues::store::outside::{Outside, beside};
use crate::queues::store::trouble::{Cause, StoreTrouble};
use watchkeeper_core::time::Wall;

impl Owner {
    /// Looks at the files before they are written to.
    pub(super) fn look(&mut self) {
        let Some(store) = &mut self.store else { return };
        match store.outside() {
            Outside::Nothing => {}
            Outside::Replaced => self.replaced(),
            Outside::Beside => self.beside(),
            Outside::Written if store.is_whole() => store.settle(),
            Outside::Written => self.written_over(),
        }
    }

    /// Whatever stands under the name now is used, if it can be; our `-wal` is none of its.
    fn replaced(&mut self) {
        tracing::warn!(file = %self.path.display(), "queues.sqlite was removed or replaced; what stands there now goes on");
        let has_ours = self.store.take().is_some_and(Store::abandon);
        if has_ours && self.path.exists() {
            self.put_wal_aside(clock::wall());
        }
        self.open_checked();
    }

    /// Without its `-wal` the database lacks what was written last. We still hold it, and write it home.
    fn beside(&mut self) {
        let is_saved = self.store.as_ref().is_some_and(|store| store.write_home().is_ok());
        if !is_saved {
            return self.written_over();
        }
        tracing::warn!(
            file = %self.path.display(),
            "queues.sqlite-wal or -shm was removed or replaced; what it held was saved into queues.sqlite"
        );
        let has_ours = self.store.take().is_some_and(Store::abandon);
        if !has_ours {
            self.put_wal_aside(clock::wall());
        }
        self.open_checked();
    }

    /// What lies there is not what we wrote. The database may be whole without its `-wal`, up to a while ago.
    fn written_over(&mut self) {
        let now = clock::wall();
        let detail = "its files were cut or written over from outside".to_owned();
        let trouble = StoreTrouble { cause: Cause::Damaged, detail };
        tracing::error!(cure = "let nobody but sqlite3 touch its files while the sidecar runs", "{trouble}");
        self.store.take().map(Store::abandon);
        self.put_wal_aside(now);
        self.open_checked();
    }

    fn open_checked(&mut self) {
        match Store::open_checked(&self.path, &self.sources) {
            Ok(store) => self.store = Some(store),
            Err(trouble) => self.refused(&trouble),
        }
    }

    /// The `-wal` is kept for whoever wants to look at it; the `-shm` says nothing by itself.
    fn put_wal_aside(&self, now: Wall) {
        let wal = beside(&self.path, "-wal");
        if std::fs::metadata(&wal).is_ok_and(|found| found.len() > 0) {
            match Store::set_beside_aside(&self.path, now) {
                Ok(to) => self.told_aside(to, now),
                Err(error) => tracing::error!(%error, "queues.sqlite-wal cannot be set aside"),
            }
        }
        // One that is not there is as good as one that is removed.
        drop(std::fs::remove_file(beside(&self.path, "-shm")));
    }
}
