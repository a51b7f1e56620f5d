//! How often what fails is tried again: by class, as the metrics count it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_testkit::{Controller, wait_gone};

use crate::support::{PATIENCE, World, config_map, git_repository};

/// How long tries are counted. The first back-offs are 0.75, 1.5, 3 and 6 seconds.
const WINDOW: Duration = Duration::from_secs(8);

/// Reconciliations by result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tries {
    passes: u64,
    errors: u64,
}

const NONE: Tries = Tries { passes: 0, errors: 0 };

async fn tries(controller: &Controller, kind: &str) -> Result<Tries> {
    let metrics = controller.metrics().await?;
    let count = |result: &str| {
        let labels = [("controller", kind), ("result", result)];
        metrics.sum("controller_runtime_reconcile_total", &labels).unwrap_or_default() as u64
    };
    Ok(Tries { passes: count("success") + count("requeue") + count("requeue_after"), errors: count("error") })
}

/// The tries of sources and of Kustomizations within the window.
async fn counted(world: &World) -> Result<(Tries, Tries)> {
    let both = async || -> Result<_> {
        Ok((tries(&world.source, "gitrepository").await?, tries(&world.kustomize, "kustomization").await?))
    };
    // A pass is counted when it ends, a moment after its last write is seen.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = both().await?;
    // Counting over time is what this is for: there is nothing to wait for.
    tokio::time::sleep(WINDOW).await;
    let after = both().await?;
    let since = |before: Tries, after: Tries| Tries {
        passes: after.passes - before.passes,
        errors: after.errors - before.errors,
    };
    Ok((since(before.0, after.0), since(before.1, after.1)))
}

#[tokio::test]
async fn what_fails_is_tried_again_as_its_class_wants_it() -> Result<()> {
    let world = World::start("retries").await?;
    let repository = world.git.repository("app")?;
    repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create_source("app").await?;
    world.ready(&world.sources(), "app").await?;
    world.create(git_repository("unreachable", "http://127.0.0.1:1/app.git")).await?;
    let more = json!({"retryInterval": "2s", "path": "./absent"});
    world.create(world.kustomization("app", "app", "./", &more)).await?;
    world.failed(&world.sources(), "unreachable", "GitOperationFailed").await?;
    world.failed(&world.kustomizations(), "app", "ArtifactFailed").await?;

    let (sources, kustomizations) = counted(&world).await?;
    // A source backs off: less and less often.
    ensure!(sources.passes == 0, "{} passes of the source without an error", sources.passes);
    ensure!((1..=5).contains(&sources.errors), "{} tries of the source in {WINDOW:?}", sources.errors);
    // A Kustomization goes by its interval, and its failures are no errors of the controller.
    ensure!(kustomizations.errors == 0, "{} passes of the Kustomization are errors", kustomizations.errors);
    let passes = kustomizations.passes;
    ensure!((3..=5).contains(&passes), "{passes} passes of the Kustomization in {WINDOW:?}");

    // What is mended goes by its interval of an hour, and what no retry can mend is left alone.
    world.patch(&world.kustomizations(), "app", &json!({"spec": {"path": "./"}})).await?;
    world.ready(&world.kustomizations(), "app").await?;
    world.delete(&world.sources(), "unreachable").await?;
    wait_gone(&world.sources(), "unreachable", PATIENCE).await?;
    let mut stalled = git_repository("stalled", "https://localhost:1/app.git");
    // Without the Secret that this provider needs: only another specification can mend it.
    stalled["spec"]["provider"] = json!("github");
    world.create(stalled).await?;
    world.failed(&world.sources(), "stalled", "InvalidProviderConfiguration").await?;
    let counts = counted(&world).await?;
    ensure!(counts == (NONE, NONE), "tried again: {counts:?}");
    Ok(())
}
