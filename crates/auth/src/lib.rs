//! Ways to registries and Git servers as the Secrets and service accounts of a cluster tell them.
//!
//! - [`secrets`]: Secrets as data, and what Flux's keys in them mean.
//! - [`registry`]: credentials, certificates and proxy for a registry.
//! - [`cloud`]: credentials that clouds give for identities of the cluster.
//! - [`git`]: the remote that a `GitRepository` describes.

pub mod cloud;
pub mod git;
pub mod registry;
pub mod secrets;
