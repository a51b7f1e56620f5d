//! Commits that can't be applied: what is wrong is told on the object that is concerned, and others go on.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Value, json};
use sluice_testkit::{GitRepository, wait_for};

use crate::support::{AT_ONCE, World, config_map, entries, message, ready, revision};

/// A world with the Kustomizations `bad` and `good`, both of which have applied the first commit.
async fn neighbours(prefix: &str, bad: &Value, files: &[(&str, &str)]) -> Result<(World, GitRepository)> {
    let world = World::start(prefix).await?;
    let repository = world.git.repository("apps")?;
    let (app, neighbour) = (config_map("bad", "first"), config_map("good", "first"));
    let mut all = vec![("bad/app.yaml", Some(app.as_str())), ("good/app.yaml", Some(neighbour.as_str()))];
    all.extend(files.iter().map(|(path, text)| (*path, Some(*text))));
    let commit = repository.commit("Install", &all)?;
    world.create_source("apps").await?;
    for (name, spec) in [("bad", bad), ("good", &json!({}))] {
        world.create(world.kustomization(name, "apps", &format!("./{name}"), spec)).await?;
    }
    for name in ["bad", "good"] {
        world.applied(name, &format!("main@sha1:{commit}")).await?;
    }
    Ok((world, repository))
}

/// Commits files of `bad` beside a change of `good`; returns `bad` once it has failed for this reason.
///
/// `good` has the new revision, the failure is told by an event, and what was applied before is still there.
async fn fails(
    world: &World,
    repository: &GitRepository,
    files: &[(&str, &str)],
    wanted: &str,
) -> Result<DynamicObject> {
    let before = world.kustomizations().get("bad").await?;
    let good = config_map("good", "second");
    let mut all = vec![("good/app.yaml", Some(good.as_str()))];
    all.extend(files.iter().map(|(path, text)| (*path, Some(*text))));
    let commit = repository.commit("Break", &all)?;
    let new = world.sync("apps", &commit).await?;
    world.applied("good", &new).await?;
    world.value("good", "second").await?;
    let bad = world.failed(&world.kustomizations(), "bad", wanted).await?;
    ensure!(revision(&bad) == revision(&before), "it claims to have applied {}", revision(&bad));
    ensure!(bad.data["status"]["lastAttemptedRevision"] == *new, "it attempted {}", bad.data["status"]);
    has_inventory(world, &entries(&before)).await?;
    ensure!(world.config_maps().get_opt("bad").await?.is_some(), "what was applied before is gone");
    // The event has the first line of the message at least.
    let text = message(&bad, "Ready").lines().next().unwrap_or_default().to_owned();
    let event = world.sink.events_of("Kustomization", world.name(), "bad").into_iter();
    let told = event.filter(|event| event["severity"] == "error").any(|event| {
        event["message"]
            .as_str()
            .is_some_and(|message| text.starts_with(message.lines().next().unwrap_or_default()))
    });
    if !told {
        world.event("Kustomization", "bad", "error", &text).await?;
    }
    Ok(bad)
}

/// Waits until the inventory of `bad` is this. It is written behind the conditions.
async fn has_inventory(world: &World, wanted: &BTreeSet<String>) -> Result<()> {
    let has = |object: Option<&DynamicObject>| object.is_some_and(|object| entries(object) == *wanted);
    wait_for(&world.kustomizations(), "bad", AT_ONCE, has).await?;
    Ok(())
}

/// Takes the commit back: `bad` recovers.
async fn recovers(world: &World, repository: &GitRepository, files: &[(&str, Option<&str>)]) -> Result<()> {
    let commit = repository.commit("Repair", files)?;
    let revision = world.sync("apps", &commit).await?;
    world.applied("bad", &revision).await?;
    Ok(())
}

