//! What makes Kustomizations due besides themselves: their sources, dependencies and variables.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

use kube::Resource;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher;
use sluice_apis::conditions;
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_apis::kustomize::v1::{Kustomization, SubstituteReferenceKind};
use sluice_apis::source::v1::{Bucket, ExternalArtifact, GitRepository, OciRepository};
use sluice_apply::clusters::{Clusters, Policy, TokenCache, Tokens};
use sluice_artifact::Fetcher;
use sluice_runtime::{Cause, Change, Controller, Index, Manager, ObjectKey, Store, Task, Trigger};

use super::memory::Memory;
use super::sentry::Sentry;
use super::source::{self, Source, SourceKey};
use super::{Kustomizer, Options, build, dependencies, status};
use crate::metrics::Metrics;

/// What [`start`] needs besides the manager.
pub struct Setup {
    /// What the flags say about Kustomizations.
    pub options: Options,
    /// What the flags say about clusters.
    pub policy: Policy,
    /// What is kept of service accounts' tokens.
    pub tokens: TokenCache,
    /// How many Kustomizations are worked on at once.
    pub concurrency: usize,
    /// Labels of ConfigMaps and Secrets whose changes count; `None` watches none.
    pub configs: Option<String>,
    /// Fetches artifacts.
    pub fetcher: Fetcher,
    /// Counts builds.
    pub metrics: Metrics,
}

/// The field manager of the Kustomizations themselves.
const FIELD_MANAGER: &str = "gotk-kustomize-controller";

/// Sets up watches and indexes, and returns the running part.
pub fn start(manager: &Manager, setup: Setup) -> Task {
    let mut controller = manager
        .controller::<Kustomization>()
        .concurrency(setup.concurrency)
        .field_manager(FIELD_MANAGER)
        .owned_conditions(status::OWNED_CONDITIONS);
    let kustomizations = controller.store();
    let client = manager.client();

    // Sources: a new revision makes those who use it due, dependencies first.
    let by_source = controller.index(|object: &Kustomization| vec![SourceKey::of(object)]);
    let mut sources = BTreeMap::new();
    watch_source::<Bucket>(manager, &mut controller, &by_source, &mut sources);
    watch_source::<ExternalArtifact>(manager, &mut controller, &by_source, &mut sources);
    watch_source::<GitRepository>(manager, &mut controller, &by_source, &mut sources);
    watch_source::<OciRepository>(manager, &mut controller, &by_source, &mut sources);

    // Dependencies: whatever happens to one is looked at by those who wait for it.
    controller.watch_dependencies(dependencies::keys);

    // ConfigMaps and Secrets: their metadata tells that they changed.
    if let Some(selector) = setup.configs {
        let (maps, secrets) = (manager.api(), manager.api());
        controller.watch_metadata::<ConfigMap>(maps, &selector, |object| references(object, "ConfigMap"));
        controller.watch_metadata::<Secret>(secrets, &selector, |object| references(object, "Secret"));
    }

    let memory = Arc::new(Memory::default());
    let gone = Arc::clone(&memory);
    kustomizations.on_change(move |change| {
        if let Change::Deleted(object) = change
            && let Some(uid) = &object.metadata.uid
        {
            gone.forget(uid);
        }
    });
    let sentry = setup
        .options
        .watch_inventory
        .then(|| Sentry::new(Arc::clone(&memory), controller.handle(), &setup.options.override_managers));
    let tokens = Arc::new(Tokens::new(client.clone(), setup.tokens));
    controller.reconcile_with(Kustomizer {
        clusters: Clusters::new(client.clone(), setup.policy, Arc::clone(&tokens)),
        client,
        tokens,
        fetcher: setup.fetcher,
        builder: build::Builder::new(setup.metrics.clone()),
        kustomizations,
        sources,
        memory,
        sentry,
        metrics: setup.metrics,
        options: setup.options,
    })
}

