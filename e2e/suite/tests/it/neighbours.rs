//! Neighbours: controllers that many clusters have, whose custom resources come from the same repository.
//!
//! Their definitions are one layer, what they define another. The test plays the neighbours with what shows of them:
//! defaults of definitions, a mutating admission policy in the place of a webhook, statuses, annotations and fields that
//! they write. Definitions here are our own, with the groups, kinds and traits of the real ones; with the environment
//! variable `SLUICE_NEIGHBOURS` those of that folder are taken.

use anyhow::{Context, Result, ensure};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{PATIENCE, World, Write, field, is_ready, message};

/// What a controller is known by.
struct Neighbour {
    api_version: &'static str,
    kind: &'static str,
    spec: Value,
    /// What it reports at work; nothing before it has come to the object.
    at_work: Option<Value>,
    /// What it reports of an object that is as it should be, in this generation.
    done: fn(i64) -> Value,
    /// What it reports of one that will not get there, and the part of that which is told.
    failed: Option<(Value, &'static str)>,
}

impl Neighbour {
    fn name(&self) -> String {
        self.kind.to_lowercase()
    }

    fn objects(&self, world: &World) -> Api<DynamicObject> {
        world.namespace.objects(self.api_version, self.kind)
    }

    /// Its own name as a field manager.
    fn manager(&self) -> PatchParams {
        PatchParams { field_manager: Some(format!("{}-controller", self.name())), ..PatchParams::default() }
    }

    async fn report(&self, world: &World, status: &Value) -> Result<()> {
        let patch = Patch::Merge(json!({"status": status}));
        let api = self.objects(world);
        api.patch_status(&self.name(), &self.manager(), &patch).await.with_context(|| self.name())?;
        Ok(())
    }

    async fn done(&self, world: &World) -> Result<()> {
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

fn neighbours() -> Vec<Neighbour> {
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

/// A definition with this schema of its spec.
fn definition(api_version: &str, kind: &str, plural: &str, spec: &Value) -> Value {
    let (group, version) = api_version.split_once('/').unwrap_or_default();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                }}},
            }],
        },
    })
}

/// What these projects' definitions have in common with each other, and what not.
fn definitions() -> Vec<Value> {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let text = json!({"type": "string"});
    let or = |default: &str| json!({"type": "string", "default": default});
    let sealed = json!({"type": "object", "required": ["encryptedData"], "properties": {
        "encryptedData": {"type": "object", "additionalProperties": {"type": "string"}, "x-kubernetes-preserve-unknown-fields": true},
        "template": open,
    }});
    let external = json!({"type": "object", "properties": {
        "refreshInterval": or("1h0m0s"),
        "refreshPolicy": text,
        "secretStoreRef": {"type": "object", "properties": {"name": text, "kind": or("SecretStore")}},
        "target": {"type": "object", "default": {"creationPolicy": "Owner", "deletionPolicy": "Retain"}, "properties": {
            "name": text, "creationPolicy": or("Owner"), "deletionPolicy": or("Retain"),
        }},
        "data": {"type": "array", "items": {"type": "object", "properties": {
            "secretKey": text,
            "remoteRef": {"type": "object", "properties": {
                "key": text, "conversionStrategy": or("Default"), "decodingStrategy": or("None"), "metadataPolicy": or("None"),
            }},
        }}},
    }});
    let certificate = json!({"type": "object", "properties": {
        "secretName": text, "dnsNames": {"type": "array", "items": text, "x-kubernetes-list-type": "atomic"},
        "issuerRef": {"type": "object", "properties": {"name": text, "kind": text, "group": text}},
        "revisionHistoryLimit": {"type": "integer", "format": "int32", "minimum": 1},
    }});
    let rollout = json!({"type": "object", "properties": {
        "replicas": {"type": "integer", "format": "int32"}, "selector": open, "template": open, "strategy": open,
        "restartAt": {"type": "string", "format": "date-time"},
    }});
    let canary = json!({"type": "object", "required": ["targetRef", "service"], "properties": {
        "targetRef": open, "service": {"type": "object", "properties": {"port": {"type": "number"}, "portName": text}},
        "analysis": {"type": "object", "properties": {
            "interval": {"type": "string", "pattern": "^[0-9]+(m|s)"}, "threshold": {"type": "number"},
            "maxWeight": {"type": "number"}, "stepWeight": {"type": "number"},
        }},
    }});
    vec![
        definition("bitnami.com/v1alpha1", "SealedSecret", "sealedsecrets", &sealed),
        definition("external-secrets.io/v1", "ExternalSecret", "externalsecrets", &external),
        definition("cert-manager.io/v1", "Certificate", "certificates", &certificate),
        definition("argoproj.io/v1alpha1", "Rollout", "rollouts", &rollout),
        definition("flagger.app/v1beta1", "Canary", "canaries", &canary),
    ]
}

