//! The next revision of a release.

use serde_json::json;
use sluice_chart::{Chart, ReleaseInfo};

use super::crds::{self, CrdPolicy};
use super::render::{ChartRequest, render};
use super::{Common, Context, install, method};
use crate::Failure;
use crate::hooks::{self, HookOptions};
use crate::names;
use crate::objects::{self, Propagation, Target, UpdateOptions};
use crate::record::{Info, Release, StoredChart, now, status};
use crate::storage::StorageError;

/// Whether objects are applied by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerSide {
    /// Yes.
    Enabled,
    /// No.
    Disabled,
    /// As the release was applied before.
    Auto,
}

impl ServerSide {
    /// What it comes to, after a release.
    pub(super) fn after(self, release: &Release) -> bool {
        match self {
            Self::Enabled => true,
            Self::Disabled => false,
            Self::Auto => release.is_server_side(),
        }
    }
}

/// An upgrade.
pub struct Upgrade {
    /// Name of the release.
    pub name: String,
    /// What to upgrade to.
    pub chart: ChartRequest,
    /// Timeout, hooks and jobs.
    pub common: Common,
    /// Apply objects by the server.
    pub server_side: ServerSide,
    /// Take over objects of others that are there already.
    pub take_ownership: bool,
    /// Replace objects instead of patching them; not by the server.
    pub force: bool,
    /// Keep the values of the last revision under the new ones.
    pub preserve_values: bool,
    /// Delete what was created if it fails.
    pub cleanup_on_fail: bool,
    /// What to do with definitions.
    pub crds: CrdPolicy,
    /// Labels of definitions.
    pub crd_labels: Vec<(String, String)>,
}

/// Upgrades a release. What was stored meanwhile is known to the storage's observer.
pub async fn upgrade(context: &Context<'_>, upgrade: Upgrade) -> Result<Release, Failure> {
    let Upgrade { name, chart: mut request, common, .. } = upgrade;
    names::validate(&name).map_err(|_| Failure::new(format!("release name is invalid: {name}")))?;
    context.log.line("preparing upgrade", &json!({"name": name}));
    let last = match context.storage.last(&name).await {
        Err(StorageError::NotFound) => Err(StorageError::NoDeployed(name.clone())),
        result => result,
    }?;
    let server_side = upgrade.server_side.after(&last);
    if last.is_pending() {
        return Err(Failure::new("another operation (install/upgrade/rollback) is in progress"));
    }
    let current = base(context, &last).await?;
    let last_method = last.apply_method.clone();
    let revision = last.version + 1;
    let labels = custom_labels(&last);
    drop(last);

    let definitions = install::crds_of(&request)?;
    let namespace = current.namespace.clone();
    crds::apply(context, &definitions, upgrade.crds, server_side, &upgrade.crd_labels, &namespace)
        .await
        .map_err(super::within("failed to apply CustomResourceDefinitions"))?;
    if upgrade.preserve_values {
        context.log.line("reusing the old release's values", &json!({}));
        preserve(&mut request, &current)?;
    } else {
        context.log.line("resetting values to the chart's original version", &json!({}));
    }
    let config = request.values.clone();
    let info = ReleaseInfo { name: name.clone(), namespace: namespace.clone(), revision, is_upgrade: true };
    let rendered = render(context.cluster(), context.capabilities, request, info).await?;
    context.log.line(
        "determined release apply method",
        &json!({"server_side_apply": server_side, "previous_release_apply_method": last_method}),
    );
    let mut release = Release {
        name: name.clone(),
        namespace,
        version: revision,
        info: Info {
            first_deployed: current.info.first_deployed.clone(),
            last_deployed: now(),
            status: status::PENDING_UPGRADE.to_owned(),
            description: "Preparing upgrade".to_owned(),
            notes: rendered.notes,
            ..Info::default()
        },
        chart: StoredChart::of(&rendered.chart).map_err(|error| Failure::new(error.to_string()))?,
        config,
        manifest: rendered.manifest,
        hooks: rendered.hooks,
        apply_method: method(server_side),
        labels,
    };
    drop(rendered.chart);
    let mut wanted = objects::build(context.cluster(), &release.manifest, &release.namespace)
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    context.log.line("performing update", &json!({"name": name}));
    let mut before =
        objects::build(context.cluster(), &current.manifest, &current.namespace).await.map_err(|error| {
            Failure::new(format!("unable to build kubernetes objects from current release manifest: {error}"))
        })?;
    objects::set_ownership(&mut wanted, &release.name, &release.namespace);
    let added: Vec<Target> =
        wanted.iter().filter(|target| !before.iter().any(|old| old.id() == target.id())).cloned().collect();
    let adopted = objects::existing(
        &context.requests,
        &added,
        upgrade.take_ownership,
        &release.name,
        &release.namespace,
    )
    .await
    .map_err(|error| Failure::new(format!("unable to continue with update: {error}")))?;
    before.extend(adopted);

    context.log.line("creating upgraded release", &json!({"name": name}));
    context.storage.create(&release).await?;
    let objects = Objects { before, wanted, migrate: !current.is_server_side() && server_side };
    let created = &mut Vec::new();
    let options = Options { common, server_side, force: upgrade.force && !server_side };
    match perform(context, &mut release, current, objects, options, created).await {
        Ok(()) => {
            context.log.line("updating status for upgraded release", &json!({"name": name}));
            context.storage.update(&release).await?;
            Ok(release)
        }
        Err(failure) => {
            context.log.warn("upgrade failed", &json!({"name": name, "error": {}}));
            release.set_status(status::FAILED, format!("Upgrade {name:?} failed: {failure}"));
            context.storage.record(&release).await;
            if upgrade.cleanup_on_fail && !created.is_empty() {
                clean_up(context, created, &failure, "upgrade").await?;
            }
            Err(failure)
        }
    }
}

