//! What is installed in a cluster, told from the labels of an installation.

use anyhow::Result;
use kube::api::ListParams;
use kube::{Api, Client};
use sluice_apis::k8s::{CustomResourceDefinition, Deployment};

use crate::cluster::explain;

/// Selects everything that belongs to an installation.
pub(crate) const SELECTOR: &str = "app.kubernetes.io/part-of=flux";
/// Who installed it.
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Which installation it is.
pub(crate) const PART_OF: &str = "app.kubernetes.io/part-of";
/// Which version of it.
pub(crate) const VERSION: &str = "app.kubernetes.io/version";
/// The label that a Kustomization puts on what it applies: the installation came from Git.
const BOOTSTRAPPED: &str = "kustomize.toolkit.fluxcd.io/namespace";

/// What the labels of the `GitRepository` definition say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Installation {
    /// Applied by a Kustomization from Git.
    pub(crate) bootstrapped: bool,
    /// The tool that manages it, if it is another.
    pub(crate) managed_by: Option<String>,
    /// Name and version, such as `flux-v2.9.5`; empty if unknown.
    pub(crate) distribution: String,
}

/// The installation in the cluster, if there is one.
pub(crate) async fn find(client: &Client) -> Result<Option<Installation>> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found = definitions.get_opt("gitrepositories.source.toolkit.fluxcd.io").await.map_err(explain)?;
    Ok(found.map(|definition| describe(&definition)))
}

fn describe(definition: &CustomResourceDefinition) -> Installation {
    let label = |key: &str| definition.metadata.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let version = label(VERSION).unwrap_or_default();
    let distribution = match label(PART_OF) {
        Some(part_of) => format!("{part_of}-{version}"),
        None => version,
    };
    Installation {
        bootstrapped: label(BOOTSTRAPPED).is_some(),
        managed_by: label(MANAGED_BY).filter(|manager| manager != "flux"),
        distribution,
    }
}

/// The controllers' deployments in a namespace.
pub(crate) async fn deployments(client: &Client, namespace: &str) -> Result<Vec<Deployment>> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    Ok(api.list(&ListParams::default().labels(SELECTOR)).await.map_err(explain)?.items)
}

/// The images of a deployment's containers.
pub(crate) fn images(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let pod = deployment.spec.template.spec.as_ref();
    pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|container| container.image.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_name_version_and_origin() {
        let definition: CustomResourceDefinition = serde_json::from_value(serde_json::json!({
            "metadata": { "labels": {
                "app.kubernetes.io/part-of": "flux",
                "app.kubernetes.io/version": "v2.9.5",
                "app.kubernetes.io/managed-by": "Helm",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            } },
            "spec": { "group": "", "names": { "kind": "", "plural": "" }, "scope": "", "versions": [] },
        }))
        .unwrap();
        let expected = Installation {
            bootstrapped: true,
            managed_by: Some("Helm".into()),
            distribution: "flux-v2.9.5".into(),
        };
        assert_eq!(describe(&definition), expected);
    }
}
