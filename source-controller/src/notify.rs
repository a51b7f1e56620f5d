//! Phase: events about new artifacts and recoveries.

use std::collections::BTreeMap;

use sluice_apis::conditions::get;
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::{DIGEST_KEY, REVISION_KEY};
use sluice_runtime::{EventType, Pass};

use crate::conditions::reasons::NEW_ARTIFACT;
use crate::kind::SourceKind;

/// What the status said when the turn began.
pub(crate) struct Before {
    digest: Option<String>,
    failed: bool,
}

impl Before {
    pub(crate) fn of<K: SourceKind>(object: &K) -> Self {
        Self { digest: object.artifact().map(|artifact| artifact.digest.clone()), failed: is_failed(object) }
    }
}

fn is_failed<K: SourceKind>(object: &K) -> bool {
    K::FAILURES.iter().any(|type_| get(object, type_).is_some())
}

/// Reasons of the events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reasons {
    /// Of one about an artifact with other content.
    pub(crate) new: &'static str,
    /// Of one about failures that are over.
    pub(crate) recovered: &'static str,
}

/// Tells of an artifact with other content than before, or that failures are over.
pub(crate) fn notify<K: SourceKind>(pass: &Pass<K>, before: &Before, message: impl FnOnce(&K) -> String) {
    notify_as(pass, before, Reasons { new: NEW_ARTIFACT, recovered: SUCCEEDED }, message);
}

/// As [`notify`], with reasons of one's own.
pub(crate) fn notify_as<K: SourceKind>(
    pass: &Pass<K>,
    before: &Before,
    reasons: Reasons,
    message: impl FnOnce(&K) -> String,
) {
    let Some(artifact) = pass.object.artifact() else { return };
    let reason = if before.digest.as_ref() != Some(&artifact.digest) {
        reasons.new
    } else if before.failed && !is_failed(&pass.object) {
        reasons.recovered
    } else {
        return;
    };
    let metadata = BTreeMap::from([
        (REVISION_KEY.to_owned(), artifact.revision.clone()),
        (DIGEST_KEY.to_owned(), artifact.digest.clone()),
    ]);
    pass.event(EventType::Normal, reason, &message(&pass.object), &metadata);
}
