//! Where charts come from.
//!
//! - [`Fetcher`] finds a chart by what the command line or a `Chart.yaml` says of it: a repository with an index, a
//!   registry, an address, a name of the user's repositories; [`provenance`] checks who made it.
//! - [`dependencies`] resolves what a chart needs, fetches it, and writes `charts/` and `Chart.lock`.
//! - [`address`], [`download`], [`index`] and [`registry`] are what these are made of; controllers use them with
//!   their own credentials.

pub mod address;
pub mod dependencies;
pub mod download;
mod error;
mod fetch;
pub mod index;
mod lock;
pub mod provenance;
pub mod registry;
mod repositories;

pub use error::Error;
pub use fetch::{Access, Chart, Fetcher, Wanted};
pub use repositories::{Entry, Repositories};
