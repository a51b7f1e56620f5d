//! Sources that can't be fetched, or hold what no artifact should: told on the source, and others go on.

use std::{net::TcpListener, time::Instant};

use anyhow::{Context, Result, ensure};
use kube::api::DynamicObject;
use serde_json::{Value, json};
use sluice_testkit::{GitOptions, GitServer, wait_for, wait_gone};

use crate::support::{AT_ONCE, World, config_map, field, git_repository, message, ready, reason, revision};

/// How much memory source-controller may use for a file of a gibibyte.
const MEMORY: u64 = 192 << 20;

/// Creates a source of a repository that is in order, and one that applies it: both must be ready at once.
async fn a_healthy_one_is_not_delayed(world: &World) -> Result<()> {
    let repository = world.git.repository("healthy")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("healthy", "1")))])?;
    let began = Instant::now();
    world.create_source("healthy").await?;
    world.create(world.kustomization("healthy", "healthy", "./", &json!({}))).await?;
    world.applied("healthy", &format!("main@sha1:{commit}")).await?;
    let took = began.elapsed();
    ensure!(took < AT_ONCE, "the healthy one took {took:?}");
    Ok(())
}

/// Waits until fetching has failed, and returns the source; the failure is told by an event.
async fn fetch_fails(world: &World, name: &str, wanted: &str) -> Result<DynamicObject> {
    let source = world.failed(&world.sources(), name, wanted).await?;
    ensure!(reason(&source, "FetchFailed") == wanted, "FetchFailed is {}", reason(&source, "FetchFailed"));
    world.event("GitRepository", name, "error", message(&source, "FetchFailed")).await?;
    Ok(source)
}

#[tokio::test]
async fn an_empty_repository_is_told_and_used_once_it_has_a_commit() -> Result<()> {
    let world = World::start("empty").await?;
    let repository = world.git.repository("empty")?;
    world.create_source("empty").await?;
    let source = fetch_fails(&world, "empty", "EmptyGitRepository").await?;
    ensure!(message(&source, "Ready") == "git repository is empty", "{}", message(&source, "Ready"));
    // Only now: before, kustomize-controller may not have seen the source yet, and say so.
    world.create(world.kustomization("empty", "empty", "./", &json!({}))).await?;
    let waiting = world.failed(&world.kustomizations(), "empty", "ArtifactFailed").await?;
    let text = message(&waiting, "Ready");
    ensure!(text == "Source artifact not found, retrying in 30s", "{text}");
    a_healthy_one_is_not_delayed(&world).await?;
    let commit = repository.commit("First", &[("app.yaml", Some(&config_map("empty", "1")))])?;
    let revision = world.sync("empty", &commit).await?;
    world.applied("empty", &revision).await?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_dies_takes_nothing_along() -> Result<()> {
    let world = World::start("dead").await?;
    let server = GitServer::start(&GitOptions::default())?;
    let repository = server.repository("app")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create(git_repository("app", &server.http_url("app")?)).await?;
    world.create(world.kustomization("app", "app", "./", &json!({}))).await?;
    let wanted = format!("main@sha1:{commit}");
    world.applied("app", &wanted).await?;
    let url = server.http_url("app")?;
    drop(server);
    world.request(&world.sources(), "app").await?;
    let source = fetch_fails(&world, "app", "GitOperationFailed").await?;
    let text = message(&source, "Ready");
    ensure!(text.contains(&url) && text.to_lowercase().contains("connection refused"), "{text}");
    // The artifact stays, and stays in use.
    ensure!(revision(&source) == wanted, "the artifact is gone");
    world.patch(&world.config_maps(), "app", &json!({"data": {"value": "by hand"}})).await?;
    world.request(&world.kustomizations(), "app").await?;
    world.value("app", "1").await?;
    a_healthy_one_is_not_delayed(&world).await
}

/// More servers that never answer than source-controller has workers.
#[tokio::test]
async fn servers_that_hang_delay_nobody() -> Result<()> {
    let world = World::start("hung").await?;
    // The system accepts connections to it; nobody ever answers.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hung.git", listener.local_addr()?);
    for index in 0..6 {
        world.create(git_repository(&format!("hung-{index}"), &url)).await?;
    }
    let fetching = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| reason(object, "Reconciling") == "Progressing")
    };
    for index in 0..2 {
        wait_for(&world.sources(), &format!("hung-{index}"), AT_ONCE, fetching).await?;
    }
    a_healthy_one_is_not_delayed(&world).await
}

#[tokio::test]
async fn wrong_credentials_are_told_and_right_ones_help() -> Result<()> {
    let world = World::with_git("credentials", &GitOptions::default().basic("flux", "the-right-one")).await?;
    let repository = world.git.repository("app")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    let secret = |password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git"},
               "stringData": {"username": "flux", "password": password}})
    };
    world.create(secret("the-wrong-one")).await?;
    let mut source = git_repository("app", &world.git.http_url("app")?);
    source["spec"]["secretRef"] = json!({"name": "git"});
    world.create(source).await?;
    let source = world.failed(&world.sources(), "app", "GitOperationFailed").await?;
    let text = message(&source, "Ready");
    ensure!(text.contains("authentication") && !text.contains("the-wrong-one"), "{text}");
    let secrets = world.namespace.objects("v1", "Secret");
    world.patch(&secrets, "git", &json!({"stringData": {"password": "the-right-one"}})).await?;
    world.sync("app", &commit).await?;
    let source = world.ready(&world.sources(), "app").await?;
    ensure!(message(&source, "FetchFailed").is_empty(), "FetchFailed is still there");

    // A Secret that is not there is another matter.
    let mut source = git_repository("missing", &world.git.http_url("app")?);
    source["spec"]["secretRef"] = json!({"name": "not-there"});
    world.create(source).await?;
    let source = fetch_fails(&world, "missing", "AuthenticationFailed").await?;
    let text = message(&source, "Ready");
    ensure!(text.contains(&format!("{}/not-there", world.name())) && text.contains("not found"), "{text}");
    Ok(())
}

