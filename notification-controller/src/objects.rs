//! The Flux objects that events come from and webhooks trigger, of which only the metadata is read.

use std::collections::BTreeMap;

use kube::{
    Api, Client,
    core::{ApiResource, DynamicObject},
};

/// The plural names of the kinds.
const PLURALS: &[(&str, &str)] = &[
    ("ArtifactGenerator", "artifactgenerators"),
    ("Bucket", "buckets"),
    ("ExternalArtifact", "externalartifacts"),
    ("GitRepository", "gitrepositories"),
    ("HelmChart", "helmcharts"),
    ("HelmRelease", "helmreleases"),
    ("HelmRepository", "helmrepositories"),
    ("ImagePolicy", "imagepolicies"),
    ("ImageRepository", "imagerepositories"),
    ("ImageUpdateAutomation", "imageupdateautomations"),
    ("Kustomization", "kustomizations"),
    ("OCIRepository", "ocirepositories"),
];

/// The API of a kind in a namespace. A kind or version that the cluster has not gives 404 when it is used.
pub fn api(client: &Client, api_version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource(api_version, kind))
}

fn resource(api_version: &str, kind: &str) -> ApiResource {
    // What stands after a second slash says nothing.
    let (group, version) = match api_version.split_once('/') {
        Some((group, rest)) => (group, rest.split('/').next().unwrap_or_default()),
        None => ("", api_version),
    };
    let known = PLURALS.iter().find(|(known, _)| *known == kind);
    let plural =
        known.map_or_else(|| format!("{}s", kind.to_lowercase()), |(_, plural)| (*plural).to_owned());
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") },
        kind: kind.to_owned(),
        plural,
    }
}

/// The API version of kinds that references may leave out.
pub fn default_api_version(kind: &str) -> Option<&'static str> {
    match kind {
        "Bucket" | "HelmChart" | "HelmRepository" | "GitRepository" | "OCIRepository" => {
            Some("source.toolkit.fluxcd.io/v1")
        }
        "ImageRepository" => Some("image.toolkit.fluxcd.io/v1"),
        "ArtifactGenerator" => Some("source.extensions.fluxcd.io/v1beta1"),
        _ => None,
    }
}

/// Labels, as a selector.
pub type Labels = BTreeMap<String, String>;

/// Whether an object could have these labels at all: the API server takes no others.
pub fn are_valid_labels(labels: &Labels) -> bool {
    labels.iter().all(|(key, value)| is_label_key(key) && (value.is_empty() || is_qualified(value)))
}

/// Whether `labels` has all that `wanted` asks for.
pub fn has_labels(labels: Option<&Labels>, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// A label selector, as the API server reads it.
pub fn selector(labels: &Labels) -> String {
    let terms: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    terms.join(",")
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_qualified(name),
        None => is_qualified(key),
    }
}

/// Letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit, at most 63.
fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63 && outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(inner)
}

/// A DNS subdomain: labels in lower case, joined by dots, at most 253 bytes.
fn is_subdomain(text: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        let outer = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
        outer(bytes.first()) && outer(bytes.last()) && bytes.iter().all(inner)
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_follow_the_rules_of_kubernetes() {
        for good in [("app", "x"), ("a.b/c_d", ""), ("app.kubernetes.io/Name", "A-1.b_2")] {
            assert!(are_valid_labels(&labels(&[good])), "{good:?}");
        }
        for bad in [("app", "not valid!"), ("", "x"), ("A/b", "x"), ("a/b/c", "x"), ("a", "-x"), ("a", "x.")]
        {
            assert!(!are_valid_labels(&labels(&[bad])), "{bad:?}");
        }
        assert!(!are_valid_labels(&labels(&[("a", &"x".repeat(64))])));
    }

    #[test]
    fn all_wanted_labels_must_be_there() {
        let has = labels(&[("a", "1"), ("b", "2")]);
        assert!(has_labels(Some(&has), &labels(&[("a", "1")])));
        assert!(!has_labels(Some(&has), &labels(&[("a", "1"), ("c", "3")])));
        assert!(has_labels(None, &labels(&[])));
    }

    #[test]
    fn every_kind_of_references_has_a_plural() {
        for kind in sluice_apis::notification::ReferenceKind::WORDS {
            assert!(PLURALS.iter().any(|(known, _)| known == kind), "{kind}");
        }
    }
}
