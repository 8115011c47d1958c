//! `audit verify` from outside: `life` on logs that are as they should be, `tamper` and `forge` on logs that somebody
//! was at, with and without keys, `flips` on logs of which every single byte was altered, one at a time.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail, in the functions that tests share, too"
)]

mod flips;
mod forge;
mod life;
mod sealed;
mod tamper;
