//! Watches and indexes of charts.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use kube::Resource;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher;
use serde::de::DeserializeOwned;
use sluice_apis::source::v1::{Bucket, GitRepository, HelmChart, HelmRepository, Source};
use sluice_artifact::{Storage, Workspace};
use sluice_auth::cloud::CloudAccess;
use sluice_chart::LoadOptions;
use sluice_oci::Registries;
use sluice_runtime::{Cause, Change, Controller, Index, Manager, ObjectKey, Store, Task, Trigger};

use super::source::Sources;
use super::{CacheBounds, HelmChartReconciler, IndexCache, status};
use crate::lanes::Lanes;

/// What the reconciler needs.
pub(crate) struct Setup {
    pub(crate) storage: Arc<Storage>,
    pub(crate) concurrency: usize,
    /// Credentials of clouds.
    pub(crate) clouds: Arc<CloudAccess>,
    /// All Helm repositories.
    pub(crate) repositories: Store<HelmRepository>,
    /// Bounds on what a chart may be when it is unpacked.
    pub(crate) load: LoadOptions,
    /// Largest chart in bytes.
    pub(crate) max_chart: u64,
    /// Largest index in bytes.
    pub(crate) max_index: u64,
    /// What is kept of indexes in memory.
    pub(crate) cache: CacheBounds,
}

/// A source that charts come from.
type SourceKey = (String, ObjectKey);

/// Prepares the controller of this kind.
pub(crate) fn start(manager: &Manager, setup: Setup) -> io::Result<Task> {
    let Setup { storage, concurrency, clouds, repositories, load, max_chart, max_index, cache } = setup;
    let mut controller =
        manager.controller::<HelmChart>().concurrency(concurrency).owned_conditions(status::OWNED);
    let by_source = controller.index(|object: &HelmChart| {
        let reference = &object.spec.source_ref;
        let key = ObjectKey {
            namespace: object.metadata.namespace.as_deref().unwrap_or_default().into(),
            name: reference.name.as_str().into(),
        };
        vec![(reference.kind.to_string(), key)]
    });
    let charts = controller.store();
    let (index, known) = (Arc::clone(&by_source), charts.clone());
    controller.watch_store(&repositories, move |change| due(change, &index, &known));
    let git = watch::<GitRepository>(manager, &mut controller, &by_source);
    let buckets = watch::<Bucket>(manager, &mut controller, &by_source);
    let reconciler = HelmChartReconciler {
        storage,
        workspace: Workspace::create(&std::env::temp_dir(), "sluice-chart-")?,
        registries: Registries::default(),
        clouds,
        lanes: Lanes::new(concurrency),
        cache: IndexCache::new(cache, &manager.metrics()).map(Arc::new),
        sources: Sources { helm: repositories, git, buckets },
        load,
        max_chart,
        max_index,
    };
    Ok(controller.reconcile_with(reconciler))
}

fn watch<K>(
    manager: &Manager,
    controller: &mut Controller<HelmChart>,
    index: &Arc<Index<SourceKey>>,
) -> Store<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Source
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (index, known) = (Arc::clone(index), controller.store());
    let map = move |change: &Change<K>| due(change, &index, &known);
    controller.watch(manager.api::<K>(), watcher::Config::default(), map)
}

/// The charts of a source whose artifact is another than the one that they were built from.
fn due<K>(change: &Change<K>, index: &Index<SourceKey>, known: &Store<HelmChart>) -> Vec<(ObjectKey, Trigger)>
where
    K: Resource<DynamicType = ()> + Source,
{
    let revision = |source: &Arc<K>| source.artifact().map(|artifact| artifact.revision.clone());
    let Some(new) = change.new().and_then(revision) else { return Vec::new() };
    if change.old().and_then(revision).as_ref() == Some(&new) {
        return Vec::new();
    }
    let key = ObjectKey::of(&**change.latest());
    let kind = K::kind(&()).into_owned();
    let trigger = Trigger::new(Cause::Related, kind.clone(), key.clone());
    let outdated = |chart: &ObjectKey| {
        let observed = known.get(chart).and_then(|object| {
            object.status.as_ref().and_then(|status| status.observed_source_artifact_revision.clone())
        });
        observed.as_ref() != Some(&new)
    };
    let dependents = index.dependents(&(kind, key)).into_iter().filter(outdated);
    dependents.map(|dependent| (dependent, trigger.clone())).collect()
}
