//! Identities of the cluster as clouds know them.
//!
//! - [`Tokens`]: tokens of Kubernetes service accounts.
//! - [`Clouds`]: what clouds give for them, or for the controller's own surroundings: logins for registries and Git
//!   servers, keys for object stores.

mod cache;
mod clouds;
mod tokens;

pub use cache::{Asker, TokenMetrics};
pub use clouds::{Account, Cloud, Clouds};
pub use tokens::{TokenCache, Tokens};
