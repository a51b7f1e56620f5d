//! The neighbours: what their objects hold, and what they report of them.

use anyhow::{Context, Result};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::support::World;

/// What a controller is known by.
pub(super) struct Neighbour {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) spec: Value,
    /// What it reports at work; nothing before it has come to the object.
    pub(super) at_work: Option<Value>,
    /// What it reports of an object that is as it should be, in this generation.
    done: fn(i64) -> Value,
    /// What it reports of one that will not get there, and the part of that which is told.
    pub(super) failed: Option<(Value, &'static str)>,
}

impl Neighbour {
    pub(super) fn name(&self) -> String {
        self.kind.to_lowercase()
    }

    pub(super) fn objects(&self, world: &World) -> Api<DynamicObject> {
        world.namespace.objects(self.api_version, self.kind)
    }

    /// Its own name as a field manager.
    pub(super) fn manager(&self) -> PatchParams {
        PatchParams { field_manager: Some(format!("{}-controller", self.name())), ..PatchParams::default() }
    }

    pub(super) async fn report(&self, world: &World, status: &Value) -> Result<()> {
        let patch = Patch::Merge(json!({"status": status}));
        let api = self.objects(world);
        api.patch_status(&self.name(), &self.manager(), &patch).await.with_context(|| self.name())?;
        Ok(())
    }

    pub(super) async fn done(&self, world: &World) -> Result<()> {
        let generation = self.objects(world).get(&self.name()).await?.metadata.generation;
        self.report(world, &(self.done)(generation.unwrap_or_default())).await
    }
}

const SINCE: &str = "2026-01-01T00:00:00Z";

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message,
           "lastTransitionTime": SINCE, "lastUpdateTime": SINCE})
}

/// A condition as External Secrets and cert-manager write it.
fn plain_condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": SINCE})
}

pub(super) fn all() -> Vec<Neighbour> {
    let labels = json!({"app": "rollout"});
    vec![
        Neighbour {
            api_version: "bitnami.com/v1alpha1",
            kind: "SealedSecret",
            spec: json!({"encryptedData": {"password": "AgBoNotReallySealed"}, "template": {"type": "Opaque", "metadata": {"labels": {"a": "b"}}}}),
            at_work: None,
            done: |generation| json!({"observedGeneration": generation, "conditions": [condition("Synced", "True", "", "")]}),
            failed: Some((
                json!({"conditions": [condition("Synced", "False", "", "no key could decrypt secret (password)")]}),
                "no key could decrypt secret (password)",
            )),
        },
        Neighbour {
            api_version: "external-secrets.io/v1",
            kind: "ExternalSecret",
            // Defaults are added inside of the list.
            spec: json!({"secretStoreRef": {"name": "vault"}, "target": {"name": "token"},
                         "data": [{"secretKey": "token", "remoteRef": {"key": "app/token"}}]}),
            at_work: Some(json!({"conditions": [plain_condition("Ready", "False", "SecretSyncedError")]})),
            done: |_| {
                json!({"conditions": [plain_condition("Ready", "True", "SecretSynced")], "refreshTime": SINCE,
                       "binding": {"name": "token"}, "syncedResourceVersion": "1-abc"})
            },
            failed: None,
        },
        Neighbour {
            api_version: "cert-manager.io/v1",
            kind: "Certificate",
            spec: json!({"secretName": "tls", "dnsNames": ["app.example"], "issuerRef": {"name": "ca"}}),
            at_work: Some(json!({"conditions": [plain_condition("Issuing", "True", "DoesNotExist"),
                                                plain_condition("Ready", "False", "DoesNotExist")]})),
            done: |generation| {
                let mut ready = plain_condition("Ready", "True", "Ready");
                ready["observedGeneration"] = generation.into();
                json!({"conditions": [ready], "notAfter": "2027-01-01T00:00:00Z", "revision": 1})
            },
            failed: None,
        },
        Neighbour {
            api_version: "argoproj.io/v1alpha1",
            kind: "Rollout",
            spec: json!({"replicas": 2, "selector": {"matchLabels": labels},
                         "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "registry.example/app:1"}]}},
                         "strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}]}}}),
            at_work: Some(json!({"phase": "Progressing", "observedGeneration": "1"})),
            done: |generation| json!({"phase": "Healthy", "observedGeneration": generation.to_string()}),
            failed: Some((
                json!({"phase": "Degraded", "message": "ProgressDeadlineExceeded: it took too long", "observedGeneration": "1"}),
                "ProgressDeadlineExceeded: it took too long",
            )),
        },
        Neighbour {
            api_version: "flagger.app/v1beta1",
            kind: "Canary",
            spec: json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "canary"},
                         "service": {"port": 80}, "analysis": {"interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10}}),
            at_work: Some(
                json!({"phase": "Initializing", "canaryWeight": 0, "failedChecks": 0, "iterations": 0}),
            ),
            done: |_| json!({"phase": "Succeeded", "conditions": [condition("Promoted", "True", "Succeeded", "Canary analysis completed successfully, promotion finished.")]}),
            failed: Some((
                json!({"phase": "Failed", "conditions": [condition("Promoted", "False", "Failed", "Canary analysis failed, Deployment scaled to zero.")]}),
                "Canary analysis failed, Deployment scaled to zero.",
            )),
        },
    ]
}
