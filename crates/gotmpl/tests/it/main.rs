//! The crate against what Go itself gave, and against templates that mean harm.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod abuse;
mod corpus;
mod gotemplate;
mod operands;
mod sprig;
mod support;
