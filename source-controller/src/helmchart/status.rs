//! What the status of a `HelmChart` says.

use std::time::Duration;

use sluice_apis::conditions::{Summary, delete, mark_true};
use sluice_apis::meta::condition_types::{READY, RECONCILING, STALLED};
use sluice_apis::source::v1::{Artifact, HelmChart};

use super::build::Build;
use crate::conditions::types::{
    ARTIFACT_IN_STORAGE, ARTIFACT_OUTDATED, BUILD_FAILED, FETCH_FAILED, SOURCE_VERIFIED,
    STORAGE_OPERATION_FAILED,
};
use crate::kind::SourceKind;

/// Conditions that only this controller writes.
pub(super) const OWNED: &[&str] = &[
    STORAGE_OPERATION_FAILED,
    FETCH_FAILED,
    BUILD_FAILED,
    ARTIFACT_OUTDATED,
    ARTIFACT_IN_STORAGE,
    SOURCE_VERIFIED,
    READY,
    RECONCILING,
    STALLED,
];

impl SourceKind for HelmChart {
    const KIND: &'static str = "HelmChart";
    const SUMMARY: Summary<'static> = Summary {
        order: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            BUILD_FAILED,
            ARTIFACT_OUTDATED,
            ARTIFACT_IN_STORAGE,
            SOURCE_VERIFIED,
            STALLED,
            RECONCILING,
        ],
        negative_polarity: &[
            STORAGE_OPERATION_FAILED,
            FETCH_FAILED,
            BUILD_FAILED,
            ARTIFACT_OUTDATED,
            STALLED,
            RECONCILING,
        ],
        overriding_when_false: &[SOURCE_VERIFIED],
    };
    const FAILURES: &'static [&'static str] = &[BUILD_FAILED, FETCH_FAILED, STORAGE_OPERATION_FAILED];

    fn interval(&self) -> Duration {
        self.spec.interval.0
    }

    fn link_mut(&mut self) -> Option<&mut Option<String>> {
        self.status.as_mut().map(|status| &mut status.url)
    }
}

/// Remembers a new artifact, what it was made of, and the link to it.
pub(super) fn record_artifact(
    object: &mut HelmChart,
    artifact: Artifact,
    link: Option<String>,
    build: &Build,
) {
    let keeps_files = object.spec.ignore_missing_values_files;
    let status = object.status.get_or_insert_default();
    status.artifact = Some(artifact);
    status.observed_chart_name = Some(build.name.clone());
    status.observed_values_files = if keeps_files { build.values_files.clone() } else { Vec::new() };
    if link.is_some() {
        status.url = link;
    }
}

/// Says that the chart is stored.
pub(super) fn mark_stored(object: &mut HelmChart, build: &Build) {
    delete(object, ARTIFACT_OUTDATED);
    mark_true(object, ARTIFACT_IN_STORAGE, build.reason(), build.to_string());
}
