//! The kind `Provider`: it has no status; the finalizer tells that this controller knows it.

use kube::Resource;
use sluice_apis::{meta::FINALIZER, notification::v1beta3::Provider};
use sluice_auth::cloud::TokenMetrics;
use sluice_runtime::{Action, Manager, Pass, ReconcileError, Reconciler, Store, Task};

use crate::outbox::asker;

/// The running part.
pub fn start(
    manager: &Manager,
    providers: &Store<Provider>,
    concurrency: usize,
    tokens: TokenMetrics,
) -> Task {
    manager.controller_of(providers).concurrency(concurrency).reconcile_with(ProviderReconciler { tokens })
}

struct ProviderReconciler {
    /// What is counted of the tokens that providers are shown.
    tokens: TokenMetrics,
}

impl Reconciler for ProviderReconciler {
    type Object = Provider;

    async fn reconcile(&self, pass: &mut Pass<Provider>) -> Result<Action, ReconcileError> {
        let deleted = pass.object.meta().deletion_timestamp.is_some();
        let finalizers = pass.object.metadata.finalizers.get_or_insert_default();
        if deleted {
            finalizers.retain(|name| name != FINALIZER);
            let key = pass.key();
            self.tokens.forget(asker(&key.namespace, &key.name));
        } else if !finalizers.iter().any(|name| name == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        pass.patch().await?;
        Ok(Action::Done)
    }
}
