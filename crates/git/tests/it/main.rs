//! Against the real git: `git http-backend` over HTTP and HTTPS, `git upload-pack` over SSH.

// The exemption for tests in clippy.toml does not reach helper functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod concurrency;
mod content;
mod faults;
mod github;
mod http;
mod lfs;
mod proxy;
mod push;
mod references;
mod ssh;
mod store;
mod support;
mod tree;
