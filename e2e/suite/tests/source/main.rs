//! source-controller as a process, on a real API server and with real Git servers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod buckets;
mod charts;
mod composition;
mod content;
mod generator;
mod ignore;
mod lifecycle;
mod objects;
mod oci;
mod references;
mod signatures;
mod storage;
mod support;
mod transport;
