//! source-controller as a process, on a real API server and with real Git servers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod content;
mod ignore;
mod lifecycle;
mod references;
mod storage;
mod support;
mod transport;
