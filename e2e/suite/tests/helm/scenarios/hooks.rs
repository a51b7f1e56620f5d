//! Hooks and tests: which ones run, what is left out, and what is not waited for.

use kube::Api;
use serde_json::{Value, json};
use sluice_apis::conditions;
use sluice_apis::k8s::ConfigMap;

use super::{not_ready, observed, told};
use crate::charts::{Files, hooked, testable, tiny};
use crate::support::World;

/// Names of the release's tests and how they went, as the status has them.
fn tests(object: &sluice_apis::helm::v2::HelmRelease) -> Vec<String> {
    let hooks = object.status.as_ref().and_then(|status| status.history[0].test_hooks.clone());
    let row = |(name, hook): (String, sluice_apis::helm::v2::TestHookStatus)| {
        format!("{name} {}", hook.phase.unwrap_or_default())
    };
    hooks.unwrap_or_default().into_iter().map(row).collect()
}

async fn exists(world: &World, name: &str) -> bool {
    let api: Api<ConfigMap> = world.namespace.api();
    api.get_opt(name).await.unwrap().is_some()
}

/// A chart whose hooks can never end.
fn stuck(event: &str) -> Files {
    let mut files = tiny();
    files.push((
        "templates/stuck.yaml",
        format!(
            "apiVersion: v1
kind: Pod
metadata: {{name: '{{{{ .Release.Name }}}}-stuck', annotations: {{helm.sh/hook: {event}}}}}
spec: {{nodeSelector: {{nowhere: 'true'}}, restartPolicy: Never, containers: [{{name: c, image: example.com/c}}]}}
"
        ),
    ));
    files
}

#[tokio::test]
async fn tests_run_when_they_are_enabled_and_as_the_filters_say() {
    let world = World::new("tests").await;
    let _helm = world.controller(&[]).await;
    let mut two = testable();
    two.push((
        "templates/second.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-second', annotations: {helm.sh/hook: test}}\n"
            .to_owned(),
    ));
    world.publish("two", "1.0.0", &two).await;
    world.publish("none", "1.0.0", &tiny()).await;
    let with = |more: Value| {
        let mut spec = json!({"test": {"enable": true, "timeout": "1s"}});
        spec["test"].as_object_mut().unwrap().extend(more["test"].as_object().unwrap().clone());
        spec["values"] = more["values"].clone();
        spec
    };
    for (name, chart, spec, hooks, message) in [
        (
            "all",
            "two",
            with(json!({"test": {}})),
            vec!["all-second Succeeded", "all-test Succeeded"],
            "2 test hooks completed successfully",
        ),
        (
            "without",
            "two",
            with(
                json!({"test": {"filters": [{"name": "without-test", "exclude": true}]}, "values": {"failing": true}}),
            ),
            vec!["without-second Succeeded"],
            "1 test hook completed successfully",
        ),
        (
            "only",
            "two",
            with(json!({"test": {"filters": [{"name": "only-second"}]}, "values": {"failing": true}})),
            vec!["only-second Succeeded"],
            "1 test hook completed successfully",
        ),
        ("none", "none", with(json!({"test": {}})), vec![], "no test hooks"),
    ] {
        world.create(world.release(name, chart, &spec)).await;
        let object = world.ready(name).await;
        assert_eq!(
            told(&object),
            "Ready=True:TestSucceeded Released=True:InstallSucceeded TestSuccess=True:TestSucceeded"
        );
        assert_eq!(tests(&object), hooks, "{name}");
        let told = conditions::message(&object, "TestSuccess").unwrap();
        assert!(told.ends_with(&format!(": {message}")), "{told}");
    }
    // Enabled later they run without a new revision; disabled, nothing is said of them any more.
    world.create(world.release("later", "two", &json!({}))).await;
    world.ready("later").await;
    world.patch("later", json!({"spec": {"test": {"enable": true}}})).await;
    let object = observed(&world, "later", "TestSuccess", "True", "TestSucceeded").await;
    assert_eq!(tests(&object), ["later-second Succeeded", "later-test Succeeded"]);
    assert_eq!(world.revisions("later").await, ["1 deployed"]);
    world.patch("later", json!({"spec": {"test": {"enable": false}}})).await;
    let object = world.ready("later").await;
    assert_eq!(told(&object), "Ready=True:InstallSucceeded Released=True:InstallSucceeded");
}

