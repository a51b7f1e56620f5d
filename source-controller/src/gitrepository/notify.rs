//! Phase: events about new artifacts and recoveries.

use std::collections::BTreeMap;

use sluice_apis::conditions::get;
use sluice_apis::meta::reasons::SUCCEEDED;
use sluice_apis::source::v1::GitRepository;
use sluice_git::Commit;
use sluice_runtime::{EventType, Pass};

use super::status::{FAILURES, artifact};
use crate::conditions::reasons::NEW_ARTIFACT;

/// Prefix of metadata keys.
const GROUP: &str = "source.toolkit.fluxcd.io";

/// What the status said when the turn began.
pub(super) struct Before {
    digest: Option<String>,
    failed: bool,
}

impl Before {
    pub(super) fn of(object: &GitRepository) -> Self {
        Self { digest: artifact(object).map(|artifact| artifact.digest.clone()), failed: is_failed(object) }
    }
}

fn is_failed(object: &GitRepository) -> bool {
    FAILURES.iter().any(|type_| get(object, type_).is_some())
}

/// Tells of an artifact with other content than before, or that failures are over. `commit` is the one that
/// was fetched, if any.
pub(super) fn notify(pass: &Pass<GitRepository>, before: &Before, commit: Option<&Commit>) {
    let Some(artifact) = artifact(&pass.object) else { return };
    let reason = if before.digest.as_ref() != Some(&artifact.digest) {
        NEW_ARTIFACT
    } else if before.failed && !is_failed(&pass.object) {
        SUCCEEDED
    } else {
        return;
    };
    let subject = commit.map_or_else(|| artifact.revision.clone(), Commit::short_message);
    let metadata = BTreeMap::from([
        (format!("{GROUP}/revision"), artifact.revision.clone()),
        (format!("{GROUP}/digest"), artifact.digest.clone()),
    ]);
    let message = format!("stored artifact for commit '{subject}'");
    pass.event(EventType::Normal, reason, &message, &metadata);
}
