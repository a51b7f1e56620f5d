//! notification-controller as a process, on a real API server, beside the controllers whose events it sends.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod abuse;
mod burst;
mod clouds;
mod gitea;
mod reach;
mod secrecy;
mod story;
mod support;
