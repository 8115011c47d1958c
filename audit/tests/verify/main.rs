//! `audit verify` from outside: `life` on logs that are as they should be, `tamper` on logs that somebody was at,
//! `flips` on logs of which every single byte was altered, one at a time.

mod flips;
mod life;
mod sealed;
