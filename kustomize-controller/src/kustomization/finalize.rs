//! What happens to the applied objects when their Kustomization is deleted.

use sluice_apis::kustomize::v1::{DeletionPolicy, Kustomization};
use sluice_apis::meta::FINALIZER;
use sluice_apply::prune;
use sluice_runtime::{Action, EventType, ReconcileError};

use super::{KustomizationPass, Kustomizer, apply, event, last_applied_metadata, status};

impl Kustomizer {
    /// Deletes the applied objects if the spec wants that, then lets the Kustomization go.
    pub(super) async fn finalize(&self, pass: &mut KustomizationPass) -> Result<Action, ReconcileError> {
        let entries = status::inventory(&pass.object);
        if deletes_objects(&pass.object) && !entries.is_empty() {
            if self.clusters.can_impersonate(&pass.object).await? {
                self.delete_objects(pass).await?;
            } else {
                // Nobody is left who may delete them; keeping the Kustomization would not change that.
                let list: Vec<String> = entries.iter().map(|entry| entry.id.subject()).collect();
                let message = format!("unable to prune objects: \n{}", list.join("\n"));
                event(pass, EventType::Warning, &message, &last_applied_metadata(&pass.object));
            }
        }
        if let Some(uid) = &pass.object.metadata.uid {
            self.memory.forget(uid);
        }
        if let Some(finalizers) = &mut pass.object.metadata.finalizers {
            finalizers.retain(|name| name != FINALIZER);
        }
        Ok(Action::Done)
    }

    async fn delete_objects(&self, pass: &KustomizationPass) -> Result<(), ReconcileError> {
        let metadata = last_applied_metadata(&pass.object);
        let cluster = self.clusters.target(&pass.object).await?;
        let entries = status::inventory(&pass.object);
        let outcome = prune::prune(&cluster, &apply::owner(&pass.object), &entries).await;
        if let Some(message) = outcome.failure() {
            event(pass, EventType::Warning, "pruning for deleted resource failed", &metadata);
            return Err(ReconcileError::message(message));
        }
        if outcome.changes.entries.is_empty() {
            return Ok(());
        }
        event(pass, EventType::Normal, &outcome.changes.to_string(), &metadata);
        if pass.object.spec.deletion_policy == Some(DeletionPolicy::WaitForTermination) {
            let timeout = status::timeout(&pass.object);
            let gone =
                pass.park(Box::pin(prune::wait_for_termination(&cluster, &outcome.changes, timeout))).await;
            if let Err(error) = gone {
                tracing::error!(%error, detail = error.detail, "objects were not terminated in time");
                event(pass, EventType::Warning, "failed to wait for resources termination", &metadata);
            }
        }
        Ok(())
    }
}

/// Whether the applied objects go with their Kustomization.
fn deletes_objects(object: &Kustomization) -> bool {
    if object.spec.suspend {
        return false;
    }
    match &object.spec.deletion_policy {
        None | Some(DeletionPolicy::MirrorPrune) => object.spec.prune,
        Some(DeletionPolicy::Delete | DeletionPolicy::WaitForTermination) => true,
        // An unknown policy comes from a newer API: keeping is the safe reading.
        Some(DeletionPolicy::Orphan | DeletionPolicy::Other(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use sluice_apis::kustomize::v1::KustomizationSpec;

    use super::*;

    #[test]
    fn the_policy_decides_and_suspension_keeps() {
        let cases = [
            (None, true, false, true),
            (None, false, false, false),
            (Some("MirrorPrune"), true, false, true),
            (Some("MirrorPrune"), false, false, false),
            (Some("Delete"), false, false, true),
            (Some("WaitForTermination"), false, false, true),
            (Some("Orphan"), true, false, false),
            (Some("SomethingNew"), true, false, false),
            (Some("Delete"), true, true, false),
        ];
        for (policy, prune, suspend, expected) in cases {
            let deletion_policy = policy.map(DeletionPolicy::from);
            let spec = KustomizationSpec { prune, suspend, deletion_policy, ..KustomizationSpec::default() };
            assert_eq!(
                deletes_objects(&Kustomization::new("app", spec)),
                expected,
                "{policy:?} {prune} {suspend}"
            );
        }
    }
}
