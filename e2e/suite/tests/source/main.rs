//! source-controller as a process, on a real API server and with a real Git server.
//!
//! Needs `SLUICE_TEST_KUBECONFIG` (a control plane that may be shared), `SLUICE_E2E` (the program with the
//! test servers, see `scripts/build-controlplane`), `git`, `ssh-keygen`, and the controller's binary beside this
//! test's, which `cargo build -p source-controller` makes.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod content;
mod ignore;
mod lifecycle;
mod references;
mod storage;
mod support;
mod transport;
