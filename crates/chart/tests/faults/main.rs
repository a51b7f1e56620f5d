//! Charts that are wrong, by mistake or on purpose.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod abuse;
mod mistakes;
mod support;
