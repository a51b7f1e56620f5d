//! The kinds that an API server serves, by all names that they have.

use anyhow::Result;
use http::Request;
use kube::Client;
use kube::api::ApiResource;
use serde::Deserialize;

use crate::cluster::explain;

/// A kind, with the names by which people call it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) resource: ApiResource,
    pub(crate) is_namespaced: bool,
    names: Vec<String>,
}

impl Served {
    /// Whether this is what a word means: a plural, singular or short name, or a kind, with or without the group.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        let (name, group) =
            word.split_once('.').map_or((word.as_str(), None), |(name, group)| (name, Some(group)));
        let of_group = group.is_none_or(|group| {
            group == self.resource.group
                || group == format!("{}.{}", self.resource.version, self.resource.group)
        });
        of_group && self.names.iter().any(|own| own == name)
    }
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    metadata: Meta,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "resource")]
    plural: String,
    #[serde(default, rename = "singularResource")]
    singular: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    scope: String,
    response_kind: Option<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// All kinds in the order of the API server's preference, those of the core first.
pub(crate) async fn resources(client: &Client) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for path in ["/api", "/apis"] {
        let request = Request::get(path)
            .header("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
            .body(Vec::new())?;
        let groups: Groups = client.request(request).await.map_err(explain)?;
        for group in groups.items {
            for version in group.versions {
                let all = version.resources.into_iter();
                served.extend(
                    all.filter_map(|resource| read(&group.metadata.name, &version.version, resource)),
                );
            }
        }
    }
    Ok(served)
}

fn read(group: &str, version: &str, resource: Resource) -> Option<Served> {
    let kind = resource.response_kind?.kind;
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let mut names = vec![resource.plural.clone(), resource.singular, kind.to_ascii_lowercase()];
    names.extend(resource.short_names);
    Some(Served {
        resource: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind,
            plural: resource.plural,
        },
        is_namespaced: resource.scope == "Namespaced",
        names,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_answer_to_all_their_names() {
        let resource = Resource {
            plural: "deployments".to_owned(),
            singular: "deployment".to_owned(),
            short_names: vec!["deploy".to_owned()],
            scope: "Namespaced".to_owned(),
            response_kind: Some(Kind { kind: "Deployment".to_owned() }),
        };
        let served = read("apps", "v1", resource).unwrap();
        for word in
            ["deployment", "deployments", "deploy", "Deployment", "deployments.apps", "deployment.v1.apps"]
        {
            assert!(served.is_called(word), "{word}");
        }
        assert!(!served.is_called("deployments.extensions") && !served.is_called("pods"));
    }
}