/// The files of the definitions' layer.
fn definition_files() -> Result<Vec<(String, String)>> {
    let Some(folder) = std::env::var_os("SLUICE_NEIGHBOURS") else {
        let all = definitions().into_iter().enumerate();
        return Ok(all.map(|(at, it)| (format!("definitions/{at}.yaml"), it.to_string())).collect());
    };
    let mut files = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((format!("definitions/{name}"), std::fs::read_to_string(&path)?));
    }
    Ok(files)
}

/// What a webhook of cert-manager or of a policy engine does: a field that Git does not have is there before anything is
/// stored.
fn admission(namespace: &str) -> Value {
    let name = format!("{namespace}-defaults");
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["cert-manager.io"], "apiVersions": ["*"], "resources": ["certificates"],
                                                    "operations": ["CREATE", "UPDATE"]}]},
            "matchConditions": [{"name": "unset", "expression": "!has(object.spec.revisionHistoryLimit)"}],
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {
                "expression": "[JSONPatch{op: 'add', path: '/spec/revisionHistoryLimit', value: 1}]"}}],
        }},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name},
         "spec": {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}},
    ]})
}

#[tokio::test]
async fn their_custom_resources_are_awaited_and_left_in_peace() -> Result<()> {
    let mut world = World::start("neighbours").await?;
    let repository = world.git.repository("app")?;
    let mut files = definition_files()?;
    for it in neighbours() {
        let object = json!({"apiVersion": it.api_version, "kind": it.kind, "metadata": {"name": it.name()}, "spec": it.spec});
        files.push((format!("objects/{}.yaml", it.name()), object.to_string()));
    }
    // Flagger scales what it looks after: Git says nothing of its replicas.
    let target = crate::support::deployment("canary", 1, "ready").replace("  replicas: 1\n", "");
    files.push(("objects/target.yaml".to_owned(), target));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("app").await?;
    let spec = json!({"wait": true, "targetNamespace": null});
    world.create(world.kustomization("definitions", "app", "./definitions", &spec)).await?;
    world.ready(&world.kustomizations(), "definitions").await?;
    world.namespace.control_plane().apply_yaml(&admission(world.name()).to_string()).await?;
    admitted(&world).await?;

    let spec = json!({"wait": true, "timeout": "10m", "dependsOn": [{"name": "definitions"}]});
    world.create(world.kustomization("objects", "app", "./objects", &spec)).await?;
    let api = world.kustomizations();
    waits(&world).await?;
    // At work, none of them is ready; the last one that gets done makes all ready.
    for it in neighbours() {
        if let Some(status) = &it.at_work {
            it.report(&world, status).await?;
        }
    }
    let all = neighbours();
    let (last, others) = all.split_last().context("there are neighbours")?;
    for it in others {
        it.done(&world).await?;
    }
    waits(&world).await?;
    last.done(&world).await?;
    world.applied("objects", &format!("main@sha1:{commit}")).await?;
    let certificate = all[2].objects(&world).get("certificate").await?;
    ensure!(*field(&certificate, "/spec/revisionHistoryLimit") == 1, "the policy did nothing");

    // They go on with their work: annotations, restarts, scaling.
    for it in &all {
        let note = json!({"metadata": {"annotations": {format!("{}/revision", it.name()): "1"}, "finalizers": [format!("example.com/{}", it.name())]}});
        it.objects(&world).patch(&it.name(), &it.manager(), &Patch::Merge(note)).await?;
        it.done(&world).await?;
    }
    let deployments = world.namespace.objects("apps/v1", "Deployment");
    let scale = Patch::Merge(json!({"spec": {"replicas": 0}}));
    deployments.patch("canary", &all[4].manager(), &scale).await?;
    let result = nothing_is_written(&mut world).await;
    // Whatever came out, the objects must be free to go.
    for it in &all {
        let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        it.objects(&world).patch(&it.name(), &it.manager(), &free).await?;
    }
    result?;
    ensure!(*field(&deployments.get("canary").await?, "/spec/replicas") == 0, "it was scaled back");

    // What fails for good is told at once, in the project's own words.
    for it in &all {
        let Some((status, told)) = &it.failed else { continue };
        it.report(&world, status).await?;
        world.request(&api, "objects").await?;
        let failed = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                let text = message(object, "Ready");
                text.contains(&format!("{}/{}/{}", it.kind, world.name(), it.name())) && text.contains(told)
            })
        };
        wait_for(&api, "objects", PATIENCE, failed).await.with_context(|| it.name())?;
        it.done(&world).await?;
        world.request(&api, "objects").await?;
        world.ready(&api, "objects").await?;
    }
    Ok(())
}

