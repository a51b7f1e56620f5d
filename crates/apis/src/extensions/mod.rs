//! `source.extensions.fluxcd.io`: artifacts made of other artifacts.

pub mod v1beta1;

/// The API group.
pub const GROUP: &str = "source.extensions.fluxcd.io";
