//! Objects of other controllers, as far as they matter to one.

use std::{borrow::Cow, marker::PhantomData};

use kube::Resource;
use serde::Deserialize;
use sluice_apis::k8s::ObjectMeta;

/// An object of the kind `K`. All but its metadata and what `S` takes of its status is left out when it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>")]
pub struct Lean<K, S> {
    /// Name, namespace, generation.
    pub metadata: ObjectMeta,
    /// What its controller says of it.
    #[serde(default)]
    pub status: S,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K: Resource<DynamicType = ()>, S> Resource for Lean<K, S> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
