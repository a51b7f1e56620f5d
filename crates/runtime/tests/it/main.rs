//! The runtime against a real API server.

// The exemption for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod child;
mod connections;
mod crowd;
mod election;
mod events;
mod process;
mod receiver;
mod status;
mod support;
mod turns;
mod unreadable;
