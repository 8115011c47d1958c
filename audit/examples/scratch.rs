//! scratch
use std::path::Path;
use std::time::Instant;
use watchkeeper_audit::search::*;
use watchkeeper_core::time::Wall;
fn cpu() -> f64 {
    let t = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = t.rsplit(')').next().unwrap().split(' ').collect();
    (f[12].parse::<f64>().unwrap() + f[13].parse::<f64>().unwrap()) * 10.0
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = Path::new(&args[1]);
    let n: usize = args[2].parse().unwrap();
    let mut words = Words::default();
    for w in &args[3..] {
        let (k, v) = w.split_once('=').unwrap();
        words.set(k, v).unwrap();
    }
    let q = words.query(Wall(1_795_242_600_000_000)).unwrap();
    let (c0, mut best) = (cpu(), f64::MAX);
    let mut m = 0;
    let mut s = None;
    for _ in 0..n {
        let t = Instant::now();
        let mut each = |_: &str| Continue::Continue(());
        let r = Search::run(dir, &q, &Limits { threads: 1, ..Limits::default() }, &mut each).unwrap();
        m = r.matches;
        best = best.min(t.elapsed().as_secs_f64() * 1e3);
        s = Some(r);
    }
    let s = s.unwrap();
    println!(
        "{:?}: {m} matches, best {best:.2} ms, cpu {:.2} ms each, scanned {} skipped {} problems {}",
        &args[3..],
        (cpu() - c0) / n as f64,
        s.scanned_bytes,
        s.skipped_bytes,
        s.problems.len()
    );
}
