//! What Helm stored in ConfigMaps, as it does with `HELM_DRIVER=configmap`: taken over into Secrets.
//!
//! Without this such a release would be unknown: it would be installed over itself, and objects that the new chart no
//! longer has would stay behind.

use kube::Api;
use kube::api::{ListParams, PostParams};
use sluice_apis::k8s::ConfigMap;

use super::{KEY, Storage, StorageError};
use crate::record::Release;

/// Who writes the Secrets: not this controller, which did not make the release.
const MANAGER: &str = "helm";

impl Storage {
    /// Copies the revisions of a release from ConfigMaps into Secrets, and says how many there were. The ConfigMaps
    /// stay as they are.
    pub async fn take_over(&self, name: &str) -> Result<usize, StorageError> {
        let namespace = self.api.namespace().unwrap_or_default();
        let maps: Api<ConfigMap> = Api::namespaced(self.api.clone().into_client(), namespace);
        let params = ListParams::default().labels(&format!("name={name},owner=helm"));
        let list = maps
            .list(&params)
            .await
            .map_err(|error| StorageError::api("query: failed to query with labels", error))?;
        let mut releases: Vec<Release> = list.items.iter().filter_map(decode).collect();
        Release::sort_newest_first(&mut releases);
        for release in releases.iter().rev() {
            let secret = self.secret(release, "createdAt", "create")?;
            let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
            match self.api.create(&params, &secret).await {
                Ok(_) => {}
                // Begun before, and not ended.
                Err(kube::Error::Api(status)) if status.is_already_exists() => {}
                Err(error) => return Err(StorageError::api("create: failed to create", error)),
            }
        }
        if !releases.is_empty() {
            *super::lock(&self.listed) = None;
        }
        Ok(releases.len())
    }
}

/// The release in a ConfigMap; nothing if it can't be read, or is none.
fn decode(map: &ConfigMap) -> Option<Release> {
    let data = map.data.as_ref()?.get(KEY)?;
    match Release::decode(data.as_bytes()) {
        Ok(release) => Some(Release { labels: map.metadata.labels.clone().unwrap_or_default(), ..release }),
        Err(error) => {
            tracing::debug!(config_map = map.metadata.name, %error, "a stored release can't be read");
            None
        }
    }
}
