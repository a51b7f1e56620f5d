//! How often what fails is tried again: by class, as the metrics count it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use sluice_testkit::Controller;

use crate::support::{World, config_map, git_repository};

/// How long tries are counted. The first back-offs are 0.75, 1.5, 3 and 6 seconds.
const WINDOW: Duration = Duration::from_secs(8);

/// The reconciliations of a kind by result, in this order: without error, with one.
async fn tries(controller: &Controller, kind: &str) -> Result<(u64, u64)> {
    let metrics = controller.metrics().await?;
    let count = |result: &str| {
        let labels = [("controller", kind), ("result", result)];
        metrics.sum("controller_runtime_reconcile_total", &labels).unwrap_or_default() as u64
    };
    Ok((count("success") + count("requeue") + count("requeue_after"), count("error")))
}

/// The tries within the window.
async fn counted(controller: &Controller, kind: &str) -> Result<(u64, u64)> {
    // A pass is counted when it ends, a moment after its last write is seen.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = tries(controller, kind).await?;
    // Counting over time is what this is for: there is nothing to wait for.
    tokio::time::sleep(WINDOW).await;
    let after = tries(controller, kind).await?;
    Ok((after.0 - before.0, after.1 - before.1))
}

#[tokio::test]
async fn what_no_retry_can_mend_is_not_tried_again() -> Result<()> {
    let world = World::start("stalled").await?;
    let mut source = git_repository("app", "https://localhost:1/app.git");
    // Without the Secret that this provider needs: only another specification can mend it.
    source["spec"]["provider"] = json!("github");
    world.create(source).await?;
    world.failed(&world.sources(), "app", "InvalidProviderConfiguration").await?;
    let (passes, errors) = counted(&world.source, "gitrepository").await?;
    ensure!((passes, errors) == (0, 0), "{passes} more passes and {errors} more errors");
    Ok(())
}

#[tokio::test]
async fn a_source_that_fails_is_tried_less_and_less_often() -> Result<()> {
    let world = World::start("backoff").await?;
    world.create(git_repository("app", "http://127.0.0.1:1/app.git")).await?;
    world.failed(&world.sources(), "app", "GitOperationFailed").await?;
    let (passes, errors) = counted(&world.source, "gitrepository").await?;
    ensure!(passes == 0, "{passes} passes without an error");
    ensure!((1..=5).contains(&errors), "{errors} tries in {WINDOW:?}");
    Ok(())
}

#[tokio::test]
async fn a_kustomization_that_fails_is_tried_at_its_retry_interval() -> Result<()> {
    let world = World::start("retryinterval").await?;
    let repository = world.git.repository("app")?;
    repository.commit("Install", &[("app.yaml", Some(&config_map("app", "1")))])?;
    world.create_source("app").await?;
    let more = json!({"retryInterval": "2s", "path": "./absent"});
    world.create(world.kustomization("app", "app", "./", &more)).await?;
    world.failed(&world.kustomizations(), "app", "ArtifactFailed").await?;
    let (passes, errors) = counted(&world.kustomize, "kustomization").await?;
    ensure!(errors == 0, "{errors} passes count as errors");
    ensure!((3..=5).contains(&passes), "{passes} passes in {WINDOW:?}");

    // Mended, it goes by its interval.
    world.patch(&world.kustomizations(), "app", &json!({"spec": {"path": "./"}})).await?;
    world.ready(&world.kustomizations(), "app").await?;
    let (passes, errors) = counted(&world.kustomize, "kustomization").await?;
    ensure!((passes, errors) == (0, 0), "{passes} more passes and {errors} more errors when it was ready");
    Ok(())
}
