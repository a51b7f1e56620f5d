//! The crate against what Helm itself gave.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod charts;
mod corpus;
mod flux;
mod formats;
mod known;
mod release;
mod sprig;
mod values;