#[tokio::test]
async fn malformed_yaml_is_told_with_file_and_line() -> Result<()> {
    let (world, repository) = neighbours("yaml", &json!({}), &[]).await?;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: broken\ndata:\n  a: [1, 2\n  b: 3\n";
    let bad = fails(&world, &repository, &[("bad/broken.yaml", text)], "BuildFailed").await?;
    let text = message(&bad, "Ready");
    ensure!(text.contains("broken.yaml") && (text.contains("line 6") || text.contains("line 7")), "{text}");
    recovers(&world, &repository, &[("bad/broken.yaml", None)]).await
}

#[tokio::test]
async fn a_kind_without_a_definition_is_named() -> Result<()> {
    let (world, repository) = neighbours("crd", &json!({}), &[]).await?;
    let text = "apiVersion: example.com/v1\nkind: Missing\nmetadata:\n  name: thing\n";
    let bad = fails(&world, &repository, &[("bad/thing.yaml", text)], "ReconciliationFailed").await?;
    let text = message(&bad, "Ready");
    let wanted = format!("Missing/{}/thing dry-run failed: no matches for kind \"Missing\"", world.name());
    ensure!(text.starts_with(&wanted) && text.contains("example.com/v1"), "{text}");
    recovers(&world, &repository, &[("bad/thing.yaml", None)]).await
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() -> Result<()> {
    let (world, repository) = neighbours("nowhere", &json!({}), &[]).await?;
    let api = world.kustomizations();
    let before = entries(&api.get("bad").await?);
    world.patch(&api, "bad", &json!({"spec": {"targetNamespace": "not-there"}})).await?;
    let bad = world.failed(&api, "bad", "ReconciliationFailed").await?;
    let text = message(&bad, "Ready");
    ensure!(
        text.starts_with("ConfigMap/not-there/bad not found: namespaces \"not-there\" not found"),
        "{text}"
    );
    has_inventory(&world, &before).await?;
    let commit = repository.commit("Upgrade", &[("good/app.yaml", Some(&config_map("good", "second")))])?;
    let revision = world.sync("apps", &commit).await?;
    world.applied("good", &revision).await?;
    world.patch(&api, "bad", &json!({"spec": {"targetNamespace": world.name()}})).await?;
    world.applied("bad", &revision).await?;
    Ok(())
}

const FIXED: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: fixed\nimmutable: true\ndata:\n  value: first\n";

#[tokio::test]
async fn an_immutable_field_is_told_and_its_object_kept() -> Result<()> {
    let (world, repository) = neighbours("immutable", &json!({}), &[("bad/fixed.yaml", FIXED)]).await?;
    let before = world.config_maps().get("fixed").await?;
    let changed = FIXED.replace("first", "second");
    let files = [("bad/fixed.yaml", changed.as_str()), ("bad/app.yaml", &config_map("bad", "second"))];
    let bad = fails(&world, &repository, &files, "ReconciliationFailed").await?;
    let text = message(&bad, "Ready");
    let wanted = format!("ConfigMap/{}/fixed dry-run failed (Invalid)", world.name());
    ensure!(text.starts_with(&wanted) && text.contains("immutable"), "{text}");
    ensure!(
        world.config_maps().get("fixed").await?.resource_version() == before.resource_version(),
        "it changed"
    );
    // Nothing of a set is applied when something of it is refused.
    world.value("bad", "first").await?;
    recovers(&world, &repository, &[("bad/fixed.yaml", Some(FIXED))]).await
}

#[tokio::test]
async fn with_force_an_immutable_object_is_recreated_and_an_invalid_one_kept() -> Result<()> {
    let spec = json!({"force": true});
    let (world, repository) = neighbours("force", &spec, &[("bad/fixed.yaml", FIXED)]).await?;
    let before = world.config_maps().get("fixed").await?;
    let changed = FIXED.replace("first", "second");
    let commit = repository.commit("Change", &[("bad/fixed.yaml", Some(&changed))])?;
    let revision = world.sync("apps", &commit).await?;
    world.applied("bad", &revision).await?;
    let after = world.value("fixed", "second").await?;
    ensure!(after.uid() != before.uid(), "it was not recreated");

    // An invalid value is no reason to delete what is there.
    let invalid = FIXED.replace("first", "third").replace("  value:", "  not a key!:");
    fails(&world, &repository, &[("bad/fixed.yaml", &invalid)], "ReconciliationFailed").await?;
    let kept = world.config_maps().get("fixed").await?;
    ensure!(kept.uid() == after.uid(), "it was deleted for a change that cannot be applied");
    recovers(&world, &repository, &[("bad/fixed.yaml", Some(&changed))]).await
}

#[tokio::test]
async fn a_path_that_is_not_there_is_named_and_prunes_nothing() -> Result<()> {
    let (world, repository) = neighbours("path", &json!({}), &[]).await?;
    let commit = repository.commit("Remove the folder", &[("bad/app.yaml", None)])?;
    world.sync("apps", &commit).await?;
    let bad = world.failed(&world.kustomizations(), "bad", "ArtifactFailed").await?;
    let text = message(&bad, "Ready");
    ensure!(text.starts_with("kustomization path not found: stat ") && text.contains("/bad"), "{text}");
    ensure!(world.config_maps().get_opt("bad").await?.is_some(), "what was applied is gone");
    recovers(&world, &repository, &[("bad/app.yaml", Some(&config_map("bad", "second")))]).await?;
    world.value("bad", "second").await?;
    Ok(())
}

#[tokio::test]
async fn all_that_is_wrong_in_a_set_is_told_at_once() -> Result<()> {
    let (world, repository) = neighbours("all", &json!({}), &[]).await?;
    let service = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n  ports: [{{port: 99999}}]\n"
        )
    };
    let files = [("bad/one.yaml", &*service("one")), ("bad/two.yaml", &*service("two"))];
    let bad = fails(&world, &repository, &files, "ReconciliationFailed").await?;
    let text = message(&bad, "Ready");
    let subject = |name: &str| format!("Service/{}/{name}", world.name());
    ensure!(text.contains(&subject("one")) && text.contains(&subject("two")), "{text}");
    Ok(())
}

#[tokio::test]
async fn an_invalid_expression_stalls_and_a_repaired_one_goes_on() -> Result<()> {
    let (world, _repository) = neighbours("expression", &json!({}), &[]).await?;
    let check = |current: &str| json!({"spec": {"healthCheckExprs": [{"apiVersion": "v1", "kind": "ConfigMap", "current": current}]}});
    let api = world.kustomizations();
    world.patch(&api, "bad", &check("data.value ==")).await?;
    let bad = world.failed(&api, "bad", "InvalidCELExpression").await?;
    let text = message(&bad, "Stalled");
    ensure!(text.starts_with("Reconciliation failed terminally due to configuration error"), "{text}");
    world.patch(&api, "bad", &check("data.value == 'first'")).await?;
    let bad = world.ready(&api, "bad").await?;
    ensure!(message(&bad, "Stalled").is_empty() && ready(&bad) == "True", "{:?}", bad.data["status"]);
    bad.data["status"]["observedGeneration"].as_i64().context("no observed generation")?;
    Ok(())
}