/// The revision to compare with: the last one that is deployed; without one, the last that failed.
async fn base(context: &Context<'_>, last: &Release) -> Result<Release, Failure> {
    if last.info.status == status::DEPLOYED {
        return Ok(last.clone());
    }
    match context.storage.deployed(&last.name).await {
        Ok(mut deployed) => Ok(deployed.swap_remove(0)),
        Err(StorageError::NoDeployed(_))
            if matches!(last.info.status.as_str(), status::FAILED | status::SUPERSEDED) =>
        {
            Ok(last.clone())
        }
        Err(error) => Err(error.into()),
    }
}

struct Objects {
    before: Vec<Target>,
    wanted: Vec<Target>,
    migrate: bool,
}

#[derive(Clone, Copy)]
struct Options {
    common: Common,
    server_side: bool,
    force: bool,
}

async fn perform(
    context: &Context<'_>,
    release: &mut Release,
    mut current: Release,
    objects: Objects,
    options: Options,
    created: &mut Vec<Target>,
) -> Result<(), Failure> {
    let Options { common, server_side, force } = options;
    let hook_options = HookOptions { timeout: common.timeout, server_side };
    if common.no_hooks {
        context.log.line("upgrade hooks disabled", &json!({"name": release.name}));
    } else {
        hooks::run(context, release, "pre-upgrade", hook_options)
            .await
            .map_err(super::within("pre-upgrade hooks failed"))?;
    }
    let update = UpdateOptions { server_side, replace: force, merge_live: false, migrate: objects.migrate };
    let (applied, result) =
        objects::update(&context.requests, &objects.before, &objects.wanted, update, &context.log).await;
    *created = applied.created;
    if let Err(error) = result {
        context.storage.record(&current).await;
        return Err(Failure::new(error));
    }
    let (wanted, live) = (&objects.wanted, &applied.live);
    if let Err(failure) = context.waiting.ready(wanted, live, common.wait_for_jobs, common.timeout).await {
        context.storage.record(&current).await;
        return Err(failure);
    }
    if !common.no_hooks {
        hooks::run(context, release, "post-upgrade", hook_options)
            .await
            .map_err(super::within("post-upgrade hooks failed"))?;
    }
    status::SUPERSEDED.clone_into(&mut current.info.status);
    context.storage.record(&current).await;
    release.set_status(status::DEPLOYED, "Upgrade complete");
    Ok(())
}

/// Deletes what a failed action created.
pub(super) async fn clean_up(
    context: &Context<'_>,
    created: &[Target],
    failure: &Failure,
    action: &str,
) -> Result<(), Failure> {
    context.log.line("cleanup on fail set", &json!({"cleaning_resources": created.len()}));
    let errors = objects::delete_all(&context.requests, created, Propagation::Background, &context.log).await;
    if errors.is_empty() {
        context.log.line("resource cleanup complete", &json!({}));
        return Ok(());
    }
    Err(Failure::new(format!(
        "an error occurred while cleaning up resources. original {action} error: {failure}: unable to cleanup resources: {}",
        errors.join(", ")
    )))
}

/// Labels that are not Helm's own.
fn custom_labels(release: &Release) -> std::collections::BTreeMap<String, String> {
    // The stored ones overwrite Helm's own whenever they are written; those that no write sets must not stay.
    let own = ["createdAt", "modifiedAt"];
    release
        .labels
        .iter()
        .filter(|(label, _)| !own.contains(&label.as_str()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Puts the values of the last revision under the new ones, and its defaults in place of the chart's.
fn preserve(request: &mut ChartRequest, current: &Release) -> Result<(), Failure> {
    let failed = |error: String| Failure::new(format!("failed to rebuild old values: {error}"));
    let old = Chart {
        metadata: request.chart.metadata.clone(),
        values: current.chart.values().map_err(|error| failed(error.to_string()))?,
        ..Chart::default()
    };
    let (defaults, _) =
        sluice_chart::values::coalesce(&old, &current.config).map_err(|error| failed(error.to_string()))?;
    request.chart.values = defaults;
    let new = std::mem::take(&mut request.values);
    request.values = sluice_chart::load::merge_maps(current.config.clone(), new);
    Ok(())
}
