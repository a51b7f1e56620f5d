//! The objects of a release in a cluster, handled as Helm's client handles them.

mod answers;
mod build;
mod ignored;
mod request;
mod update;

use serde_json::{Map, Value as Json, json};
use sluice_apply::cluster::Resource;
use sluice_apply::{ClusterError, Object, ObjectId};

pub use self::answers::Answers;
pub use self::build::{BuildError, build, build_served, documents, first_document};
pub use self::request::Propagation;
pub use self::update::{Applied, CreateOptions, UpdateOptions, create, delete_all, update};

pub(crate) use self::request::Requests;

/// The field manager of released objects.
pub const FIELD_MANAGER: &str = "helm-controller";

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const HELM: &str = "Helm";
const RELEASE_NAME: &str = "meta.helm.sh/release-name";
const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// The annotation that keeps an object when its release no longer has it.
pub(crate) const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
/// Its only value.
pub(crate) const KEEP: &str = "keep";

/// An object of a manifest, and where the API server has it.
#[derive(Clone, Debug)]
pub struct Target {
    /// The object, with its namespace.
    pub object: Object,
    /// The kind as it is served.
    pub resource: Resource,
}

impl Target {
    /// What identifies the object.
    pub fn id(&self) -> ObjectId {
        self.object.id()
    }

    /// `namespace/name group/version, Kind=Kind`, as Helm's messages have it.
    pub fn described(&self) -> String {
        let namespace = self.object.namespace().unwrap_or_default();
        format!("{namespace}/{} {}", self.object.name(), self.gvk())
    }

    /// `group/version, Kind=Kind`
    pub fn gvk(&self) -> String {
        let gvk = self.object.gvk();
        format!("{}/{}, Kind={}", gvk.group, gvk.version, gvk.kind)
    }

    /// `Kind "name" in namespace "namespace"`
    pub fn named(&self) -> String {
        let namespace = self.object.namespace().unwrap_or_default();
        format!("{} {:?} in namespace {namespace:?}", self.object.kind(), self.object.name())
    }

    /// The fields of log lines about the object.
    pub(crate) fn log_fields(&self) -> Json {
        json!({
            "namespace": self.object.namespace().unwrap_or_default(),
            "name": self.object.name(),
            "gvk": self.gvk(),
        })
    }

    fn matches(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

/// Marks objects as those of a release.
pub fn set_ownership(targets: &mut [Target], name: &str, namespace: &str) {
    for target in targets {
        own(&mut target.object, name, namespace);
    }
}

/// Marks one object as that of a release.
pub fn own(object: &mut Object, name: &str, namespace: &str) {
    let mut set = |field: &str, pairs: &[(&str, &str)]| {
        let metadata = &mut object.as_value_mut()["metadata"];
        if !metadata[field].is_object() {
            metadata[field] = Json::Object(Map::new());
        }
        for (key, value) in pairs {
            metadata[field][*key] = (*value).into();
        }
    };
    set("labels", &[(MANAGED_BY, HELM)]);
    set("annotations", &[(RELEASE_NAME, name), (RELEASE_NAMESPACE, namespace)]);
}

/// Why an object in the cluster is not that of the release; nothing if it is.
fn foreign(live: &Object, name: &str, namespace: &str) -> Option<String> {
    let require = |what: &str, key: &str, wanted: &str, found: Option<String>| match found {
        None => Some(format!("{what} validation error: missing key {key:?}: must be set to {wanted:?}")),
        Some(found) if found != wanted => Some(format!(
            "{what} validation error: key {key:?} must equal {wanted:?}: current value is {found:?}"
        )),
        Some(_) => None,
    };
    let (labels, annotations) = (live.labels(), live.annotations());
    let errors: Vec<String> = [
        require("label", MANAGED_BY, HELM, labels.get(MANAGED_BY).cloned()),
        require("annotation", RELEASE_NAME, name, annotations.get(RELEASE_NAME).cloned()),
        require("annotation", RELEASE_NAMESPACE, namespace, annotations.get(RELEASE_NAMESPACE).cloned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!errors.is_empty()).then(|| format!("invalid ownership metadata; {}", errors.join("; ")))
}

/// Why objects can't be taken into a release.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// An object can't be read.
    #[error("could not get information about the resource {object}: {source}")]
    Read {
        /// Which one.
        object: String,
        /// Why.
        source: ClusterError,
    },
    /// An object belongs to somebody else.
    #[error("{object} exists and cannot be imported into the current release: {why}")]
    Foreign {
        /// Which one.
        object: String,
        /// How that is known.
        why: String,
    },
}

/// Those of the objects that are in the cluster already. Unless they are to be taken over, each must carry the marks
/// of the release.
pub(crate) async fn existing(
    requests: &Requests,
    targets: &[Target],
    take_over: bool,
    name: &str,
    namespace: &str,
) -> Result<Vec<Target>, AdoptError> {
    use futures::{StreamExt, stream};

    let reads = targets.iter().map(|target| async move { (target, requests.get(target).await) });
    let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(request::CONCURRENT);
    let mut found = Vec::new();
    while let Some((target, live)) = reads.next().await {
        let live = live.map_err(|source| AdoptError::Read { object: target.named(), source })?;
        let Some(live) = live else { continue };
        if !take_over && let Some(why) = foreign(&live, name, namespace) {
            return Err(AdoptError::Foreign { object: target.named(), why });
        }
        found.push(target.clone());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_carry_the_marks_of_their_release() {
        let value =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"x": "y"}}});
        let mut object = Object::new(value).unwrap();
        assert_eq!(
            foreign(&object, "r", "ns").unwrap(),
            "invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; \
             annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"r\"; \
             annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"ns\""
        );
        own(&mut object, "r", "ns");
        assert_eq!(foreign(&object, "r", "ns"), None);
        assert_eq!(
            foreign(&object, "other", "ns").unwrap(),
            "invalid ownership metadata; annotation validation error: key \"meta.helm.sh/release-name\" must equal \"other\": current value is \"r\""
        );
        assert_eq!(object.label("x"), "y");
    }
}
