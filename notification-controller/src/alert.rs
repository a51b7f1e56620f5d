//! The kind `Alert`: it has no status and needs no finalizer; one that older versions added is removed.

use std::collections::BTreeMap;

use kube::Resource;
use sluice_apis::{meta::FINALIZER, notification::v1beta3::Alert};
use sluice_runtime::{Action, EventType, Manager, Pass, ReconcileError, Reconciler, Store, Task};

/// The running part.
pub fn start(manager: &Manager, alerts: &Store<Alert>, concurrency: usize) -> Task {
    manager.controller_of(alerts).concurrency(concurrency).reconcile_with(AlertReconciler)
}

struct AlertReconciler;

impl Reconciler for AlertReconciler {
    type Object = Alert;

    async fn reconcile(&self, pass: &mut Pass<Alert>) -> Result<Action, ReconcileError> {
        let deleted = pass.object.meta().deletion_timestamp.is_some();
        let finalizers = pass.object.metadata.finalizers.get_or_insert_default();
        if !finalizers.iter().any(|name| name == FINALIZER) || (pass.object.spec.suspend && !deleted) {
            return Ok(Action::Done);
        }
        finalizers.retain(|name| name != FINALIZER);
        pass.patch().await?;
        let message = "removed finalizer from Alert to migrate to static Alert";
        pass.event(EventType::Normal, "Migration", message, &BTreeMap::new());
        Ok(Action::Done)
    }
}
