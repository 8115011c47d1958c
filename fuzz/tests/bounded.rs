//! The fuzz targets on the stable toolchain: every seed, and so many bent ones, the same each time. The number
//! is `WATCHKEEPER_FUZZ_RUNS` (default 20,000 a target); the input that fails is printed as it can be fed again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Chance from a seed: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// One input bent: bits, bytes, pieces of itself and of others.
fn bend(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    const ODD: &[u8] = b"{}[]\",:/+#$\\\n\0 eE-.0129\xFF\xC3\x80ax";
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(40);
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, ODD[random.below(ODD.len())]),
            2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            3 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            4 => _ = bytes.drain(at..(at + length).min(bytes.len())),
            5 => {
                let piece = bytes[at..(at + length).min(bytes.len())].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                bytes.splice(at..at, other[from..(from + length).min(other.len())].iter().copied());
            }
        }
    }
    bytes
}

fn check(name: &str, target: fn(&[u8])) {
    let runs =
        std::env::var("WATCHKEEPER_FUZZ_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let mut seeds = seeds(name);
    seeds.push(Vec::new());
    let mut random = Random(7);
    let bent: Vec<Vec<u8>> = (0..runs).map(|_| bend(&mut random, &seeds)).collect();
    for input in seeds.iter().chain(&bent) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
            eprintln!("{name}: b\"{}\"", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn filters_never_panic_and_mean_what_they_say() {
    check("filters", watchkeeper_fuzz::filters);
}

#[test]
fn payloads_never_panic_and_are_read_as_by_others() {
    check("payload", watchkeeper_fuzz::payload);
}

#[test]
fn a_fleet_never_panics_and_its_accounts_close() {
    check("operations", watchkeeper_fuzz::operations);
}

#[test]
fn what_a_broker_says_of_itself_never_panics() {
    check("sys", watchkeeper_fuzz::sys);
}

#[test]
fn reading_by_a_shape_is_reading() {
    check("shapes", watchkeeper_fuzz::shapes);
}

#[test]
fn sparkplug_of_any_bytes_never_panics_and_its_accounts_close() {
    check("sparkplug", watchkeeper_fuzz::sparkplug);
}

#[test]
fn any_line_of_the_audit_log_is_read_without_a_panic_and_written_alike() {
    check("audit_line", watchkeeper_fuzz::audit_line);
}

#[test]
fn a_persistence_file_of_any_bytes_is_read_without_a_panic() {
    check("mosquitto_db", watchkeeper_fuzz::mosquitto_db);
}

#[test]
fn certificates_never_panic_and_can_be_shown() {
    check("certificate", watchkeeper_fuzz::certificate);
}
