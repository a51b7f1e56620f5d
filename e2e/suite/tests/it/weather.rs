//! An API server that refuses, forgets and goes away: everything converges, and nothing is written twice.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use kube::{ResourceExt, api::DynamicObject};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use sluice_testkit::GitRepository;

use crate::support::{PATIENCE, Sky, World, config_map, field, is_ready, revision, wait_all};

const APPS: usize = 20;
const COMMITS: usize = 4;
/// Chosen once; a failure names it.
const SEED: u64 = 20_260_202;
/// The longest time that a kind of weather lasts, in milliseconds.
const LONGEST: u64 = 2_500;

fn app(index: usize) -> String {
    format!("app-{index:02}")
}

/// Each commit changes every app.
fn commit(repository: &GitRepository, number: usize) -> Result<String> {
    for index in 0..APPS {
        let folder = repository.path().join(app(index));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("app.yaml"), config_map(&app(index), &number.to_string()))?;
    }
    Ok(format!("main@sha1:{}", repository.commit_all(&format!("Commit {number}"))?))
}

async fn converged(world: &World, wanted: &str) -> Result<BTreeMap<String, DynamicObject>> {
    wait_all(&world.kustomizations(), 2 * PATIENCE, &format!("all apps at {wanted}"), |all| {
        all.len() == APPS && all.values().all(|object| is_ready(object) && revision(object) == wanted)
    })
    .await
}

#[tokio::test]
async fn bad_weather_delays_but_nothing_is_lost_or_written_twice() -> Result<()> {
    let (world, weather) = World::behind_weather("weather", SEED).await?;
    let repository = world.git.repository("apps")?;
    let mut wanted = commit(&repository, 0)?;
    world.create_source("apps").await?;
    let spec = json!({"retryInterval": "1s"});
    let apps =
        (0..APPS).map(|index| world.kustomization(&app(index), "apps", &format!("./{}", app(index)), &spec));
    world.create_all(apps).await?;
    converged(&world, &wanted).await?;

    let mark = world.mark().await?;
    let mut random = StdRng::seed_from_u64(SEED);
    for number in 1..=COMMITS {
        wanted = commit(&repository, number)?;
        for sky in [Sky::Storm, Sky::Outage, Sky::Storm] {
            weather.turn(sky);
            world.request(&world.sources(), "apps").await?;
            // What the weather meets is what the test is about; nothing waits for this.
            tokio::time::sleep(Duration::from_millis(random.random_range(LONGEST / 5..LONGEST))).await;
        }
    }
    weather.turn(Sky::Clear);
    let began = Instant::now();
    world.request(&world.sources(), "apps").await?;
    let context = || format!("seed {SEED}, {} faults", weather.faults());
    converged(&world, &wanted).await.with_context(context)?;
    let took = began.elapsed();

    let live = world.list(&world.config_maps(), "kustomize.toolkit.fluxcd.io/name").await?;
    ensure!(live.len() == APPS, "{} objects", live.len());
    let last = COMMITS.to_string();
    for object in live.values() {
        ensure!(*field(object, "/data/value") == *last, "{}: {}", object.name_any(), field(object, "/data"));
    }

    // An answer that got lost is no reason to write again: whoever comes next finds the object as it should be.
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for write in world.writes_since(mark).await? {
        if write.object_ref.resource == "configmaps" && !write.is_dry_run() && write.succeeded() {
            *written.entry(write.object_ref.name).or_default() += 1;
        }
    }
    let repeated: Vec<_> = written.iter().filter(|(_, count)| **count > COMMITS).collect();
    ensure!(repeated.is_empty(), "written more than {COMMITS} times: {repeated:?}");
    let (faults, unheard) = (weather.faults(), weather.lost());
    ensure!(faults > 100, "only {faults} faults");
    println!(
        "{faults} faults, {unheard} answers to writes lost; converged {took:?} after the weather cleared"
    );

    // And what is in place stays untouched.
    let mark = world.mark().await?;
    let mut tokens = BTreeMap::new();
    for index in 0..APPS {
        tokens.insert(app(index), world.request(&world.kustomizations(), &app(index)).await?);
    }
    wait_all(&world.kustomizations(), PATIENCE, "all requests handled", |all| {
        all.iter().all(|(name, object)| {
            is_ready(object)
                && field(object, "/status/lastHandledReconcileAt").as_str()
                    == tokens.get(name).map(String::as_str)
        })
    })
    .await?;
    let writes = world.writes_since(mark).await?;
    let touched: Vec<_> = writes.iter().filter(|write| write.object_ref.resource == "configmaps").collect();
    ensure!(touched.is_empty(), "objects in place were written: {touched:?}");
    Ok(())
}
