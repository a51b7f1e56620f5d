//! The kind `Receiver`: its status says at which path webhooks are received.

mod check;

use std::collections::BTreeMap;

use kube::{Client, Resource, core::PartialObjectMeta, runtime::watcher};
use sha2::{Digest, Sha256};
use sluice_apis::{
    conditions::{self, ConditionedObject},
    k8s::Secret,
    meta::{
        FINALIZER, REQUESTED_AT_ANNOTATION,
        condition_types::{READY, RECONCILING, STALLED},
        reasons::{PROGRESSING, PROGRESSING_WITH_RETRY, SUCCEEDED},
    },
    notification::v1::Receiver,
};
use sluice_runtime::{
    Action, Cause, EventType, Manager, ObjectKey, Pass, ReconcileError, Reconciler, Store, Task, Trigger,
};

use crate::{secrets, webhooks::PREFIX};

const TOKEN_NOT_FOUND: &str = "TokenNotFound";
const FAILED: &str = "Failed";

/// The running part. `configs` selects the Secrets whose changes are followed.
pub fn start(
    manager: &Manager,
    receivers: &Store<Receiver>,
    concurrency: usize,
    configs: Option<&str>,
) -> Task {
    let mut controller = manager.controller_of(receivers).concurrency(concurrency).owned_conditions(&[
        READY,
        RECONCILING,
        STALLED,
    ]);
    if let Some(selector) = configs {
        let by_secret = controller.index(|receiver: &Receiver| secret_key(receiver).into_iter().collect());
        let api = manager.api::<PartialObjectMeta<Secret>>();
        controller.watch(api, watcher::Config::default().labels(selector), move |change| {
            let key = ObjectKey::of(&**change.latest());
            let trigger = Trigger::new(Cause::Related, "Secret", key.clone());
            by_secret.dependents(&key).into_iter().map(|receiver| (receiver, trigger.clone())).collect()
        });
    }
    controller.reconcile_with(ReceiverReconciler { client: manager.client() })
}

/// The Secret that holds the token.
pub fn secret_key(receiver: &Receiver) -> Option<ObjectKey> {
    let reference = receiver.spec.secret_ref.as_ref()?;
    Some(ObjectKey::new(receiver.metadata.namespace.as_deref().unwrap_or_default(), reference.name.as_str()))
}

struct ReceiverReconciler {
    client: Client,
}

impl Reconciler for ReceiverReconciler {
    type Object = Receiver;

    async fn reconcile(&self, pass: &mut Pass<Receiver>) -> Result<Action, ReconcileError> {
        // 1. Deletion, first sight, suspension.
        let deleted = pass.object.meta().deletion_timestamp.is_some();
        let finalizers = pass.object.metadata.finalizers.get_or_insert_default();
        if deleted {
            finalizers.retain(|name| name != FINALIZER);
            pass.patch().await?;
            return Ok(Action::Done);
        }
        if !finalizers.iter().any(|name| name == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
            pass.patch().await?;
            return Ok(Action::Now);
        }
        remember_request(&mut pass.object);
        if pass.object.spec.suspend {
            tracing::info!("Reconciliation is suspended for this object");
            pass.patch().await?;
            return Ok(Action::Done);
        }

        // 2. What can be told without looking further.
        if let Err(fault) = check::check(&pass.object.spec) {
            let message = format!("Reconciliation failed terminally due to configuration error: {fault}");
            conditions::mark_false(&mut pass.object, READY, fault.reason(), &message);
            conditions::mark_stalled(&mut pass.object, fault.reason(), &message);
            let generation = pass.object.generation();
            pass.object.set_observed_generation(generation);
            pass.patch().await?;
            pass.event(EventType::Warning, fault.reason(), &message, &BTreeMap::new());
            return Ok(Action::Done);
        }

        // 3. The path, which the token makes secret.
        conditions::mark_reconciling(&mut pass.object, PROGRESSING, "Reconciliation in progress");
        let token = match self.token(&pass.object).await {
            Ok(token) => token,
            Err(message) => return fail(pass, message).await,
        };
        let path = webhook_path(&token, &pass.object);
        let message = format!("Receiver initialized for path: {path}");
        pass.object.status.get_or_insert_default().webhook_path = Some(path);
        conditions::mark_true(&mut pass.object, READY, SUCCEEDED, message);
        conditions::delete(&mut pass.object, RECONCILING);
        let generation = pass.object.generation();
        pass.object.set_observed_generation(generation);
        pass.patch().await?;
        let interval = pass.object.spec.interval;
        let message = format!("Reconciliation finished, next run in {interval}");
        pass.event(EventType::Normal, SUCCEEDED, &message, &BTreeMap::new());
        Ok(Action::After(interval.0))
    }
}

impl ReceiverReconciler {
    /// The Secret's token, as it stands there; empty if there is no Secret to have one.
    async fn token(&self, receiver: &Receiver) -> Result<Vec<u8>, String> {
        let Some(key) = secret_key(receiver) else { return Ok(Vec::new()) };
        let mut data = secrets::read(&self.client, &key.namespace, &key.name).await.map_err(|error| {
            format!("unable to read token from secret '{key}' error: {}", secrets::explain(&error))
        })?;
        data.remove("token").ok_or_else(|| format!("invalid '{key}' secret data: required fields 'token'"))
    }
}

/// No token: nothing is received until there is one.
async fn fail(pass: &mut Pass<Receiver>, message: String) -> Result<Action, ReconcileError> {
    conditions::mark_false(&mut pass.object, READY, TOKEN_NOT_FOUND, &message);
    let progress = "Reconciliation in progress";
    conditions::mark_reconciling(&mut pass.object, PROGRESSING_WITH_RETRY, progress);
    pass.object.status.get_or_insert_default().webhook_path = None;
    pass.patch().await?;
    pass.event(EventType::Warning, FAILED, &message, &BTreeMap::new());
    Err(ReconcileError::message(message))
}

fn remember_request(receiver: &mut Receiver) {
    let annotations = receiver.metadata.annotations.as_ref();
    if let Some(request) = annotations.and_then(|all| all.get(REQUESTED_AT_ANNOTATION)).cloned() {
        receiver.set_last_handled_reconcile_at(&request);
    }
}

/// Where webhooks are sent: only who knows the token knows the path.
fn webhook_path(token: &[u8], receiver: &Receiver) -> String {
    let meta = &receiver.metadata;
    let mut digest = Sha256::new();
    digest.update(token);
    digest.update(meta.name.as_deref().unwrap_or_default());
    digest.update(meta.namespace.as_deref().unwrap_or_default());
    format!("{PREFIX}{}", hex::encode(digest.finalize()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_is_made_of_token_name_and_namespace() {
        let receiver: Receiver = serde_json::from_value(json!({
            "apiVersion": "notification.toolkit.fluxcd.io/v1", "kind": "Receiver",
            "metadata": {"name": "receiver", "namespace": "default"},
            "spec": {"type": "github", "resources": []},
        }))
        .unwrap();
        // printf 'tokenreceiverdefault' | sha256sum
        assert_eq!(
            webhook_path(b"token", &receiver),
            "/hook/8cc3207cffc97dc881eed557d9eb9348edf632357f3132b4f4d30188c54fc63d"
        );
    }
}
