//! Whether the `HelmReleases` that this one depends on are ready.

use std::sync::Arc;

use sluice_apis::helm::v2::HelmRelease;
use sluice_apply::dependencies::Check;
pub use sluice_apply::dependencies::NotReady;
use sluice_runtime::ObjectKey;

/// Checks all dependencies in order; the first that is not ready counts. `get` looks `HelmReleases` up.
pub fn check_all(
    object: &HelmRelease,
    get: impl Fn(&ObjectKey) -> Option<Arc<HelmRelease>>,
    additive: bool,
) -> Result<(), NotReady> {
    let get = |namespace: &str, name: &str| get(&ObjectKey::new(namespace, name));
    Check { get, additive, lacks: |_: &HelmRelease| None }.all(object)
}

/// The dependencies.
pub fn keys(object: &HelmRelease) -> Vec<ObjectKey> {
    let keys = sluice_apply::dependencies::keys(object).into_iter();
    keys.map(|(namespace, name)| ObjectKey::new(namespace, name)).collect()
}
