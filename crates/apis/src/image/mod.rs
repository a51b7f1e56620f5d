//! `image.toolkit.fluxcd.io`: images scanned, selected, and written to Git.

pub mod v1;

/// The API group.
pub const GROUP: &str = "image.toolkit.fluxcd.io";

/// The version that guides name which were written before `v1`; served, with the same schemas.
pub const OLDER_VERSION: &str = "v1beta2";
