//! `process_*`, read from `/proc/self` at each scrape. Where there is no `/proc`, or it cannot be read, these
//! families are left out; a scrape must never fail for them.

use std::fs;
use watchkeeper_core::sample::{Desc, Writer};

static CPU: Desc =
    Desc::counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.");
static RESIDENT: Desc = Desc::gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
static VIRTUAL: Desc = Desc::gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
static OPEN_FDS: Desc = Desc::gauge("process_open_fds", "Number of open file descriptors.");
static MAX_FDS: Desc = Desc::gauge("process_max_fds", "Maximum number of open file descriptors.");
static STARTED: Desc =
    Desc::gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.");
static THREADS: Desc = Desc::gauge("process_threads", "Number of OS threads in the process.");

/// Entry types of the auxiliary vector.
const AT_PAGESZ: usize = 6;
const AT_CLKTCK: usize = 17;

/// Writes what can be learned.
pub(crate) fn write(writer: &mut Writer) {
    let one = |writer: &mut Writer, desc: &Desc, value: Option<f64>| {
        if let Some(value) = value {
            writer.family(desc);
            writer.sample(desc.name, "", &[], value);
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
    let auxv = fs::read("/proc/self/auxv").unwrap_or_default();
    // Both have been these values on every Linux the program is built for; the kernel's word comes first.
    let ticks_per_second = auxiliary(&auxv, AT_CLKTCK).unwrap_or(100) as f64;
    let page_bytes = auxiliary(&auxv, AT_PAGESZ).unwrap_or(4096) as f64;
    if let Some(stat) = stat {
        one(writer, &CPU, Some(stat.cpu_ticks as f64 / ticks_per_second));
        one(writer, &RESIDENT, Some(stat.resident_pages as f64 * page_bytes));
        one(writer, &VIRTUAL, Some(stat.virtual_bytes as f64));
        one(writer, &THREADS, Some(stat.threads as f64));
        let booted = fs::read_to_string("/proc/stat").ok().and_then(|text| booted(&text));
        one(writer, &STARTED, booted.map(|at| at + stat.started_ticks as f64 / ticks_per_second));
    }
    // Reading the folder opens one descriptor more than the process holds.
    let open = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1));
    one(writer, &OPEN_FDS, open.map(|open| open as f64));
    let limits = fs::read_to_string("/proc/self/limits").ok();
    one(writer, &MAX_FDS, limits.and_then(|text| open_files_max(&text)));
}

/// The fields of `/proc/self/stat` that we show.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The program's name may hold blanks and brackets, so that fields are counted from its last bracket.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // proc(5) counts from 1 and the state, the first field here, is its third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// A value of the auxiliary vector: pairs of machine words.
fn auxiliary(auxv: &[u8], kind: usize) -> Option<usize> {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| bytes.try_into().ok().map(usize::from_ne_bytes);
    auxv.chunks_exact(2 * WORD)
        .find(|pair| word(&pair[..WORD]) == Some(kind))
        .and_then(|pair| word(&pair[WORD..]))
}

fn booted(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn open_files_max(limits: &str) -> Option<f64> {
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match soft.split_ascii_whitespace().next()? {
        "unlimited" => Some(f64::INFINITY),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchkeeper_core::sample::Exposition;

    #[test]
    fn a_name_with_blanks_and_brackets_shifts_no_field() {
        let stat = "7 (a) b) (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 1234 999424 77 184467 1 1";
        assert_eq!(
            Stat::parse(stat),
            Some(Stat {
                cpu_ticks: 300,
                threads: 3,
                started_ticks: 1234,
                virtual_bytes: 999_424,
                resident_pages: 77
            })
        );
        assert_eq!(Stat::parse("7 (a) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn the_small_files_are_read() {
        assert_eq!(booted("cpu 1 2\nbtime 1700000000\n"), Some(1.7e9));
        let limits = "Max open files            1024                 524288               files\n";
        assert_eq!(open_files_max(limits), Some(1024.0));
        assert_eq!(open_files_max("Max open files unlimited unlimited files"), Some(f64::INFINITY));
        let auxv: Vec<u8> = [6_usize, 4096, 17, 100, 0, 0].into_iter().flat_map(usize::to_ne_bytes).collect();
        assert_eq!((auxiliary(&auxv, AT_CLKTCK), auxiliary(&auxv, 99)), (Some(100), None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_real_process_shows_all_seven() {
        let mut writer = Writer::new(Exposition::Text, 128);
        write(&mut writer);
        let text = String::from_utf8(writer.buffer).unwrap();
        for desc in [&CPU, &RESIDENT, &VIRTUAL, &OPEN_FDS, &MAX_FDS, &STARTED, &THREADS] {
            assert!(text.contains(&format!("# TYPE {} ", desc.name)), "{text}");
        }
    }
}
