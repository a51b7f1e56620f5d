//! What the status of a `GitRepository` says.

use std::time::Duration;

use sluice_apis::conditions::{Summary, mark_true};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{Artifact, GitRepository, Source};
use sluice_git::Commit;

use super::include::{Include, are_same};
use super::{large, verify};
use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, INCLUDE_UNAVAILABLE, SOURCE_VERIFIED,
    STORAGE_OPERATION_FAILED,
};
use crate::kind::SourceKind;

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    INCLUDE_UNAVAILABLE,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    SOURCE_VERIFIED,
    READY,
    RECONCILING,
    STALLED,
];

impl SourceKind for GitRepository {
    const KIND: &'static str = "GitRepository";
    const SUMMARY: Summary<'static> = Summary {
        order: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            INCLUDE_UNAVAILABLE,
            ARTIFACT_OUTDATED,
            ARTIFACT_IN_STORAGE,
            SOURCE_VERIFIED,
            STALLED,
            RECONCILING,
        ],
        negative_polarity: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            INCLUDE_UNAVAILABLE,
            ARTIFACT_OUTDATED,
            STALLED,
            RECONCILING,
        ],
        overriding_when_false: &[SOURCE_VERIFIED],
    };
    const FAILURES: &'static [&'static str] = &[FETCH_FAILED, INCLUDE_UNAVAILABLE, STORAGE_OPERATION_FAILED];

    fn interval(&self) -> Duration {
        self.spec.interval.0
    }

    fn has_revision(&self, revision: &str) -> bool {
        self.artifact().is_some_and(|artifact| normalize_revision(&artifact.revision) == revision)
    }
}

/// The message of an event about a stored artifact. `commit` is the one that was fetched, if any.
pub(super) fn stored_message(object: &GitRepository, commit: Option<&Commit>) -> String {
    let revision = || object.artifact().map(|artifact| artifact.revision.clone()).unwrap_or_default();
    format!("stored artifact for commit '{}'", commit.map_or_else(revision, Commit::short_message))
}

/// Whether the artifact was built from other settings than the spec has now, or from other artifacts.
pub(super) fn config_changed(object: &GitRepository, includes: &[Include]) -> bool {
    let spec = &object.spec;
    let Some(status) = &object.status else { return true };
    spec.ignore != status.observed_ignore
        || spec.recurse_submodules != status.observed_recurse_submodules
        || spec.include != status.observed_include
        || !are_same(includes, &status.included_artifacts)
        || spec.sparse_checkout != status.observed_sparse_checkout
        || verify::is_due(object)
        || large::changed(object)
}

/// Remembers a new artifact and the settings that it was built from.
pub(super) fn record_artifact(object: &mut GitRepository, mut artifact: Artifact, includes: Vec<Include>) {
    if large::is_wanted(object) {
        artifact.metadata.insert(large::LFS.to_owned(), large::ENABLED.to_owned());
    }
    let spec = &object.spec;
    let status = object.status.get_or_insert_default();
    status.artifact = Some(artifact);
    status.included_artifacts = includes.into_iter().map(|include| include.artifact).collect();
    status.observed_ignore.clone_from(&spec.ignore);
    status.observed_recurse_submodules = spec.recurse_submodules;
    status.observed_include.clone_from(&spec.include);
    status.observed_sparse_checkout.clone_from(&spec.sparse_checkout);
}

/// Says that the artifact of this revision is stored.
pub(super) fn mark_stored(object: &mut GitRepository, revision: &str) {
    mark_true(object, ARTIFACT_IN_STORAGE, SUCCEEDED, format!("stored artifact for revision '{revision}'"));
}

/// Brings a revision in the form of before Flux 2.0 (`main/<hash>`, `HEAD/<hash>`, `<hash>`) to today's.
fn normalize_revision(revision: &str) -> String {
    let is_hash = |text: &str| matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let algorithm = |hash: &str| if hash.len() == 64 { "sha256" } else { "sha1" };
    match revision.rsplit_once('/') {
        _ if revision.contains(':') => revision.to_owned(),
        Some(("HEAD", hash)) if is_hash(hash) => format!("{}:{hash}", algorithm(hash)),
        Some((name, hash)) if is_hash(hash) => format!("{name}@{}:{hash}", algorithm(hash)),
        None if is_hash(revision) => format!("{}:{revision}", algorithm(revision)),
        _ => revision.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_revisions_are_understood() {
        let hash = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738";
        for (old, new) in [
            (format!("main/{hash}"), format!("main@sha1:{hash}")),
            (format!("feature/x/{hash}"), format!("feature/x@sha1:{hash}")),
            (format!("HEAD/{hash}"), format!("sha1:{hash}")),
            (hash.to_owned(), format!("sha1:{hash}")),
            (format!("main@sha1:{hash}"), format!("main@sha1:{hash}")),
            (format!("a/b@sha1:{hash}"), format!("a/b@sha1:{hash}")),
            ("v1/not-a-hash".to_owned(), "v1/not-a-hash".to_owned()),
        ] {
            assert_eq!(normalize_revision(&old), new);
        }
    }
}
