//! The shared vectors: digests as Go computes them.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod vectors;
