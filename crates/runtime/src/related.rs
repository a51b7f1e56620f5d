//! What makes objects due besides themselves, where that is the same for several kinds.

use kube::{
    Api, Resource,
    core::{NamespaceResourceScope, PartialObjectMeta},
    runtime::watcher,
};
use sluice_apis::{
    conditions::{self, ConditionedObject},
    meta::{condition_types::READY, reasons},
};

use crate::{Cause, Change, Controller, Object, ObjectKey, Trigger};

impl<K: Object> Controller<K> {
    /// Watches the metadata of objects of another kind with these labels: whoever refers to one is due when it changes.
    pub fn watch_metadata<S>(
        &mut self,
        api: Api<PartialObjectMeta<S>>,
        labels: &str,
        references: impl Fn(&K) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) where
        S: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Send
            + Sync
            + 'static,
    {
        let index = self.index(references);
        self.watch(api, watcher::Config::default().labels(labels), move |change| {
            let key = ObjectKey::of(&**change.latest());
            let trigger = Trigger::new(Cause::Related, S::kind(&()), key.clone());
            index.dependents(&key).into_iter().map(|dependent| (dependent, trigger.clone())).collect()
        });
    }
}

impl<K: Object + ConditionedObject> Controller<K> {
    /// Whoever waits for another object of this kind is due once that has come to an end, good or bad. Progress can't
    /// make a dependency ready: nobody is woken by it.
    pub fn watch_dependencies(
        &mut self,
        dependencies: impl Fn(&K) -> Vec<ObjectKey> + Send + Sync + 'static,
    ) {
        let (index, store) = (self.index(dependencies), self.store());
        let known = store.clone();
        let waits = move |dependent: &ObjectKey| {
            known.get(dependent).is_some_and(|object| {
                conditions::reason(&*object, READY) == Some(reasons::DEPENDENCY_NOT_READY)
            })
        };
        self.watch_store(&store, move |change: &Change<K>| {
            if change.new().is_some_and(|object| conditions::is_unknown(&**object, READY)) {
                return Vec::new();
            }
            let key = ObjectKey::of(&**change.latest());
            let trigger = Trigger::new(Cause::Related, K::kind(&()), key.clone());
            let dependents = index.dependents(&key).into_iter().filter(&waits);
            dependents.map(|dependent| (dependent, trigger.clone())).collect()
        });
    }
}