#[tokio::test]
async fn when_a_source_vanishes_what_was_applied_stays() -> Result<()> {
    let world = World::start("vanished").await?;
    let repository = world.git.repository("app")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    world.delete(&world.sources(), "app").await?;
    wait_gone(&world.sources(), "app", AT_ONCE).await?;
    world.request(&world.kustomizations(), "app").await?;
    let object = world.failed(&world.kustomizations(), "app", "ArtifactFailed").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains("\"app\" not found"), "{text}");
    let entries = field(&object, "/status/inventory/entries").as_array().map_or(0, Vec::len);
    ensure!(entries == 1, "{entries} entries are left in the inventory");
    world.value("app", "1").await?;
    a_healthy_one_is_not_delayed(&world).await?;

    // It comes back, with news.
    let commit = repository.commit("Upgrade", &[("app.yaml", Some(&config_map("app", "2")))])?;
    world.create_source("app").await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    world.value("app", "2").await?;
    Ok(())
}

#[tokio::test]
async fn links_lead_nowhere() -> Result<()> {
    let world = World::start("links").await?;
    let outside = tempfile::tempdir()?;
    std::fs::write(outside.path().join("outside.yaml"), config_map("outside", "1"))?;
    let repository = world.git.repository("links")?;
    for folder in ["app", "linked", "named"] {
        std::fs::create_dir_all(repository.path().join(folder))?;
    }
    let link = |to: &std::path::Path, at: &str| std::os::unix::fs::symlink(to, repository.path().join(at));
    link(&outside.path().join("outside.yaml"), "app/outside.yaml")?;
    link(outside.path(), "app/folder")?;
    link(outside.path(), "linked/folder")?;
    std::fs::write(repository.path().join("app/app.yaml"), config_map("app", "1"))?;
    let kustomization = |resource: &str| format!("resources: [{resource}]\n");
    let beside = format!("../../..{}/outside.yaml", outside.path().display());
    std::fs::write(repository.path().join("named/kustomization.yaml"), kustomization(&beside))?;
    let commit = repository.commit_all("Links")?;
    world.create_source("links").await?;
    let paths =
        [("app", "./app"), ("linked", "./linked/folder"), ("named", "./named"), ("up", "../../../../etc")];
    for (name, path) in paths {
        let spec = json!({"retryInterval": "1h"});
        world.create(world.kustomization(name, "links", path, &spec)).await?;
    }
    let app = world.applied("app", &format!("main@sha1:{commit}")).await?;
    let entries = field(&app, "/status/inventory/entries").as_array().map_or(0, Vec::len);
    ensure!(entries == 1, "{:?}", app.data["status"]["inventory"]);
    for (name, wanted) in [("linked", "ArtifactFailed"), ("up", "ArtifactFailed"), ("named", "BuildFailed")] {
        let object = world.failed(&world.kustomizations(), name, wanted).await?;
        println!("{name}: {}", message(&object, "Ready"));
    }
    let named = world.kustomizations().get("named").await?;
    ensure!(message(&named, "Ready").contains("outside.yaml"), "{}", message(&named, "Ready"));
    ensure!(world.config_maps().get_opt("outside").await?.is_none(), "something from outside was applied");
    Ok(())
}

#[tokio::test]
async fn a_file_of_a_gibibyte_needs_no_memory() -> Result<()> {
    let world = World::alone("gibibyte", &[]).await?;
    let repository = world.git.repository("huge")?;
    // Neither Git nor the server is what is tested: they needn't compress it.
    repository.git(&["config", "core.compression", "1"])?;
    let file = std::fs::File::create(repository.path().join("huge.bin"))?;
    file.set_len(1 << 30)?;
    std::fs::write(repository.path().join("app.yaml"), config_map("huge", "1"))?;
    let commit = repository.commit_all("A gibibyte")?;
    let mut source = git_repository("huge", &world.git.http_url("huge")?);
    source["spec"]["timeout"] = "5m".into();
    let began = Instant::now();
    world.create(source).await?;
    let fetching = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| reason(object, "Reconciling") == "Progressing")
    };
    wait_for(&world.sources(), "huge", AT_ONCE, fetching).await?;
    a_healthy_one_is_not_delayed(&world).await?;
    let source = world.ready(&world.sources(), "huge").await?;
    let size: &Value = field(&source, "/status/artifact/size");
    let size = size.as_u64().context("no size")?;
    let (_, peak) = world.source.memory()?;
    println!(
        "a gibibyte was stored as {size} bytes in {:?}, at a peak of {} MiB",
        began.elapsed(),
        peak >> 20
    );
    ensure!(
        revision(&source) == format!("main@sha1:{commit}") && ready(&source) == "True",
        "{}",
        revision(&source)
    );
    ensure!(peak < MEMORY, "source-controller used {} MiB", peak >> 20);
    Ok(())
}
