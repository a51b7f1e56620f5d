//! What the phases that are the same for all kinds of sources need to know of a kind.

use std::time::Duration;

use sluice_apis::conditions::{ConditionedObject, Summary};
use sluice_apis::source::v1::Source;
use sluice_auth::cloud::Asker;
use sluice_runtime::Object;

/// A kind of source.
pub(crate) trait SourceKind: Object + ConditionedObject + Source {
    /// Its name, under which artifacts are stored.
    const KIND: &'static str;
    /// How Ready follows from the other conditions.
    const SUMMARY: Summary<'static>;
    /// Conditions whose disappearance is a recovery.
    const FAILURES: &'static [&'static str];

    /// `spec.interval`.
    fn interval(&self) -> Duration;

    /// `status.url`, the address of the link to the latest artifact, of kinds that have one.
    fn link_mut(&mut self) -> Option<&mut Option<String>> {
        None
    }

    /// Whether the stored artifact has this revision.
    fn has_revision(&self, revision: &str) -> bool {
        self.artifact().is_some_and(|artifact| artifact.revision == revision)
    }

    /// In whose name clouds are asked for credentials.
    fn asker(&self) -> Asker<'_> {
        let name = self.meta().name.as_deref().unwrap_or_default();
        Asker { kind: Self::KIND, namespace: self.namespace(), name, operation: "reconcile" }
    }

    /// The namespace.
    fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }
}
