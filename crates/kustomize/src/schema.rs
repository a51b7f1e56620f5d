//! What the build takes from the patch library: the Kubernetes schema, merging, JSON patches.

use sluice_yaml::Node;

use crate::error::Error;

/// Whether the kind is known to live outside namespaces.
pub(crate) fn is_cluster_scoped(_api_version: &str, kind: &str) -> bool {
    matches!(
        kind,
        "Namespace"
            | "ClusterRole"
            | "ClusterRoleBinding"
            | "CustomResourceDefinition"
            | "PersistentVolume"
            | "StorageClass"
            | "APIService"
            | "ValidatingWebhookConfiguration"
            | "MutatingWebhookConfiguration"
            | "PriorityClass"
            | "IngressClass"
            | "Node"
    )
}

/// The schema that patches are merged by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn set(
        &mut self,
        _version: Option<&str>,
        _content: Option<&[u8]>,
        _root: bool,
    ) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) fn merge(&self, _patch: &Node, _target: Node) -> Result<Option<Node>, Error> {
        Err(Error::Patch("strategic merge patches are not supported yet".to_owned()))
    }
}

/// The operations of a JSON patch.
pub(crate) struct JsonOperations;

impl JsonOperations {
    pub(crate) fn parse(_text: &[u8]) -> Result<Self, Error> {
        Err(Error::Patch("JSON patches are not supported yet".to_owned()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        true
    }

    pub(crate) fn apply(&self, node: &Node) -> Result<Node, Error> {
        Ok(node.clone())
    }
}
