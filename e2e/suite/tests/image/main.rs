//! The image controllers as processes, on a real API server, with a real registry and real Git servers.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod automation;
mod gitea;
mod hostile;
mod min_age;
mod policies;
mod proxies;
mod pull_requests;
mod repositories;
mod rollout;
mod signing;
mod story;
mod support;
mod unmarked;
mod versions;
