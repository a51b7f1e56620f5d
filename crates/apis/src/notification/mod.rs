//! `notification.toolkit.fluxcd.io`: events out, webhooks in.

mod reference;
pub mod v1;
pub mod v1beta3;

pub use reference::{CrossNamespaceObjectReference, ReferenceKind};

/// The API group.
pub const GROUP: &str = "notification.toolkit.fluxcd.io";
