//! From a chart and values to hooks and a manifest.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::{Map, Value as Json, json};
use sluice_apply::{Cluster, Gvk};
use sluice_chart::postrender::{self, Settings};
use sluice_chart::release::manifest_text;
use sluice_chart::{Capabilities, Chart, Crd, KubeVersion, Lookup, ReleaseInfo, RenderOptions};
use tokio::runtime::Handle;

use crate::Failure;
use crate::objects::Requests;
use crate::record::Hook;

/// How long what the cluster can do is held to be known.
const FRESH: Duration = Duration::from_secs(10);
/// How long a name server may take.
const DNS_TIMEOUT: Duration = Duration::from_secs(10);
/// How many objects `lookup` may list.
const LISTED: u32 = 5000;

/// A chart to render.
pub struct ChartRequest {
    /// The chart; its version as the release is to have it.
    pub chart: Chart,
    /// The user's values.
    pub values: Map<String, Json>,
    /// Whether values are checked against the charts' schemas.
    pub check_schema: bool,
    /// Whether templates may ask name servers.
    pub allow_dns: bool,
    /// What changes the manifests afterwards.
    pub settings: Settings,
}

/// What came of it.
pub struct RenderedChart {
    /// The chart as it was rendered.
    pub chart: Chart,
    /// Definitions from `crds/`.
    pub crds: Vec<Crd>,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// All other manifests.
    pub manifest: String,
    /// What the chart has to say to the user.
    pub notes: String,
}

