//! source-controller as a process, on a real API server and with real Git servers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod buckets;
mod charts;
mod charts_access;
mod charts_signed;
mod clouds;
mod composition;
mod content;
mod disk;
mod generator;
mod generator_life;
mod generator_used;
mod ignore;
mod keyless;
mod kinds;
mod kinds_charts;
mod lfs;
mod lifecycle;
mod notation;
mod objects;
mod oci;
mod oci_access;
mod references;
mod registries;
mod signatures;
mod slow_disks;
mod storage;
mod support;
mod transport;
