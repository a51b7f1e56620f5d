//! Artifacts: what a source controller stores and serves, and what the other controllers fetch.

mod fetch;

pub use fetch::{FetchError, Fetcher, FetcherConfig, HostOverrides, Unpacked};
