//! Clients of services, against servers that speak their protocols.
//!
//! `app.pem` and `service-account.pem` are one throw-away key in two encodings; it opens nothing.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod github_app;
mod nats;
mod support;
mod webhook;
