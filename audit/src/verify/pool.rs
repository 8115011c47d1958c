//! Segments side by side: each is read by itself, because the manifest says the tree before it.

use super::replay::{Outcome, Task, replay};
use std::io;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

type Numbered = (usize, Task);

/// Runs what `feed` hands out on so many threads, and gives back what came of each. `feed` is called in this thread
/// and waits while all are busy, so that no more tasks are held than are worked on.
pub(super) fn run<E>(
    threads: usize,
    feed: impl FnOnce(&mut dyn FnMut(usize, Task)) -> Result<(), E>,
) -> Result<Vec<(usize, io::Result<Outcome>)>, E> {
    let (give, take): (SyncSender<Numbered>, Receiver<Numbered>) = sync_channel(1);
    let (done, results) = channel();
    let take = Mutex::new(take);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (take, done) = (&take, done.clone());
            scope.spawn(move || {
                while let Some((index, task)) = next(take) {
                    // Nobody listens any more when `feed` has failed; then the result is of no use.
                    let _ = done.send((index, replay(&task)));
                }
            });
        }
        drop(done);
        let outcome = feed(&mut |index, task| {
            // The threads take tasks until this end is dropped.
            let _ = give.send((index, task));
        });
        drop(give);
        outcome?;
        Ok(results.into_iter().collect())
    })
}

fn next(take: &Mutex<Receiver<Numbered>>) -> Option<Numbered> {
    take.lock().ok()?.recv().ok()
}
