//! What the status of an `OCIRepository` says.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_apis::conditions::{Summary, delete, mark_true};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::{Artifact, OciRepository, Source};
use sluice_runtime::{EventType, Pass};

use crate::conditions::reasons::ARTIFACT_UP_TO_DATE;
use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, FETCH_FAILED, SOURCE_VERIFIED, STORAGE_OPERATION_FAILED,
};
use crate::kind::SourceKind;

/// Annotation of artifacts: where their content comes from.
const ORIGIN_SOURCE: &str = "org.opencontainers.image.source";
/// Annotation of artifacts: which revision of that source they hold.
const ORIGIN_REVISION: &str = "org.opencontainers.image.revision";

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    SOURCE_VERIFIED,
    READY,
    RECONCILING,
    STALLED,
];

impl SourceKind for OciRepository {
    const KIND: &'static str = "OCIRepository";
    const SUMMARY: Summary<'static> = Summary {
        order: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            ARTIFACT_OUTDATED,
            ARTIFACT_IN_STORAGE,
            SOURCE_VERIFIED,
            STALLED,
            RECONCILING,
        ],
        negative_polarity: &[STORAGE_OPERATION_FAILED, FETCH_FAILED, ARTIFACT_OUTDATED, STALLED, RECONCILING],
        overriding_when_false: &[SOURCE_VERIFIED],
    };
    const FAILURES: &'static [&'static str] = &[FETCH_FAILED, STORAGE_OPERATION_FAILED];

    fn interval(&self) -> Duration {
        self.spec.interval.0
    }

    fn link_mut(&mut self) -> Option<&mut Option<String>> {
        self.status.as_mut().map(|status| &mut status.url)
    }
}

/// Whether the artifact was built from other settings than the spec has now.
pub(super) fn config_changed(object: &OciRepository) -> bool {
    let Some(status) = &object.status else { return true };
    object.spec.ignore != status.observed_ignore
        || object.spec.layer_selector != status.observed_layer_selector
}

/// Remembers a new artifact, the settings that it was built from, and the link to it.
pub(super) fn record_artifact(object: &mut OciRepository, artifact: Artifact, link: Option<String>) {
    let spec = &object.spec;
    let status = object.status.get_or_insert_default();
    status.artifact = Some(artifact);
    status.observed_ignore.clone_from(&spec.ignore);
    status.observed_layer_selector.clone_from(&spec.layer_selector);
    if link.is_some() {
        status.url = link;
    }
}

/// Says that the artifact of this revision is stored.
pub(super) fn mark_stored(object: &mut OciRepository, revision: &str) {
    delete(object, ARTIFACT_OUTDATED);
    mark_true(object, ARTIFACT_IN_STORAGE, SUCCEEDED, format!("stored artifact for digest '{revision}'"));
}

/// Says that the registry has what is stored.
pub(super) fn mark_up_to_date(pass: &mut Pass<OciRepository>, revision: &str) {
    let message = format!("artifact up-to-date with remote revision: '{revision}'");
    pass.event(EventType::Trace, ARTIFACT_UP_TO_DATE, &message, &BTreeMap::new());
    mark_stored(&mut pass.object, revision);
}

/// The message of an event about a stored artifact.
pub(super) fn stored_message(object: &OciRepository) -> String {
    let Some(artifact) = object.artifact() else { return String::new() };
    let message = format!("stored artifact with revision '{}' from '{}'", artifact.revision, object.spec.url);
    let origin = |key: &str| artifact.metadata.get(key).filter(|value| !value.is_empty());
    match (origin(ORIGIN_SOURCE), origin(ORIGIN_REVISION)) {
        (Some(source), Some(revision)) => {
            format!("{message}, origin source '{source}', origin revision '{revision}'")
        }
        _ => message,
    }
}
