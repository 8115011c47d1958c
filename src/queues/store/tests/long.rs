//! A simulated week of ten thousand clients: how large the file becomes, how long a snapshot, the tidying and a question
//! take. Only with `WATCHKEEPER_LONG=1`, and in a release build where the figures are to mean something.

use super::*;
use std::time::Instant;

const CLIENTS: usize = 10_000;
/// Two a minute for a week.
const SNAPSHOTS: usize = 20_160;

struct Times(Vec<f64>);

impl Times {
    fn add(&mut self, from: Instant) {
        self.0.push(from.elapsed().as_secs_f64() * 1e3);
    }

    fn text(&mut self) -> String {
        self.0.sort_by(f64::total_cmp);
        let at = |share: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
            let place = ((self.0.len() - 1) as f64 * share) as usize;
            self.0[place]
        };
        format!("median {:.1} ms, p99 {:.1} ms, most {:.1} ms", at(0.5), at(0.99), at(1.0))
    }
}

/// `moving` of the clients change with every snapshot; twice the time is simulated, so that a week goes again.
fn week(clients: usize, moving: usize, snapshots: usize, keep_minutes: i64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let mut store = Store::open(&path, &known(&["api"])).unwrap();
    let mut queues: Vec<Queue> = (0..clients)
        .map(|n| Queue {
            inflight: Some(0),
            limit_messages: Some(1000),
            connected: Some(n % 10 != 0),
            dropped: Some(0),
            ..queue(&format!("plant-a-line-{}-controller-{n:05}", n % 40), 0)
        })
        .collect();
    let (mut writes, mut tidies, mut largest) = (Times(Vec::new()), Times(Vec::new()), 0);
    for round in 0..snapshots {
        let now = Wall(BEGAN + i64::try_from(round).unwrap() * MINUTE / 2);
        for n in 0..moving {
            let one = &mut queues[(round * 7919 + n * 31) % clients];
            one.depth = Some((round as u64 * 13 + n as u64) % 1000);
            one.oldest = Some(now);
        }
        let told = Ok(queues.clone());
        let from = Instant::now();
        store.commit(&Snapshot { source: 0, at: now, step_ms: 0, told }).unwrap();
        writes.add(from);
        if round % 120 == 119 {
            loop {
                let from = Instant::now();
                let more = store.tidy(now, keep_minutes * 60_000).unwrap();
                tidies.add(from);
                if !more {
                    break;
                }
            }
            largest = largest.max(std::fs::metadata(&path).unwrap().len());
        }
    }
    let from = Instant::now();
    let now = at(i64::try_from(snapshots).unwrap() / 2);
    let client = queues[1].client_id.clone();
    let span = Span { client, from: now.minus(7 * 24 * 3600 * SECOND), to: now, points_max: 1000 };
    let found = history::read(&path, &span).unwrap().points.len();
    let asked = from.elapsed().as_secs_f64() * 1e3;
    let from = Instant::now();
    let rows = latest(&path).len();
    let view = from.elapsed().as_secs_f64() * 1e3;
    println!(
        "{clients} clients, {moving} of them moving, {snapshots} snapshots kept {keep_minutes} min: file {:.1} MiB; \
         snapshot {}; a step of tidying {}; history of a client {asked:.0} ms ({found} points); view {view:.0} ms \
         ({rows} rows)",
        largest as f64 / f64::from(1 << 20),
        writes.text(),
        tidies.text(),
    );
}

#[test]
fn a_week_of_ten_thousand_clients() {
    if std::env::var_os("WATCHKEEPER_LONG").is_none() {
        return;
    }
    week(CLIENTS, 100, SNAPSHOTS * 5 / 4, 7 * 24 * 60);
    week(CLIENTS, CLIENTS, 480, 120);
    week(1000, 1000, 2000, 120);
}
