//! Reads the variables that a Kustomization substitutes.

use std::collections::BTreeMap;

use kube::{Api, Client};
use sluice_apis::k8s::{ConfigMap, Secret};
use sluice_apis::kustomize::v1::{Kustomization, PostBuild, SubstituteReference, SubstituteReferenceKind};
use sluice_expr::envsubst::Variables;

use crate::substitute;

/// Why the variables can't be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A ConfigMap or Secret that must be there isn't.
    #[error("substitute from '{origin}' error: {resource} \"{name}\" not found")]
    NotFound {
        /// `Kind/name`.
        origin: String,
        /// The kind's plural.
        resource: &'static str,
        /// The name.
        name: String,
    },
    /// The API server refused, or can't be asked.
    #[error("substitute from '{origin}' error: {}", message(.source))]
    Api {
        /// `Kind/name`.
        origin: String,
        /// What the client says.
        source: kube::Error,
    },
    /// A variable can't be used.
    #[error(transparent)]
    Variable(#[from] substitute::Error),
}

impl Error {
    /// The place, where it is known.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Variable(error) => error.detail(),
            Self::NotFound { .. } | Self::Api { .. } => None,
        }
    }
}

/// What the API server says, or the client when the server says nothing.
fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        other => other.to_string(),
    }
}

/// The variables of a Kustomization.
#[derive(Clone, Default)]
pub struct Found {
    /// All of them.
    pub variables: Variables,
    /// The values that come from Secrets: not for messages or logs.
    pub secrets: Vec<String>,
}

/// Reads all ConfigMaps and Secrets that the Kustomization names, in order, then its inline values.
///
/// They are read with the client's own identity, in the Kustomization's namespace.
pub async fn read(client: &Client, object: &Kustomization) -> Result<Found, Error> {
    let Found { mut variables, mut secrets } = Found::default();
    let Some(post_build) = &object.spec.post_build else { return Ok(Found::default()) };
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    for reference in &post_build.substitute_from {
        let origin = substitute::origin(&reference.kind, &reference.name);
        let values = match values(client, namespace, reference).await {
            Ok(Some(values)) => values,
            Ok(None) if reference.optional => continue,
            Ok(None) => {
                let (resource, name) = (plural(&reference.kind), reference.name.clone());
                return Err(Error::NotFound { origin, resource, name });
            }
            Err(source) => return Err(Error::Api { origin, source }),
        };
        let pairs = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        substitute::add(&mut variables, pairs, &origin)?;
        if reference.kind == SubstituteReferenceKind::Secret {
            secrets.extend(values.into_values());
        }
    }
    add_inline(&mut variables, post_build)?;
    Ok(Found { variables, secrets })
}

/// Adds the values that stand in the Kustomization itself; they win over the others.
pub fn add_inline(variables: &mut Variables, post_build: &PostBuild) -> Result<(), Error> {
    let inline = post_build.substitute.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(substitute::add(variables, inline, "spec.postBuild.substitute")?)
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
