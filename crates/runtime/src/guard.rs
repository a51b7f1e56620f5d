//! Keeps one unreadable object from hiding all others of its kind.
//!
//! The schema of a CRD cannot refuse everything that a type does, and the CRD in the cluster may be a newer one. A list
//! with one object that does not decode would fail as a whole, for every tenant.

use std::borrow::Cow;

use kube::{
    Resource,
    core::{NamespaceResourceScope, ObjectMeta},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use crate::slim::Slim;

/// An object, or what could be read of it.
#[derive(Clone, Debug)]
pub(crate) enum Guarded<K> {
    Readable(K),
    Unreadable { meta: Box<ObjectMeta>, error: String },
}

impl<'de, K: for<'a> Deserialize<'a>> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Slim(object) = Slim::deserialize(deserializer)?;
        K::deserialize(&object).map(Self::Readable).or_else(|error| {
            let meta = object.get("metadata").unwrap_or(&Value::Null);
            let meta = ObjectMeta::deserialize(meta).map_err(D::Error::custom)?;
            Ok(Self::Unreadable { meta: Box::new(meta), error: error.to_string() })
        })
    }
}

/// As the object itself. The scope only says that a namespace may be given.
impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = NamespaceResourceScope;

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn kind(dt: &K::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &K::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &K::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &K::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable { meta, .. } => meta,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => object.meta_mut(),
            Self::Unreadable { meta, .. } => meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_apis::k8s::ConfigMap;

    use super::*;

    fn read(data: &Value) -> Guarded<ConfigMap> {
        let meta = json!({"name": "a", "managedFields": [{"manager": "m"}]});
        serde_json::from_value(json!({"metadata": meta, "data": data})).unwrap()
    }

    #[test]
    fn an_unreadable_object_keeps_its_name_and_the_reason() {
        match read(&json!({"key": 7})) {
            Guarded::Unreadable { meta, error } => {
                assert_eq!(meta.name.as_deref(), Some("a"));
                assert!(error.contains("expected a string"), "{error}");
            }
            Guarded::Readable(object) => panic!("{object:?}"),
        }
        let object = read(&json!({"key": "7"}));
        assert!(matches!(object, Guarded::Readable(_)) && object.meta().managed_fields.is_none());
    }
}