/// Renders a chart for a release on a cluster.
pub async fn render(
    cluster: &Cluster,
    capabilities: &CapabilityCache,
    request: ChartRequest,
    release: ReleaseInfo,
) -> Result<RenderedChart, Failure> {
    let capabilities = capabilities.of(cluster).await?;
    let cluster = cluster.clone();
    let handle = Handle::current();
    let work = move || {
        let mut options = RenderOptions::new(release);
        options.capabilities = (*capabilities).clone();
        options.lookup = Rc::new(ClusterLookup { cluster, handle, allow_dns: request.allow_dns });
        options.check_schema = request.check_schema;
        let templates = sluice_chart::templates(request.chart, &request.values, &options)
            .map_err(|error| Failure::new(error.to_string()))?;
        for warning in &templates.warnings {
            tracing::info!("{warning}");
        }
        let sorted = postrender::run(&templates.files, &request.settings)
            .map_err(|error| Failure::new(error.to_string()).with_detail(error.detail()))?;
        for warning in &sorted.warnings {
            tracing::info!("{warning}");
        }
        Ok(RenderedChart {
            crds: templates.chart.crds(),
            chart: templates.chart,
            hooks: sorted.hooks.iter().map(Hook::from).collect(),
            manifest: manifest_text(&sorted.manifests),
            notes: templates.notes,
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // A template that brings the engine down is a failure of its release, not of the controller.
        Err(error) if error.is_panic() => Err(Failure::new("rendering the chart failed: internal error")),
        Err(_) => Err(Failure::new("rendering the chart was stopped")),
    }
}

/// What clusters can do, asked for again after a while.
#[derive(Default)]
pub struct CapabilityCache {
    /// By the ids of clusters.
    known: Mutex<HashMap<u64, (Instant, Arc<Capabilities>)>>,
}

impl CapabilityCache {
    /// What a cluster can do.
    async fn of(&self, cluster: &Cluster) -> Result<Arc<Capabilities>, Failure> {
        let (client, id) = (cluster.client(), cluster.cache().id());
        if let Some((at, capabilities)) = self.lock().get(&id)
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(capabilities));
        }
        let failed = |what: &str, error: kube::Error| {
            Failure::new(format!("could not get {what} from Kubernetes: {error}"))
        };
        let version =
            client.apiserver_version().await.map_err(|error| failed("server version", error))?.git_version;
        let (core, groups) =
            tokio::try_join!(client.list_core_api_versions_aggregated(), client.list_api_groups_aggregated())
                .map_err(|error| failed("apiVersions", error))?;
        let capabilities = Arc::new(Capabilities {
            kube_version: KubeVersion::parse(&version).map_err(|error| Failure::new(error.to_string()))?,
            api_versions: api_versions([core, groups]),
        });
        let mut known = self.lock();
        known.retain(|_, (at, _)| at.elapsed() < FRESH);
        known.insert(id, (Instant::now(), Arc::clone(&capabilities)));
        Ok(capabilities)
    }

    /// Something changed in a cluster: what is known of it no longer holds.
    pub fn forget(&self, cluster: &Cluster) {
        self.lock().remove(&cluster.cache().id());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (Instant, Arc<Capabilities>)>> {
        // Each change leaves a map that holds: a panic can't leave it half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn api_versions(lists: impl IntoIterator<Item = APIGroupDiscoveryList>) -> Vec<String> {
    let mut versions = HashSet::new();
    for group in lists.into_iter().flat_map(|list| list.items) {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        for version in group.versions {
            let number = version.version.unwrap_or_default();
            let api_version = if name.is_empty() { number } else { format!("{name}/{number}") };
            for resource in version.resources {
                if let Some(kind) = resource.response_kind.and_then(|kind| kind.kind) {
                    versions.insert(format!("{api_version}/{kind}"));
                }
            }
            versions.insert(api_version);
        }
    }
    let mut versions: Vec<String> = versions.into_iter().collect();
    versions.sort_unstable();
    versions
}

/// The template function `lookup`, with the release's identity, and `getHostByName`.
struct ClusterLookup {
    cluster: Cluster,
    handle: Handle,
    allow_dns: bool,
}

impl Lookup for ClusterLookup {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Json, String> {
        self.handle.block_on(self.find(api_version, kind, namespace, name))
    }

    fn address(&self, host: &str) -> Result<String, String> {
        if !self.allow_dns {
            return Ok(String::new());
        }
        self.handle.block_on(address(host))
    }
}

impl ClusterLookup {
    async fn find(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Json, String> {
        let gvk = Gvk::new(api_version, kind);
        let resource = match self.cluster.resolve(&gvk).await {
            Ok(resource) => resource,
            // Charts ask for kinds that may not be there.
            Err(error) if error.is_no_match() => return Ok(json!({})),
            Err(error) => return Err(error.to_string()),
        };
        if !name.is_empty() {
            let found =
                self.cluster.get(&resource, Some(namespace), name).await.map_err(|e| e.to_string())?;
            return Ok(found.map_or_else(|| json!({}), sluice_apply::Object::into_value));
        }
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        let items = Requests::new(self.cluster.clone())
            .list(&resource, namespace, LISTED)
            .await
            .map_err(|error| error.to_string())?;
        Ok(json!({"apiVersion": api_version, "kind": format!("{kind}List"), "metadata": {}, "items": items}))
    }
}

/// The lowest address of a host. Go's library takes any, so that a host with several would change the release at each
/// upgrade.
async fn address(host: &str) -> Result<String, String> {
    let failed = |why: &str| format!("the address of {host:?} can't be found: {why}");
    let asked = tokio::time::timeout(DNS_TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    let found =
        asked.map_err(|_| failed("no answer in time"))?.map_err(|error| failed(&error.to_string()))?;
    let lowest = found.map(|address| address.ip()).min();
    lowest.map(|address| address.to_string()).ok_or_else(|| failed("it has none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hosts_have_their_lowest_address() {
        assert_eq!(address("127.0.0.2").await.as_deref(), Ok("127.0.0.2"));
        assert_eq!(address("localhost").await.as_deref(), Ok("127.0.0.1"));
        let error = address("no such host").await.unwrap_err();
        assert!(error.starts_with("the address of \"no such host\" can't be found: "), "{error}");
    }
}
