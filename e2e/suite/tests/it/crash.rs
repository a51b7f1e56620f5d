//! Either controller may be killed at any moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use kube::{ResourceExt, api::DynamicObject};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use sluice_archive::Digest;
use sluice_testkit::GitRepository;

use crate::support::{
    PATIENCE, World, Write, config_map, entries, field, is_ready, ready, revision, wait_all,
};

const APPS: usize = 100;
const ROLL_OUTS: usize = 5;
const KILLS: usize = 20;
/// Chosen once; a failure names it.
const SEED: u64 = 20_260_101;
/// Requests that kustomize-controller has under way at once: `--concurrent` times `--concurrent-ssa`.
const IN_FLIGHT: usize = 4 * 4;
/// The longest time that the controllers run between two kills, in milliseconds.
const LONGEST_RUN: u64 = 900;

fn app(index: usize) -> String {
    format!("app-{index:03}")
}

/// Each roll-out changes one object of each app, and alternately adds and removes another.
fn commit(repository: &GitRepository, number: usize) -> Result<String> {
    for index in 0..APPS {
        let name = app(index);
        let folder = repository.path().join(&name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("app.yaml"), config_map(&name, &number.to_string()))?;
        let extra = folder.join("extra.yaml");
        if number % 2 == 1 {
            std::fs::write(extra, config_map(&format!("{name}-extra"), "1"))?;
        } else if extra.exists() {
            std::fs::remove_file(extra)?;
        }
    }
    repository.commit_all(&format!("Roll-out {number}"))
}

/// Twenty kills in five roll-outs of 100 Kustomizations. After each roll-out the cluster holds what Git says.
///
/// No write is repeated: whoever comes after the kill reads the live object, and finds nothing to do if the request
/// that the kill cut off was carried out. So each object has at most one write that the API server answered, and every
/// other one was cut off by a kill: at most as many as are under way at once.
#[tokio::test]
async fn killed_at_random_moments_they_converge_and_repeat_nothing() -> Result<()> {
    let mut world = World::alone("crash", &[]).await?;
    let repository = world.git.repository("apps")?;
    let mut random = StdRng::seed_from_u64(SEED);
    commit(&repository, 0)?;
    world.create_source("apps").await?;
    world
        .create_all((0..APPS).map(|index| {
            let name = app(index);
            world.kustomization(&name, "apps", &format!("./{name}"), &json!({}))
        }))
        .await?;
    converged(&world, &format!("main@sha1:{}", repository.head()?)).await?;

    let began = Instant::now();
    let (mut killed, mut under_way) = (BTreeMap::new(), 0);
    for number in 1..=ROLL_OUTS {
        let mark = world.mark().await?;
        let wanted = format!("main@sha1:{}", commit(&repository, number)?);
        world.request(&world.sources(), "apps").await?;
        for _ in 0..KILLS / ROLL_OUTS {
            // The moment of the kill is what the test is about; nothing waits for this.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..LONGEST_RUN))).await;
            let is_source = random.random_ratio(1, 3);
            let (name, controller) = if is_source {
                ("source-controller", &mut world.source)
            } else {
                ("kustomize-controller", &mut world.kustomize)
            };
            *killed.entry(name).or_insert(0) += 1;
            controller.kill()?;
            let all = world.list(&world.kustomizations(), "").await?;
            under_way +=
                usize::from(all.values().any(|object| !is_ready(object) || revision(object) != wanted));
            let controller = if is_source { &mut world.source } else { &mut world.kustomize };
            controller.restart().await?;
        }
        let context = || format!("roll-out {number} of seed {SEED}");
        let all = converged(&world, &wanted).await.with_context(context)?;
        check_objects(&world, &all, number).await.with_context(context)?;
        check_writes(&world.writes_since(mark).await?, number).with_context(context)?;
    }
    ensure!(under_way >= KILLS / 2, "only {under_way} of {KILLS} kills came during a roll-out");
    println!("{under_way} of {KILLS} kills came during a roll-out");
    println!("{ROLL_OUTS} roll-outs of {APPS} apps with kills of {killed:?} took {:?}", began.elapsed());
    check_artifact(&world).await
}

