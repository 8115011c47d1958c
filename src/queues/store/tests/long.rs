//! A simulated week of ten thousand clients: how large the file becomes, how long a snapshot, the tidying and a question
//! take. Only with `WATCHKEEPER_LONG=1`, and in a release build where the figures are to mean something.

use super::*;
use std::time::Instant;

/// Two a minute for a week.
const SNAPSHOTS: usize = 20_160;

/// Times by the clock, and on a processor: a machine that others share makes the first longer than the work is. The second
/// moves on in steps of the kernel's tick, so that of what is shorter only the mean says something.
#[derive(Default)]
struct Times([Vec<f64>; 2]);

/// A moment, by both.
struct Moment(Instant, f64);

impl Moment {
    fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let spent: f64 = stat.split_whitespace().next().unwrap().parse().unwrap();
        Self(Instant::now(), spent / 1e6)
    }
}

impl Times {
    fn add(&mut self, from: &Moment) {
        let now = Moment::now();
        self.0[0].push((now.0 - from.0).as_secs_f64() * 1e3);
        self.0[1].push(now.1 - from.1);
    }

    fn text(&mut self) -> String {
        let [clock, processor] = self.0.each_mut().map(|times| spread(times));
        format!("{clock} (on the processor {processor})")
    }
}

fn spread(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (times.len().saturating_sub(1) as f64 * share) as usize;
        times.get(place).copied().unwrap_or_default()
    };
    let mean = times.iter().sum::<f64>() / times.len().max(1) as f64;
    format!("median {:.1} ms, p99 {:.1} ms, most {:.1} ms, mean {mean:.2} ms", at(0.5), at(0.99), at(1.0))
}

/// So many clients, of which so many change with every snapshot.
struct Fleet {
    clients: usize,
    moving: usize,
    snapshots: usize,
    keep_minutes: i64,
}

impl Fleet {
    fn queues(&self) -> Vec<Queue> {
        let one = |n: usize| Queue {
            inflight: Some(0),
            limit_messages: Some(1000),
            connected: Some(!n.is_multiple_of(10)),
            dropped: Some(0),
            ..queue(&format!("plant-a-line-{}-controller-{n:05}", n % 40), 0)
        };
        (0..self.clients).map(one).collect()
    }

    fn moved(&self, queues: &mut [Queue], round: usize, now: Wall) {
        for n in 0..self.moving {
            let one = &mut queues[(round * 7919 + n * 31) % self.clients];
            one.depth = Some((round as u64 * 13 + n as u64) % 1000);
            one.oldest = Some(now);
        }
    }

    /// Writes, tidies and asks, and prints what each took.
    fn run(&self) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut store = Store::open(&path, &known(&["api"])).unwrap();
        let mut queues = self.queues();
        let (mut writes, mut homes, mut tidies) = (Times::default(), Times::default(), Times::default());
        let mut largest = 0;
        for round in 0..self.snapshots {
            let now = Wall(BEGAN + i64::try_from(round).unwrap() * MINUTE / 2);
            self.moved(&mut queues, round, now);
            let told = Ok(queues.clone());
            let from = Moment::now();
            store.commit(&Snapshot { source: 0, at: now, step_ms: 0, told }).unwrap();
            writes.add(&from);
            let from = Moment::now();
            store.bring_home().unwrap();
            homes.add(&from);
            let mut more = round % 120 == 119;
            while more {
                let from = Moment::now();
                more = store.tidy(now, self.keep_minutes * 60_000).unwrap();
                store.bring_home().unwrap();
                tidies.add(&from);
                largest = largest.max(std::fs::metadata(&path).unwrap().len());
            }
        }
        let Self { clients, moving, snapshots, keep_minutes } = self;
        println!(
            "{clients} clients, {moving} of them moving, {snapshots} snapshots kept {keep_minutes} min:"
        );
        println!("  file {:.1} MiB; snapshot {}", largest as f64 / f64::from(1 << 20), writes.text());
        println!("  bringing home, after the answer {}", homes.text());
        println!("  a step of tidying {} ({} steps)", tidies.text(), tidies.0[0].len());
        self.ask(&path, &queues[1].client_id);
    }

    fn ask(&self, path: &Path, client: &str) {
        let now = at(i64::try_from(self.snapshots).unwrap() / 2);
        let from = now.minus(7 * 24 * 3600 * SECOND);
        let span = Span { client: client.to_owned(), from, to: now, points_max: 1000 };
        let began = Instant::now();
        let found = history::read(path, &span).unwrap().points.len();
        println!("  history of a client {:.1} ms ({found} points)", began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        let rows = latest(path).len();
        println!("  queue_latest {:.1} ms ({rows} rows)", began.elapsed().as_secs_f64() * 1e3);
    }
}

fn is_long() -> bool {
    std::env::var_os("WATCHKEEPER_LONG").is_some()
}

#[test]
fn a_week_of_ten_thousand_clients_of_which_few_move() {
    if is_long() {
        let (clients, keep_minutes) = (10_000, 7 * 24 * 60);
        Fleet { clients, moving: 100, snapshots: SNAPSHOTS * 5 / 4, keep_minutes }.run();
    }
}

#[test]
fn a_week_of_a_thousand_clients_of_which_some_move() {
    if is_long() {
        let (clients, keep_minutes) = (1000, 7 * 24 * 60);
        Fleet { clients, moving: 50, snapshots: SNAPSHOTS * 5 / 4, keep_minutes }.run();
    }
}

#[test]
fn ten_thousand_clients_that_all_move() {
    if is_long() {
        Fleet { clients: 10_000, moving: 10_000, snapshots: 480, keep_minutes: 120 }.run();
    }
}

#[test]
fn a_thousand_clients_that_all_move() {
    if is_long() {
        Fleet { clients: 1000, moving: 1000, snapshots: 2000, keep_minutes: 500 }.run();
    }
}
