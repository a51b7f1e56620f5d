//! Pull requests by the published interfaces: a server that takes just the requests that are expected, in their order.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail by panicking")]

mod azure_devops;
mod bitbucket;
mod faults;
mod gitea;
mod github;
mod gitlab;
mod support;