async fn converged(world: &World, wanted: &str) -> Result<BTreeMap<String, DynamicObject>> {
    wait_all(&world.kustomizations(), 2 * PATIENCE, &format!("all apps at {wanted}"), |all| {
        all.len() == APPS && all.values().all(|object| is_ready(object) && revision(object) == wanted)
    })
    .await
}

/// The objects that carry owner labels are those of Git, and those of the inventories.
async fn check_objects(world: &World, all: &BTreeMap<String, DynamicObject>, number: usize) -> Result<()> {
    let live = world.list(&world.config_maps(), "kustomize.toolkit.fluxcd.io/name").await?;
    let id = |name: &str| format!("{}_{name}__ConfigMap", world.name());
    let mut owned: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, object) in &live {
        let label = object.labels()["kustomize.toolkit.fluxcd.io/name"].clone();
        owned.entry(label).or_default().insert(id(name));
    }
    let wanted_value = number.to_string();
    for (name, kustomization) in all {
        let mut wanted = BTreeSet::from([id(name)]);
        if number % 2 == 1 {
            wanted.insert(id(&format!("{name}-extra")));
        }
        ensure!(entries(kustomization) == wanted, "{name}: inventory {:?}", entries(kustomization));
        ensure!(owned.get(name) == Some(&wanted), "{name}: live objects {:?}", owned.get(name));
        let value = &live.get(name).context("no object")?.data["data"]["value"];
        ensure!(value.as_str() == Some(wanted_value.as_str()), "{name}: value {value}");
    }
    ensure!(owned.len() == APPS, "objects of others: {:?}", owned.keys());
    Ok(())
}

/// Each object was written, and none twice.
fn check_writes(writes: &[Write], number: usize) -> Result<()> {
    let mut tries: BTreeMap<(bool, &str), Vec<bool>> = BTreeMap::new();
    let config_maps = writes.iter().filter(|write| write.object_ref.resource == "configmaps");
    for write in config_maps.filter(|write| !write.is_dry_run()) {
        let key = (write.verb == "delete", write.object_ref.name.as_str());
        tries.entry(key).or_default().push(write.succeeded());
    }
    let count = |is_delete: bool, is_extra: bool| {
        tries
            .keys()
            .filter(|(delete, name)| *delete == is_delete && name.ends_with("-extra") == is_extra)
            .count()
    };
    let (added, removed) = if number % 2 == 1 { (APPS, 0) } else { (0, APPS) };
    let counts = [count(false, false), count(false, true), count(true, false), count(true, true)];
    ensure!(counts == [APPS, added, 0, removed], "objects applied and deleted: {counts:?}");
    let successes = |tries: &[bool]| tries.iter().filter(|success| **success).count();
    let repeated: Vec<_> = tries.iter().filter(|(_, tries)| successes(tries) > 1).collect();
    ensure!(repeated.is_empty(), "written more than once: {repeated:?}");
    let cut_off = tries.values().flatten().filter(|success| !**success).count();
    let bound = IN_FLIGHT * KILLS / ROLL_OUTS;
    ensure!(cut_off <= bound, "{cut_off} requests failed, kills explain {bound}");
    println!("roll-out {number}: {} objects written, {cut_off} requests cut off", tries.len());
    Ok(())
}

/// Consumers get the artifact that the status tells of.
async fn check_artifact(world: &World) -> Result<()> {
    let source = world.ready(&world.sources(), "apps").await?;
    let artifact = field(&source, "/status/artifact");
    let url = artifact["url"].as_str().context("no URL")?;
    let answer = reqwest::get(url).await?;
    ensure!(answer.status().is_success(), "{url}: {}", answer.status());
    let bytes = answer.bytes().await?;
    let digest: Digest = artifact["digest"].as_str().context("no digest")?.parse()?;
    ensure!(
        Digest::of(digest.algorithm(), &bytes[..])? == digest,
        "the artifact is not what its digest says"
    );
    Ok(())
}

