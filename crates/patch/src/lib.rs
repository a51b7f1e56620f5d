//! JSON patch, merge patch and strategic merge patch over YAML trees, by the Kubernetes schema.
//!
//! - [`JsonPatch`]: RFC 6902 with the liberties of the Go library that kustomize uses.
//! - [`merge_patch`]: RFC 7386.
//! - [`strategic`]: strategic merge as kustomize does it, which differs from the API server's.
//! - [`Schema`]: the built-in Kubernetes types: fields, merge keys, scopes.

mod error;
mod json_patch;
pub mod merge_patch;
pub mod schema;
pub mod strategic;

pub use error::Error;
pub use json_patch::JsonPatch;
pub use schema::{Schema, Scope};
