//! Tests of the crate as its users see it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod clouds;
mod fixtures;
mod services;
