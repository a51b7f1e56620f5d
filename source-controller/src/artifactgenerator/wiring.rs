//! Watches and indexes of the generators.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::watcher;
use sluice_apis::extensions::v1beta1::ArtifactGenerator;
use sluice_apis::source::v1::{Bucket, ExternalArtifact, GitRepository, HelmChart, OciRepository};
use sluice_artifact::{Fetcher, Storage, Workspace};
use sluice_runtime::{Cause, Change, Controller, Index, Manager, ObjectKey, Store, Task, Trigger};

use super::sources::{Kind, SourceKey, Sources, keys_of};
use super::{Generator, status};

/// What the reconciler needs.
pub(crate) struct Setup {
    pub(crate) storage: Arc<Storage>,
    pub(crate) fetcher: Fetcher,
    pub(crate) concurrency: usize,
    pub(crate) options: Options,
}

/// How it behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// When a generator whose sources are not there is looked at again.
    pub(crate) requeue_dependency: Duration,
    /// How long one turn may take.
    pub(crate) timeout: Duration,
    /// Whether sources must be in the generator's namespace.
    pub(crate) no_cross_namespace_refs: bool,
}

/// Prepares the controller of this kind.
pub(crate) fn start(manager: &Manager, setup: Setup) -> io::Result<Task> {
    let Setup { storage, fetcher, concurrency, options } = setup;
    let mut controller =
        manager.controller::<ArtifactGenerator>().concurrency(concurrency).owned_conditions(status::OWNED);
    let by_source = controller.index(keys_of);
    let mut sources = Sources::default();
    sources.add(watch::<Bucket>(manager, &mut controller, &by_source));
    sources.add(watch::<GitRepository>(manager, &mut controller, &by_source));
    sources.add(watch::<HelmChart>(manager, &mut controller, &by_source));
    sources.add(watch::<OciRepository>(manager, &mut controller, &by_source));
    let artifacts = watch::<ExternalArtifact>(manager, &mut controller, &by_source);
    sources.add(artifacts.clone());
    let workspace = Arc::new(Workspace::create(&std::env::temp_dir(), "sluice-generator-")?);
    let generator = Generator { storage, fetcher, workspace, sources, artifacts, options };
    Ok(controller.reconcile_with(generator))
}

/// Watches a kind of source. Those who use one are due when it has a new revision.
fn watch<K: Kind>(
    manager: &Manager,
    controller: &mut Controller<ArtifactGenerator>,
    index: &Arc<Index<SourceKey>>,
) -> Store<K> {
    let index = Arc::clone(index);
    controller.watch(manager.api::<K>(), watcher::Config::default(), move |change| due(change, &index))
}

fn due<K: Kind>(change: &Change<K>, index: &Index<SourceKey>) -> Vec<(ObjectKey, Trigger)> {
    let revision = |source: &Arc<K>| source.artifact().map(|artifact| artifact.revision.clone());
    let (Change::Updated { .. } | Change::Added(_), Some(new)) = (change, change.new().and_then(revision))
    else {
        return Vec::new();
    };
    if change.old().and_then(revision).as_ref() == Some(&new) {
        return Vec::new();
    }
    let key = ObjectKey::of(&**change.latest());
    let trigger = Trigger::new(Cause::Related, K::NAME, key.clone());
    let dependents = index.dependents(&SourceKey { kind: K::NAME.to_owned(), key });
    dependents.into_iter().map(|dependent| (dependent, trigger.clone())).collect()
}
