//! source-controller and helm-controller together, as the binaries that users run, on a real API server.
//!
//! Each test has a namespace and controllers of its own; charts come from a registry, from Git or from a server of
//! plain HTTP. Tests wait for what they want to see; none sleeps for a fixed time.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod access;
mod charts;
mod commands;
mod journal;
mod locked;
mod memory;
#[allow(dead_code, reason = "the tests of the command line use all of it")]
#[path = "../cli/program.rs"]
mod program;
mod requests;
mod scenarios;
mod sources;
mod storage;
mod support;
