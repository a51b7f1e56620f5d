//! Which kinds an API server serves, kept until one is missed.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use kube::{
    Client,
    core::discovery::v2::{APIGroupDiscovery, APIGroupDiscoveryList},
};

use super::timed;
use crate::{error::ClusterError, object::Gvk};

/// A kind as the API server serves it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// The plural name in URLs.
    pub plural: Arc<str>,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// The path of the collection. Cluster-scoped kinds ignore the namespace; without one, a
    /// namespaced kind is [`ClusterError::NoNamespace`].
    pub fn path(&self, namespace: Option<&str>) -> Result<String, ClusterError> {
        let root = self.root();
        match namespace.filter(|namespace| !namespace.is_empty()) {
            _ if !self.namespaced => Ok(format!("{root}/{}", self.plural)),
            Some(namespace) => Ok(format!("{root}/namespaces/{namespace}/{}", self.plural)),
            None => Err(ClusterError::NoNamespace),
        }
    }

    /// The path of the objects in all namespaces.
    pub fn path_everywhere(&self) -> String {
        format!("{}/{}", self.root(), self.plural)
    }

    fn root(&self) -> String {
        let prefix = if self.gvk.group.is_empty() { "/api" } else { "/apis" };
        format!("{prefix}/{}", self.gvk.api_version())
    }
}

/// The served versions of one kind, the preferred one first.
type Versions = Vec<Resource>;
type Kinds = HashMap<(String, String), Versions>;

/// What was fetched last.
#[derive(Clone, Default)]
struct Known {
    kinds: Kinds,
    /// Groups of which a version is told from memory, or not at all.
    stale: HashSet<String>,
}

/// The kinds of one API server: two requests fetch them all; a kind that isn't among them makes it
/// fetch them again, once for all who miss something at that time.
pub struct Discovery {
    client: Client,
    known: RwLock<Arc<Known>>,
    /// When the last fetch began: whoever missed something before that needn't fetch again.
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

impl Discovery {
    /// An empty cache: the first look-up fetches.
    pub fn new(client: Client) -> Self {
        Self { client, known: RwLock::default(), fetched: tokio::sync::Mutex::new(None) }
    }

    /// The resource of a kind in a version.
    pub async fn resolve(&self, gvk: &Gvk) -> Result<Resource, ClusterError> {
        self.find(&gvk.group, &gvk.kind, Some(&gvk.version)).await
    }

    /// The resource of a kind in the version that the server prefers.
    pub async fn resolve_preferred(&self, group: &str, kind: &str) -> Result<Resource, ClusterError> {
        self.find(group, kind, None).await
    }

    /// Whether some kinds of a group may be hidden: the server that has them could not be reached.
    pub fn is_stale(&self, group: &str) -> bool {
        self.known().stale.contains(group)
    }

    async fn find(&self, group: &str, kind: &str, version: Option<&str>) -> Result<Resource, ClusterError> {
        let missed = Instant::now();
        if let Some(resource) = self.lookup(group, kind, version) {
            return Ok(resource);
        }
        // In a box: this is rare, and every future that resolves a kind would have room for it.
        Box::pin(self.refresh(missed)).await?;
        self.lookup(group, kind, version).ok_or_else(|| ClusterError::NoMatch {
            group: group.to_owned(),
            version: version.unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
        })
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn lookup(&self, group: &str, kind: &str, version: Option<&str>) -> Option<Resource> {
        let known = self.known();
        let versions = known.kinds.get(&(group.to_owned(), kind.to_owned()))?;
        versions
            .iter()
            .find(|resource| version.is_none_or(|version| resource.gvk.version == version))
            .cloned()
    }

    /// Forgets a kind whose path turned out to be gone: the next look-up fetches.
    pub(super) fn forget(&self, gvk: &Gvk) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut known).kinds.remove(&(gvk.group.clone(), gvk.kind.clone()));
    }

    /// Fetches the kinds anew unless that was begun after `since`.
    pub async fn refresh(&self, since: Instant) -> Result<(), ClusterError> {
        let mut fetched = self.fetched.lock().await;
        if fetched.is_some_and(|at| at >= since) {
            return Ok(());
        }
        let begun = Instant::now();
        let (core, groups) = tokio::try_join!(
            timed(self.client.list_core_api_versions_aggregated()),
            timed(self.client.list_api_groups_aggregated()),
        )?;
        let known = index([core, groups]);
        tracing::debug!(kinds = known.kinds.len(), "fetched the discovery of the cluster");
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        *fetched = Some(begun);
        Ok(())
    }
}

fn index(lists: impl IntoIterator<Item = APIGroupDiscoveryList>) -> Known {
    let mut known = Known::default();
    for group in lists.into_iter().flat_map(|list| list.items) {
        index_group(group, &mut known);
    }
    known
}

fn index_group(group: APIGroupDiscovery, known: &mut Known) {
    let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
    for version in group.versions {
        let version_name = version.version.unwrap_or_default();
        if version.freshness.as_deref() == Some("Stale") {
            known.stale.insert(name.clone());
        }
        for resource in version.resources {
            // The kind of the answers may be another group's (scale); that of the resource is ours.
            let Some((plural, kind)) =
                resource.resource.zip(resource.response_kind.and_then(|kind| kind.kind))
            else {
                continue;
            };
            let gvk = Gvk { group: name.clone(), version: version_name.clone(), kind: kind.clone() };
            let namespaced = resource.scope.as_deref() == Some("Namespaced");
            let entry = Resource { gvk, plural: plural.into(), namespaced };
            known.kinds.entry((name.clone(), kind)).or_default().push(entry);
        }
    }
}
