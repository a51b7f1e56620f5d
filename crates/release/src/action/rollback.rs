//! A new revision that is an old one again.

use serde_json::json;

use super::upgrade::{ServerSide, clean_up};
use super::{Common, Context, method};
use crate::Failure;
use crate::hooks::{self, HookOptions};
use crate::objects::{self, UpdateOptions};
use crate::record::{Info, Release, now, status};
use crate::storage::StorageError;

/// A rollback.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// Name of the release.
    pub name: String,
    /// The revision to go back to.
    pub version: i64,
    /// Timeout, hooks and jobs.
    pub common: Common,
    /// Apply objects by the server.
    pub server_side: ServerSide,
    /// Replace objects instead of patching them; not by the server.
    pub force: bool,
    /// Delete what was created if it fails.
    pub cleanup_on_fail: bool,
}

/// Rolls a release back. What was stored meanwhile is known to the storage's observer.
pub async fn rollback(context: &Context<'_>, rollback: &Rollback) -> Result<Release, Failure> {
    let Rollback { name, version, common, .. } = rollback;
    context.log.line("preparing rollback", &json!({"name": name}));
    let mut current = context.storage.last(name).await?;
    context.log.line(
        "rolling back",
        &json!({"name": name, "currentVersion": current.version, "targetVersion": version}),
    );
    let previous = match context.storage.get(name, *version).await {
        Err(StorageError::NotFound) => {
            return Err(Failure::new(format!("release has no {version} version")));
        }
        result => result?,
    };
    let server_side = rollback.server_side.after(&previous);
    let mut release = Release {
        name: name.clone(),
        namespace: current.namespace.clone(),
        version: current.version + 1,
        info: Info {
            first_deployed: current.info.first_deployed.clone(),
            last_deployed: now(),
            status: status::PENDING_ROLLBACK.to_owned(),
            description: format!("Rollback to {version}"),
            notes: previous.info.notes,
            ..Info::default()
        },
        chart: previous.chart,
        config: previous.config,
        manifest: previous.manifest,
        hooks: previous.hooks,
        apply_method: method(server_side),
        labels: previous.labels,
    };
    context.log.line("creating rolled back release", &json!({"name": name}));
    context.storage.create(&release).await?;
    context.log.line("performing rollback", &json!({"name": name}));
    perform(context, &mut release, &mut current, rollback, server_side, *common).await?;
    context.log.line("updating status for rolled back release", &json!({"name": name}));
    context.storage.update(&release).await?;
    Ok(release)
}

async fn perform(
    context: &Context<'_>,
    release: &mut Release,
    current: &mut Release,
    rollback: &Rollback,
    server_side: bool,
    common: Common,
) -> Result<(), Failure> {
    let build = |which: &'static str| {
        move |error| {
            Failure::new(format!("unable to build kubernetes objects from {which} release manifest: {error}"))
        }
    };
    let before = objects::build(context.cluster(), &current.manifest, &current.namespace)
        .await
        .map_err(build("current"))?;
    let mut wanted = objects::build(context.cluster(), &release.manifest, &release.namespace)
        .await
        .map_err(build("new"))?;
    let options = HookOptions { timeout: common.timeout, server_side };
    if common.no_hooks {
        context.log.line("rollback hooks disabled", &json!({"name": release.name}));
    } else if let Err(failure) = hooks::run(context, release, "pre-rollback", options).await {
        return Err(fail(context, release, current, failure).await);
    }
    objects::set_ownership(&mut wanted, &release.name, &release.namespace);
    let update = UpdateOptions {
        server_side,
        replace: rollback.force && !server_side,
        merge_live: false,
        migrate: server_side,
    };
    let (applied, result) = objects::update(&context.requests, &before, &wanted, update, &context.log).await;
    if let Err(error) = result {
        let message = format!("Rollback {:?} failed: {error}", release.name);
        context.log.warn(&message, &json!({}));
        status::SUPERSEDED.clone_into(&mut current.info.status);
        release.set_status(status::FAILED, message);
        context.storage.record(current).await;
        context.storage.record(release).await;
        let failure = Failure::new(error);
        if rollback.cleanup_on_fail && !applied.created.is_empty() {
            clean_up(context, &applied.created, &failure, "rollback").await?;
        }
        return Err(failure);
    }
    if let Err(failure) =
        context.waiting.ready(&wanted, &applied.live, common.wait_for_jobs, common.timeout).await
    {
        release.set_status(status::FAILED, format!("Release {:?} failed: {failure}", release.name));
        context.storage.record(current).await;
        context.storage.record(release).await;
        let name = &release.name;
        return Err(failure.within(format!("release {name} failed")));
    }
    if !common.no_hooks
        && let Err(failure) = hooks::run(context, release, "post-rollback", options).await
    {
        return Err(fail(context, release, current, failure).await);
    }
    let deployed = match context.storage.deployed(&release.name).await {
        Err(StorageError::NoDeployed(_)) => Vec::new(),
        result => result?,
    };
    for mut other in deployed {
        context.log.line("superseding previous deployment", &json!({"version": other.version}));
        status::SUPERSEDED.clone_into(&mut other.info.status);
        context.storage.record(&other).await;
    }
    status::DEPLOYED.clone_into(&mut release.info.status);
    Ok(())
}

/// A hook failed: the revision must not stay pending.
async fn fail(context: &Context<'_>, release: &mut Release, current: &Release, failure: Failure) -> Failure {
    release.set_status(status::FAILED, format!("Rollback {:?} failed: {failure}", release.name));
    context.storage.record(current).await;
    context.storage.record(release).await;
    failure
}
