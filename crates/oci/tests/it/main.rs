//! Against registries: our own test registry, the CNCF's distribution where it is installed, and one that misbehaves.

// The exemption for tests in clippy.toml does not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod misbehaving;
mod real;
