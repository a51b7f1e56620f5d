//! Objects of other controllers, as far as they matter to one.

use std::{borrow::Cow, marker::PhantomData};

use kube::Resource;
use serde::{Deserialize, de::IgnoredAny};
use sluice_apis::k8s::ObjectMeta;

/// An object of the kind `K`. All but its metadata, and what `S` takes of its status and `P` of its spec, is left out when
/// it is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "S: Default + Deserialize<'de>, P: Default + Deserialize<'de>")]
pub struct Lean<K, S, P = IgnoredAny> {
    /// Name, namespace, generation.
    pub metadata: ObjectMeta,
    /// What is asked of its controller.
    #[serde(default)]
    pub spec: P,
    /// What its controller says of it.
    #[serde(default)]
    pub status: S,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K: Resource<DynamicType = ()>, S, P> Resource for Lean<K, S, P> {
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
