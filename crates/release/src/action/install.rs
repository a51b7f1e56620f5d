//! The first revision of a release.

use serde_json::json;
use sluice_apply::Object;
use sluice_chart::ReleaseInfo;

use super::crds::{self, CrdPolicy};
use super::render::{ChartRequest, render};
use super::{Common, Context, method};
use crate::Failure;
use crate::hooks::{self, HookOptions};
use crate::names;
use crate::objects::{self, CreateOptions, Target, UpdateOptions};
use crate::record::{Info, Release, StoredChart, now, status};
use crate::storage::StorageError;

/// An install.
pub struct Install {
    /// Name of the release.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// What to install.
    pub chart: ChartRequest,
    /// Timeout, hooks and jobs.
    pub common: Common,
    /// Apply objects by the server.
    pub server_side: bool,
    /// Take over objects of others that are there already.
    pub take_ownership: bool,
    /// Use the name of a release that was uninstalled or has failed.
    pub replace: bool,
    /// Create the namespace.
    pub create_namespace: bool,
    /// What to do with definitions.
    pub crds: CrdPolicy,
    /// Labels of definitions.
    pub crd_labels: Vec<(String, String)>,
}

/// Installs a chart. What was stored meanwhile is known to the storage's observer.
pub async fn install(context: &Context<'_>, install: Install) -> Result<Release, Failure> {
    let Install { name, namespace, chart: request, common, server_side, .. } = install;
    let version = check_name(context, &name, install.replace).await.map_err(|failure| {
        context.log.error("release name check failed", &json!({"error": {}}));
        super::within("release name check failed")(failure)
    })?;
    let config = request.values.clone();
    let info =
        ReleaseInfo { name: name.clone(), namespace: namespace.clone(), revision: 1, is_upgrade: false };
    let definitions = crds_of(&request)?;
    crds::apply(context, &definitions, install.crds, server_side, &install.crd_labels, &namespace)
        .await
        .map_err(super::within("failed to apply CustomResourceDefinitions"))?;
    let rendered = render(context.cluster(), context.capabilities, request, info).await?;

    let mut targets =
        objects::build(context.cluster(), &rendered.manifest, &namespace).await.map_err(|error| {
            Failure::new(format!("unable to build kubernetes objects from release manifest: {error}"))
        })?;
    objects::set_ownership(&mut targets, &name, &namespace);
    let adopted = objects::existing(&context.requests, &targets, install.take_ownership, &name, &namespace)
        .await
        .map_err(|error| Failure::new(format!("unable to continue with install: {error}")))?;
    if install.create_namespace {
        create_namespace(context, &namespace, server_side).await?;
    }
    let at = now();
    let mut release = Release {
        name: name.clone(),
        namespace,
        version,
        info: Info {
            first_deployed: at.clone(),
            last_deployed: at,
            status: status::PENDING_INSTALL.to_owned(),
            description: "Initial install underway".to_owned(),
            notes: rendered.notes,
            ..Info::default()
        },
        chart: StoredChart::of(&rendered.chart).map_err(|error| Failure::new(error.to_string()))?,
        config,
        manifest: rendered.manifest,
        hooks: rendered.hooks,
        apply_method: method(server_side),
        ..Release::default()
    };
    drop(rendered.chart);
    if install.replace {
        supersede_replaced(context, &release).await?;
    }
    context.storage.create(&release).await?;
    match perform(context, &mut release, &targets, &adopted, common, server_side, install.take_ownership)
        .await
    {
        Ok(()) => {
            release.set_status(status::DEPLOYED, "Install complete");
            context.storage.record(&release).await;
            Ok(release)
        }
        Err(failure) => {
            release.set_status(status::FAILED, format!("Release {name:?} failed: {failure}"));
            context.storage.record(&release).await;
            Err(failure)
        }
    }
}

/// The definitions of a chart, of those charts below it that are in use.
pub(super) fn crds_of(request: &ChartRequest) -> Result<Vec<sluice_chart::Crd>, Failure> {
    if request.chart.crds().is_empty() {
        return Ok(Vec::new());
    }
    let mut chart = request.chart.clone();
    sluice_chart::values::process_dependencies(&mut chart, &request.values)
        .map_err(|error| Failure::new(format!("failed to process chart dependencies: {error}")))?;
    Ok(chart.crds())
}

async fn perform(
    context: &Context<'_>,
    release: &mut Release,
    targets: &[Target],
    adopted: &[Target],
    common: Common,
    server_side: bool,
    take_ownership: bool,
) -> Result<(), Failure> {
    let options = HookOptions { timeout: common.timeout, server_side };
    if !common.no_hooks {
        hooks::run(context, release, "pre-install", options)
            .await
            .map_err(super::within("failed pre-install"))?;
    }
    let mut live = Vec::new();
    if adopted.is_empty() && !targets.is_empty() {
        let options = CreateOptions { server_side, force: false };
        live = objects::create(&context.requests, targets, options, &context.log).await?;
    } else if !targets.is_empty() {
        let options = UpdateOptions {
            server_side,
            replace: false,
            merge_live: take_ownership && !server_side,
            migrate: true,
        };
        let (applied, result) =
            objects::update(&context.requests, adopted, targets, options, &context.log).await;
        result?;
        live = applied.live;
    }
    context.waiting.ready(targets, &live, common.wait_for_jobs, common.timeout).await?;
    if !common.no_hooks {
        hooks::run(context, release, "post-install", options)
            .await
            .map_err(super::within("failed post-install"))?;
    }
    Ok(())
}

/// The revision to begin with, if the name may be used.
async fn check_name(context: &Context<'_>, name: &str, replace: bool) -> Result<i64, Failure> {
    names::validate(name).map_err(|error| Failure::new(format!("release name {name:?}: {error}")))?;
    match context.storage.last(name).await {
        Err(StorageError::NotFound) => Ok(1),
        // Helm takes an unreadable storage for an empty one, and fails when it writes.
        Err(_) => Ok(1),
        Ok(last) if replace && matches!(last.info.status.as_str(), status::UNINSTALLED | status::FAILED) => {
            Ok(last.version + 1)
        }
        Ok(_) => Err(Failure::new("cannot reuse a name that is still in use")),
    }
}

/// The release whose name is used again counts as superseded.
async fn supersede_replaced(context: &Context<'_>, release: &Release) -> Result<(), Failure> {
    match context.storage.last(&release.name).await {
        Ok(mut last) => {
            status::SUPERSEDED.clone_into(&mut last.info.status);
            Ok(context.storage.update(&last).await?)
        }
        Err(StorageError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn create_namespace(context: &Context<'_>, namespace: &str, server_side: bool) -> Result<(), Failure> {
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"name": namespace}},
    });
    let object = Object::new(object).map_err(|error| Failure::new(error.to_string()))?;
    let resource =
        context.cluster().resolve(&object.gvk()).await.map_err(|error| Failure::new(error.to_string()))?;
    let target = Target { object, resource };
    // One that is there is left alone: it may be somebody else's.
    if !server_side && context.requests.get(&target).await.is_ok_and(|live| live.is_some()) {
        return Ok(());
    }
    let options = CreateOptions { server_side, force: false };
    let created = objects::create(&context.requests, &[target], options, &context.log).await;
    created.map(drop).map_err(Failure::new)
}
