//! Against a real API server.

// A test and its text are what they are.
#![allow(clippy::similar_names)]

mod apply;
mod diff;
mod errors;
mod force;
mod ignore;
mod prune;
mod rules;
mod stages;
mod support;
mod takeover;
mod wait;
