//! `audit verify` from outside: `life` and `live` on logs that are as they should be, `tamper` and `forge` on logs that
//! somebody was at, with and without keys, `flips` on logs of which every single byte was altered, one at a time,
//! `faults` on disks that fail.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, in the functions that tests share, too"
)]

mod failing;
mod faults;
mod flips;
mod forge;
mod life;
mod live;
mod sealed;
mod tamper;
