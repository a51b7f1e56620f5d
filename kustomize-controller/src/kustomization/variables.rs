//! Reads the variables that a Kustomization substitutes.

use std::collections::BTreeMap;

use kube::{Api, Client};
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_apis::kustomize::v1::{Kustomization, SubstituteReference, SubstituteReferenceKind};
use sluice_expr::envsubst::Variables;

use super::substitute;
use crate::clusters::api_message;

/// Reads all ConfigMaps and Secrets that the Kustomization names, in order, then its inline values.
///
/// They are read with the controller's own identity, in the Kustomization's namespace.
pub async fn read(client: &Client, object: &Kustomization) -> Result<Variables, String> {
    let mut variables = Variables::new();
    let Some(post_build) = &object.spec.post_build else { return Ok(variables) };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    for reference in &post_build.substitute_from {
        let origin = substitute::origin(&reference.kind, &reference.name);
        let values = match values(client, namespace, reference).await {
            Ok(Some(values)) => values,
            Ok(None) if reference.optional => continue,
            Ok(None) => {
                let resource = plural(&reference.kind);
                return Err(format!(
                    "substitute from '{origin}' error: {resource} \"{}\" not found",
                    reference.name
                ));
            }
            Err(error) => return Err(format!("substitute from '{origin}' error: {}", api_message(&error))),
        };
        let pairs = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        substitute::add(&mut variables, pairs, &origin).map_err(|error| error.to_string())?;
    }
    let inline = post_build.substitute.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    substitute::add(&mut variables, inline, "spec.postBuild.substitute")
        .map_err(|error| error.to_string())?;
    Ok(variables)
}

async fn values(
    client: &Client,
    namespace: &str,
    reference: &SubstituteReference,
) -> Result<Option<BTreeMap<String, String>>, kube::Error> {
    if reference.kind == SubstituteReferenceKind::Secret {
        let secret = Api::<Secret>::namespaced(client.clone(), namespace).get_opt(&reference.name).await?;
        let data = secret.map(|secret| secret.data.unwrap_or_default());
        return Ok(data.map(|data| {
            data.into_iter().map(|(k, v)| (k, String::from_utf8_lossy(&v.0).into_owned())).collect()
        }));
    }
    let map = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(&reference.name).await?;
    Ok(map.map(|map| map.data.unwrap_or_default()))
}

fn plural(kind: &SubstituteReferenceKind) -> &'static str {
    if *kind == SubstituteReferenceKind::Secret { "secrets" } else { "configmaps" }
}
