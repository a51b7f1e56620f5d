//! How actions are told: conditions and events, with what they are about.

use std::collections::BTreeMap;

use sluice_apis::helm::v2::{HelmRelease, ReleaseSnapshot};
use sluice_apis::helm::{APP_VERSION_KEY, OCI_DIGEST_KEY, REVISION_KEY, TOKEN_KEY};
use sluice_release::Log;

use super::release::Subject;

/// What an event is about: a chart and values.
pub fn metadata(
    revision: &str,
    token: &str,
    app_version: Option<&str>,
    oci: Option<&str>,
) -> BTreeMap<String, String> {
    let rows = [
        (REVISION_KEY, Some(revision)),
        (TOKEN_KEY, Some(token)),
        (APP_VERSION_KEY, app_version),
        (OCI_DIGEST_KEY, oci),
    ];
    rows.into_iter()
        .filter_map(|(key, value)| {
            Some((key.to_owned(), value.filter(|value| !value.is_empty())?.to_owned()))
        })
        .collect()
}

/// About a snapshot.
pub fn about(snapshot: &ReleaseSnapshot) -> BTreeMap<String, String> {
    metadata(
        &snapshot.chart_version,
        &snapshot.config_digest,
        snapshot.app_version.as_deref(),
        snapshot.oci_digest.as_deref(),
    )
}

/// About a snapshot that is gone back to, with the values that were wanted.
pub fn about_target(snapshot: &ReleaseSnapshot, token: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(TOKEN_KEY.to_owned(), token.to_owned())]).into_iter().fold(
        about(snapshot),
        |mut all, (k, v)| {
            all.insert(k, v);
            all
        },
    )
}

/// About what is being released.
pub fn about_attempt(object: &HelmRelease, subject: &Subject) -> BTreeMap<String, String> {
    let oci = object.status.as_ref().and_then(|status| status.last_attempted_revision_digest.as_deref());
    let metadata_ = &subject.chart.metadata;
    metadata(&subject.version, &subject.config_digest, Some(&metadata_.app_version), oci)
}

/// A message with the last lines of Helm's log.
pub fn with_log(message: &str, log: &Log) -> String {
    let mut text = message.to_owned();
    if let Some(lines) = log.text() {
        text.push_str("\n\nLast Helm logs:\n\n");
        text.push_str(&lines);
    }
    text
}
