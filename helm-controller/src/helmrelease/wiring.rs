//! What makes `HelmReleases` due besides themselves: their charts, dependencies and values.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use kube::Resource;
use kube::core::NamespaceResourceScope;
use kube::runtime::watcher;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value as Json;
use sluice_apis::conditions;
use sluice_apis::helm::condition_types::READY;
use sluice_apis::helm::reasons;
use sluice_apis::helm::v2::{HelmRelease, ValuesReferenceKind};
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_apis::source::v1::{Bucket, ExternalArtifact, GitRepository, HelmChart, OciRepository};
use sluice_apply::clusters::{Clusters, Policy, TokenCache, Tokens};
use sluice_artifact::Fetcher;
use sluice_release::action::CapabilityCache;
use sluice_runtime::{Cause, Change, Controller, Index, Manager, ObjectKey, Store, Task, Trigger};

use super::chart::Charts;
use super::source::{self, Found, Source, SourceKey, digest_of_revision};
use super::{Options, Releaser, dependencies, files, spec, status};

/// What [`start`] needs besides the manager.
pub struct Setup {
    /// What the flags say about `HelmReleases`.
    pub options: Options,
    /// What the flags say about clusters.
    pub policy: Policy,
    /// How tokens of service accounts are kept.
    pub tokens: TokenCache,
    /// How many `HelmReleases` are worked on at once.
    pub concurrency: usize,
    /// Labels of ConfigMaps and Secrets whose changes count; `None` watches none.
    pub configs: Option<String>,
    /// Fetches artifacts.
    pub fetcher: Fetcher,
}

/// Sets up watches and indexes, and returns the running part.
pub fn start(manager: &Manager, setup: Setup) -> Task {
    let mut controller = manager
        .controller::<HelmRelease>()
        .concurrency(setup.concurrency)
        .owned_conditions(status::OWNED_CONDITIONS);
    let releases = controller.store();
    let client = manager.client();

    // Sources: a new chart, or new files with values, make those who use it due.
    let by_source = controller.index(|object: &HelmRelease| {
        SourceKey::of(object).into_iter().chain(files::sources(object)).collect()
    });
    let mut sources = BTreeMap::new();
    let charts_seen = watch_source::<HelmChart, Json>(manager, &mut controller, &by_source, &mut sources);
    watch_source::<OciRepository, IgnoredAny>(manager, &mut controller, &by_source, &mut sources);
    watch_source::<ExternalArtifact, IgnoredAny>(manager, &mut controller, &by_source, &mut sources);
    if setup.options.artifact_values {
        watch_source::<GitRepository, IgnoredAny>(manager, &mut controller, &by_source, &mut sources);
        watch_source::<Bucket, IgnoredAny>(manager, &mut controller, &by_source, &mut sources);
    }

    // Dependencies: whatever happens to one is looked at by those who wait for it.
    controller.watch_dependencies(dependencies::keys);

    // ConfigMaps and Secrets: their metadata tells that they changed.
    if let Some(selector) = setup.configs {
        let (maps, secrets) = (manager.api(), manager.api());
        controller.watch_metadata::<ConfigMap>(maps, &selector, |object| references(object, "ConfigMap"));
        controller.watch_metadata::<Secret>(secrets, &selector, |object| references(object, "Secret"));
    }
    let tokens = Arc::new(Tokens::new(client.clone(), setup.tokens));
    controller.reconcile_with(Releaser {
        clusters: Clusters::new(client.clone(), setup.policy, tokens),
        client,
        charts: Charts::new(setup.fetcher.clone()),
        fetcher: setup.fetcher,
        capabilities: CapabilityCache::default(),
        releases,
        sources,
        charts_seen,
        options: setup.options,
    })
}

/// Watches a kind of source. Those who use one are due when it has a new artifact, or becomes ready.
fn watch_source<K, P>(
    manager: &Manager,
    controller: &mut Controller<HelmRelease>,
    index: &Arc<Index<SourceKey>>,
    sources: &mut BTreeMap<String, source::Lookup>,
) -> Store<Source<K, P>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Send + Sync + 'static,
    P: Default + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
{
    let (index, known) = (Arc::clone(index), controller.store());
    let api = manager.api::<Source<K, P>>();
    let store = controller.watch(api, watcher::Config::default(), move |change| {
        dependents_of_source(&K::kind(&()), change, &index, &known)
    });
    let found = store.clone();
    let find = move |key: &ObjectKey| {
        found.get(key).map(|source| Found {
            generation: source.metadata.generation.unwrap_or_default(),
            status: source.status.clone(),
        })
    };
    sources.insert(K::kind(&()).into_owned(), Box::new(find));
    store
}

fn dependents_of_source<K: Resource<DynamicType = ()>, P>(
    kind: &str,
    change: &Change<Source<K, P>>,
    index: &Index<SourceKey>,
    known: &Store<HelmRelease>,
) -> Vec<(ObjectKey, Trigger)> {
    let Some(new) = change.new() else { return Vec::new() };
    let Some(artifact) = &new.status.artifact else { return Vec::new() };
    let observed =
        |source: &Source<K, P>| source.metadata.generation == Some(source.status.observed_generation);
    // What is not that of its spec is not used: its status goes on.
    if kind != "ExternalArtifact" && !observed(new) {
        return Vec::new();
    }
    let is_news = match change.old() {
        None => true,
        Some(old) => {
            old.status.artifact.as_ref().is_none_or(|before| before.revision != artifact.revision)
                || (!old.status.is_ready() && new.status.is_ready())
                // The same artifact may be that of a newer spec: that is what was waited for.
                || (!observed(old) && observed(new))
        }
    };
    if !is_news {
        return Vec::new();
    }
    let key = ObjectKey::of(&**new);
    let trigger = Trigger::new(Cause::Related, kind.to_owned(), key.clone());
    let dependents = index.dependents(&SourceKey { kind: kind.to_owned(), key });
    let due = dependents.into_iter().filter(|dependent| {
        known.get(dependent).is_none_or(|object| !is_being_attempted(&object, kind, &artifact.revision))
    });
    due.map(|dependent| (dependent, trigger.clone())).collect()
}

/// Whether the chart of this revision was released, or is being released.
fn is_being_attempted(object: &HelmRelease, kind: &str, revision: &str) -> bool {
    let Some(status) = &object.status else { return false };
    if conditions::reason(object, READY) == Some(reasons::SOURCE_NOT_READY)
        || !(conditions::is_ready(object) || conditions::is_reconciling(object))
    {
        return false;
    }
    if kind == "OCIRepository" || (kind == "ExternalArtifact" && revision.contains(':')) {
        let digest = digest_of_revision(revision);
        return digest.is_some() && status.last_attempted_revision_digest.as_deref() == digest;
    }
    status.last_attempted_revision.as_deref() == Some(revision)
}

/// The ConfigMaps or Secrets that a `HelmRelease` reads.
fn references(object: &HelmRelease, kind: &str) -> Vec<ObjectKey> {
    let wanted = ValuesReferenceKind::from(kind);
    let spec = &object.spec;
    let values = spec.values_from.iter().filter(|reference| reference.kind == wanted);
    let mut names: Vec<&str> = values.map(|reference| reference.name.as_str()).collect();
    if kind == "Secret" {
        names.extend(spec.kube_config.iter().filter_map(|k| Some(k.secret_ref.as_ref()?.name.as_str())));
    } else {
        names.extend(spec.kube_config.iter().filter_map(|k| Some(k.config_map_ref.as_ref()?.name.as_str())));
    }
    names.into_iter().map(|name| ObjectKey::new(spec::namespace(object), name)).collect()
}