/// Waits until the health of the custom resources is waited for.
async fn waits(world: &World) -> Result<()> {
    let waits = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| message(object, "Healthy").starts_with("Running health checks"))
    };
    let object = wait_for(&world.kustomizations(), "objects", PATIENCE, waits).await?.context("it exists")?;
    ensure!(!is_ready(&object), "it is ready too early");
    Ok(())
}

/// Waits until the policy is in force, which the API server sees to in its own time.
async fn admitted(world: &World) -> Result<()> {
    let all = neighbours();
    let probe = json!({"apiVersion": all[2].api_version, "kind": all[2].kind, "metadata": {"name": "probe"}, "spec": all[2].spec});
    let dry_run = kube::api::PostParams { dry_run: true, ..kube::api::PostParams::default() };
    let began = std::time::Instant::now();
    loop {
        let object = all[2].objects(world).create(&dry_run, &serde_json::from_value(probe.clone())?).await?;
        if *field(&object, "/spec/revisionHistoryLimit") == 1 {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "the policy is not in force");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// A pass of a controller that remembers nothing compares all of them, and writes none.
async fn nothing_is_written(world: &mut World) -> Result<()> {
    let mark = world.mark().await?;
    world.kustomize.restart().await?;
    let api = world.kustomizations();
    for name in ["definitions", "objects"] {
        let again = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                is_ready(object) && *field(object, "/status/history/0/totalReconciliations") == 2
            })
        };
        wait_for(&api, name, PATIENCE, again).await.with_context(|| name.to_owned())?;
    }
    let writes = world.writes_since(mark).await?;
    let (compared, written): (Vec<_>, Vec<_>) =
        writes.iter().filter(|write| write.is_apply()).partition(|write| write.is_dry_run());
    let written: Vec<_> = written.into_iter().map(Write::object).collect();
    ensure!(compared.len() == neighbours().len() + 1, "{} objects were compared", compared.len());
    ensure!(written.is_empty(), "written: {written:?}");
    let labels = all_owned(world).await?;
    ensure!(labels == neighbours().len(), "{labels} custom resources are owned");
    Ok(())
}

/// How many custom resources have the label of their owner still.
async fn all_owned(world: &World) -> Result<usize> {
    let mut count = 0;
    for it in neighbours() {
        let object = it.objects(world).get(&it.name()).await?;
        count += usize::from(object.labels().contains_key("kustomize.toolkit.fluxcd.io/name"));
    }
    Ok(count)
}
