//! Against the real git: `git http-backend` over HTTP and HTTPS, `git upload-pack` over SSH.

mod concurrency;
mod faults;
mod http;
mod proxy;
mod references;
mod ssh;
mod store;
mod support;
mod tree;
