//! Phase: the digest of the selected tag.

use sluice_apis::image::v1::{DigestReflectionPolicy, ImagePolicy, ImageRef, ImageRepository};
use sluice_oci::{Repository, Version};
use sluice_runtime::Pass;
use tokio::time::timeout;

use super::super::access;
use super::PolicyReconciler;
use crate::failure::Failure;

impl PolicyReconciler {
    /// The selected image, with its digest if that is wanted.
    pub(super) async fn reference(
        &self,
        pass: &Pass<ImagePolicy>,
        repository: &ImageRepository,
        name: Repository,
        tag: String,
    ) -> Result<ImageRef, Failure> {
        let mut latest = ImageRef { name: repository.spec.image.clone(), tag, digest: None };
        let known = pass.object.status.as_ref().and_then(|status| status.latest_ref.as_ref());
        match known_digest(&pass.object.spec.digest_reflection_policy, &latest, known) {
            Known::Is(digest) => latest.digest = digest,
            Known::Ask => latest.digest = Some(self.fetch(pass, repository, name, &latest).await?),
        }
        Ok(latest)
    }

    async fn fetch(
        &self,
        pass: &Pass<ImagePolicy>,
        repository: &ImageRepository,
        name: Repository,
        latest: &ImageRef,
    ) -> Result<String, Failure> {
        let shown = format!("{}:{}", latest.name, latest.tag);
        let failed = |error: String| Failure::unnamed(format!("failed fetching digest of {shown}: {error}"));
        let bound = access::timeout(repository);
        let work = async || {
            let client = self.shared.client(pass.client(), repository, name.clone()).await;
            let client = client.map_err(|failure| failed(failure.message))?;
            client.resolve(&Version::Tag(latest.tag.clone())).await.map_err(|error| {
                failed(format!(
                    "failed fetching descriptor for {:?}: {error}",
                    format!("{name}:{}", latest.tag)
                ))
            })
        };
        let found = self.shared.lanes.ask(pass, &name, async || timeout(bound, work()).await).await?;
        found.unwrap_or_else(|_| {
            Err(failed(format!("context deadline exceeded: not done within {}s", bound.as_secs_f64())))
        })
    }
}

/// Whether the digest has to be asked for.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// It is this, or none is wanted.
    Is(Option<String>),
    /// The registry knows.
    Ask,
}

fn known_digest(policy: &DigestReflectionPolicy, latest: &ImageRef, known: Option<&ImageRef>) -> Known {
    match policy {
        DigestReflectionPolicy::Never | DigestReflectionPolicy::Other(_) => Known::Is(None),
        DigestReflectionPolicy::Always => Known::Ask,
        DigestReflectionPolicy::IfNotPresent => known
            .filter(|known| known.name == latest.name && known.tag == latest.tag)
            .and_then(|known| known.digest.clone())
            .filter(|digest| !digest.is_empty())
            .map_or(Known::Ask, |digest| Known::Is(Some(digest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(tag: &str, digest: Option<&str>) -> ImageRef {
        ImageRef { name: "app".to_owned(), tag: tag.to_owned(), digest: digest.map(str::to_owned) }
    }

    #[test]
    fn a_digest_is_asked_for_when_the_policy_says_so() {
        let latest = reference("1", None);
        let of = |policy, known: Option<&ImageRef>| known_digest(&policy, &latest, known);
        let pinned = reference("1", Some("sha256:a"));
        let is = |digest: Option<&str>| Known::Is(digest.map(str::to_owned));
        assert_eq!(of(DigestReflectionPolicy::Never, Some(&pinned)), is(None));
        assert_eq!(of(DigestReflectionPolicy::IfNotPresent, Some(&pinned)), is(Some("sha256:a")));
        for known in [None, Some(&reference("2", Some("sha256:a"))), Some(&reference("1", None))] {
            assert_eq!(of(DigestReflectionPolicy::IfNotPresent, known), Known::Ask);
        }
        assert_eq!(of(DigestReflectionPolicy::Always, Some(&pinned)), Known::Ask);
    }
}
