//! What a field of a device's health means, by the names that firmware gives it. Nothing here may remember anything.

use crate::decode::{Document, Leaf};
use crate::names::bounded;
use crate::tally::NAME_BYTES_MAX;
use crate::time::{Micros, SECOND};

/// What a number is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Bytes of the heap that are free.
    Free,
    /// Bytes of the largest piece of it.
    Largest,
    /// The share of it that is in pieces, or percent.
    Fragmentation,
    /// How often it booted.
    Boots,
    /// Seconds since it booted.
    Uptime,
    /// Milliseconds since it booted.
    UptimeMillis,
    /// Anything else.
    Other,
}

/// The numbers of one message that mean something.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) free: Option<f64>,
    pub(super) largest: Option<f64>,
    pub(super) fragmentation: Option<f64>,
    pub(super) boots: Option<u64>,
    pub(super) uptime: Option<Micros>,
    /// The uptime is in milliseconds, which a device counts in 32 bits.
    pub(super) wraps: bool,
}

/// The letters and digits of the last name, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase()
}

impl Role {
    /// By the name of a field, or the path to it.
    pub(super) fn of(path: &str) -> Self {
        let last = path.rsplit('.').next().unwrap_or(path);
        match Self::of_plain(&plain(last)) {
            Role::Other => Self::of_plain(&plain(path)),
            role => role,
        }
    }

    fn of_plain(name: &str) -> Self {
        match name {
            "freeheap" | "heapfree" | "freeheapbytes" | "heapfreebytes" | "heap" => Role::Free,
            "maxallocheap"
            | "maxalloc"
            | "heapmaxalloc"
            | "largestfreeblock"
            | "largestblock"
            | "maxallocbytes"
            | "heaplargestfreeblock"
            | "maxallocheapbytes" => Role::Largest,
            "fragmentation"
            | "heapfragmentation"
            | "fragmentationpercent"
            | "heapfragmentationpercent"
            | "fragmentationpct" => Role::Fragmentation,
            "bootcount" | "boots" | "bootcounter" | "bootnumber" => Role::Boots,
            "uptime" | "uptimes" | "uptimesec" | "uptimeseconds" => Role::Uptime,
            "uptimems" | "uptimemillis" | "millis" => Role::UptimeMillis,
            _ => Role::Other,
        }
    }
}

impl Seen {
    /// Notes what a number says.
    pub(super) fn note(&mut self, role: Role, value: f64) {
        /// Beyond this a float no longer counts one by one.
        const EXACT: f64 = 9e15;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        let whole = |value: f64| (0.0..EXACT).contains(&value).then_some(value as u64);
        match role {
            Role::Free => self.free = Some(value),
            Role::Largest => self.largest = Some(value),
            Role::Fragmentation => self.fragmentation = (0.0..=100.0).contains(&value).then_some(value),
            Role::Boots => self.boots = whole(value).filter(|_| value.fract() == 0.0),
            Role::Uptime => self.uptime = whole(value * 1e6),
            Role::UptimeMillis => {
                self.uptime = whole(value * 1e3);
                self.wraps = true;
            }
            Role::Other => {}
        }
    }
}

/// Whether an uptime is that of a later start. A counter of 32 bits that has come round is not.
pub(super) fn is_earlier(now: Micros, before: Micros, wraps: bool) -> bool {
    const ROUND: Micros = (1 << 32) * 1000;
    /// No device reports less often than once a day.
    const NEAR: Micros = 86_400 * SECOND;
    let came_round = wraps && before < ROUND && (ROUND - before) + now < NEAR;
    now + SECOND < before && !came_round
}

/// The label value of a field: its path in lower case, with `_` between the words.
pub(super) fn field(path: &str) -> String {
    let mut name = String::with_capacity(path.len() + 4);
    let mut was_lower = false;
    for c in path.chars() {
        if !c.is_alphanumeric() {
            name.push('_');
        } else if c.is_uppercase() && was_lower {
            name.push('_');
            name.extend(c.to_lowercase());
        } else {
            name.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    name
}

/// Whether an event says that the device has booted.
pub(super) fn is_boot(happened: &str) -> bool {
    matches!(
        &*plain(happened),
        "boot" | "booted" | "reboot" | "rebooted" | "startup" | "started" | "restart" | "poweron"
    )
}

/// Why it started, in its own words; the numbers of ESP32 in its maker's.
pub(super) fn reason(document: Document<'_>) -> Option<Box<str>> {
    const ESP32: [&str; 11] = [
        "unknown",
        "power on",
        "external",
        "software",
        "panic",
        "interrupt watchdog",
        "task watchdog",
        "watchdog",
        "deep sleep",
        "brownout",
        "sdio",
    ];
    const NAMES: &[&str] =
        &["resetreason", "lastresetreason", "bootreason", "restartreason", "rebootreason", "reason"];
    let named = |leaf: &Leaf<'_>| NAMES.contains(&&*plain(leaf.key()));
    let leaf = document.scalars().find(named)?;
    let word = leaf.word()?;
    let esp32 = word.parse().ok().and_then(|number: usize| ESP32.get(number));
    Some(esp32.map_or_else(|| bounded(word, NAME_BYTES_MAX).into(), |word| (*word).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_known_by_any_of_its_names_and_shown_in_one_spelling() {
        for (path, role, shown) in [
            ("free_heap", Role::Free, "free_heap"),
            ("freeHeap", Role::Free, "free_heap"),
            ("heap.free", Role::Free, "heap_free"),
            ("heap.maxAlloc", Role::Largest, "heap_max_alloc"),
            ("bootCount", Role::Boots, "boot_count"),
            ("uptime_ms", Role::UptimeMillis, "uptime_ms"),
            ("min_free_heap", Role::Other, "min_free_heap"),
            ("PSRAM free", Role::Other, "psram_free"),
            ("stackHWM2x", Role::Other, "stack_hwm2x"),
        ] {
            assert_eq!((Role::of(path), &*field(path)), (role, shown), "{path}");
        }
    }

    #[test]
    fn an_uptime_that_falls_is_a_start_unless_its_counter_came_round() {
        let second = |n: u64| n * SECOND;
        assert!(is_earlier(second(5), second(900), false));
        assert!(!is_earlier(second(901), second(900), false));
        assert!(!is_earlier(second(900), second(900) + 500_000, false), "it was rounded another way");
        assert!(!is_earlier(second(20), second(4_294_960), true));
        assert!(is_earlier(second(20), second(4_294_960), false));
        assert!(is_earlier(second(20), second(900), true));
    }
}
