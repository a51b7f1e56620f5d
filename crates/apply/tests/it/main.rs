//! Against a real API server.

// A test and its text are what they are; and a test may panic.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::ref_option
)]

mod apply;
mod diff;
mod errors;
mod footprint;
mod force;
mod ignore;
mod prune;
mod rules;
mod stages;
mod support;
mod takeover;
mod wait;
