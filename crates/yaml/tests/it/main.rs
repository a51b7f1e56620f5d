//! Tests of the crate as its users see it.

#![allow(clippy::unwrap_used, clippy::panic)]

mod properties;
mod tree;
mod vectors;
