//! Phase: what the sources have.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::{Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use sluice_apis::extensions::v1beta1::{ArtifactGenerator, SourceReference};
use sluice_apis::source::v1::{
    Artifact, Bucket, ExternalArtifact, GitRepository, HelmChart, OciRepository, Source,
};
use sluice_artifact::Unpacked;
use sluice_runtime::{ObjectKey, Pass, Store};

use super::Generator;
use super::status::SOURCE_FETCH_FAILED;
use crate::failure::Failure;

/// What the metadata of artifacts call the revision that they were made of.
pub(super) const ORIGIN_REVISION: &str = "org.opencontainers.image.revision";

/// A kind of source.
pub(super) trait Kind:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Source
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    const NAME: &'static str;
}

impl Kind for Bucket {
    const NAME: &'static str = "Bucket";
}
impl Kind for ExternalArtifact {
    const NAME: &'static str = "ExternalArtifact";
}
impl Kind for GitRepository {
    const NAME: &'static str = "GitRepository";
}
impl Kind for HelmChart {
    const NAME: &'static str = "HelmChart";
}
impl Kind for OciRepository {
    const NAME: &'static str = "OCIRepository";
}

/// A source in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SourceKey {
    pub(super) kind: String,
    pub(super) key: ObjectKey,
}

/// The sources of a generator.
pub(super) fn keys_of(generator: &ArtifactGenerator) -> Vec<SourceKey> {
    let namespace = generator.metadata.namespace.as_deref().unwrap_or_default();
    generator.spec.sources.iter().map(|source| key_of(source, namespace)).collect()
}

fn key_of(source: &SourceReference, namespace: &str) -> SourceKey {
    let namespace = source.namespace.as_deref().filter(|name| !name.is_empty()).unwrap_or(namespace);
    SourceKey { kind: source.kind.to_string(), key: ObjectKey::new(namespace, source.name.as_str()) }
}

/// Tells the artifact of a source, if there is such a source, and if it has one.
type Lookup = Box<dyn Fn(&ObjectKey) -> Option<Option<Artifact>> + Send + Sync>;

/// The sources in the cluster.
#[derive(Default)]
pub(super) struct Sources {
    kinds: BTreeMap<&'static str, Lookup>,
}

impl Sources {
    pub(super) fn add<K: Kind>(&mut self, store: Store<K>) {
        let lookup = move |key: &ObjectKey| Some(store.get(key)?.artifact().cloned());
        self.kinds.insert(K::NAME, Box::new(lookup));
    }

    /// The artifacts of a generator's sources by alias.
    pub(super) fn observe(
        &self,
        generator: &ArtifactGenerator,
        again: Duration,
    ) -> Result<BTreeMap<String, Artifact>, Failure> {
        let namespace = generator.metadata.namespace.as_deref().unwrap_or_default();
        let find = |source: &SourceReference| -> Result<Artifact, String> {
            let SourceKey { kind, key } = key_of(source, namespace);
            let name = &source.name;
            let lookup = self
                .kinds
                .get(kind.as_str())
                .ok_or_else(|| format!("source `{name}` kind '{kind}' not supported"))?;
            let artifact = lookup(&key)
                .ok_or_else(|| format!("{kind}.source.toolkit.fluxcd.io \"{name}\" not found"))?;
            artifact.ok_or_else(|| format!("source '{kind}/{key}' is not ready"))
        };
        let found = generator
            .spec
            .sources
            .iter()
            .map(|source| find(source).map(|artifact| (source.alias.clone(), artifact)));
        found.collect::<Result<_, _>>().map_err(|error| {
            Failure::wait(SOURCE_FETCH_FAILED, format!("get sources failed: {error}"), again)
        })
    }
}

/// A digest of what the sources have.
pub(super) fn digest(observed: &BTreeMap<String, Artifact>) -> String {
    let mut parts: Vec<String> = observed
        .iter()
        .map(|(alias, artifact)| {
            let Artifact { digest, revision, url, .. } = artifact;
            format!("{alias}=[digest={digest},revision={revision},url={url}]")
        })
        .collect();
    parts.sort_unstable();
    format!("sha256:{}", hex::encode(Sha256::digest(parts.join("|"))))
}

/// The content of sources by alias, kept for as long as this is.
pub(super) struct Fetched(BTreeMap<String, Arc<Unpacked>>);

impl Fetched {
    /// Where it is.
    pub(super) fn dirs(&self) -> BTreeMap<String, PathBuf> {
        self.0.iter().map(|(alias, content)| (alias.clone(), content.path().to_owned())).collect()
    }
}

impl Generator {
    /// Fetches the content of all sources. Holds no worker meanwhile.
    pub(super) async fn fetch(
        &self,
        pass: &Pass<ArtifactGenerator>,
        observed: &BTreeMap<String, Artifact>,
    ) -> Result<Fetched, Failure> {
        let work = async {
            let mut fetched = BTreeMap::new();
            for (alias, artifact) in observed {
                fetched.insert(alias.clone(), self.fetcher.get(artifact).await?);
            }
            Ok(Fetched(fetched))
        };
        pass.park(work).await.map_err(|error: sluice_artifact::FetchError| {
            let message = format!("fetch sources failed: {error}");
            Failure::wait(SOURCE_FETCH_FAILED, message, self.options.requeue_dependency)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_flux() {
        let artifact = |digest: &str, revision: &str, url: &str| Artifact {
            digest: digest.to_owned(),
            revision: revision.to_owned(),
            url: url.to_owned(),
            path: String::new(),
            last_update_time: sluice_apis::k8s::Time(jiff::Timestamp::UNIX_EPOCH),
            size: None,
            metadata: BTreeMap::new(),
        };
        let observed = BTreeMap::from([
            ("b".to_owned(), artifact("sha256:2", "v1@sha256:2", "http://h/b")),
            ("a".to_owned(), artifact("sha256:1", "main@sha1:1", "http://h/a")),
        ]);
        // From sha256sum over the text that the Go library hashes.
        assert_eq!(
            digest(&observed),
            "sha256:4e56e79cfb62992673e635a54da633cba689cfcfa01fe5c1164426f4260bd051"
        );
    }
}
