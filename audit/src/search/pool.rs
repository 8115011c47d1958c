//! Work in order: pieces of the log are looked through by a few threads, and what they find is taken in the order of
//! the pieces. So many pieces are on their way at once and no more, hence the memory is bounded. A short search stays
//! on the thread that asked.

use super::count::Counting;
use super::scan::Found;
use super::work::{Desk, Place, Task};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, ScopedJoinHandle};

/// So much text is looked through before other threads are started.
const ALONE_BYTES: u64 = 1024 * 1024;
/// Pieces that one thread may hold.
const EACH: usize = 2;

/// Does the tasks; `take` gets what each found, in their order, until it says break. Gives what was counted.
pub(super) fn in_order(
    threads: usize,
    desk: &Desk<'_>,
    tasks: &mut dyn Iterator<Item = Task>,
    take: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Counting {
    let mut place = Place::new();
    let mut alone = 0;
    while threads < 2 || alone < ALONE_BYTES {
        let Some(task) = tasks.next() else { return place.counting };
        alone += task.bytes();
        if take(desk.work(task, &mut place)).is_break() {
            return place.counting;
        }
    }
    // One piece ahead: a search that ends here needs no threads.
    let Some(first) = tasks.next() else { return place.counting };
    together(threads, desk, &mut std::iter::once(first).chain(tasks), take, place.counting)
}

struct Worker<'scope> {
    tasks: SyncSender<Task>,
    found: Receiver<Found>,
    thread: ScopedJoinHandle<'scope, Counting>,
}

fn together(
    threads: usize,
    desk: &Desk<'_>,
    tasks: &mut dyn Iterator<Item = Task>,
    take: &mut dyn FnMut(Found) -> ControlFlow<()>,
    mut counting: Counting,
) -> Counting {
    let stop = &AtomicBool::new(false);
    thread::scope(|scope| {
        let mut start = |_| {
            let (tasks, mine) = sync_channel::<Task>(EACH);
            let (out, found) = sync_channel(EACH);
            let body = move || {
                let mut place = Place::new();
                for task in mine {
                    if stop.load(Relaxed) || out.send(desk.work(task, &mut place)).is_err() {
                        break;
                    }
                }
                place.counting
            };
            let thread =
                thread::Builder::new().name("audit-search".to_owned()).spawn_scoped(scope, body).ok()?;
            Some(Worker { tasks, found, thread })
        };
        let workers: Vec<Worker<'_>> = (0..threads).map_while(&mut start).collect();
        if workers.is_empty() {
            let mut place = Place::new();
            while tasks.next().is_some_and(|task| take(desk.work(task, &mut place)).is_continue()) {}
            counting.merge(place.counting);
        }
        distribute(&workers, tasks, take);
        stop.store(true, Relaxed);
        for Worker { tasks, found, thread } in workers {
            drop((tasks, found));
            // Half an answer must not pass for a whole one.
            counting.merge(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        counting
    })
}

/// Gives the tasks out in turn and takes what was found in turn, which keeps the order.
fn distribute(
    workers: &[Worker<'_>],
    tasks: &mut dyn Iterator<Item = Task>,
    take: &mut dyn FnMut(Found) -> ControlFlow<()>,
) {
    let (mut sent, mut taken, mut more) = (0, 0, !workers.is_empty());
    loop {
        while more && sent - taken < workers.len() * EACH {
            let given = tasks.next().map(|task| workers[sent % workers.len()].tasks.send(task));
            more = matches!(given, Some(Ok(())));
            sent += usize::from(more);
        }
        if taken == sent {
            return;
        }
        let Ok(found) = workers[taken % workers.len()].found.recv() else { return };
        taken += 1;
        if take(found).is_break() {
            return;
        }
    }
}
