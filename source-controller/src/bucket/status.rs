//! What the status of a `Bucket` says.

use std::time::Duration;

use sluice_apis::conditions::{Summary, delete, mark_true};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{Artifact, Bucket};

use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, STORAGE_OPERATION_FAILED,
};
use crate::kind::SourceKind;

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    READY,
    RECONCILING,
    STALLED,
];

impl SourceKind for Bucket {
    const KIND: &'static str = "Bucket";
    const SUMMARY: Summary<'static> = Summary {
        order: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            ARTIFACT_OUTDATED,
            ARTIFACT_IN_STORAGE,
            STALLED,
            RECONCILING,
        ],
        negative_polarity: &[STORAGE_OPERATION_FAILED, FETCH_FAILED, ARTIFACT_OUTDATED, STALLED, RECONCILING],
        overriding_when_false: &[],
    };
    const FAILURES: &'static [&'static str] = &[FETCH_FAILED, STORAGE_OPERATION_FAILED];

    fn interval(&self) -> Duration {
        self.spec.interval.0
    }

    fn link_mut(&mut self) -> Option<&mut Option<String>> {
        self.status.as_mut().map(|status| &mut status.url)
    }
}

/// Remembers a new artifact, the settings that it was built from, and the link to it.
pub(super) fn record_artifact(object: &mut Bucket, artifact: Artifact, link: Option<String>) {
    let ignore = object.spec.ignore.clone();
    let status = object.status.get_or_insert_default();
    status.artifact = Some(artifact);
    status.observed_ignore = ignore;
    if link.is_some() {
        status.url = link;
    }
}

/// Says that the artifact of this revision is stored.
pub(super) fn mark_stored(object: &mut Bucket, revision: &str) {
    delete(object, ARTIFACT_OUTDATED);
    mark_true(object, ARTIFACT_IN_STORAGE, SUCCEEDED, format!("stored artifact: revision '{revision}'"));
}

/// The message of an event about a stored artifact.
pub(super) fn stored_message(object: &Bucket, count: usize) -> String {
    format!("stored artifact with {count} fetched files from '{}' bucket", object.spec.bucket_name)
}
