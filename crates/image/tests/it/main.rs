//! Tests of the whole crate.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod policies;
mod properties;
mod public;
mod setters;
mod unmarked;
mod upstream;
