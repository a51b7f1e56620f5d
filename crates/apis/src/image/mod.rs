//! `image.toolkit.fluxcd.io`: images scanned, selected, and written to Git.

pub mod v1;

/// The API group.
pub const GROUP: &str = "image.toolkit.fluxcd.io";
