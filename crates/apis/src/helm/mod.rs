//! `helm.toolkit.fluxcd.io`: Helm charts released to a cluster.

pub mod v2;

/// The API group.
pub const GROUP: &str = "helm.toolkit.fluxcd.io";

/// Condition types of Helm releases.
pub mod condition_types {
    pub use crate::meta::condition_types::{READY, RECONCILING, STALLED};

    /// The last install or upgrade succeeded.
    pub const RELEASED: &str = "Released";
    /// The last tests passed.
    pub const TEST_SUCCESS: &str = "TestSuccess";
    /// The last failed release was rolled back or uninstalled.
    pub const REMEDIATED: &str = "Remediated";
}
