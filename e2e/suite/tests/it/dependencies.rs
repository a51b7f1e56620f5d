//! Dependents start when their dependency is ready, not when a poll finds out.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::wait_for;

use crate::support::{AT_ONCE, World, Write, config_map, message, ready};

/// How soon a dependent starts.
const LATENCY: Duration = Duration::from_secs(1);

/// Flags with which a poll would be seen: it comes long after the test has failed.
const NO_POLL: &[&str] = &["--requeue-dependency=10m"];

#[tokio::test]
async fn a_chain_applies_in_order_and_without_pauses() -> Result<()> {
    let world = World::alone("chain", NO_POLL).await?;
    let repository = world.git.repository("apps")?;
    let files =
        |value: &str| ["a", "b", "c"].map(|name| (format!("{name}/app.yaml"), config_map(name, value)));
    let commit = |message: &str, value: &str| {
        let files = files(value);
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
        repository.commit(message, &files)
    };
    let first = commit("Install", "first")?;
    let mark = world.mark().await?;
    // The last one first: each waits for one that does not exist yet.
    for (name, on) in [("c", Some("b")), ("b", Some("a")), ("a", None)] {
        let dependencies: Vec<Value> = on.iter().map(|on| json!({"name": on})).collect();
        let spec = json!({"dependsOn": dependencies});
        world.create(world.kustomization(name, "apps", &format!("./{name}"), &spec)).await?;
    }
    world.create_source("apps").await?;
    world.applied("c", &format!("main@sha1:{first}")).await?;
    check_chain(&world.writes_since(mark).await?, "install")?;

    let second = commit("Upgrade", "second")?;
    let mark = world.mark().await?;
    let second = world.sync("apps", &second).await?;
    world.applied("c", &second).await?;
    check_chain(&world.writes_since(mark).await?, "upgrade")
}

/// Checks that a, b, c were applied one after the other, each soon after the one before was ready.
fn check_chain(writes: &[Write], what: &str) -> Result<()> {
    for (dependency, dependent) in [("a", "b"), ("b", "c")] {
        let done =
            became_ready(writes, dependency).with_context(|| format!("{what}: {dependency} not ready"))?;
        let applied =
            applied(writes, dependent).with_context(|| format!("{what}: {dependent} not applied"))?;
        let latency = Duration::try_from(applied.duration_since(done))
            .with_context(|| format!("{what}: {dependent} was applied before {dependency} was ready"))?;
        println!("{what}: {dependent} was applied {latency:?} after {dependency} was ready");
        ensure!(
            latency < LATENCY,
            "{what}: {dependent} was applied {latency:?} after {dependency} was ready"
        );
    }
    Ok(())
}

/// When the status first said Ready.
fn became_ready(writes: &[Write], name: &str) -> Option<Timestamp> {
    let says_ready = |write: &&Write| {
        let conditions = write.request_object["status"]["conditions"].as_array();
        write.object() == format!("kustomizations/{name}")
            && write.succeeded()
            && conditions.is_some_and(|conditions| {
                conditions
                    .iter()
                    .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
            })
    };
    writes.iter().find(says_ready).map(|write| write.answered)
}

/// When the app's object was first applied.
fn applied(writes: &[Write], name: &str) -> Option<Timestamp> {
    let object = format!("configmaps/{name}");
    writes
        .iter()
        .find(|write| write.is_apply() && !write.is_dry_run() && write.object() == object)
        .map(|write| write.received)
}

#[tokio::test]
async fn a_ready_expression_is_looked_at_when_its_dependency_changes() -> Result<()> {
    let world = World::alone("readyexpr", NO_POLL).await?;
    let repository = world.git.repository("apps")?;
    let files = ["a", "b"].map(|name| (format!("{name}/app.yaml"), config_map(name, "first")));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    world.create_source("apps").await?;
    world.create(world.kustomization("a", "apps", "./a", &json!({}))).await?;
    world.applied("a", &format!("main@sha1:{commit}")).await?;
    let expression = "has(dep.metadata.labels) && dep.metadata.labels['go'] == self.metadata.name";
    let spec = json!({"dependsOn": [{"name": "a", "readyExpr": expression}]});
    world.create(world.kustomization("b", "apps", "./b", &spec)).await?;
    let waiting = world.failed(&world.kustomizations(), "b", "DependencyNotReady").await?;
    let text = message(&waiting, "Ready");
    ensure!(
        text == format!("dependency '{}/a' is not ready according to readyExpr eval", world.name()),
        "{text}"
    );
    // Another label changes nothing: b still waits when the next change comes.
    world.patch(&world.kustomizations(), "a", &json!({"metadata": {"labels": {"go": "c"}}})).await?;

    let mark = world.mark().await?;
    world.patch(&world.kustomizations(), "a", &json!({"metadata": {"labels": {"go": "b"}}})).await?;
    world.applied("b", &format!("main@sha1:{commit}")).await?;
    let writes = world.writes_since(mark).await?;
    let labelled =
        writes.iter().find(|write| write.object() == "kustomizations/a").context("no label")?.answered;
    let latency =
        Duration::try_from(applied(&writes, "b").context("b was not applied")?.duration_since(labelled))?;
    println!("b was applied {latency:?} after the label that it waits for");
    ensure!(latency < LATENCY, "b was applied {latency:?} after the label that it waits for");
    Ok(())
}

#[tokio::test]
async fn a_cycle_is_named_and_delays_nobody_else() -> Result<()> {
    let world = World::start("cycle").await?;
    let repository = world.git.repository("apps")?;
    let files = ["a", "b", "c", "free"].map(|name| (format!("{name}/app.yaml"), config_map(name, "first")));
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let commit = repository.commit("Install", &files)?;
    for (name, on) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let spec = json!({"dependsOn": [{"name": on}]});
        world.create(world.kustomization(name, "apps", &format!("./{name}"), &spec)).await?;
    }
    world.create(world.kustomization("free", "apps", "./free", &json!({}))).await?;
    world.create_source("apps").await?;
    world.applied("free", &format!("main@sha1:{commit}")).await?;
    let ns = world.name();
    let ways = [
        ("a", format!("{ns}/a -> {ns}/b -> {ns}/c -> {ns}/a")),
        ("b", format!("{ns}/b -> {ns}/c -> {ns}/a -> {ns}/b")),
        ("c", format!("{ns}/c -> {ns}/a -> {ns}/b -> {ns}/c")),
    ];
    for (name, way) in ways {
        let named = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| message(object, "Ready").contains(&way) && ready(object) == "False")
        };
        wait_for(&world.kustomizations(), name, AT_ONCE, named).await?;
    }
    // A push reaches the one outside the cycle as before.
    let commit = repository.commit("Upgrade", &[("free/app.yaml", Some(&config_map("free", "second")))])?;
    let revision = world.sync("apps", &commit).await?;
    world.applied("free", &revision).await?;
    ensure!(world.config_maps().get_opt("a").await?.is_none(), "nothing of the cycle was applied");
    Ok(())
}
