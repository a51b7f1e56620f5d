//! Phase: large files that are kept beside Git (LFS), for objects that ask for them.

use sluice_apis::source::v1::{GitRepository, Source};
use sluice_git::{Content, Error, Options, Remote};
use sluice_runtime::Pass;

use super::GitReconciler;
use super::archive::{self, ArchiveError};
use super::include::Include;
use super::source::failed;
use super::stores::Store;
use crate::conditions::reasons::{GIT_OPERATION_FAILED, UNSUPPORTED_FIELD};
use crate::conditions::types::FETCH_FAILED;
use crate::failure::Failure;
use crate::publish::{ignore_unreadable, not_archived};

/// The annotation of objects that ask for them, and the key of the artifact's metadata that tells of them.
pub(super) const LFS: &str = "sluice.dev/lfs";

/// Its value.
pub(super) const ENABLED: &str = "Enabled";

const DISABLED: &str = "Disabled";

/// Whether the object asks for large files.
pub(super) fn is_wanted(object: &GitRepository) -> bool {
    annotation(object).is_some_and(|value| value.eq_ignore_ascii_case(ENABLED))
}

/// Whether the stored artifact was made the other way.
pub(super) fn changed(object: &GitRepository) -> bool {
    object.artifact().is_some_and(|artifact| artifact.metadata.contains_key(LFS) != is_wanted(object))
}

/// Refuses a value that is neither of the two.
pub(super) fn check(object: &GitRepository) -> Result<(), Failure> {
    match annotation(object) {
        Some(value) if ![ENABLED, DISABLED].iter().any(|known| value.eq_ignore_ascii_case(known)) => {
            let message = format!("annotation {LFS} must be '{ENABLED}' or '{DISABLED}', not '{value}'");
            Err(Failure::retry(UNSUPPORTED_FIELD, message).with_condition(FETCH_FAILED))
        }
        _ => Ok(()),
    }
}

fn annotation(object: &GitRepository) -> Option<&str> {
    object.metadata.annotations.as_ref()?.get(LFS).map(String::as_str)
}

impl GitReconciler {
    /// Fetches the large files that belong in the artifact, if the object asks for them.
    pub(super) async fn fetch_large(
        &self,
        pass: &Pass<GitRepository>,
        remote: &Remote,
        mut content: Content,
        includes: &[Include],
        store: &Store,
    ) -> Result<Content, Failure> {
        if !is_wanted(&pass.object) {
            return Ok(content);
        }
        let (reading, ignore) = (content.clone(), pass.object.spec.ignore.clone());
        let matcher =
            tokio::task::spawn_blocking(move || archive::matcher(&reading, ignore.as_deref())).await;
        let matcher = matcher
            .map_err(|error| Failure::retry(GIT_OPERATION_FAILED, error).with_condition(FETCH_FAILED))?;
        let matcher = matcher.map_err(|error| match error {
            ArchiveError::Git(error) => failed(&error),
            ArchiveError::Ignore { .. } => ignore_unreadable(&error),
            error @ ArchiveError::Write(_) => not_archived(&error),
        })?;
        // What is included may bring rules of its own: all files are fetched then.
        let everything = !includes.is_empty();
        let wanted = move |path: &[u8]| {
            let path = String::from_utf8_lossy(path);
            everything || !matcher.excludes(&path.split('/').collect::<Vec<_>>(), false)
        };
        let options = Options::timeout(pass.object.spec.timeout.0);
        let folder = store.large();
        let work = async || {
            content.fetch_lfs(remote, &folder, self.max_lfs, wanted, &options).await?;
            Ok::<_, Error>(content)
        };
        let fetched = self.lanes.ask(pass, &remote.url, work).await?;
        fetched.map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sluice_apis::source::v1::{Artifact, GitRepositorySpec};

    use super::*;

    fn artifact() -> Artifact {
        Artifact {
            path: String::new(),
            url: String::new(),
            revision: "main@sha1:1".to_owned(),
            digest: String::new(),
            last_update_time: sluice_apis::meta::now(),
            size: None,
            metadata: BTreeMap::new(),
        }
    }

    #[test]
    fn the_annotation_says_whether_and_the_artifact_whether_it_was_so() {
        let mut object = GitRepository::new("x", GitRepositorySpec::default());
        assert!(!is_wanted(&object) && !changed(&object) && check(&object).is_ok());
        object.status.get_or_insert_default().artifact = Some(artifact());
        let mut annotate = |value: &str| {
            object.metadata.annotations = Some(BTreeMap::from([(LFS.to_owned(), value.to_owned())]));
            (is_wanted(&object), changed(&object), check(&object).is_ok())
        };
        assert_eq!(annotate("enabled"), (true, true, true));
        assert_eq!(annotate("Disabled"), (false, false, true));
        assert_eq!(annotate("yes"), (false, false, false));
    }
}