/// A pass that is killed has created something of which no inventory tells yet. If the next commit takes it back,
/// it goes nevertheless.
#[tokio::test]
async fn what_a_killed_pass_created_is_pruned_when_the_next_commit_takes_it_back() -> Result<()> {
    let mut world = World::start("killed").await?;
    let repository = world.git.repository("app")?;
    // A target namespace would rename the Namespace below.
    let app =
        config_map("app", "1").replace("name: app\n", &format!("name: app\n  namespace: {}\n", world.name()));
    let commit = repository.commit("Install", &[("app.yaml", Some(&app))])?;
    world.create_source("app").await?;
    world.create(world.kustomization("app", "app", "./", &json!({"targetNamespace": null}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;

    // A namespace that is being deleted holds the pass in its first stage: time enough to kill it there.
    let blocked = format!("blocked-{}", world.name());
    let held = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {blocked}\n  finalizers: [example.com/held]\n"
    );
    let cluster = world.namespace.control_plane();
    cluster.kubectl_with(&["create", "-f", "-"], &held).await?;
    cluster.kubectl(&["delete", "namespace", &blocked, "--wait=false"]).await?;
    let created = format!("created-{}", world.name());
    let files = [
        (
            "role.yaml",
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {created}\nrules: []\n"
            ),
        ),
        ("namespace.yaml", format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {blocked}\n")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let commit = repository.commit("Add", &files)?;
    world.sync("app", &commit).await?;
    let get = ["get", "clusterrole", &created, "--ignore-not-found", "--output=name"];
    let began = Instant::now();
    while cluster.kubectl(&get).await?.is_empty() {
        ensure!(began.elapsed() < PATIENCE, "the role was not created");
    }
    world.kustomize.kill()?;
    let killed = world.kustomizations().get("app").await?;
    ensure!(ready(&killed) == "Unknown", "the pass was over: {:?}", killed.data["status"]["conditions"]);
    let commit = repository.commit("Revert", &[("role.yaml", None), ("namespace.yaml", None)])?;
    let revision = world.sync("app", &commit).await?;
    world.kustomize.restart().await?;
    world.applied("app", &revision).await?;
    let left = cluster.kubectl(&get).await?;
    cluster.kubectl(&["delete", "clusterrole", &created, "--ignore-not-found"]).await?;
    cluster
        .kubectl(&[
            "patch",
            "namespace",
            &blocked,
            "--type=merge",
            "--patch={\"metadata\":{\"finalizers\":null}}",
        ])
        .await?;
    ensure!(left.is_empty(), "orphaned: {left}");
    Ok(())
}

/// source-controller lost its volume: the artifact comes back as it was, and nobody applies anything.
#[tokio::test]
async fn a_lost_artifact_store_is_filled_again() -> Result<()> {
    let mut world = World::start("lost").await?;
    let repository = world.git.repository("apps")?;
    let commit = repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create_source("apps").await?;
    world.create(world.kustomization("app", "apps", "./", &json!({}))).await?;
    world.applied("app", &format!("main@sha1:{commit}")).await?;
    let digest = field(&world.ready(&world.sources(), "apps").await?, "/status/artifact/digest").clone();
    let mark = world.mark().await?;
    world.source.kill()?;
    std::fs::remove_dir_all(world.source.storage_path())?;
    world.source.restart().await?;
    let token = world.request(&world.sources(), "apps").await?;
    let handled = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| {
            *field(object, "/status/lastHandledReconcileAt") == *token && is_ready(object)
        })
    };
    let source = sluice_testkit::wait_for(&world.sources(), "apps", PATIENCE, handled).await?;
    let source = source.context("the source exists")?;
    ensure!(*field(&source, "/status/artifact/digest") == digest, "another digest");
    check_artifact(&world).await?;
    let applied = world.writes_since(mark).await?.iter().filter(|write| write.is_apply()).count();
    ensure!(applied == 0, "{applied} applies for an artifact that is the same");
    Ok(())
}