/// Watches a kind of source. Those who use one are due when it has a new revision.
fn watch_source<K>(
    manager: &Manager,
    controller: &mut Controller<Kustomization>,
    index: &Arc<Index<SourceKey>>,
    sources: &mut BTreeMap<&'static str, source::Lookup>,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Send + Sync + 'static,
{
    let Cow::Borrowed(kind) = K::kind(&()) else { return };
    let (index, known) = (Arc::clone(index), controller.store());
    let store = controller.watch(manager.api::<Source<K>>(), watcher::Config::default(), move |change| {
        dependents_of_source(kind, change, &index, &known)
    });
    sources.insert(kind, Box::new(move |key| store.get(key).map(|source| source.status.clone())));
}

/// Those who use a source whose artifact is new, in the order of their dependencies.
fn dependents_of_source<K: Resource<DynamicType = ()>>(
    kind: &'static str,
    change: &Change<Source<K>>,
    index: &Index<SourceKey>,
    known: &Store<Kustomization>,
) -> Vec<(ObjectKey, Trigger)> {
    let revision =
        |source: &Arc<Source<K>>| source.status.artifact.as_ref().map(|artifact| artifact.revision.clone());
    let Some(new) = change.new().and_then(revision) else { return Vec::new() };
    if change.old().and_then(revision).as_ref() == Some(&new) {
        return Vec::new();
    }
    let key = ObjectKey::of(&**change.latest());
    let dependents = index.dependents(&SourceKey { kind: kind.to_owned(), key: key.clone() });
    let due = dependents
        .into_iter()
        .filter(|dependent| known.get(dependent).is_none_or(|object| !is_being_attempted(&object, &new)));
    let trigger = Trigger::new(Cause::Related, kind, key);
    in_order(due.collect(), known).into_iter().map(|dependent| (dependent, trigger.clone())).collect()
}

/// Whether the revision was applied or is being applied already.
fn is_being_attempted(object: &Kustomization, revision: &str) -> bool {
    let attempted = object.status.as_ref().and_then(|status| status.last_attempted_revision.as_deref());
    (conditions::is_ready(object) || conditions::is_reconciling(object)) && attempted == Some(revision)
}

/// Dependencies before dependents. What a cycle connects comes in any order.
fn in_order(keys: Vec<ObjectKey>, known: &Store<Kustomization>) -> Vec<ObjectKey> {
    let batch: HashSet<&ObjectKey> = keys.iter().collect();
    let mut depths = HashMap::new();
    for key in &keys {
        depth(key, &batch, known, &mut depths, &mut HashSet::new());
    }
    let mut keys = keys;
    keys.sort_by_cached_key(|key| (depths.get(key).copied().unwrap_or(0), key.clone()));
    keys
}

/// The longest way down the dependencies within the batch.
fn depth(
    key: &ObjectKey,
    batch: &HashSet<&ObjectKey>,
    known: &Store<Kustomization>,
    depths: &mut HashMap<ObjectKey, usize>,
    way: &mut HashSet<ObjectKey>,
) -> usize {
    if let Some(depth) = depths.get(key) {
        return *depth;
    }
    if !way.insert(key.clone()) {
        return 0;
    }
    let dependencies = known.get(key).map(|object| dependencies::keys(&object)).unwrap_or_default();
    let below = dependencies
        .iter()
        .filter(|dependency| batch.contains(dependency))
        .map(|dependency| depth(dependency, batch, known, depths, way) + 1)
        .max()
        .unwrap_or(0);
    way.remove(key);
    depths.insert(key.clone(), below);
    below
}

/// The ConfigMaps or Secrets that a Kustomization reads.
fn references(object: &Kustomization, kind: &str) -> Vec<ObjectKey> {
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let wanted = SubstituteReferenceKind::from(kind);
    let spec = &object.spec;
    let variables = spec.post_build.iter().flat_map(|post_build| &post_build.substitute_from);
    let mut names: Vec<&str> = variables
        .filter(|reference| reference.kind == wanted)
        .map(|reference| reference.name.as_str())
        .collect();
    if kind == "Secret" {
        names.extend(spec.decryption.iter().filter_map(|d| Some(d.secret_ref.as_ref()?.name.as_str())));
        names.extend(spec.kube_config.iter().filter_map(|k| Some(k.secret_ref.as_ref()?.name.as_str())));
    } else {
        names.extend(spec.kube_config.iter().filter_map(|k| Some(k.config_map_ref.as_ref()?.name.as_str())));
    }
    names.into_iter().map(|name| ObjectKey::new(namespace, name)).collect()
}