#[tokio::test]
async fn hooks_run_or_are_left_out() {
    let world = World::new("hooks").await;
    let _helm = world.controller(&[]).await;
    let events = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "post-delete"];
    world.publish("all", "1.0.0", &hooked(&events)).await;
    for name in ["pre-install", "pre-upgrade"] {
        world.publish(name, "1.0.0", &stuck(name)).await;
    }
    let without = |action: &str| json!({action: {"disableHooks": true, "timeout": "1s"}});

    world.create(world.release("app", "all", &json!({}))).await;
    world.ready("app").await;
    let ran = [exists(&world, "app-post-install").await, exists(&world, "app-pre-upgrade").await];
    assert_eq!(ran, [true, false]);
    world.patch("app", json!({"spec": {"values": {"value": "new"}}})).await;
    world.ready("app").await;
    assert!(exists(&world, "app-post-upgrade").await);

    // A hook that can't end fails the action, and says which it was.
    world.create(world.release("stuck", "pre-install", &json!({"install": {"timeout": "1s"}}))).await;
    let object = observed(&world, "stuck", "Stalled", "True", "RetriesExceeded").await;
    let message = super::message(&object);
    assert!(message.contains("failed pre-install: ") && message.contains("stuck-stuck"), "{message}");
    assert!(!exists(&world, "stuck").await);
    // Left out, it is not in the way.
    world.create(world.release("free", "pre-install", &without("install"))).await;
    world.ready("free").await;
    world.create(world.release("upgraded", "pre-upgrade", &without("upgrade"))).await;
    world.ready("upgraded").await;
    world.patch("upgraded", json!({"spec": {"values": {"value": "new"}}})).await;
    world.ready("upgraded").await;
    assert_eq!(world.config_map("upgraded").await.unwrap()["value"], "new");
}

/// A hook whose Job is collected as soon as it has completed.
#[tokio::test]
async fn a_job_that_goes_when_it_is_done_is_no_failure() {
    let world = World::new("ttl").await;
    let _helm = world.controller(&[]).await;
    let job = |name: &str, annotations: &str| {
        format!(
            "apiVersion: batch/v1
kind: Job
metadata: {{name: '{{{{ .Release.Name }}}}-{name}', annotations: {{{annotations}}}}}
spec:
  ttlSecondsAfterFinished: 0
  template: {{spec: {{restartPolicy: Never, containers: [{{name: c, image: example.com/c}}]}}}}
"
        )
    };
    let mut files = tiny();
    files.push(("templates/hook.yaml", job("hook", "helm.sh/hook: post-install")));
    files.push(("templates/job.yaml", job("job", "")));
    world.publish("app", "1.0.0", &files).await;
    world.create(world.release("app", "app", &json!({"timeout": "60s"}))).await;
    let object = world.ready("app").await;
    assert_eq!(told(&object), "Ready=True:InstallSucceeded Released=True:InstallSucceeded");
}

/// What never becomes ready, with and without waiting for it.
#[tokio::test]
async fn what_is_not_awaited_may_be_unready() {
    let world = World::new("unready").await;
    let _helm = world.controller(&[]).await;
    let mut files = tiny();
    files.push((
        "templates/deployment.yaml",
        "apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  selector: {matchLabels: {app: '{{ .Release.Name }}'}}
  template:
    metadata: {labels: {app: '{{ .Release.Name }}'}}
    spec: {nodeSelector: {nowhere: 'true'}, containers: [{name: c, image: example.com/c}]}
"
        .to_owned(),
    ));
    world.publish("app", "1.0.0", &files).await;
    let awaited = |more: Value| {
        let mut spec = json!({"install": {"timeout": "2s"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    world.create(world.release("poller", "app", &awaited(json!({})))).await;
    world.create(world.release("legacy", "app", &awaited(json!({"waitStrategy": {"name": "legacy"}})))).await;
    world
        .create(world.release("free", "app", &json!({"install": {"timeout": "2s", "disableWait": true}})))
        .await;
    world.ready("free").await;
    for name in ["poller", "legacy"] {
        let object = not_ready(&world, name, "InstallFailed").await;
        // The pod's own reason ends the search.
        let message = super::message(&object);
        assert!(message.contains(name) && message.contains("didn't match Pod's node affinity"), "{message}");
        assert_eq!(world.revisions(name).await, ["1 failed"], "{name}");
    }
}
